/* All scores of an evaluation by their names. */
#include "linnet/evaluate/score_list.h"
#include "linnet/evaluate/class_scores.h"
#include "linnet/evaluate/perplexity.h"
#include <stdio.h>
#include <string.h>

double score_value(const Scores *scores, Metric metric) {
    const MultiLabelScores *multi = &scores->multi_label;
    const RegressionScores *numbers = &scores->regression;
    const bool several = scores->problem == PROBLEM_MULTI_LABEL;
    const double values[METRIC_COUNT] = {
        [METRIC_LOSS] = scores->loss,
        [METRIC_ACCURACY] = several ? multi->accuracy : scores->accuracy,
        [METRIC_F1] = several ? multi->f1_macro : scores->f1,
        [METRIC_MCC] = scores->mcc,
        [METRIC_AUROC] = scores->auroc,
        [METRIC_ECE] = scores->ece,
        [METRIC_PRECISION] = scores->precision,
        [METRIC_RECALL] = scores->recall,
        [METRIC_F1_WEIGHTED] = scores->f1_weighted,
        [METRIC_PRECISION_WEIGHTED] = scores->precision_weighted,
        [METRIC_RECALL_WEIGHTED] = scores->recall_weighted,
        [METRIC_AUROC_WEIGHTED] = scores->auroc_weighted,
        [METRIC_F1_MICRO] = multi->f1_micro,
        [METRIC_AVERAGE_PRECISION] = multi->average_precision,
        [METRIC_MSE] = numbers->mse,
        [METRIC_RMSE] = numbers->rmse,
        [METRIC_MAE] = numbers->mae,
        [METRIC_PEARSON] = numbers->pearson,
        [METRIC_SPEARMAN] = numbers->spearman,
        [METRIC_R2] = numbers->r2,
    };
    return values[metric];
}

const NamedScore *score_list_find(const ScoreList *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->scores[i].name, name) == 0) return &list->scores[i];
    return NULL;
}

/* The values [CLASS_METRIC_COUNT] of a class, in the order of CLASS_METRIC_NAMES. */
static void add_class(ScoreList *list, const char *label, const double *values) {
    for (int i = 0; i < CLASS_METRIC_COUNT; i++) {
        NamedScore score = {.value = values[i]};
        const int length = snprintf(score.name, sizeof score.name, "%s_%s", CLASS_METRIC_NAMES[i], label);
        if (length < SCORE_NAME_TEXT && !score_list_find(list, score.name)) list->scores[list->count++] = score;
    }
}

static void add_overall(ScoreList *list, const Scores *scores) {
    list->count = list->for_people = 0;
    for (Metric m = 0; m < METRIC_COUNT; m++) {
        if (!metric_is_of(m, scores->problem)) continue;
        NamedScore *score = &list->scores[list->count++];
        *score = (NamedScore){.value = score_value(scores, m)};
        snprintf(score->name, SCORE_NAME_TEXT, "%s", METRIC_NAMES[m]);
        if (m <= METRIC_ECE || problem_has_targets(scores->problem)) list->for_people = list->count;
    }
    list->overall = list->count;
}

/* Whether the list has scores of each of so many classes. */
static bool has_classes(Problem problem, int32_t labels) {
    return problem != PROBLEM_REGRESSION && labels <= SCORE_CLASSES_MAX;
}

/* Those of a language model. */
static void set_language(ScoreList *list, const Scores *scores) {
    const double values[LANGUAGE_METRIC_COUNT] = {
        [LANGUAGE_METRIC_LOSS] = scores->loss, [LANGUAGE_METRIC_PERPLEXITY] = perplexity(scores->loss)};
    list->count = list->overall = list->for_people = LANGUAGE_METRIC_COUNT;
    for (int m = 0; m < LANGUAGE_METRIC_COUNT; m++) {
        list->scores[m] = (NamedScore){.value = values[m]};
        snprintf(list->scores[m].name, SCORE_NAME_TEXT, "%s", LANGUAGE_METRIC_NAMES[m]);
    }
}

void score_list_make(ScoreList *list, const Scores *scores, const Metrics *metrics, char *const *label_names) {
    if (metrics->labels == 0) {
        set_language(list, scores);
        return;
    }
    add_overall(list, scores);
    for (int32_t k = 0; has_classes(scores->problem, metrics->labels) && k < metrics->labels; k++) {
        if (scores->problem == PROBLEM_MULTI_LABEL) {
            const LabelScores *of = &metrics->per_label[k];
            add_class(list, label_names[k], (const double[]){of->precision, of->recall, of->f1, (double)of->support});
            continue;
        }
        const ClassScores of = class_scores(metrics, k);
        add_class(list, label_names[k],
                  (const double[]){of.precision.value, of.recall.value, of.f1.value, (double)of.support});
    }
}

void score_list_names(ScoreList *list, Problem problem, int32_t labels, char *const *label_names) {
    const Scores none = {.problem = problem};
    if (labels == 0) {
        set_language(list, &none);
        return;
    }
    add_overall(list, &none);
    for (int32_t k = 0; has_classes(problem, labels) && k < labels; k++)
        add_class(list, label_names[k], (const double[CLASS_METRIC_COUNT]){0});
}
