/* linnet predict: the labels of texts. No MPI: one process, all its threads. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/json.h"
#include "linnet/core/log.h"
#include "linnet/evaluate/predictor.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const Prediction *prediction, const char *text) {
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "text", text);
    cJSON_AddStringToObject(tree, "label", prediction->label_names[prediction->best]);
    cJSON *names = cJSON_AddObjectToObject(tree, "probabilities");
    for (int32_t k = 0; k < prediction->labels; k++)
        json_add_number(names, prediction->label_names[k], prediction->probabilities[k]);
    char *line = cJSON_PrintUnformatted(tree);
    if (line) puts(line);
    cJSON_free(line);
    cJSON_Delete(tree);
}

static Status predict_text(Predictor *predictor, const char *text, size_t size, bool json, Error *error) {
    Prediction prediction;
    if (predictor_classify(predictor, text, size, &prediction, error)) return error->status;
    if (isnan(prediction.probabilities[0]))
        log_warning("the model's values overflow float32 for the next text: its label means nothing");
    if (json)
        print_json(&prediction, text);
    else
        printf("%s\t%.4f\t%s\n", prediction.label_names[prediction.best], prediction.probabilities[prediction.best],
               text);
    return STATUS_OK;
}

/* One text a line until the end of standard input. */
static Status predict_lines(Predictor *predictor, bool json, Error *error) {
    char *line = NULL;
    size_t capacity = 0;
    long number = 0;
    for (ssize_t size; !error->status && (size = getline(&line, &capacity, stdin)) >= 0;) {
        number++;
        if (size > 0 && line[size - 1] == '\n') line[--size] = '\0';
        if (size > 0 && line[size - 1] == '\r') line[--size] = '\0';
        Error reason = {0};
        if (predict_text(predictor, line, (size_t)size, json, &reason))
            error_set(error, reason.status, "standard input:%ld: %s", number, reason.message);
        fflush(stdout); /* a program that writes one line at a time waits for its answer */
    }
    free(line);
    return error->status;
}

int command_predict(int argc, char **argv) {
    const char *model = NULL;
    Predictor *predictor = NULL;
    bool json = false, helped = false, quiet = false;
    OptionList texts = {0};
    Error error = {0};
    const Option table[] = {
        {"model", OPTION_TEXT, &model, "DIR: a trained model folder or checkpoint", true, 0, 0},
        {"json", OPTION_FLAG, &json, "print one object a line: {\"text\", \"label\", \"probabilities\"}", false, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet predict --model DIR [--json] [TEXT ...]",
        .summary =
            "Print the label of each text, or of each line of standard input, with its probability and the text.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "TEXT",
    };
    if (options_parse(&line, argc, argv, &helped, &quiet, &texts, &error) || helped) goto cleanup;
    log_setup(0, 1, quiet);
    if (predictor_open(&predictor, model, &error)) goto cleanup;
    for (size_t i = 0; i < texts.count && !error.status; i++)
        predict_text(predictor, texts.items[i], strlen(texts.items[i]), json, &error);
    if (texts.count == 0) predict_lines(predictor, json, &error);
    predictor_warn_truncated(predictor);
cleanup:
    if (error.status) log_error("%s", error.message);
    predictor_close(predictor);
    options_free_list(&texts);
    return (int)error.status;
}
