/* linnet merge: one complete model of a base model and its LoRA adapter. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/log.h"
#include "linnet/model/model_merge.h"

typedef struct {
    const char *model, *adapter, *output;
} MergeOptions;

static Status read_options(MergeOptions *merge, int argc, char **argv, bool *helped, Error *error) {
    const Option table[] = {
        {"model", OPTION_TEXT, &merge->model, "DIR: a LoRA adapter, or the model that it was trained on", true, 0, 0},
        {"adapter", OPTION_TEXT, &merge->adapter, "DIR: the adapter of that model", false, 0, 0},
        {"output", OPTION_TEXT, &merge->output, "DIR: the folder to make; it must be empty or not exist", true, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet merge --model DIR [--adapter DIR] --output DIR",
        .summary = "Add a LoRA adapter to its model's weights and write a complete model, with the same predictions.",
        .example = "linnet merge --model lora-run --output merged",
        .options = table,
        .count = sizeof table / sizeof *table};
    bool quiet = false;
    options_parse(&line, argc, argv, helped, &quiet, NULL, error);
    log_setup(0, 1, quiet);
    return error->status;
}

static Status run(const MergeOptions *merge, Error *error) {
    char room[PATH_MAX];
    ModelPaths paths;
    const char *model = hub_cache_resolve(merge->model, room, error);
    if (error->status || model_paths_find(&paths, model, merge->adapter, error)) return error->status;
    if (!model_merge(&paths, merge->output, error))
        log_info("%s: %s with the adapter %s", merge->output, paths.base, paths.adapter);
    model_paths_free(&paths);
    return error->status;
}

int command_merge(int argc, char **argv) {
    MergeOptions merge = {0};
    Error error = {0};
    bool helped = false;
    if (!read_options(&merge, argc, argv, &helped, &error) && !helped) run(&merge, &error);
    if (error.status) log_error("%s", error.message);
    return (int)error.status;
}
