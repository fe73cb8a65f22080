/** linnet init: a new model folder with random weights. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_folder.h"
#include "linnet/text/tokenizer.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
         .help = "the folder to make; it must not exist or be empty"},
        {.name = "tokenizer",
         .kind = OPTION_TEXT,
         .value = &init->tokenizer,
         .required = true,
         .help = "a folder with vocab.json and merges.txt, which are copied"},
        {.name = "layers",
         .kind = OPTION_INT,
         .value = &init->layers,
         .minimum = 1,
         .maximum = 1024,
         .help = "number of layers (12)"},
        {.name = "width",
         .kind = OPTION_INT,
         .value = &init->width,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "width of the embedding (768)"},
        {.name = "heads",
         .kind = OPTION_INT,
         .value = &init->heads,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "attention heads; must divide the width (12)"},
        {.name = "positions",
         .kind = OPTION_INT,
         .value = &init->positions,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "longest text, in tokens (1024)"},
        {.name = "labels",
         .kind = OPTION_TEXT,
         .value = &init->labels,
         .help = "names of the classes, in their order (negative,neutral,positive)"},
        {.name = "seed",
         .kind = OPTION_INT,
         .value = &init->seed,
         .minimum = 0,
         .maximum = INT64_MAX,
         .help = "seed of the random weights (42)"},
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

/** Cut `text` at its commas: names [count] point into it. */
static Status split_labels(char *text, const char *names[DATASET_LABELS_MAX], int32_t *count, Error *error) {
    for (char *next = text; next;) {
        char *name = next;
        next = strchr(name, ',');
        if (next) *next++ = '\0';
        if (!*name) return error_set(error, STATUS_INPUT, "option --labels: label %d has no name", *count);
        if (*count == DATASET_LABELS_MAX)
            return error_set(error, STATUS_INPUT, "option --labels: more than %d labels", DATASET_LABELS_MAX);
        names[(*count)++] = name;
    }
    return STATUS_OK;
}

static Status make_config(const InitOptions *init, const Tokenizer *tokenizer, ModelConfig *config, Error *error) {
    const char *names[DATASET_LABELS_MAX];
    int32_t labels = 0;
    char *text = memory_text(init->labels, error);
    if (text && !split_labels(text, names, &labels, error))
        model_config_create(config, tokenizer_vocabulary(tokenizer), (int32_t)init->positions, (int32_t)init->width,
                            (int32_t)init->layers, (int32_t)init->heads, names, labels,
                            tokenizer_end_of_text(tokenizer), error);
    memory_free(text);
    return error->status;
}

/** Refuse a folder that holds anything: it may be somebody's model. */
static Status check_output(const char *path, Error *error) {
    if (!file_exists(path)) return STATUS_OK;
    DIR *folder = opendir(path);
    if (!folder) return error_set(error, STATUS_INPUT, "%s: exists and is not a folder that can be read", path);
    const struct dirent *entry;
    while ((entry = readdir(folder)) && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)) continue;
    if (entry) error_set(error, STATUS_INPUT, "%s: exists and is not empty: linnet overwrites no folder", path);
    closedir(folder);
    return error->status;
}

/** Draw the weights and write all into `path`. */
static Status write_model(const char *path, const InitOptions *init, const ModelConfig *config, Error *error) {
    ParameterLayout layout = {0};
    Parameters parameters = {0};
    TokenizerFiles tokenizer = {0};
    if (parameters_layout(&layout, config, error) || tokenizer_files_read(&tokenizer, init->tokenizer, error))
        goto cleanup;
    parameters.dense = memory_allocate(layout.dense, sizeof *parameters.dense, error);
    parameters.token = memory_allocate(layout.token.count, sizeof *parameters.token, error);
    parameters.position = memory_allocate(layout.position.count, sizeof *parameters.position, error);
    if (error->status) goto cleanup;
    model_folder_new_model(&layout, config, (uint64_t)init->seed, &parameters);
    model_folder_save(path, config, &layout, &parameters, &tokenizer, error);
cleanup:
    tokenizer_files_free(&tokenizer);
    memory_free(parameters.dense);
    memory_free(parameters.token);
    memory_free(parameters.position);
    parameters_layout_free(&layout);
    return error->status;
}

/** Write into a folder beside it, then rename: the output exists whole or not at all. */
static Status write_folder(const InitOptions *init, const ModelConfig *config, Error *error) {
    size_t length = strlen(init->output);
    while (length > 1 && init->output[length - 1] == '/') length--;
    const size_t room = length + 32;
    char *output = memory_allocate(room, 1, error), *beside = memory_allocate(room, 1, error);
    if (!output || !beside) goto cleanup;
    snprintf(output, room, "%.*s", (int)length, init->output);
    snprintf(beside, room, "%s.tmp-%ld", output, (long)getpid());
    if (file_make_folder(beside, error)) goto cleanup;
    if (write_model(beside, init, config, error) || file_flush(beside, error) || file_rename(beside, output, error)) {
        Error ignored = {0}; /* the first error is the one to tell */
        file_remove(beside, &ignored);
        goto cleanup;
    }
    log_info("%s: a new model of %d layers, width %d, %d heads, %d labels", output, config->layers, config->width,
             config->heads, config->labels);
cleanup:
    memory_free(output);
    memory_free(beside);
    return error->status;
}

static Status run(const InitOptions *init, Error *error) {
    Tokenizer *tokenizer = NULL;
    ModelConfig config = {0};
    if (init->width % init->heads)
        return error_set(error, STATUS_INPUT, "option --heads: %d does not divide the width %d", (int)init->heads,
                         (int)init->width);
    if (check_output(init->output, error)) return error->status;
    if (!tokenizer_create(&tokenizer, init->tokenizer, error) && !make_config(init, tokenizer, &config, error))
        write_folder(init, &config, error);
    model_config_free(&config);
    tokenizer_destroy(tokenizer);
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
