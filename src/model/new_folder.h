#ifndef LINNET_MODEL_NEW_FOLDER_H
#define LINNET_MODEL_NEW_FOLDER_H
/** Making a folder that exists completely or not at all: it is written under a temporary name and then renamed. Not
 *  collective. */
#include "linnet/core/error.h"

/** Refuse a folder that holds anything, with STATUS_INPUT: it may be somebody's model. One that does not exist is fine. */
Status new_folder_check(const char *path, Error *error);

/** Make the folder `path`, in which `write` writes all files: it gets the temporary folder, which exists and is empty, and
 *  `context`. The folder must not exist, or be empty; of several processes that make the same one, the first wins. */
Status new_folder_write(const char *path, Status (*write)(const char *folder, const void *context, Error *error),
                        const void *context, Error *error);
#endif
