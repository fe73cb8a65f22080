/* linnet inspect: print what a token file, a model folder or a checkpoint holds, and verify it. */
#include "cli/commands.h"
#include "cli/inspect_data.h"
#include "cli/options.h"
#include "linnet/checkpoint/checkpoint_verify.h"
#include "linnet/core/file.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include <omp.h>
#include <stdbool.h>

/* A file can only be a token file; a folder is recognized by what it holds. */
static Status inspect_path(InspectData *data, Error *error) {
    char room[PATH_MAX], tokenizer[PATH_MAX];
    const char *path = hub_cache_resolve(data->path, room, error);
    if (error->status) return error->status;
    if (!file_exists(path)) return error_set(error, STATUS_INPUT, "%s: does not exist", path);
    if (!file_is_folder(path)) {
        data->path = path;
        if (data->tokenizer) data->tokenizer = hub_cache_resolve(data->tokenizer, tokenizer, error);
        return error->status ? error->status : inspect_data(data, error);
    }
    if (data->json || data->tokenizer)
        return error_set(error, STATUS_INPUT, "--%s is for token files, and %s is a folder",
                         data->json ? "json" : "tokenizer", path);
    if (limits_threads(omp_get_max_threads(), error)) return error->status;
    if (checkpoint_kind(path) != CHECKPOINT_NONE) return checkpoint_describe(path, error);
    return final_model_describe(path, error);
}

int command_inspect(int argc, char **argv) {
    InspectData data = {0};
    const Option table[] = {
        {"json", OPTION_FLAG, &data.json, "print what a token file holds as one JSON object", false, 0, 0},
        {"tokenizer", OPTION_TEXT, &data.tokenizer,
         "DIR: show texts of a token file; of a model, count samples over its positions", false, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet inspect [--json] [--tokenizer DIR] PATH",
        .summary = "Print what a token file, a model folder or a checkpoint holds, and verify all of it.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "PATH",
        .example = "linnet inspect train.h5"};
    OptionList paths = {0};
    bool helped = false, quiet = false;
    Error error = {0};
    options_parse(&line, argc, argv, &helped, &quiet, &paths, &error);
    log_setup(0, 1, quiet);
    if (!helped && paths.count != 1)
        error_set(&error, STATUS_INPUT, "expected one PATH, got %zu: linnet inspect %s", paths.count,
                  paths.count ? paths.items[0] : "PATH");
    if (!helped && !error.status) {
        data.path = paths.items[0];
        inspect_path(&data, &error);
    }
    if (error.status) log_error("%s", error.message);
    options_free_list(&paths);
    return (int)error.status;
}
