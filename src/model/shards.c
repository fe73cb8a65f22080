/* The safetensors files of a model folder as one set of tensors. shards.h has the contract. */
#include "model/shards.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "model/foreign_model.h"
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
        if (!file_is_in(folder, name))
            return error_set(
                error, STATUS_INPUT,
                "%s: weight_map: %s, which has tensor %s, is not in the folder: copy or download all files "
                "of the model",
                index, name, item->string);
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
    return foreign_model_weights(folder, error);
}

/* Modules around a model or a layer, which put their name before those of its tensors. */
static const char *const WRAPPERS[] = {
    "_orig_mod", "module", "model", "_fsdp_wrapped_module", "_forward_module", "_checkpoint_wrapped_module"};

/* The wrapper that `part` [size] is the name of; NULL if of none. */
static const char *find_wrapper(const char *part, size_t size) {
    for (size_t i = 0; i < sizeof WRAPPERS / sizeof *WRAPPERS; i++)
        if (strlen(WRAPPERS[i]) == size && memcmp(WRAPPERS[i], part, size) == 0) return WRAPPERS[i];
    return NULL;
}

/* Write the name without `transformer` and wrappers, and a zero byte; returns its end. */
static char *write_plain(Shards *shards, const char *name, char *out) {
    const char *const end = name + strlen(name);
    for (const char *part = name, *dot; part < end; part = dot + (dot < end)) {
        const size_t size = (size_t)((dot = strchrnul(part, '.')) - part);
        const char *wrapper = dot < end ? find_wrapper(part, size) : NULL;
        if (wrapper) shards->wrapper = wrapper;
        if (wrapper || (size == strlen("transformer") && memcmp(part, "transformer", size) == 0)) continue;
        memcpy(out, part, size);
        out += size;
        if (dot < end) *out++ = '.';
    }
    *out++ = '\0';
    return out;
}

static int compare_names(const void *left, const void *right) {
    const NamedTensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static bool is_copy(const Tensor *a, const Tensor *b) {
    return a->dtype == b->dtype && a->dimensions == b->dimensions && memcmp(a->shape, b->shape, sizeof a->shape) == 0 &&
           memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Keep one of the tensors that are there twice with the same bytes. */
static Status drop_copies(Shards *shards, const char *folder, Error *error) {
    size_t kept = 0;
    for (size_t i = 0; i < shards->total; i++) {
        const NamedTensor *one = &shards->tensors[i], *before = kept > 0 ? &shards->tensors[kept - 1] : NULL;
        if (!before || strcmp(one->name, before->name) != 0)
            shards->tensors[kept++] = *one;
        else if (!is_copy(one->tensor, before->tensor))
            return error_set(error, STATUS_INPUT, "%s: holds both tensor %s and tensor %s, with different values",
                             folder, before->tensor->name, one->tensor->name);
    }
    shards->total = kept;
    return STATUS_OK;
}

/* Collect the tensors of all files under their plain names. */
static Status gather(Shards *shards, const char *folder, Error *error) {
    size_t bytes = 0, next = 0;
    for (size_t i = 0; i < shards->count; i++) {
        const size_t count = safetensors_count(shards->files[i]);
        shards->total += count;
        for (size_t j = 0; j < count; j++) bytes += strlen(safetensors_at(shards->files[i], j)->name) + 1;
    }
    shards->tensors = memory_allocate(shards->total, sizeof *shards->tensors, error);
    shards->text = memory_allocate(bytes, 1, error);
    if (!shards->tensors || !shards->text) return error->status;
    char *text = shards->text;
    for (size_t i = 0; i < shards->count; i++)
        for (size_t j = 0; j < safetensors_count(shards->files[i]); j++) {
            const Tensor *tensor = safetensors_at(shards->files[i], j);
            shards->tensors[next++] = (NamedTensor){text, tensor};
            text = write_plain(shards, tensor->name, text);
        }
    if (next) qsort(shards->tensors, next, sizeof *shards->tensors, compare_names);
    return drop_copies(shards, folder, error);
}

Status shards_open(Shards *shards, const char *folder, Error *error) {
    *shards = (Shards){0};
    if (open_files(shards, folder, error) || gather(shards, folder, error)) shards_close(shards);
    return error->status;
}

const Tensor *shards_find(const Shards *shards, const char *name) {
    if (!shards->total) return NULL;
    const NamedTensor key = {.name = name};
    const NamedTensor *found = bsearch(&key, shards->tensors, shards->total, sizeof key, compare_names);
    return found ? found->tensor : NULL;
}

void shards_close(Shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        safetensors_close(shards->files[i]);
        memory_free(shards->names[i]);
    }
    memory_free(shards->files);
    memory_free(shards->names);
    memory_free(shards->tensors);
    memory_free(shards->text);
    *shards = (Shards){0};
}
