/* Which files of a model folder are read once for all ranks. See model.h. */
#include "linnet/comm/broadcast_files.h"
#include "linnet/core/file.h"
#include "linnet/core/text.h"
#include "linnet/model/model.h"
#include <string.h>

static const char SINGLE[] = "model.safetensors";
static const char *const TEXTS[] = {"config.json", "model.safetensors.index.json"};

/* Configuration, tokenizer and weights: the single file, which shards give way to, or shards. Anything may lie in the
 * folder besides. */
static bool is_read(const char *folder, const char *name) {
    if (text_ends_with(name, ".safetensors"))
        return strcmp(name, SINGLE) == 0 || (!file_is_in(folder, SINGLE) && strcmp(name, "optimizer.safetensors") != 0);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (strcmp(name, TEXTS[i]) == 0) return true;
    for (size_t i = 0; i < TOKENIZER_FILES; i++)
        if (strcmp(name, TOKENIZER_FILE_NAMES[i]) == 0) return true;
    return false;
}

Status model_broadcast(const World *world, const char *path, Error *error) {
    return broadcast_files(world, path, is_read, error);
}
