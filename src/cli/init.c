/* linnet init: makes a new model folder with random weights. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_new.h"

typedef struct {
    const char *output, *tokenizer, *labels, *problem;
    int64_t layers, width, heads, positions, seed;
} InitOptions;

static Status read_options(InitOptions *init, int argc, char **argv, bool *helped, Error *error) {
    const Option table[] = {
        {"output", OPTION_TEXT, &init->output, "DIR: the folder to make; it must be empty or not exist", true, 0, 0},
        {"tokenizer", OPTION_TEXT, &init->tokenizer, "DIR: a folder with a GPT-2 tokenizer, which is copied", true, 0,
         0},
        {"layers", OPTION_INT, &init->layers, "N: number of layers (default 12)", false, 1, 1024},
        {"width", OPTION_INT, &init->width, "N: width of the embeddings (default 768)", false, 1, 1 << 20},
        {"heads", OPTION_INT, &init->heads, "N: attention heads; must divide the width (default 12)", false, 1,
         1 << 20},
        {"positions", OPTION_INT, &init->positions, "N: maximum length of a text in tokens (default 1024)", false, 1,
         1 << 20},
        {"labels", OPTION_TEXT, &init->labels, "NAMES: labels 0, 1, ... (default negative,neutral,positive)", false, 0,
         0},
        {"problem-type", OPTION_TEXT, &init->problem,
         "TYPE: single_label_classification (default), multi_label_classification or regression", false, 0, 0},
        {"seed", OPTION_INT, &init->seed, "N: seed of the random weights (default 42)", false, 0, INT64_MAX},
    };
    const CommandLine line = {.synopsis = "linnet init --output DIR --tokenizer DIR [OPTIONS]",
                              .summary = "Make a new GPT-2 model folder with random weights.",
                              .example = "linnet init --output small --tokenizer gpt2 --layers 4 --width 256 --heads 4",
                              .options = table,
                              .count = sizeof table / sizeof *table};
    bool quiet = false;
    options_parse(&line, argc, argv, helped, &quiet, NULL, error);
    log_setup(0, 1, quiet);
    return error->status;
}

static Status run(const InitOptions *init, Error *error) {
    size_t labels = 0;
    char room[PATH_MAX];
    char **names = options_split(init->labels, &labels, error);
    Problem problem = PROBLEM_SINGLE_LABEL;
    if (init->problem && !problem_find(init->problem, &problem))
        error_set(error, STATUS_INPUT, "--problem-type: expected %s, %s or %s, got %s",
                  problem_name(PROBLEM_SINGLE_LABEL), problem_name(PROBLEM_MULTI_LABEL),
                  problem_name(PROBLEM_REGRESSION), init->problem);
    const NewModel model = {
        .problem = problem,
        .tokenizer = hub_cache_resolve(init->tokenizer, room, error),
        .label_names = (const char *const *)names,
        .labels = (int32_t)labels,
        .layers = (int32_t)init->layers,
        .width = (int32_t)init->width,
        .heads = (int32_t)init->heads,
        .positions = (int32_t)init->positions,
        .seed = (uint64_t)init->seed,
    };
    if (model.width % model.heads)
        error_set(error, STATUS_INPUT, "--heads: %d does not divide the width %d", model.heads, model.width);
    if (labels > DATASET_LABELS_MAX)
        error_set(error, STATUS_INPUT, "--labels: more than %d labels", DATASET_LABELS_MAX);
    for (size_t i = 0; i < labels; i++)
        if (!*names[i]) error_set(error, STATUS_INPUT, "--labels: label %zu has no name", i);
    if (!error->status && !model_new_folder(init->output, &model, error))
        log_info("%s: a new model of %d layers, width %d, %d heads, %d labels", init->output, model.layers, model.width,
                 model.heads, model.labels);
    memory_free(names);
    return error->status;
}

int command_init(int argc, char **argv) {
    InitOptions init = {
        .labels = "negative,neutral,positive", .layers = 12, .width = 768, .heads = 12, .positions = 1024, .seed = 42};
    Error error = {0};
    bool helped = false;
    if (!read_options(&init, argc, argv, &helped, &error) && !helped) run(&init, &error);
    if (error.status) log_error("%s", error.message);
    return (int)error.status;
}
