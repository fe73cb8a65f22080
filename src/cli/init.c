/* linnet init: makes a new model folder with random weights. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_new.h"
#include <string.h>

typedef struct {
    const char *output, *tokenizer, *labels;
    int64_t layers, width, heads, positions, seed;
} InitOptions;

static Status read_options(InitOptions *init, int argc, char **argv, bool *helped, Error *error) {
    const Option table[] = {
        {.name = "output",
         .kind = OPTION_TEXT,
         .value = &init->output,
         .required = true,
         .help = "DIR: the folder to make; it must be empty or not exist"},
        {.name = "tokenizer",
         .kind = OPTION_TEXT,
         .value = &init->tokenizer,
         .required = true,
         .help = "DIR: a folder with vocab.json and merges.txt, which are copied"},
        {.name = "layers",
         .kind = OPTION_INT,
         .value = &init->layers,
         .minimum = 1,
         .maximum = 1024,
         .help = "N: number of layers (default 12)"},
        {.name = "width",
         .kind = OPTION_INT,
         .value = &init->width,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: width of the embeddings (default 768)"},
        {.name = "heads",
         .kind = OPTION_INT,
         .value = &init->heads,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: attention heads; must divide the width (default 12)"},
        {.name = "positions",
         .kind = OPTION_INT,
         .value = &init->positions,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: maximum length of a text in tokens (default 1024)"},
        {.name = "labels",
         .kind = OPTION_TEXT,
         .value = &init->labels,
         .help = "NAMES: labels 0, 1, ... (default negative,neutral,positive)"},
        {.name = "seed",
         .kind = OPTION_INT,
         .value = &init->seed,
         .minimum = 0,
         .maximum = INT64_MAX,
         .help = "N: seed of the random weights (default 42)"},
    };
    const CommandLine line = {.synopsis = "linnet init --output DIR --tokenizer DIR [OPTIONS]",
                              .summary = "Make a new GPT-2 model folder with random weights.",
                              .options = table,
                              .count = sizeof table / sizeof *table};
    bool quiet = false;
    options_parse(&line, argc, argv, helped, &quiet, NULL, error);
    log_setup(0, 1, quiet);
    return error->status;
}

/* Split `text` at its commas: names [*count] point into it. */
static Status split_labels(char *text, const char *names[DATASET_LABELS_MAX], int32_t *count, Error *error) {
    for (char *next = text; next;) {
        char *name = next;
        next = strchr(name, ',');
        if (next) *next++ = '\0';
        if (!*name) return error_set(error, STATUS_INPUT, "--labels: label %d has no name", *count);
        if (*count == DATASET_LABELS_MAX)
            return error_set(error, STATUS_INPUT, "--labels: more than %d labels", DATASET_LABELS_MAX);
        names[(*count)++] = name;
    }
    return STATUS_OK;
}

static Status run(const InitOptions *init, Error *error) {
    const char *names[DATASET_LABELS_MAX];
    NewModel model = {
        .tokenizer = init->tokenizer,
        .label_names = names,
        .layers = (int32_t)init->layers,
        .width = (int32_t)init->width,
        .heads = (int32_t)init->heads,
        .positions = (int32_t)init->positions,
        .seed = (uint64_t)init->seed,
    };
    if (init->width % init->heads)
        return error_set(error, STATUS_INPUT, "--heads: %d does not divide the width %d", model.heads, model.width);
    char *labels = memory_text(init->labels, error);
    if (labels && !split_labels(labels, names, &model.labels, error) && !model_new_folder(init->output, &model, error))
        log_info("%s: a new model of %d layers, width %d, %d heads, %d labels", init->output, model.layers, model.width,
                 model.heads, model.labels);
    memory_free(labels);
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
