#ifndef LINNET_COMM_BROADCAST_FILES_H
#define LINNET_COMM_BROADCAST_FILES_H
/** Files that one rank reads for all: rank 0 reads each file once and sends it to the other hosts; on each host there is
 *  one copy in memory, which its ranks share. Until broadcast_files_end() every rank reads the copies, through the
 *  functions of file.h, in place of the files (file_copies.h), so that a file server sees one host open each file, once,
 *  whatever the number of ranks.
 *
 *  This pays where several hosts, or several ranks, ask one file server. On one host with a disk of its own all ranks
 *  read through the same page cache already: then nothing is copied. */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"
#include <stdbool.h>

/** The largest file of which copies are made where its ranks read parts of it only (token files, tables). */
#define BROADCAST_PART_BYTES ((int64_t)1 << 30)

/** Whether a file of a folder will be read; asked on rank 0. */
typedef bool BroadcastChoice(const char *folder, const char *name);

/** Read and send a folder's files that `choice` wants, or (NULL) the one file at `path`, of up to BROADCAST_PART_BYTES.
 *  `path` must stay what it is: ranks look files up by it. Nothing is copied, and every rank will read the files
 *  itself, for a job of one rank, on one host with local files, where `path` is not there, and, with a line in the log,
 *  for a file that is larger, or where a host has too little memory or its ranks cannot share the copy. An error of
 *  reading is agreed on and printed. Collective. */
Status broadcast_files(const World *world, const char *path, BroadcastChoice *choice, Error *error);

/** Forget the copies: who opens a file from now on gets the original. Not collective. */
void broadcast_files_end(void);

#endif
