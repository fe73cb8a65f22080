#ifndef LINNET_CORE_HUB_CACHE_H
#define LINNET_CORE_HUB_CACHE_H
/** The cache of huggingface_hub, in which a model is a folder models--OWNER--NAME: files in blobs/, for each revision a
 *  folder of links to them in snapshots/, and the revision that a branch stands for in refs/. Not collective. */
#include "linnet/core/error.h"
#include <limits.h>

/** The folder to read where a user names `path`: for such a folder of the cache the snapshot of its main branch, as
 *  from_pretrained() takes it, or the only snapshot where no branch is known. That is written to `room`, which the
 *  result then points to; for any other path the result is `path`. STATUS_INPUT: the snapshot is not there, or nothing
 *  says which of several it is; the result is `path` then. Reads only names of files and refs/main. */
const char *hub_cache_resolve(const char *path, char room[PATH_MAX], Error *error);

#endif
