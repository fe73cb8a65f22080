/* linnet init-config: a commented configuration for a model and a token file, with what a run of it will need. */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/starter.h"
#include "linnet/comm/threads.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/heartbeat/job.h"
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define CONSTANTS_FILE "linnet-constants.json"
#define RUNS_MOST 1000

typedef struct {
    const char *model, *data, *eval, *output, *constants;
    char output_dir[32];
    bool quiet, helped;
} Command;

/* What the configuration is made from. */
typedef struct {
    Survey survey;
    Starter starter;
    PlanSubject subject;
    PlanConstants constants;
    Plan plan;
} Draft;

/* "run", or "run-2", … where that exists: another run's folder would be refused. */
static void choose_output_dir(char name[32]) {
    strcpy(name, "run");
    for (int i = 2; file_exists(name) && i < RUNS_MOST; i++) snprintf(name, 32, "run-%d", i);
}

/* Open what the settings name, as training does. */
static Status open_subject(Draft *draft, Error *error) {
    const Starter *starter = &draft->starter;
    char *overrides[STARTER_MAX] = {0};
    for (size_t i = 0; i < starter->count && !error->status; i++)
        overrides[i] = starter_override(&starter->rows[i], error);
    if (!error->status) plan_subject_open(&draft->subject, NULL, (const char *const *)overrides, starter->count, error);
    for (size_t i = 0; i < starter->count; i++) memory_free(overrides[i]);
    return error->status;
}

/* The same; a model that training refuses for its head alone gets a new one. */
static Status open_with_any_head(Draft *draft, Error *error) {
    Error refused = {0};
    if (open_subject(draft, &refused) == STATUS_OK) return STATUS_OK;
    plan_subject_close(&draft->subject);
    draft->subject = (PlanSubject){0};
    starter_replace_head(&draft->starter);
    return open_subject(draft, error);
}

/* Measure this machine as linnet plan --measure does. */
static Status measure(const World *world, Draft *draft, Error *error) {
    const PlanShape shape = plan_subject_shape(&draft->subject);
    int threads;
    log_info(
        "measuring this machine for the plan, about 15 seconds for GPT-2 small on an idle machine (linnet plan --measure writes " CONSTANTS_FILE
        ", which saves this)");
    if (threads_choose(world, 0, &threads, error)) return error->status;
    return plan_measure(world, &shape, threads, &draft->constants, error);
}

/* The plan on one rank; a micro-batch that takes more memory than the machine has is halved. */
static Status make_plan(Draft *draft, Error *error) {
    int64_t *batch = &draft->subject.settings.per_device_train_batch_size;
    while (!plan_make(&draft->plan, &draft->subject, &draft->constants, 1, 1, error) &&
           draft->plan.memory.node > (double)memory_total() && *batch > 1) {
        char value[STARTER_VALUE];
        *batch /= 2;
        snprintf(value, sizeof value, "%lld", (long long)*batch);
        starter_change(&draft->starter, "per_device_train_batch_size", value,
                       "Samples that a rank computes at a time: fewer than Trainer's 8, which need more memory than "
                       "this machine has.");
    }
    return error->status;
}

/* Everything that the text says. Collective over the one rank. */
static Status make_draft(const World *world, Draft *draft, const Command *command, Error *error) {
    Dataset *dataset = NULL;
    if (!dataset_open(&dataset, command->data, error) && !dataset_require_labels(dataset, error))
        survey_read(&draft->survey, dataset, error);
    const Problem problem = dataset ? dataset_info(dataset)->problem : PROBLEM_SINGLE_LABEL;
    dataset_close(dataset);
    if (error->status) return error->status;
    starter_begin(&draft->starter, command->model, command->data, command->eval, command->output_dir,
                  draft->survey.samples);
    if (open_with_any_head(draft, error)) return error->status;
    if (command->constants || file_exists(CONSTANTS_FILE)) {
        const char *path = command->constants ? command->constants : CONSTANTS_FILE;
        if (plan_constants_load(&draft->constants, path, error)) return error->status;
        omp_set_num_threads(draft->constants.threads); /* activations depend on it */
        plan_compare(&draft->constants, path, &draft->subject, "CONFIG.json", 1, 1);
    } else if (measure(world, draft, error))
        return error->status;
    if (make_plan(draft, error)) return error->status;
    const int64_t epoch = (draft->survey.samples - 1) / draft->plan.job.global_batch + 1;
    starter_schedule(&draft->starter, command->eval != NULL, problem, draft->plan.job.updates, epoch,
                     draft->plan.cost.seconds);
    return STATUS_OK;
}

