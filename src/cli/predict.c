/* linnet predict: the labels of texts. No MPI: one process, all its threads. */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/table_options.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/predict/predictor.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_AT_ONCE ((int64_t)4096)

typedef struct {
    const char *model, *input, *text_column;
    TableOptions table;
    OptionList texts;
    bool json, helped, quiet;
} Command;

static void print_json_string(const char *text, size_t size) {
    putchar('"');
    escape_print(stdout, ESCAPE_JSON, text, size);
    putchar('"');
}

/* What was classified: a text, or the row of a token file. */
typedef struct {
    const char *text; /**< [size], or NULL */
    size_t size;
    int64_t row;
} Subject;

/* The answer to one subject. */
typedef struct {
    int32_t labels;
    char *const *label_names; /* [labels] */
    int32_t best;             /* -1: none */
    double *probabilities;    /* [labels] */
} Prediction;

static void print_json(const Prediction *prediction, const Subject *subject) {
    char number[JSON_REAL_TEXT];
    if (subject->text) {
        printf("{\"text\":");
        print_json_string(subject->text, subject->size);
    } else {
        printf("{\"row\":%" PRId64, subject->row);
    }
    printf(",\"label\":");
    if (prediction->best < 0)
        fputs("null", stdout);
    else
        print_json_string(prediction->label_names[prediction->best], strlen(prediction->label_names[prediction->best]));
    printf(",\"probabilities\":{");
    for (int32_t k = 0; k < prediction->labels; k++) {
        const char *name = prediction->label_names[k];
        if (k > 0) putchar(',');
        print_json_string(name, strlen(name));
        putchar(':');
        json_real_text(prediction->probabilities[k], number);
        fputs(number, stdout);
    }
    printf("}}\n");
}

static void print_line(const Prediction *prediction, const Subject *subject) {
    if (prediction->best < 0) {
        fputs("null\tnull\t", stdout);
    } else {
        const char *label = prediction->label_names[prediction->best];
        escape_print(stdout, ESCAPE_OUTPUT, label, strlen(label));
        printf("\t%.4f\t", prediction->probabilities[prediction->best]);
    }
    if (subject->text)
        escape_print(stdout, ESCAPE_OUTPUT, subject->text, subject->size);
    else
        printf("%" PRId64, subject->row);
    putchar('\n');
}

/* Print an answer at once: a program that writes one line at a time waits for it. */
static Status print_answer(const Prediction *prediction, const Subject *subject, bool json, Error *error) {
    if (prediction->best < 0) log_warning("the model's values overflow float32 for the next text: it has no label");
    if (json)
        print_json(prediction, subject);
    else
        print_line(prediction, subject);
    if (fflush(stdout) == 0) return STATUS_OK;
    return error_set(error, STATUS_FAILURE, "cannot write to standard output: %s", strerror(errno));
}

static Status predict_text(Predictor *predictor, const char *text, size_t size, bool json, Error *error) {
    double probabilities[METRICS_LABELS_MAX];
    Prediction prediction = {.labels = predictor_labels(predictor),
                             .label_names = predictor_label_names(predictor),
                             .probabilities = probabilities};
    size_t failed;
    if (predictor_classify_all(predictor, &(PredictText){text, size}, 1, &prediction.best, probabilities, &failed,
                               error))
        return error->status;
    return print_answer(&prediction, &(Subject){.text = text, .size = size}, json, error);
}

/* Samples first … first + count − 1 of a token file. */
static Status predict_samples(Predictor *predictor, Dataset *dataset, int64_t first, int64_t count, bool json,
                              Error *error) {
    const int32_t labels = predictor_labels(predictor);
    int64_t indices[SAMPLES_AT_ONCE] = {0};
    int32_t best[SAMPLES_AT_ONCE];
    Samples samples = {0};
    double *probabilities = memory_allocate((size_t)(count * labels), sizeof *probabilities, error);
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (probabilities && !dataset_load(dataset, indices, count, &samples, error)) {
        predictor_classify_samples(predictor, &samples, best, probabilities);
        for (int64_t i = 0; i < count && !error->status; i++)
            print_answer(&(Prediction){labels, predictor_label_names(predictor), best[i], probabilities + i * labels},
                         &(Subject){.row = samples.rows[i]}, json, error);
    }
    samples_free(&samples);
    memory_free(probabilities);
    return error->status;
}

