/* The scores of an evaluation as JSON. */
#include "linnet/evaluate/score_json.h"
#include "linnet/evaluate/class_scores.h"
#include <math.h>
#include <stdio.h>

bool score_json_number(cJSON *object, const char *name, double value) {
    return isfinite(value) ? cJSON_AddNumberToObject(object, name, value) : cJSON_AddNullToObject(object, name);
}

bool score_json_add(cJSON *object, const char *prefix, const ScoreList *list, size_t first, size_t end) {
    bool complete = true;
    for (size_t i = first; i < end && complete; i++) {
        char name[2 * SCORE_NAME_TEXT];
        snprintf(name, sizeof name, "%s%s", prefix, list->scores[i].name);
        complete = score_json_number(object, name, list->scores[i].value);
    }
    return complete;
}

/* A row of the confusion matrix. */
static bool add_row(cJSON *matrix, const Metrics *metrics, int32_t truth) {
    cJSON *row = cJSON_CreateArray();
    bool complete = cJSON_AddItemToArray(matrix, row);
    for (int32_t p = 0; p < metrics->labels && complete; p++)
        complete =
            cJSON_AddItemToArray(row, cJSON_CreateNumber((double)metrics->confusion[truth * metrics->labels + p]));
    return complete;
}

static bool add_class(cJSON *classes, const ClassScores *of, const char *label) {
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(classes, entry) && cJSON_AddStringToObject(entry, "label", label) &&
           cJSON_AddNumberToObject(entry, "precision", of->precision.value) &&
           cJSON_AddNumberToObject(entry, "recall", of->recall.value) &&
           cJSON_AddNumberToObject(entry, "f1", of->f1.value) &&
           cJSON_AddNumberToObject(entry, "support", (double)of->support);
}

static bool fill(cJSON *object, const Metrics *metrics, const Scores *scores, char *const *label_names,
                 double seconds) {
    ScoreList list;
    score_list_make(&list, scores, metrics, label_names);
    if (!score_json_add(object, "eval_", &list, 0, METRIC_COUNT) ||
        !cJSON_AddNumberToObject(object, "eval_samples", (double)metrics->samples) ||
        !score_json_number(object, "eval_runtime", seconds) ||
        !score_json_number(object, "eval_samples_per_second", (double)metrics->samples / seconds))
        return false;
    cJSON *classes = cJSON_AddArrayToObject(object, "classes");
    cJSON *matrix = cJSON_AddArrayToObject(object, "confusion_matrix");
    bool complete = classes && matrix;
    for (int32_t k = 0; k < metrics->labels && complete; k++) {
        const ClassScores of = class_scores(metrics, k);
        complete = add_class(classes, &of, label_names[k]) && add_row(matrix, metrics, k);
    }
    return complete;
}

void score_json_print(const Metrics *metrics, const Scores *scores, char *const *label_names, double seconds,
                      Error *error) {
    cJSON *object = cJSON_CreateObject();
    char *text = fill(object, metrics, scores, label_names, seconds) ? cJSON_PrintUnformatted(object) : NULL;
    if (text)
        printf("%s\n", text);
    else
        error_set(error, STATUS_FAILURE, "out of memory for the scores");
    cJSON_free(text);
    cJSON_Delete(object);
}
