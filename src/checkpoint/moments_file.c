/* The tensors of optimizer.safetensors: writing their header, finding and checking them. See moments_file.h. */
#include "checkpoint/moments_file.h"

#include "linnet/core/file.h"
#include "linnet/core/memory.h"

#define ELEMENT_BYTES sizeof(float) /* I32 too */

static const char *const IDS[MOMENTS_EMBEDDINGS] = {"token_rows", "position_rows"};
static const char *const DENSE[2] = {"exp_avg", "exp_avg_sq"};
static const char *const ROWS[MOMENTS_EMBEDDINGS][2] = {{"token_exp_avg", "token_exp_avg_sq"},
                                                        {"position_exp_avg", "position_exp_avg_sq"}};

size_t moments_floats(const MomentsShape *shape) {
    return 2 * (shape->dense + (shape->rows[MOMENTS_TOKEN] + shape->rows[MOMENTS_POSITION]) * shape->width);
}

void moments_shape_free(MomentsShape *shape) {
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) memory_free(shape->ids[i]);
    *shape = (MomentsShape){0};
}

Status moments_file_create(SafetensorsWriter **writer, const char *folder, const MomentsShape *shape, Error *error) {
    TensorSource tensors[MOMENTS_EMBEDDINGS + 2 + 2 * MOMENTS_EMBEDDINGS];
    const int64_t width = (int64_t)shape->width;
    size_t count = 0;
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++)
        tensors[count++] =
            (TensorSource){.name = IDS[i], .dimensions = 1, .shape = {(int64_t)shape->rows[i]}, .dtype = DTYPE_I32};
    for (int which = 0; which < 2; which++) {
        tensors[count++] =
            (TensorSource){.name = DENSE[which], .dimensions = 1, .shape = {(int64_t)shape->dense}, .dtype = DTYPE_F32};
        for (int i = 0; i < MOMENTS_EMBEDDINGS; i++)
            tensors[count++] = (TensorSource){
                .name = ROWS[i][which], .dimensions = 2, .shape = {(int64_t)shape->rows[i], width}, .dtype = DTYPE_F32};
    }
    char *path = file_join(folder, MOMENTS_FILE, error);
    if (path) safetensors_create(writer, path, tensors, count, true, error);
    memory_free(path);
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++)
        safetensors_append(*writer, shape->ids[i], shape->rows[i] * sizeof *shape->ids[i], error);
    return error->status;
}

/* A tensor of some dtype and number of dimensions; NULL after an error. */
static const Tensor *find(const MomentsFile *file, const char *name, Dtype dtype, int dimensions, Error *error) {
    if (error->status) return NULL;
    const Tensor *tensor = safetensors_find(file->file, name);
    if (tensor && tensor->dtype == dtype && tensor->dimensions == dimensions) return tensor;
    error_set(error, STATUS_INPUT, "%s: must hold a tensor %s of dtype %s with %d dimension%s", file->path, name,
              dtype == DTYPE_I32 ? "I32" : "F32", dimensions, dimensions == 1 ? "" : "s");
    return NULL;
}

/* Both tensors must have `rows` rows, of one width. */
static void check_rows(const MomentsFile *file, const Tensor *const pair[2], int64_t rows, Error *error) {
    for (int which = 0; which < 2 && !error->status; which++)
        if (pair[which]->shape[0] != rows || pair[which]->shape[1] != pair[0]->shape[1])
            error_set(error, STATUS_INPUT, "%s: tensor %s has shape [%lld, %lld], it should have [%lld, %lld]",
                      file->path, pair[which]->name, (long long)pair[which]->shape[0], (long long)pair[which]->shape[1],
                      (long long)rows, (long long)pair[0]->shape[1]);
}

Status moments_file_open(MomentsFile *file, const char *folder, Error *error) {
    *file = (MomentsFile){.path = file_join(folder, MOMENTS_FILE, error), .source.file = -1};
    if (!file->path || safetensors_open(&file->file, file->path, error) ||
        file_source_open(&file->source, file->path, error))
        return error->status;
    for (int which = 0; which < 2; which++) file->dense[which] = find(file, DENSE[which], DTYPE_F32, 1, error);
    if (!error->status && file->dense[0]->shape[0] != file->dense[1]->shape[0])
        error_set(error, STATUS_INPUT, "%s: tensors %s and %s differ in size", file->path, DENSE[0], DENSE[1]);
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) {
        file->ids[i] = find(file, IDS[i], DTYPE_I32, 1, error);
        for (int which = 0; which < 2; which++) file->rows[i][which] = find(file, ROWS[i][which], DTYPE_F32, 2, error);
        if (!error->status) check_rows(file, file->rows[i], file->ids[i]->shape[0], error);
    }
    return error->status;
}

void moments_file_read(MomentsFile *file, const Tensor *tensor, size_t first, size_t count, void *out, Error *error) {
    const size_t bytes = count * ELEMENT_BYTES, offset = tensor->offset + first * ELEMENT_BYTES;
    size_t got;
    if (!error->status && !file_source_read(&file->source, out, bytes, (int64_t)offset, &got, error) && got < bytes)
        error_set(error, STATUS_INPUT, "%s: tensor %s ends early: the file was cut short while it was read", file->path,
                  tensor->name);
}

void moments_file_close(MomentsFile *file) {
    safetensors_close(file->file);
    file_source_close(&file->source);
    memory_free(file->path);
    *file = (MomentsFile){.source.file = -1};
}
