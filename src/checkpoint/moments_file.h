#ifndef LINNET_CHECKPOINT_MOMENTS_FILE_H
#define LINNET_CHECKPOINT_MOMENTS_FILE_H
/** optimizer.safetensors: AdamW's moments, named as PyTorch names them. Values lie in the order
 *
 *     token_rows, position_rows                            ids of the rows that have moments, I32
 *     exp_avg, token_exp_avg, position_exp_avg             F32, [dense], [rows, width], [rows, width]
 *     exp_avg_sq, token_exp_avg_sq, position_exp_avg_sq    likewise
 *
 *  Not collective. */
#include "linnet/core/file_source.h"
#include "linnet/model/safetensors.h"

#define MOMENTS_FILE "optimizer.safetensors"

/** The sparse embeddings, in the order above. */
enum { MOMENTS_TOKEN, MOMENTS_POSITION, MOMENTS_EMBEDDINGS };

typedef struct {
    size_t dense;                     /**< floats of the dense parameters that learn */
    size_t width;                     /**< floats of an embedding's row */
    size_t rows[MOMENTS_EMBEDDINGS];  /**< rows ever touched, the only ones with moments */
    int32_t *ids[MOMENTS_EMBEDDINGS]; /**< [rows], owned */
} MomentsShape;

/** Floats of both moments of everything. */
size_t moments_floats(const MomentsShape *shape);
void moments_shape_free(MomentsShape *shape);

/** Create folder/optimizer.safetensors and write the ids; the moments are then given to safetensors_append(). As
 *  safetensors_create(). */
Status moments_file_create(SafetensorsWriter **writer, const char *folder, const MomentsShape *shape, Error *error);

typedef struct {
    char *path;
    SafetensorsFile *file;
    FileSource source; /* the values are read through it: behind a mapping, a read error would kill the process */
    const Tensor *ids[MOMENTS_EMBEDDINGS];
    const Tensor *dense[2];                    /**< exp_avg, exp_avg_sq */
    const Tensor *rows[MOMENTS_EMBEDDINGS][2]; /**< [rows, width] */
} MomentsFile;

/** Open folder/optimizer.safetensors and check that all tensors are there, with dtypes and shapes that fit together. To
 *  be closed also after a failure. */
Status moments_file_open(MomentsFile *file, const char *folder, Error *error);
void moments_file_close(MomentsFile *file);

/** out [count] = a tensor's elements from `first` on, of 4 bytes each. STATUS_INPUT names a file that cannot be read. Does
 *  nothing if *error is set. */
void moments_file_read(MomentsFile *file, const Tensor *tensor, size_t first, size_t count, void *out, Error *error);

#endif
