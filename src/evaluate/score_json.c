/* The scores of an evaluation as JSON. */
#include "linnet/evaluate/score_json.h"
#include "linnet/core/integers.h"
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

static bool add_classes(cJSON *object, const Metrics *metrics, char *const *label_names) {
    cJSON *classes = cJSON_AddArrayToObject(object, "classes");
    cJSON *matrix = cJSON_AddArrayToObject(object, "confusion_matrix");
    bool complete = classes && matrix;
    for (int32_t k = 0; k < metrics->labels && complete; k++) {
        const ClassScores of = class_scores(metrics, k);
        complete = add_class(classes, &of, label_names[k]) && add_row(matrix, metrics, k);
    }
    return complete;
}

static bool add_label(cJSON *labels, const LabelScores *of, const char *label) {
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(labels, entry) && cJSON_AddStringToObject(entry, "label", label) &&
           score_json_number(entry, "precision", of->precision) && score_json_number(entry, "recall", of->recall) &&
           score_json_number(entry, "f1", of->f1) &&
           score_json_number(entry, "average_precision", of->average_precision) &&
           cJSON_AddNumberToObject(entry, "support", (double)of->support) &&
           cJSON_AddNumberToObject(entry, "predicted", (double)of->predicted);
}

static bool add_target(cJSON *targets, const RegressionScores *of, const char *name) {
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(targets, entry) && cJSON_AddStringToObject(entry, "target", name) &&
           score_json_number(entry, "mse", of->mse) && score_json_number(entry, "rmse", of->rmse) &&
           score_json_number(entry, "mae", of->mae) && score_json_number(entry, "pearson", of->pearson) &&
           score_json_number(entry, "spearmanr", of->spearman) && score_json_number(entry, "r2", of->r2);
}

/* Of several labels a sample, or of numbers. */
static bool add_targets(cJSON *object, const Metrics *metrics, char *const *label_names) {
    const bool multi = metrics->problem == PROBLEM_MULTI_LABEL;
    cJSON *list = cJSON_AddArrayToObject(object, multi ? "classes" : "targets");
    bool complete = list;
    for (int32_t k = 0; k < metrics->labels && complete; k++)
        complete = multi ? add_label(list, &metrics->per_label[k], label_names[k])
                         : add_target(list, &metrics->per_target[k], label_names[k]);
    return complete;
}

static bool fill(cJSON *object, const Metrics *metrics, const Scores *scores, char *const *label_names,
                 double seconds) {
    ScoreList list;
    score_list_make(&list, scores, metrics, label_names);
    if (!score_json_add(object, "eval_", &list, 0, list.overall) ||
        !cJSON_AddNumberToObject(object, "eval_samples", (double)metrics->samples) ||
        !score_json_number(object, "eval_runtime", seconds) ||
        !score_json_number(object, "eval_samples_per_second", (double)metrics->samples / seconds))
        return false;
    if (metrics->labels == 0) return cJSON_AddNumberToObject(object, "eval_predictions", (double)metrics->predictions);
    return problem_has_targets(metrics->problem) ? add_targets(object, metrics, label_names)
                                                 : add_classes(object, metrics, label_names);
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