/* The text, to be freed with free(); NULL if out of memory. */
static char *write_text(const Draft *draft, const char *output, Error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        starter_print_head(stream, &draft->subject, &draft->survey, &draft->plan, &draft->constants, output);
        starter_print_object(stream, &draft->starter, error);
    }
    const bool complete = stream && !ferror(stream);
    if ((!stream || fclose(stream) || !complete) && !error->status)
        error_set(error, STATUS_FAILURE, "out of memory for the configuration");
    if (!error->status) return text;
    free(text);
    return NULL;
}

static Status make(const World *world, const Command *command, Error *error) {
    Draft *draft = memory_allocate(1, sizeof *draft, error);
    char *text = NULL;
    if (draft && !make_draft(world, draft, command, error)) text = write_text(draft, command->output, error);
    if (text && command->output && !file_replace(command->output, text, strlen(text), error))
        log_info("%s: start with linnet train %s", command->output, command->output);
    else if (text && !command->output && fputs(text, stdout) == EOF)
        error_set(error, STATUS_FAILURE, "cannot write to standard output: %s", strerror(errno));
    free(text);
    if (draft) plan_subject_close(&draft->subject);
    memory_free(draft);
    return error->status;
}

/* `error` may hold what is wrong with the command line. */
static Status run(const Command *command, Error *error) {
    World *world = NULL;
    Error start = {0};
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, command->quiet);
        if (world_agree(world, error, true) == STATUS_OK) {
            make(world, command, error);
            world_agree(world, error, true);
        }
    }
    job_finish(world, error->status);
    return error->status;
}

static Status parse(Command *command, int argc, char **argv, Error *error) {
    const Option table[] = {
        {"model", OPTION_TEXT, &command->model, "DIR: the model folder to start from", true, 0, 0},
        {"data", OPTION_TEXT, &command->data, "FILE.h5: the token file to train on", true, 0, 0},
        {"eval", OPTION_TEXT, &command->eval, "FILE.h5: the token file to evaluate on", false, 0, 0},
        {"output", OPTION_TEXT, &command->output, "FILE.json: write it to a new file (default: standard output)", false,
         0, 0},
        {"constants", OPTION_TEXT, &command->constants,
         "FILE: what linnet plan --measure wrote (default " CONSTANTS_FILE "; if there is none: measure now)", false, 0,
         0},
    };
    const CommandLine line = {
        .synopsis = "linnet init-config --model DIR --data FILE.h5 [--eval FILE.h5] [--output FILE.json]",
        .summary =
            "Print a configuration for linnet train to start from: with comments that say what the model and the "
            "data are, what memory and time the run needs on this machine, and the reason for each value.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = "linnet init-config --model gpt2 --data train.h5 --eval test.h5 > run.json",
    };
    if (options_parse(&line, argc, argv, &command->helped, &command->quiet, NULL, error)) return error->status;
    if (!command->helped && command->output && file_exists(command->output))
        error_set(error, STATUS_INPUT, "%s exists: remove it, or give another name", command->output);
    return error->status;
}

int command_init_config(int argc, char **argv) {
    Command command = {.model = NULL};
    Error error = {0};
    parse(&command, argc, argv, &error);
    if (command.helped) return STATUS_OK;
    choose_output_dir(command.output_dir);
    run(&command, &error);
    return (int)error.status;
}
