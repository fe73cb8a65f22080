#ifndef LINNET_MODEL_SAFETENSORS_H
#define LINNET_MODEL_SAFETENSORS_H
/** The safetensors format (https://github.com/huggingface/safetensors): the size of the header in 8 bytes, little-endian; a
 *  JSON header; then the tensors' bytes. Reading maps the file copy-on-write and checks all rules of the format before
 *  anything is used: a header of at most 100 MB within the file, an object without repeated keys, known dtypes,
 *  begin ≤ end within the file, size = shape × bytes of an element without overflow, and every byte of the data in exactly
 *  one tensor. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

typedef enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_OTHER } Dtype;

typedef struct {
    const char *name; /**< borrowed from the file */
    Dtype dtype;
    int dimensions;
    int64_t shape[8];
    const void *bytes; /**< in the mapping; may be unaligned for its type */
    size_t size;       /**< bytes */
} Tensor;

typedef struct SafetensorsFile SafetensorsFile;

/** Open and check a file. STATUS_INPUT names the file, the tensor and the broken rule. */
Status safetensors_open(SafetensorsFile **file, const char *path, Error *error);
size_t safetensors_count(const SafetensorsFile *file);
const Tensor *safetensors_at(const SafetensorsFile *file, size_t index);
const Tensor *safetensors_find(const SafetensorsFile *file, const char *name); /**< NULL: no such tensor */
void safetensors_close(SafetensorsFile *file);

/** out [count] = a tensor's elements from `first` on, converted to float32. The tensor's dtype must not be DTYPE_OTHER. */
void safetensors_read(const Tensor *tensor, size_t first, size_t count, float *out);

/** Release the memory of a tensor that is probably not read again; reading it again takes the bytes from the file. Changes
 *  that were written to the mapping are lost. */
void safetensors_discard(const Tensor *tensor);

/** A tensor to be written. */
typedef struct {
    const char *name;
    int dimensions;
    int64_t shape[8];
    const float *values; /**< float32, contiguous, borrowed */
} TensorSource;

/** Write `count` float32 tensors in their order to `path`, with {"format": "pt"} as metadata, and flush it to disk. Writes
 *  `path`.tmp and renames it, since the old file may be mapped. */
Status safetensors_save(const char *path, const TensorSource *tensors, size_t count, Error *error);
#endif
