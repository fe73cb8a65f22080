#ifndef LINNET_CHECKPOINT_CHECKPOINT_MOMENTS_H
#define LINNET_CHECKPOINT_CHECKPOINT_MOMENTS_H
/* optimizer.h5: AdamW's moments, and the digests that prove a checkpoint whole.
 *
 * The moments lie on all ranks. Gathering brings them to rank 0 run by run, and a sink takes them in there: the file
 * itself, or a copy in memory that is written later. */
#include "data/h5.h"
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/digest.h"

#define MOMENTS_VERSION 1
#define MOMENTS_CHUNK 262144          /* floats (1 MiB) */
#define MOMENTS_DIGEST "sha256:"      /* attribute sha256:NAME is the digest of file NAME */
#define MOMENTS_ARRAY_DIGEST "sha256" /* an array's attribute: the digest of its values */

typedef enum { MOMENTS_DENSE, MOMENTS_TOKEN, MOMENTS_POSITION, MOMENTS_PARTS } MomentsPart;

/* Sizes: of the dense part in floats, of each table in rows ever touched. */
typedef struct {
    size_t length[MOMENTS_PARTS]; /* rows */
    size_t width[MOMENTS_PARTS];  /* floats a row; 1 for the dense part */
    int32_t *ids[MOMENTS_PARTS];  /* [length] of a table's rows, in the order of its moments; NULL for the dense part */
} MomentsShape;

/* Rows first … first + rows − 1 of one moment: exp_avg (which = 0) or exp_avg_sq (1) of a part. */
typedef struct {
    MomentsPart part;
    int which;
    size_t first, rows;
} MomentsRun;

/* Where gathered runs go, on rank 0. */
typedef struct {
    void *context;
    float *(*room)(void *context, const MomentsRun *run);                    /* where a run is to be put */
    void (*take)(void *context, const MomentsRun *run, const float *values); /* it is there */
} MomentsSink;

typedef struct {
    const World *world;   /* borrowed */
    Optimizer *optimizer; /* borrowed */
    MomentsShape shape;
    size_t largest; /* floats of the largest run */
    float *packed;  /* [largest] rows on their way to rank 0 */
} Gathering;

/* A large copy by all threads of this rank: most of its time goes into new pages. */
void moments_copy(float *to, const float *from, size_t floats);

/* Not collective; does not agree. After a failure only gathering_close() may be called. */
Status gathering_open(Gathering *gathering, const World *world, Optimizer *optimizer, Error *error);
/* Bring every run to rank 0; the sink is rank 0's. Collective. */
void gathering_run(Gathering *gathering, const MomentsSink *sink);
void gathering_close(Gathering *gathering);

/* optimizer.h5 while it is written. */
typedef struct {
    char *path;
    hid_t file;
    hid_t arrays[MOMENTS_PARTS][2];
    Digest *digests[MOMENTS_PARTS][2]; /* of what has been written so far */
    hsize_t chunk[MOMENTS_PARTS];      /* rows */
    const MomentsShape *shape;         /* borrowed */
} MomentsFile;

/* Create folder/optimizer.h5 with the digests of the files that are in the folder. Not collective; by one thread at a
 * time, while others may use HDF5 between h5_enter() and h5_leave(). */
Status moments_file_create(MomentsFile *file, const char *folder, const MomentsShape *shape, Error *error);
/* The runs of an array come in the order of their rows, all of them. Does nothing once *error is set. */
void moments_file_write(MomentsFile *file, const MomentsRun *run, const float *values, Error *error);
/* Write the arrays' digests, and what HDF5 still holds back. */
void moments_file_flush(MomentsFile *file, Error *error);
/* Also after a failure of the others; flushes the file to disk when there was none. */
Status moments_file_close(MomentsFile *file, Error *error);

/* Check the digests and fill in info's counts. Not collective. */
Status moments_verify(const char *folder, CheckpointInfo *info, Error *error);

#endif
