/* safetensors files: alone, by an index, and as a checkpoint's moments. */
#include "checkpoint/moments_file.h"
#include "fuzz/readers.h"
#include "linnet/core/file.h"
#include "linnet/model/safetensors.h"
#include "model/shards.h"
#include <string.h>

static void read_values(const Tensor *tensor) {
    float values[64];
    size_t count = 1;
    for (int i = 0; i < tensor->dimensions; i++) count *= (size_t)tensor->shape[i];
    if (tensor->dtype > DTYPE_F64) return;
    fuzz_check(tensor->size == count * (tensor->dtype == DTYPE_F64 ? 8 : tensor->dtype == DTYPE_F32 ? 4 : 2));
    for (size_t first = 0; first < count; first += 64)
        safetensors_read(tensor, first, count - first < 64 ? count - first : 64, values);
}

void feed_safetensors(const uint8_t *bytes, size_t size) {
    SafetensorsFile *file = NULL;
    Error error = {0};
    if (!safetensors_open(&file, fuzz_file("model.safetensors", bytes, size), &error))
        for (size_t i = 0; i < safetensors_count(file); i++) {
            read_values(safetensors_at(file, i));
            fuzz_check(safetensors_find(file, safetensors_at(file, i)->name) == safetensors_at(file, i));
        }
    safetensors_close(file);
    fuzz_check_error(&error);
}

/** What is opened fits together and can be read to its end. */
void feed_moments(const uint8_t *bytes, size_t size) {
    MomentsFile file;
    Error error = {0};
    fuzz_file(MOMENTS_FILE, bytes, size);
    if (!moments_file_open(&file, fuzz_folder(), &error)) {
        for (int which = 0; which < 2; which++) read_values(file.dense[which]);
        fuzz_check(file.dense[0]->size == file.dense[1]->size);
        for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) {
            const size_t rows = (size_t)file.ids[i]->shape[0];
            fuzz_check(file.ids[i]->size == rows * sizeof(int32_t));
            for (int which = 0; which < 2; which++) {
                fuzz_check((size_t)file.rows[i][which]->shape[0] == rows);
                read_values(file.rows[i][which]);
            }
        }
    }
    moments_file_close(&file);
    fuzz_check_error(&error);
}

/** An index in a folder with two files of a tensor each. */
void feed_index(const uint8_t *bytes, size_t size) {
    static bool ready;
    const float values[2] = {1, 2};
    const TensorSource one = {"one", 1, {2}, values, DTYPE_F32}, two = {"two", 1, {2}, values, DTYPE_F32};
    char path[300];
    Shards shards = {0};
    Error error = {0};
    strcat(strcpy(path, fuzz_folder()), "/index");
    if (!ready) {
        file_make_folder(path, &error);
        safetensors_save(strcat(strcpy(path, fuzz_folder()), "/index/a.safetensors"), &one, 1, NULL, &error);
        safetensors_save(strcat(strcpy(path, fuzz_folder()), "/index/b.safetensors"), &two, 1, NULL, &error);
        safetensors_save(strcat(strcpy(path, fuzz_folder()), "/outside.safetensors"), &two, 1, NULL, &error);
        fuzz_check(error.status == STATUS_OK);
        ready = true;
        strcat(strcpy(path, fuzz_folder()), "/index");
    }
    fuzz_file("index/model.safetensors.index.json", bytes, size);
    if (!shards_open(&shards, path, &error))
        for (size_t i = 0; i < shards.count; i++)
            fuzz_check(strcmp(shards.names[i], "a.safetensors") == 0 || strcmp(shards.names[i], "b.safetensors") == 0);
    shards_close(&shards);
    fuzz_check_error(&error);
}
