/* Which files of a model folder are read once for all ranks. See model.h. */
#include "linnet/comm/broadcast_files.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/text.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model.h"
#include <string.h>

static const char SINGLE[] = "model.safetensors";
static const char *const TEXTS[] = {"config.json", "model.safetensors.index.json", ADAPTER_CONFIG_FILE,
                                    ADAPTER_MODEL_FILE};

/* Configuration, tokenizer and weights: the single file, which shards give way to, or shards. Anything may lie in the
 * folder besides. */
static bool is_read(const char *folder, const char *name) {
    if (text_ends_with(name, ".safetensors"))
        return strcmp(name, SINGLE) == 0 || strcmp(name, ADAPTER_VALUES_FILE) == 0 ||
               (!file_is_in(folder, SINGLE) && strcmp(name, "optimizer.safetensors") != 0);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (strcmp(name, TEXTS[i]) == 0) return true;
    for (size_t i = 0; i < TOKENIZER_FILES; i++)
        if (strcmp(name, TOKENIZER_FILE_NAMES[i]) == 0) return true;
    return false;
}

/* The base model of an adapter, as rank 0 finds it: *base is NULL where the folder holds no adapter. Collective. */
static Status find_base(const World *world, const char *path, char **base, Error *error) {
    *base = NULL;
    if (world->rank == 0) *base = adapter_is_in(path) ? adapter_base(path, error) : memory_text("", error);
    if (world_agree(world, error, true) || world_broadcast_text(world, base, error)) return error->status;
    if (**base) return STATUS_OK;
    memory_free(*base);
    *base = NULL;
    return STATUS_OK;
}

Status model_broadcast(const World *world, const char *path, const char *adapter, Error *error) {
    char *base = NULL;
    if (adapter && broadcast_files(world, adapter, is_read, error)) return error->status;
    if (!broadcast_files(world, path, is_read, error) && !adapter && !find_base(world, path, &base, error) && base)
        broadcast_files(world, base, is_read, error);
    memory_free(base);
    return error->status;
}
