/* Which files of a model folder are read once for all ranks. See model.h. */
#include "linnet/comm/broadcast_files.h"
#include "linnet/core/file.h"
#include "linnet/model/model.h"
#include <string.h>

#define TEXT_BYTES_MAX ((int64_t)64 << 20) /* of configurations and vocabularies; other tables may lie in the folder */

static const char SINGLE[] = "model.safetensors";

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Weights: the single file, which shards give way to, or shards. */
static bool is_read(const char *folder, const char *name, int64_t size) {
    if (ends_with(name, ".safetensors"))
        return strcmp(name, SINGLE) == 0 || (!file_is_in(folder, SINGLE) && strcmp(name, "optimizer.safetensors") != 0);
    return size <= TEXT_BYTES_MAX && (ends_with(name, ".json") || ends_with(name, ".txt") || ends_with(name, ".jinja"));
}

Status model_broadcast(const World *world, const char *path, Error *error) {
    return broadcast_files(world, path, is_read, error);
}
