/* The safetensors files of a model folder as one set of tensors. shards.h has the contract. */
#include "model/shards.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

static const char SINGLE[] = "model.safetensors";
static const char INDEX[] = "model.safetensors.index.json";

/* The open file of that name; NULL if not open. */
static SafetensorsFile *find_file(const Shards *shards, const char *name) {
    for (size_t i = 0; i < shards->count; i++)
        if (strcmp(shards->names[i], name) == 0) return shards->files[i];
    return NULL;
}

/* Open one more file; the arrays have room for it. */
static Status add_file(Shards *shards, const char *folder, const char *name, Error *error) {
    char *path = file_join(folder, name, error);
    if (!path) return error->status;
    char *kept = memory_text(name, error);
    if (kept && !safetensors_open(&shards->files[shards->count], path, error))
        shards->names[shards->count++] = kept;
    else
        memory_free(kept);
    memory_free(path);
    return error->status;
}

static Status make_room(Shards *shards, size_t count, Error *error) {
    shards->files = memory_allocate(count, sizeof *shards->files, error);
    shards->names = memory_allocate(count, sizeof *shards->names, error);
    return error->status;
}

/* An index may come from the network: it must not name files outside its folder. */
static bool is_plain_name(const char *name) {
    return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Open each file that the map names, once, and check that it has the tensors that the map says. */
static Status open_mapped(Shards *shards, const char *folder, const cJSON *map, const char *index, Error *error) {
    if (!cJSON_IsObject(map) || !map->child)
        return error_set(error, STATUS_INPUT, "%s: weight_map must be an object: {tensor: file}", index);
    if (make_room(shards, (size_t)cJSON_GetArraySize(map), error)) return error->status;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        const char *name = cJSON_IsString(item) ? item->valuestring : "";
        if (!is_plain_name(name))
            return error_set(error, STATUS_INPUT,
                             "%s: weight_map: %s must be the name of a file in this folder, not '%s'", index,
                             item->string, name);
        if (!find_file(shards, name) && add_file(shards, folder, name, error)) return error->status;
        if (!safetensors_find(find_file(shards, name), item->string))
            return error_set(error, STATUS_INPUT, "%s: weight_map says that tensor %s is in %s, which does not have it",
                             index, item->string, name);
    }
    return STATUS_OK;
}

static Status open_index(Shards *shards, const char *folder, Error *error) {
    cJSON *tree = NULL;
    char *path = file_join(folder, INDEX, error);
    if (path && !json_load(&tree, path, error))
        open_mapped(shards, folder, cJSON_GetObjectItemCaseSensitive(tree, "weight_map"), path, error);
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}

static Status open_files(Shards *shards, const char *folder, Error *error) {
    if (file_is_in(folder, SINGLE))
        return make_room(shards, 1, error) ? error->status : add_file(shards, folder, SINGLE, error);
    if (file_is_in(folder, INDEX)) return open_index(shards, folder, error);
    if (file_is_in(folder, "pytorch_model.bin") || file_is_in(folder, "pytorch_model.bin.index.json"))
        return error_set(
            error, STATUS_INPUT,
            "%s: has only pytorch_model.bin, which linnet does not read: convert it to %s (load it with Transformers, "
            "then call save_pretrained())",
            folder, SINGLE);
    return error_set(error, STATUS_INPUT, "%s: not a model folder: it has neither %s nor %s", folder, SINGLE, INDEX);
}

static int compare_names(const void *left, const void *right) {
    const Tensor *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

/* Collect the tensors of all files; none may be in two. */
static Status gather(Shards *shards, const char *folder, Error *error) {
    for (size_t i = 0; i < shards->count; i++) shards->total += safetensors_count(shards->files[i]);
    shards->tensors = memory_allocate(shards->total, sizeof *shards->tensors, error);
    if (!shards->tensors) return error->status;
    size_t next = 0;
    for (size_t i = 0; i < shards->count; i++)
        for (size_t j = 0; j < safetensors_count(shards->files[i]); j++)
            shards->tensors[next++] = safetensors_at(shards->files[i], j);
    if (next) qsort(shards->tensors, next, sizeof *shards->tensors, compare_names);
    for (size_t i = 1; i < next; i++)
        if (strcmp(shards->tensors[i]->name, shards->tensors[i - 1]->name) == 0)
            return error_set(error, STATUS_INPUT, "%s: tensor %s is in two of the files", folder,
                             shards->tensors[i]->name);
    return STATUS_OK;
}

Status shards_open(Shards *shards, const char *folder, Error *error) {
    *shards = (Shards){0};
    if (open_files(shards, folder, error) || gather(shards, folder, error)) shards_close(shards);
    return error->status;
}

const Tensor *shards_find(const Shards *shards, const char *name) {
    if (!shards->total) return NULL;
    const Tensor *key = &(Tensor){.name = name};
    const Tensor **found = bsearch(&key, shards->tensors, shards->total, sizeof *shards->tensors, compare_names);
    return found ? *found : NULL;
}

void shards_close(Shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        safetensors_close(shards->files[i]);
        memory_free(shards->names[i]);
    }
    memory_free(shards->files);
    memory_free(shards->names);
    memory_free(shards->tensors);
    *shards = (Shards){0};
}
