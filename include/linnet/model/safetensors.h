#ifndef LINNET_MODEL_SAFETENSORS_H
#define LINNET_MODEL_SAFETENSORS_H
/** The safetensors format (https://github.com/huggingface/safetensors): the size of the header in 8 bytes,
 *  little-endian; a JSON header; then the tensors' bytes. Reading maps the file copy-on-write and checks all rules of
 *  the format before anything is used: a header of at most 100 MB within the file, an object without repeated keys,
 *  known dtypes, begin ≤ end within the file, size = shape × bytes of an element without overflow, and every byte of
 *  the data in exactly one tensor. A model's weights and the optimizer's moments are kept in it. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Floats that safetensors_read() converts come first. */
typedef enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64, DTYPE_I32, DTYPE_OTHER } Dtype;

typedef struct {
    const char *name; /**< borrowed from the file */
    Dtype dtype;
    const char *dtype_name; /**< as in the file; static */
    int dimensions;
    int64_t shape[8];
    const void *bytes; /**< in the mapping; may be unaligned for its type */
    size_t size;       /**< bytes */
    size_t offset;     /**< of the bytes in the file */
} Tensor;

typedef struct SafetensorsFile SafetensorsFile;

/** Open and check a file. STATUS_INPUT names the file, the tensor and the broken rule, or what the file is instead. */
Status safetensors_open(SafetensorsFile **file, const char *path, Error *error);
size_t safetensors_count(const SafetensorsFile *file);
const Tensor *safetensors_at(const SafetensorsFile *file, size_t index);
const Tensor *safetensors_find(const SafetensorsFile *file, const char *name); /**< NULL: no such tensor */
/** STATUS_INPUT if the file was written to since it was opened; one that was replaced or removed is fine. */
Status safetensors_check(const SafetensorsFile *file, Error *error);
void safetensors_close(SafetensorsFile *file);

/** out [count] = a tensor's elements from `first` on, converted to float32. Its dtype is DTYPE_F64 at most. */
void safetensors_read(const Tensor *tensor, size_t first, size_t count, float *out);

/** Release the memory of a tensor that is probably not read again; reading it again takes the bytes from the file.
 *  Changes that were written to the mapping are lost. */
void safetensors_discard(const Tensor *tensor);

/** Whether the file is a copy in memory (file_copies.h). */
bool safetensors_is_copied(const SafetensorsFile *file);
/** Where it is, give back the memory of a tensor that nobody on this host will read again; else do nothing. */
void safetensors_discard_copy(const SafetensorsFile *file, const Tensor *tensor);

/** A tensor to be written. */
typedef struct {
    const char *name;
    int dimensions;
    int64_t shape[8];
    const void *values; /**< contiguous, borrowed; not used by safetensors_create() */
    Dtype dtype;        /**< DTYPE_F32 or DTYPE_I32 */
} TensorSource;

/** Write `count` tensors to `path` with {"format": "pt"} as metadata, as file_begin() does (the old file may be mapped). `digest` (NULL: not computed) becomes the file's SHA-256. */
Status safetensors_save(const char *path, const TensorSource *tensors, size_t count, char digest[DIGEST_TEXT],
                        Error *error);

/** The same in pieces, for values that are not in memory together. */
typedef struct SafetensorsWriter SafetensorsWriter;

/** Begin the file and write the header; a digest is computed if `digest` says so. After a failure *writer may
 *  have to be given to safetensors_finish(), as after a success. */
Status safetensors_create(SafetensorsWriter **writer, const char *path, const TensorSource *tensors, size_t count,
                          bool digest, Error *error);
/** Write the next bytes of the tensors' values, which follow one another without gaps. Does nothing if *error is
 *  set. */
void safetensors_append(SafetensorsWriter *writer, const void *bytes, size_t size, Error *error);
/** Flush and rename the file if *error is OK, else remove it. Frees the writer; NULL is fine. */
Status safetensors_finish(SafetensorsWriter *writer, char digest[DIGEST_TEXT], Error *error);
#endif
