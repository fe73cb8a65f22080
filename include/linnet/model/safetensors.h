#ifndef LINNET_MODEL_SAFETENSORS_H
#define LINNET_MODEL_SAFETENSORS_H
/** The safetensors format (its published specification): an 8-byte little-endian header size, a JSON header, then
 *  the tensors' bytes. Reading maps the file copy-on-write and checks all of the format's rules before anything is
 *  used: header at most 100 MB and inside the file, an object without repeated keys, known dtypes, begin ≤ end
 *  inside the file, size = product of the shape × width (overflow-safe), no overlap, no hole, no byte left over.
 *  Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

typedef enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_OTHER } Dtype;

typedef struct {
    const char *name; /**< borrowed from the file */
    Dtype dtype;
    int dimensions;
    int64_t shape[8];
    const void *bytes; /**< into the mapping; may be unaligned for its type */
    size_t size;       /**< bytes */
} Tensor;

typedef struct SafetensorsFile SafetensorsFile;

/** Open and check. STATUS_INPUT names the file, the tensor and the rule that is broken. */
Status safetensors_open(SafetensorsFile **file, const char *path, Error *error);
size_t safetensors_count(const SafetensorsFile *file);
const Tensor *safetensors_at(const SafetensorsFile *file, size_t index);
const Tensor *safetensors_find(const SafetensorsFile *file, const char *name); /**< NULL if not there */
void safetensors_close(SafetensorsFile *file);

/** Convert a tensor's `count` elements from element `first` on to float32. */
void safetensors_read(const Tensor *tensor, size_t first, size_t count, float *out);

/** Give back the memory of a tensor that was read and will hardly be read again; its bytes come back from the file
 *  if it is. Only for a tensor whose bytes in the mapping nobody has changed: changes are lost. */
void safetensors_discard(const Tensor *tensor);

/** A model being written: declare all tensors, then write each one's bytes in that order. */
typedef struct {
    const char *name;
    int dimensions;
    int64_t shape[8];
    const float *values; /**< float32, contiguous, borrowed */
} TensorSource;

/** Write `count` float32 tensors to `path` (through `path`.tmp: the old file may be mapped; flushed to disk) with
 *  {"format": "pt"} as metadata. */
Status safetensors_save(const char *path, const TensorSource *tensors, size_t count, Error *error);
#endif
