/** linnet inspect: what a token file, a model folder or a checkpoint holds, and whether it is whole. */
#include "cli/inspect.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

void inspect_line(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("  %-12s ", name);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

static bool holds(const char *folder, const char *name, Error *error) {
    char *path = file_join(folder, name, error);
    bool there = path && file_exists(path);
    memory_free(path);
    return there;
}

/** A file can only be a token file; a folder is told by what no other kind has in it. */
static Status inspect_path(const char *path, Error *error) {
    if (!file_exists(path)) return error_set(error, STATUS_INPUT, "%s: does not exist", path);
    if (!file_is_folder(path)) return inspect_tokens(path, error);
    if (checkpoint_is(path)) return inspect_checkpoint(path, error);
    if (inspect_refuse_half_checkpoint(path, error)) return error->status;
    if (holds(path, "config.json", error)) return inspect_model(path, "GPT-2 model folder", error);
    return error_set(error, STATUS_INPUT,
                     "%s: neither a token file nor a folder with config.json (a model or a checkpoint)", path);
}

static Status run(int argc, char **argv, Error *error) {
    const CommandLine line = {
        .synopsis = "linnet inspect PATH",
        .summary = "Print what a token file, a model folder or a checkpoint holds, and verify all of it.",
        .operands = "PATH"};
    OptionList paths = {0};
    bool helped = false, quiet = false;
    options_parse(&line, argc, argv, &helped, &quiet, &paths, error);
    log_setup(0, 1, quiet);
    if (!error->status && !helped) {
        if (paths.count == 1)
            inspect_path(paths.items[0], error);
        else
            error_set(error, STATUS_INPUT, "one PATH is needed, %zu are given", paths.count);
    }
    options_free_list(&paths);
    return error->status;
}

int command_inspect(int argc, char **argv) {
    Error error = {0};
    if (run(argc, argv, &error)) log_error("%s", error.message);
    return (int)error.status;
}
