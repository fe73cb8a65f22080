/* linnet inspect: print what a token file, a model folder or a checkpoint holds, and verify it. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/checkpoint/checkpoint_verify.h"
#include "linnet/core/file.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include "linnet/data/dataset.h"
#include <omp.h>
#include <stdbool.h>

/* A file can only be a token file; a folder is recognized by what it holds. */
static Status inspect_path(const char *given, Error *error) {
    char room[PATH_MAX];
    const char *path = hub_cache_resolve(given, room, error);
    if (error->status) return error->status;
    if (!file_exists(path)) return error_set(error, STATUS_INPUT, "%s: does not exist", path);
    if (!file_is_folder(path)) return dataset_describe(path, error);
    if (limits_threads(omp_get_max_threads(), error)) return error->status;
    if (checkpoint_kind(path) != CHECKPOINT_NONE) return checkpoint_describe(path, error);
    return final_model_describe(path, error);
}

int command_inspect(int argc, char **argv) {
    const CommandLine line = {
        .synopsis = "linnet inspect PATH",
        .summary = "Print what a token file, a model folder or a checkpoint holds, and verify all of it.",
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
    if (!helped && !error.status) inspect_path(paths.items[0], &error);
    if (error.status) log_error("%s", error.message);
    options_free_list(&paths);
    return (int)error.status;
}
