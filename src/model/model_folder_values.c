/* Reading the values of a model folder, or using them in place. model_folder.h has the contract. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/kernels/vector.h"
#include "linnet/model/finite.h"
#include "model/model_folder_private.h"
#include <sys/mman.h>

/* Read a tensor; whether all values are finite, which is checked while they are in the cache. */
static bool read_values(const Tensor *tensor, size_t count, float *values) {
    enum { PIECE = 1 << 16 }; /* floats */
    bool finite = true;
    for (size_t at = 0, n; at < count; at += n) {
        n = size_min(PIECE, count - at);
        safetensors_read(tensor, at, n, values + at);
        finite = all_finite(values + at, n) && finite;
    }
    return finite;
}

Status model_folder_read(const ModelFolder *folder, const ParameterLayout *layout, size_t first, size_t count,
                         float *dense, Error *error) {
    for (size_t i = first; i < first + count && !error->status; i++) {
        const ParameterTensor *wanted = &layout->tensor[i];
        const Tensor *tensor = folder->found[i];
        if (!tensor || !model_folder_has_shape(tensor, wanted)) continue;
        if (!read_values(tensor, wanted->count, dense + wanted->offset))
            tensor_check_finite(folder->path, wanted, dense + wanted->offset, error);
        progress_add_bytes((int64_t)(wanted->count * sizeof(float)));
        safetensors_discard(tensor); /* otherwise every rank would hold the model twice */
    }
    return error->status;
}

/* Whether the bytes of the file are the values. */
static bool is_floats(const Tensor *tensor) {
    return tensor->dtype == DTYPE_F32 && (uintptr_t)tensor->bytes % _Alignof(float) == 0;
}

/* *values = the bytes of the file, if they are aligned float32; else a converted copy in *copy. */
static Status take_embedding(const Tensor *tensor, const ParameterTensor *wanted, float **copy, float **values,
                             Error *error) {
    if (is_floats(tensor)) {
        *values = (float *)(uintptr_t)tensor->bytes; /* not const: the mapping is writable, and training writes here */
        return STATUS_OK;
    }
    if (!*copy) *copy = memory_allocate(wanted->count, sizeof **copy, error);
    if (!*copy) return error->status;
    safetensors_read(tensor, 0, wanted->count, *copy);
    *values = *copy;
    return STATUS_OK;
}

Status model_folder_embeddings(ModelFolder *folder, Parameters *parameters, Error *error) {
    const ParameterLayout *layout = &folder->layout;
    if (!layout->language &&
        take_embedding(folder->token, &layout->token, &folder->copies[0], &parameters->token, error))
        return error->status;
    return take_embedding(folder->position, &layout->position, &folder->copies[1], &parameters->position, error);
}

/* Part of one embedding, a piece at a time, whose pages are given back where the file is mapped. */
static Status check_embedding(const ModelFolder *folder, const ParameterTensor *tensor, float *values, bool mapped,
                              int part, int parts, Error *error) {
    enum { PIECE = 1 << 22 }; /* floats */
    int64_t first, count;
    even_part((int64_t)tensor->count, parts, part, &first, &count);
    for (size_t at = (size_t)first, end = (size_t)(first + count), n; at < end; at += n) {
        n = size_min(PIECE, end - at);
        if (!all_finite(values + at, n)) return tensor_check_finite(folder->path, tensor, values, error);
        progress_add_bytes((int64_t)(n * sizeof *values));
        if (mapped) memory_advise(values + at, n * sizeof *values, MADV_DONTNEED);
    }
    return STATUS_OK;
}

Status model_folder_check_embeddings(const ModelFolder *folder, const Parameters *parameters, int part, int parts,
                                     Error *error) {
    const ParameterLayout *layout = &folder->layout;
    if (!layout->language &&
        check_embedding(folder, &layout->token, parameters->token, !folder->copies[0], part, parts, error))
        return error->status;
    return check_embedding(folder, &layout->position, parameters->position, !folder->copies[1], part, parts, error);
}

bool model_folder_read_head(const ModelFolder *folder, const ParameterLayout *layout, float *score) {
    const ParameterTensor *wanted = &layout->tensor[parameters_score(layout)];
    const Tensor *tensor = folder->found[parameters_score(layout)];
    if (!tensor || !model_folder_has_shape(tensor, wanted)) return false;
    safetensors_read(tensor, 0, wanted->count, score);
    return true;
}

/* The first of the `count` first dense tensors in the file; NULL where they cannot be used in place. */
static const Tensor *first_in_place(const ModelFolder *folder, const ParameterLayout *layout, size_t count) {
    const Tensor *first = folder->found[0];
    if (folder->shards.count != 1) return NULL;
    for (size_t i = 0; i < count; i++) {
        const Tensor *tensor = folder->found[i];
        if (!tensor || !is_floats(tensor) || !model_folder_has_shape(tensor, &layout->tensor[i])) return NULL;
        if (tensor->offset < first->offset) first = tensor;
    }
    return first;
}

Status model_folder_use_in_place(const ModelFolder *folder, ParameterLayout *layout, bool head, Parameters *parameters,
                                 bool *in_place, Error *error) {
    const size_t count = layout->tensors - !head; /* the head comes last */
    const Tensor *first = first_in_place(folder, layout, count);
    *in_place = first != NULL;
    if (!first) return STATUS_OK;
    parameters->dense = (float *)(uintptr_t)first->bytes;
    for (size_t i = 0; i < count && !error->status; i++) {
        ParameterTensor *wanted = &layout->tensor[i];
        wanted->offset = (folder->found[i]->offset - first->offset) / sizeof(float);
        tensor_check_finite(folder->path, wanted, parameters->dense + wanted->offset, error);
    }
    return error->status;
}

bool model_folder_is_copied(const ModelFolder *folder) {
    for (size_t i = 0; i < folder->shards.count; i++)
        if (!safetensors_is_copied(folder->shards.files[i])) return false;
    return true;
}

void model_folder_discard_copies(const ModelFolder *folder) {
    for (size_t i = 0; i < folder->shards.count; i++)
        for (size_t j = 0; j < safetensors_count(folder->shards.files[i]); j++) {
            const Tensor *tensor = safetensors_at(folder->shards.files[i], j);
            const bool mapped = tensor == folder->position || (tensor == folder->token && !folder->layout.language);
            if (!mapped) safetensors_discard_copy(folder->shards.files[i], tensor);
        }
}

Status model_folder_check_unchanged(const ModelFolder *folder, Error *error) {
    for (size_t i = 0; i < folder->shards.count && !error->status; i++)
        safetensors_check(folder->shards.files[i], error);
    return error->status;
}
