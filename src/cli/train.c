/* linnet train and linnet pretrain: read the settings and train. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/checkpoint/run_status.h"
#include "linnet/core/file.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/heartbeat/job.h"
#include "linnet/train/trainer.h"
#include <stdio.h>
#include <string.h>

/* Rank 0 reads the configuration (`path` may be NULL) and broadcasts its resolved text. Collective. */
static Status share_settings(const World *world, Settings *settings, const char *path, const OptionList *overrides,
                             Error *error) {
    char *text = NULL;
    if (world->rank == 0 &&
        settings_load(settings, path, (const char *const *)overrides->items, overrides->count, error) == STATUS_OK)
        text = settings_text(settings, error);
    if (world_agree(world, error, true) == STATUS_OK && world_broadcast_text(world, &text, error) == STATUS_OK) {
        if (world->rank != 0) settings_parse(settings, text, path ? path : "the command line", error);
        world_agree(world, error, true);
    }
    memory_free(text);
    return error->status;
}

/* The run under MPI. `error` may hold an error of the command line, which only one rank prints. */
static Status run(const OptionList *operands, const OptionList *overrides, bool quiet, bool profile, Error *error) {
    World *world = NULL;
    Settings settings = {0};
    Error start = {0};
    signals_install(); /* before loading, so that a signal that comes then stops the run after its first update */
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, quiet);
        if (world_agree(world, error, true) == STATUS_OK &&
            share_settings(world, &settings, operands->count > 0 ? operands->items[0] : NULL, overrides, error) ==
                STATUS_OK)
            trainer_run(world, &settings, profile, error);
    }
    settings_free(&settings);
    job_finish(world, error->status);
    return error->status;
}

/* Print the table of settings to standard output. */
static Status print_settings(Error *error) {
    char *text = settings_markdown(error);
    if (text)
        fputs(text, stdout);
    else
        log_error("%s", error->message);
    memory_free(text);
    return error->status;
}

/* What has become of the run in the settings' output_dir: its status file, to standard output. Of several processes one
 * prints it. */
static Status print_status(const OptionList *operands, const OptionList *overrides, Error *error) {
    Settings settings = {0};
    char *text = NULL;
    const char *path = operands->count > 0 ? operands->items[0] : NULL;
    if (!error->status &&
        !settings_load(&settings, path, (const char *const *)overrides->items, overrides->count, error))
        text = run_status_text(settings.output_dir, error);
    if (text && launcher_find().rank <= 0)
        fputs(text, stdout);
    else if (!text && launcher_speaks())
        log_error("%s", error->message);
    memory_free(text);
    settings_free(&settings);
    return error->status;
}

/* One operand is the file; settings are options. Without a file these say all. `command`: train or pretrain. */
static Status check_operands(const char *command, const OptionList *operands, const OptionList *overrides,
                             Error *error) {
    for (size_t i = 0; i < operands->count; i++) {
        const char *operand = operands->items[i];
        if (strchr(operand, '=') && !file_exists(operand))
            return error_set(
                error, STATUS_INPUT, "%s: expected a configuration file; a setting is an option: linnet %s %s --set %s",
                operand, command, strchr(operands->items[0], '=') ? "CONFIG.json" : operands->items[0], operand);
    }
    if (operands->count == 1 || (operands->count == 0 && overrides->count > 0)) return STATUS_OK;
    if (operands->count == 0)
        return error_set(
            error, STATUS_INPUT,
            "expected a configuration file; make one by: linnet init-config --model DIR --data FILE.h5 > run.json");
    return error_set(error, STATUS_INPUT, "expected one configuration file, got %zu: linnet %s %s", operands->count,
                     command, operands->items[0]);
}

/* `pretrain` is `train` with the other objective: the last override of a key counts. */
static int train(bool pretrain, int argc, char **argv) {
    bool helped = false, quiet = false, settings = false, profile = false, status = false;
    OptionList overrides = {0}, operands = {0};
    Error error = {0};
    const Option table[] = {
        {"set", OPTION_LIST, &overrides, "KEY=VALUE: override a setting of the file", false, 0, 0},
        {"profile", OPTION_FLAG, &profile,
         "print seconds and GF/s by phase at the end; write OUTPUT_DIR/profile-RANK.json (Chrome trace)", false, 0, 0},
        {"status", OPTION_FLAG, &status,
         "print how far the run in output_dir is, and whether it is finished, as JSON; do not train", false, 0, 0},
        {"settings", OPTION_FLAG, &settings, "print all settings with their defaults as Markdown, then exit", false, 0,
         0},
    };
    const CommandLine line = {
        .synopsis = pretrain ? "linnet pretrain [CONFIG.json] [--KEY VALUE ...] [--set KEY=VALUE ...]"
                             : "linnet train [CONFIG.json] [--KEY VALUE ...] [--set KEY=VALUE ...]",
        .summary =
            pretrain
                ? "Train a GPT-2 language model on a token file: alone, or under mpirun or srun with any number of ranks.\n"
                  "Settings are those of linnet train; the objective is the next token of each text."
                : "Fine-tune a GPT-2 model on a token file: alone, or under mpirun or srun with any number of ranks.\n"
                  "Settings come from a JSON file, from options named like its keys, or from both.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = pretrain ? "linnet pretrain --model_name_or_path gpt2 --train_file train.h5 --output_dir lm"
                            : "mpirun -n 2 linnet train run.json --learning_rate 3e-5",
        .operands = "CONFIG.json",
        .settings = &overrides,
    };
    if (options_parse(&line, argc, argv, &helped, &quiet, &operands, &error) == STATUS_OK && !helped && !settings)
        check_operands(pretrain ? "pretrain" : "train", &operands, &overrides, &error);
    if (pretrain && !error.status) options_add(&overrides, "--objective=language_modeling", &error);
    if (error.status == STATUS_OK && settings && !helped)
        print_settings(&error);
    else if (status && !helped)
        print_status(&operands, &overrides, &error);
    else if (!helped)
        run(&operands, &overrides, quiet, profile, &error);
    options_free_list(&overrides);
    options_free_list(&operands);
    return (int)error.status;
}

int command_train(int argc, char **argv) {
    return train(false, argc, argv);
}

int command_pretrain(int argc, char **argv) {
    return train(true, argc, argv);
}
