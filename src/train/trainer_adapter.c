/* What the adapter of a run, new or read, is saved with. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "train/trainer_state.h"
#include <limits.h>
#include <stdlib.h>

Status trainer_complete_adapter(Trainer *t, Error *error) {
    char absolute[PATH_MAX];
    if (!t->model.adapter) return STATUS_OK;
    AdapterConfig *config = &t->model.adapter->config;
    const char *base = t->model.paths.base, *output = t->settings->output_dir;
    if (file_same(output, base))
        return error_set(
            error, STATUS_INPUT,
            "output_dir: %s is the folder of the model that the adapter needs, and the adapter would take its "
            "place: set another output_dir",
            output);
    memory_free(config->base);
    config->base = memory_text(realpath(base, absolute) ? absolute : base, error);
    config->dropout = t->settings->lora_dropout;
    return error->status;
}