/* Each sample of a token file. */
static Status predict_token_file(Predictor *predictor, const Command *command, Error *error) {
    Dataset *dataset = NULL;
    if (dataset_open(&dataset, command->input, error)) return error->status;
    const DatasetInfo *info = dataset_info(dataset);
    if (!predictor_check_data(predictor, dataset, error))
        for (int64_t first = 0; first < info->samples && !error->status; first += SAMPLES_AT_ONCE)
            predict_samples(predictor, dataset, first, int64_min(info->samples - first, SAMPLES_AT_ONCE), command->json,
                            error);
    dataset_close(dataset);
    return error->status;
}

/* Each row of the table, or each line of standard input. */
static Status predict_table(Predictor *predictor, const Command *command, Error *error) {
    const TableOptions *options = &command->table;
    TableOptions lines = *options;
    Records *records = NULL;
    Field field;
    if (!command->input && !lines.format) lines.format = "lines";
    if (records_open(&records, command->input ? command->input : "-", &lines, &command->text_column, 1, false, error))
        return error->status;
    for (bool more; !records_next(records, &field, &more, error) && more;) {
        Error reason = {0};
        if (predict_text(predictor, field.text, field.size, command->json, &reason))
            error_set(error, reason.status, "%s:%" PRId64 ": %s", records_name(records), field.line, reason.message);
    }
    records_close(records);
    return error->status;
}

static Status predict_texts(Predictor *predictor, const Command *command, Error *error) {
    const OptionList *texts = &command->texts;
    for (size_t i = 0; i < texts->count && !error->status; i++)
        predict_text(predictor, texts->items[i], strlen(texts->items[i]), command->json, error);
    return error->status;
}

static Status parse(Command *command, int argc, char **argv, Error *error) {
    const Option table[] = {
        {"model", OPTION_TEXT, &command->model, "DIR: a trained model folder or checkpoint", true, 0, 0},
        {"json", OPTION_FLAG, &command->json, "print one object a line: {\"text\", \"label\", \"probabilities\"}",
         false, 0, 0},
        {"input", OPTION_TEXT, &command->input, "FILE: read the texts from a table, a token file or - (standard input)",
         false, 0, 0},
        {"text-column", OPTION_TEXT, &command->text_column, TEXT_COLUMN_HELP, false, 0, 0},
        TABLE_OPTIONS(command->table),
    };
    const CommandLine line = {
        .synopsis = "linnet predict --model DIR [--json] [TEXT ... | --input FILE]",
        .summary =
            "Print the label of each text, with its probability and the text. Texts are arguments, rows of a table,\n"
            "or lines of standard input.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "TEXT",
    };
    OptionList *texts = &command->texts;
    if (options_parse(&line, argc, argv, &command->helped, &command->quiet, texts, error) || command->helped)
        return error->status;
    log_setup(0, 1, command->quiet);
    if (command->input && texts->count > 0)
        return error_set(error, STATUS_INPUT, "--input: expected no text besides it, got %zu", texts->count);
    for (size_t i = 0; i < texts->count; i++)
        if (file_exists(texts->items[i]))
            log_warning("%s is the name of a file, but is classified as a text; --input reads a file", texts->items[i]);
    return STATUS_OK;
}

int command_predict(int argc, char **argv) {
    Command command = {.text_column = "text"};
    Predictor *predictor = NULL;
    Error error = {0};
    if (!parse(&command, argc, argv, &error) && !command.helped &&
        !predictor_open(&predictor, command.model, PREDICT_BATCH_SIZE, &error)) {
        if (command.texts.count > 0)
            predict_texts(predictor, &command, &error);
        else if (command.input && file_kind_of(command.input) == FILE_KIND_HDF5)
            predict_token_file(predictor, &command, &error);
        else
            predict_table(predictor, &command, &error);
        const PredictCounts counts = predictor_counts(predictor);
        predictor_warn_truncated(predictor, &counts);
    }
    if (error.status) log_error("%s", error.message);
    predictor_close(predictor);
    options_free_list(&command.texts);
    return (int)error.status;
}
