/* Writing safetensors files: at once or in pieces, with their digest. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/model/safetensors.h"
#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DATA_ALIGNMENT 64 /* bytes from the start of the file; the format requires none, its own writer uses 8 */
/* Bytes that are added to the digest and written at a time: few enough to come from the cache the second time. */
#define PIECE ((size_t)256 << 10)

struct SafetensorsWriter {
    char *path;
    FILE *file;     /* NULL: could not be created */
    Digest *digest; /* NULL: not computed */
};

static size_t tensor_bytes(const TensorSource *tensor) {
    size_t bytes = sizeof(float);
    static_assert(sizeof(float) == sizeof(int32_t), "both dtypes that are written have one size");
    for (int i = 0; i < tensor->dimensions; i++) bytes *= (size_t)tensor->shape[i];
    return bytes;
}

/* {"dtype":"F32","shape":[…],"data_offsets":[begin,end]}; false without memory. */
static bool add_entry(cJSON *header, const TensorSource *tensor, size_t begin, size_t end) {
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    if (!entry || !cJSON_AddStringToObject(entry, "dtype", tensor->dtype == DTYPE_I32 ? "I32" : "F32")) return false;
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    for (int i = 0; i < tensor->dimensions; i++)
        if (!cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor->shape[i]))) return false;
    cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
    return cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)begin)) &&
           cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)end));
}

/* The header's JSON, to be freed with cJSON_free(); NULL without memory. */
static char *print_header(const TensorSource *tensors, size_t count) {
    char *text = NULL;
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    bool complete = metadata && cJSON_AddStringToObject(metadata, "format", "pt");
    size_t begin = 0;
    for (size_t i = 0; i < count && complete; i++) {
        size_t end = begin + tensor_bytes(&tensors[i]);
        complete = add_entry(header, &tensors[i], begin, end);
        begin = end;
    }
    if (complete) text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    return text;
}

void safetensors_append(SafetensorsWriter *writer, const void *bytes, size_t size, Error *error) {
    for (const char *next = bytes; size && !error->status;) {
        const size_t piece = size < PIECE ? size : PIECE;
        if (writer->digest) digest_add(writer->digest, next, piece);
        if (!file_write_all(fileno(writer->file), next, piece)) file_fail(error, writer->path, "write");
        progress_add_bytes((int64_t)piece);
        next += piece;
        size -= piece;
    }
}

/* The header's size, the header, and spaces up to where the data start. */
static void append_header(SafetensorsWriter *writer, const TensorSource *tensors, size_t count, Error *error) {
    char *text = print_header(tensors, count);
    if (!text) {
        error_set(error, STATUS_FAILURE, "out of memory for the header of %s", writer->path);
        return;
    }
    static const char spaces[] = "                                                                ";
    static_assert(sizeof spaces > DATA_ALIGNMENT, "as many spaces as padding may need");
    size_t length = strlen(text), padding = (DATA_ALIGNMENT - (8 + length) % DATA_ALIGNMENT) % DATA_ALIGNMENT;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)(length + padding) >> 8 * i);
    safetensors_append(writer, prefix, sizeof prefix, error);
    safetensors_append(writer, text, length, error);
    safetensors_append(writer, spaces, padding, error);
    cJSON_free(text);
}

Status safetensors_create(SafetensorsWriter **writer, const char *path, const TensorSource *tensors, size_t count,
                          bool digest, Error *error) {
    SafetensorsWriter *made = *writer = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->path = memory_text(path, error);
    if (error->status || (digest && digest_create(&made->digest, error))) return error->status;
    /* A folder that has gone is no mistake of the user: it was there when the run began. */
    if (file_begin(&made->file, path, error)) return error->status = STATUS_FAILURE;
    append_header(made, tensors, count, error);
    return error->status;
}

Status safetensors_finish(SafetensorsWriter *writer, char digest[DIGEST_TEXT], Error *error) {
    if (!writer) return error->status;
    file_end(writer->file, writer->path, error);
    if (!error->status && digest) digest_finish(writer->digest, digest);
    digest_destroy(writer->digest);
    memory_free(writer->path);
    memory_free(writer);
    return error->status;
}

Status safetensors_save(const char *path, const TensorSource *tensors, size_t count, char digest[DIGEST_TEXT],
                        Error *error) {
    SafetensorsWriter *writer = NULL;
    safetensors_create(&writer, path, tensors, count, digest != NULL, error);
    for (size_t i = 0; i < count; i++) safetensors_append(writer, tensors[i].values, tensor_bytes(&tensors[i]), error);
    return safetensors_finish(writer, digest, error);
}
