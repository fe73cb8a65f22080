/* linnet sweep: train with many settings and compare. */
#include "linnet/sweep/sweep.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* What the command is to do. */
typedef struct {
    bool count, summary;
    int64_t trial, jobs; /* -1, 0: not given */
} Choice;

static Status check_choice(const Choice *choice, const OptionList *operands, Error *error) {
    if (operands->count != 1)
        return error_set(error, STATUS_INPUT, "expected one file that describes the sweep: linnet sweep SWEEP.json");
    if (choice->count + choice->summary + (choice->trial >= 0) > 1)
        return error_set(error, STATUS_INPUT, "--count, --trial and --summary: give one of them");
    return STATUS_OK;
}

/* The configuration of a trial that a batch job trains. */
static Status print_trial(const SweepFile *sweep, int64_t trial, Error *error) {
    if (trial >= sweep->trials)
        return error_set(error, STATUS_INPUT, "%s has trials 0 to %" PRId64 ", not %" PRId64, sweep->path,
                         sweep->trials - 1, trial);
    if (sweep->eta > 0)
        return error_set(error, STATUS_INPUT,
                         "%s: early_terminate compares trials while they run: let linnet sweep start them, without "
                         "--trial",
                         sweep->path);
    if (!sweep_prepare(sweep, trial, error)) printf("%s/trial-%03" PRId64 ".json\n", sweep->output_dir, trial);
    return error->status;
}

/* The trials' MPI would take them for the one process that mpirun has started, and they would wait for ever. */
static Status refuse_launcher(const SweepFile *sweep, Error *error) {
    const Launcher launcher = launcher_find();
    LauncherProcess above[LAUNCHER_PROCESSES];
    if (!launcher.variable || launcher_processes(above) == 0) return STATUS_OK;
    return error_set(
        error, STATUS_INPUT,
        "linnet sweep starts its trials itself: run it without %s; for trials of several ranks %s may have "
        "\"launcher\": \"mpirun -n 2\"",
        above[0].name, sweep->path);
}

static Status act(SweepFile *sweep, const Choice *choice, Error *error) {
    if (choice->jobs > 0) sweep->jobs = choice->jobs;
    if (choice->count) {
        printf("%" PRId64 "\n", sweep->trials);
    } else if (choice->trial >= 0) {
        print_trial(sweep, choice->trial, error);
    } else if (choice->summary) {
        sweep_summarize(sweep, error);
    } else if (!refuse_launcher(sweep, error) && !sweep_prepare(sweep, -1, error)) {
        sweep_run(sweep, error);
        Error failure = {0}; /* what the trials have reached is told after an error, too */
        if (sweep_summarize(sweep, &failure)) error_set(error, failure.status, "%s", failure.message);
    }
    return error->status;
}

int command_sweep(int argc, char **argv) {
    bool helped = false, quiet = false;
    Choice choice = {.trial = -1};
    OptionList operands = {0};
    SweepFile sweep = {0};
    Error error = {0};
    const Option table[] = {
        {"jobs", OPTION_INT, &choice.jobs, "N: trials at a time, each on its share of the cores (default: the file's)",
         false, 1, SWEEP_JOBS_MAX},
        {"summary", OPTION_FLAG, &choice.summary, "compare what the trials have reached; do not train", false, 0, 0},
        {"count", OPTION_FLAG, &choice.count, "print the number of trials, for a job array", false, 0, 0},
        {"trial", OPTION_INT, &choice.trial,
         "N: write the configuration of trial N, from 0, and print its path, for a job of an array", false, 0,
         SWEEP_TRIALS_MAX - 1},
    };
    const CommandLine line = {
        .synopsis = "linnet sweep SWEEP.json [--jobs N]",
        .summary =
            "Train with many settings and seeds, some at a time, and compare: a grid, or values drawn at random.\n"
            "Started again, it goes on where it was stopped.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = "linnet sweep sweep.json --jobs 2",
        .operands = "SWEEP.json",
    };
    if (options_parse(&line, argc, argv, &helped, &quiet, &operands, &error) == STATUS_OK && !helped)
        check_choice(&choice, &operands, &error);
    log_setup(0, 1, quiet);
    if (!helped && !error.status && !sweep_file_open(&sweep, operands.items[0], &error)) act(&sweep, &choice, &error);
    if (error.status) log_error("%s", error.message);
    sweep_file_close(&sweep);
    options_free_list(&operands);
    return (int)error.status;
}
