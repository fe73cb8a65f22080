/* Reading safetensors files: mapping and converting. safetensors.h has the contract. */
#include "linnet/model/safetensors.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "model/safetensors_file.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the format is little-endian and its bytes are used without conversion");

/* Map the file, private and writable: the system copies the pages of an embedding that training writes; all others stay on
 * disk. MAP_NORESERVE, since otherwise the system would count the complete file as memory. */
static Status map_file(SafetensorsFile *file, Error *error) {
    int descriptor;
    struct stat status;
    if (file_open(file->path, &descriptor, error)) return error->status;
    if (fstat(descriptor, &status)) {
        error_set(error, file_blame(errno), "%s: cannot read: %s", file->path, strerror(errno));
        goto cleanup;
    }
    file->size = (size_t)status.st_size;
    if (file->size == 0) goto cleanup; /* nothing to map: safetensors_parse() reports it */
    void *map = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
    if (map == MAP_FAILED)
        error_set(error, STATUS_FAILURE, "%s: cannot map its %zu bytes: %s", file->path, file->size, strerror(errno));
    else
        file->map = map;
cleanup:
    close(descriptor);
    return error->status;
}

Status safetensors_open(SafetensorsFile **file, const char *path, Error *error) {
    *file = NULL;
    SafetensorsFile *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->path = memory_text(path, error);
    if (!made->path || map_file(made, error) || safetensors_parse(made, error)) {
        safetensors_close(made);
        return error->status;
    }
    *file = made;
    return STATUS_OK;
}

void safetensors_close(SafetensorsFile *file) {
    if (!file) return;
    if (file->map) munmap(file->map, file->size);
    cJSON_Delete(file->header);
    memory_free(file->tensors);
    memory_free(file->path);
    memory_free(file);
}

size_t safetensors_count(const SafetensorsFile *file) {
    return file->count;
}

const Tensor *safetensors_at(const SafetensorsFile *file, size_t index) {
    return &file->tensors[index];
}

const Tensor *safetensors_find(const SafetensorsFile *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

/* IEEE 754 binary16 to binary32, exact. A subtraction of normal numbers makes subnormals normal, so that the result does
 * not depend on whether this thread flushes subnormals to zero. */
static float from_half(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, exponent = bits & 0x7c00u << 13;
    const uint32_t rebias = (127u - 15u) << 23, smallest = 113u << 23;
    float value, least;
    bits += rebias;
    if (exponent == 0x7c00u << 13) bits += (128u - 16u) << 23; /* infinity, NaN */
    if (exponent == 0) {
        bits += 1u << 23;
        memcpy(&value, &bits, sizeof value);
        memcpy(&least, &smallest, sizeof least);
        value -= least;
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bfloat16 is the upper half of a float32. */
static float from_brain(uint16_t brain) {
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void safetensors_read(const Tensor *tensor, size_t first, size_t count, float *out) {
    const unsigned char *bytes = tensor->bytes;
    assert(tensor->dtype <= DTYPE_BF16);
    if (tensor->dtype == DTYPE_F32) {
        memcpy(out, bytes + first * sizeof *out, count * sizeof *out);
        return;
    }
    bytes += first * sizeof(uint16_t);
    for (size_t i = 0; i < count; i++) {
        uint16_t bits; /* at any address */
        memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
        out[i] = tensor->dtype == DTYPE_F16 ? from_half(bits) : from_brain(bits);
    }
}

void safetensors_discard(const Tensor *tensor) {
    memory_advise((void *)(uintptr_t)tensor->bytes, tensor->size, MADV_DONTNEED);
}
