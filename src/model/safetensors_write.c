/* Writing safetensors files. safetensors.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/model/safetensors.h"
#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DATA_ALIGNMENT 64 /* bytes from the start of the file; the format requires none, its own writer uses 8 */

static size_t tensor_bytes(const TensorSource *tensor) {
    size_t bytes = sizeof *tensor->values;
    for (int i = 0; i < tensor->dimensions; i++) bytes *= (size_t)tensor->shape[i];
    return bytes;
}

/* {"dtype":"F32","shape":[…],"data_offsets":[begin,end]}; false without memory. */
static bool add_entry(cJSON *header, const TensorSource *tensor, size_t begin, size_t end) {
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    if (!entry || !cJSON_AddStringToObject(entry, "dtype", "F32")) return false;
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
    bool done = metadata && cJSON_AddStringToObject(metadata, "format", "pt");
    size_t begin = 0;
    for (size_t i = 0; i < count && done; i++) {
        size_t end = begin + tensor_bytes(&tensors[i]);
        done = add_entry(header, &tensors[i], begin, end);
        begin = end;
    }
    if (done) text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    return text;
}

static Status write_all(int descriptor, const char *path, const void *bytes, size_t size, Error *error) {
    const char *next = bytes;
    while (size) {
        ssize_t written = write(descriptor, next, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_set(error, STATUS_FAILURE, "%s: cannot write: %s", path, strerror(errno));
        next += written;
        size -= (size_t)written;
    }
    return STATUS_OK;
}

/* The size of the header, the header, and spaces up to the data. */
static Status write_header(int descriptor, const char *path, const TensorSource *tensors, size_t count, Error *error) {
    char *text = print_header(tensors, count);
    if (!text) return error_set(error, STATUS_FAILURE, "out of memory for the header of %s", path);
    static const char spaces[] = "                                                                ";
    static_assert(sizeof spaces > DATA_ALIGNMENT, "enough spaces for the padding");
    size_t length = strlen(text), padding = (DATA_ALIGNMENT - (8 + length) % DATA_ALIGNMENT) % DATA_ALIGNMENT;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)(length + padding) >> 8 * i);
    if (!write_all(descriptor, path, prefix, sizeof prefix, error) && !write_all(descriptor, path, text, length, error))
        write_all(descriptor, path, spaces, padding, error);
    cJSON_free(text);
    return error->status;
}

/* Write the file and flush it. */
static Status write_file(const char *path, const TensorSource *tensors, size_t count, Error *error) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor < 0) return error_set(error, STATUS_FAILURE, "%s: cannot write: %s", path, strerror(errno));
    write_header(descriptor, path, tensors, count, error);
    for (size_t i = 0; i < count && !error->status; i++)
        write_all(descriptor, path, tensors[i].values, tensor_bytes(&tensors[i]), error);
    if (!error->status && fsync(descriptor))
        error_set(error, STATUS_FAILURE, "%s: cannot flush to disk: %s", path, strerror(errno));
    if (close(descriptor) && !error->status)
        error_set(error, STATUS_FAILURE, "%s: cannot write: %s", path, strerror(errno));
    return error->status;
}

/* This process may have mapped the old file (a model that is saved into the folder it was loaded from), and truncating it
 * would destroy the mapped embeddings. So the new file is written under a temporary name and renamed. */
Status safetensors_save(const char *path, const TensorSource *tensors, size_t count, Error *error) {
    size_t size = strlen(path) + sizeof ".tmp";
    char *temporary = memory_allocate(size, 1, error);
    if (!temporary) return error->status;
    snprintf(temporary, size, "%s.tmp", path);
    if (write_file(temporary, tensors, count, error) || file_rename(temporary, path, error)) unlink(temporary);
    memory_free(temporary);
    return error->status;
}
