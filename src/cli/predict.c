/* linnet predict: the labels of texts. No MPI: one process, all its threads. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/model_folder.h"
#include "linnet/text/tokenizer.h"
#include <cblas.h>
#include <cjson/cJSON.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A loaded model that answers. */
typedef struct {
    ModelFolder *folder;
    const ModelConfig *config;
    ParameterLayout layout;
    Parameters parameters;
    Tokenizer *tokenizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule rule;
    uint16_t *ids; /* [positions] of the text under way */
    bool json;
} Oracle;

static Status load_parameters(Oracle *o, Error *error) {
    if (parameters_layout(&o->layout, o->config, error)) return error->status;
    o->parameters.dense = memory_allocate(o->layout.dense, sizeof(float), error);
    if (o->parameters.dense == NULL) return error->status;
    model_folder_read(o->folder, &o->layout, 0, o->layout.tensors, o->parameters.dense);
    return model_folder_tables(o->folder, &o->parameters, error);
}

static Status open_predictor(Oracle *o, const char *model, Error *error) {
    if (model_folder_open(&o->folder, model, error)) return error->status;
    if (!model_folder_has_head(o->folder))
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", model);
    o->config = model_folder_config(o->folder);
    if (o->config->labels > METRICS_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s has %d labels: linnet works with at most %d", model,
                         o->config->labels, METRICS_LABELS_MAX);
    if (load_parameters(o, error) || tokenizer_create(&o->tokenizer, model, error)) return error->status;
    if (tokenizer_vocabulary(o->tokenizer) > o->config->vocabulary)
        return error_set(error, STATUS_INPUT, "%s: its tokenizer has %d tokens, its model only %d", model,
                         tokenizer_vocabulary(o->tokenizer), o->config->vocabulary);
    int32_t end_of_text = tokenizer_end_of_text(o->tokenizer);
    o->rule = (BatchRule){.pooling = o->config->pooling,
                          .pad = o->config->pad_token >= 0 ? o->config->pad_token : end_of_text,
                          .end_of_text = end_of_text,
                          .positions = o->config->positions};
    size_t rows = batch_rows_max(o->config->positions);
    o->ids = memory_allocate((size_t)o->config->positions, sizeof *o->ids, error);
    batch_create(&o->batch, rows, 1, error);
    gpt2_create(&o->gpt2, o->config, &o->layout, rows, 1, false, error);
    return error->status;
}

static void close_predictor(Oracle *o) {
    gpt2_destroy(o->gpt2);
    batch_destroy(&o->batch);
    tokenizer_destroy(o->tokenizer);
    parameters_layout_free(&o->layout);
    memory_free(o->parameters.dense);
    memory_free(o->ids);
    model_folder_close(o->folder);
}

static void print_json(const Oracle *o, const char *text, size_t best, const double *probabilities) {
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "text", text);
    cJSON_AddStringToObject(tree, "label", o->config->label_names[best]);
    cJSON *names = cJSON_AddObjectToObject(tree, "probabilities");
    for (int32_t k = 0; k < o->config->labels; k++)
        cJSON_AddNumberToObject(names, o->config->label_names[k], probabilities[k]);
    char *line = cJSON_PrintUnformatted(tree);
    if (line != NULL) puts(line);
    cJSON_free(line);
    cJSON_Delete(tree);
}

/* Tokenize a text as prepare does: cut at the model's positions, an empty one is one end-of-text. */
static Status tokenize(Oracle *o, const char *text, size_t size, size_t *length, Error *error) {
    const int32_t *ids = NULL;
    size_t count = 0, most = (size_t)o->config->positions;
    if (tokenizer_encode(o->tokenizer, text, size, &ids, &count, error)) return error->status;
    *length = count < most ? count : most;
    for (size_t i = 0; i < *length; i++) o->ids[i] = (uint16_t)ids[i];
    if (count == 0) {
        o->ids[0] = (uint16_t)o->rule.end_of_text;
        *length = 1;
    }
    return STATUS_OK;
}

static Status answer(Oracle *o, const char *text, size_t size, Error *error) {
    size_t length = 0, best = 0;
    double probabilities[METRICS_LABELS_MAX];
    if (tokenize(o, text, size, &length, error)) return error->status;
    batch_clear(&o->batch);
    batch_add(&o->batch, &o->rule, o->ids, length, 0, 0);
    const float *logits = gpt2_forward(o->gpt2, &o->parameters, &o->batch, NULL);
    size_t labels = (size_t)o->config->labels;
    loss_softmax(probabilities, logits, labels);
    for (size_t k = 1; k < labels; k++)
        if (logits[k] > logits[best]) best = k;
    if (o->json)
        print_json(o, text, best, probabilities);
    else
        printf("%s\t%.4f\t%s\n", o->config->label_names[best], probabilities[best], text);
    return STATUS_OK;
}

/* One text a line until the end of standard input. */
static Status answer_input(Oracle *o, Error *error) {
    char *line = NULL;
    size_t capacity = 0;
    long number = 0;
    for (ssize_t size; error->status == STATUS_OK && (size = getline(&line, &capacity, stdin)) >= 0;) {
        number++;
        if (size > 0 && line[size - 1] == '\n') line[--size] = '\0';
        if (size > 0 && line[size - 1] == '\r') line[--size] = '\0';
        Error reason = {0};
        if (answer(o, line, (size_t)size, &reason) != STATUS_OK)
            error_set(error, reason.status, "standard input, line %ld: %s", number, reason.message);
        fflush(stdout); /* whoever feeds us a line at a time waits for its answer */
    }
    free(line);
    return error->status;
}

int command_predict(int argc, char **argv) {
    const char *model = NULL;
    Oracle predictor = {0};
    bool helped = false, quiet = false;
    OptionList texts = {0};
    Error error = {0};
    const Option table[] = {
        {.name = "model",
         .kind = OPTION_TEXT,
         .value = &model,
         .required = true,
         .help = "DIR: a trained model folder or checkpoint"},
        {.name = "json",
         .kind = OPTION_FLAG,
         .value = &predictor.json,
         .help = "one object a line: {\"text\", \"label\", \"probabilities\"}"},
    };
    const CommandLine line = {
        .synopsis = "linnet predict --model DIR [--json] [TEXT ...]",
        .summary = "The label of each text, or of each line of standard input: label, its probability, the text.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "TEXT",
    };
    if (options_parse(&line, argc, argv, &helped, &quiet, &texts, &error) != STATUS_OK || helped) goto cleanup;
    log_setup(0, 1, quiet);
    int threads = omp_get_max_threads();
    openblas_set_num_threads(1); /* threads are linnet's own: see threads.h */
    omp_set_num_threads(threads);
    if (open_predictor(&predictor, model, &error) != STATUS_OK) goto cleanup;
    for (size_t i = 0; i < texts.count && error.status == STATUS_OK; i++)
        answer(&predictor, texts.items[i], strlen(texts.items[i]), &error);
    if (texts.count == 0) answer_input(&predictor, &error);
cleanup:
    if (error.status != STATUS_OK) log_error("%s", error.message);
    close_predictor(&predictor);
    options_free_list(&texts);
    return (int)error.status;
}
