#ifndef LINNET_EVALUATE_SCORE_LIST_H
#define LINNET_EVALUATE_SCORE_LIST_H
/** All scores of an evaluation by the names that they have in the log. Nothing here allocates, fails or is collective. */
#include "linnet/evaluate/metrics.h"
#include "linnet/settings/metric_names.h"
#include <stddef.h>

/** Up to so many classes have scores of their own in the list: a model of more would have a log of nothing else. */
enum { SCORE_CLASSES_MAX = 20, SCORE_LIST_MAX = METRIC_COUNT + CLASS_METRIC_COUNT * SCORE_CLASSES_MAX };

#define SCORE_NAME_TEXT 256

typedef struct {
    char name
        [SCORE_NAME_TEXT]; /**< without "eval_": one of METRIC_NAMES, or one of CLASS_METRIC_NAMES, "_" and a label */
    double value;          /**< NaN: not defined */
} NamedScore;

typedef struct {
    size_t count;
    size_t overall;    /**< scores over all samples, which come first, as in METRIC_NAMES or, of a language model,
                            LANGUAGE_METRIC_NAMES; then those of classes */
    size_t for_people; /**< the first so many, which are shown in a line */
    NamedScore scores[SCORE_LIST_MAX]; /**< [count] */
} ScoreList;

/** Of a metric that the scores' problem has. */
double score_value(const Scores *scores, Metric metric);

/** The list: the metrics of the scores' problem, and but for regression those of each class or label; of a language model
 *  its metrics. `metrics` has their counts (without labels it is of a language model) and label_names [metrics->labels]
 *  their names. Left out are the
 *  scores of a class whose name is too long, or that would be called as one that is in the list. */
void score_list_make(ScoreList *list, const Scores *scores, const Metrics *metrics, char *const *label_names);

/** The names alone, of an evaluation with these labels (0: of a language model); the values mean nothing. */
void score_list_names(ScoreList *list, Problem problem, int32_t labels, char *const *label_names);

/** NULL if there is none of this name. */
const NamedScore *score_list_find(const ScoreList *list, const char *name);

#endif
