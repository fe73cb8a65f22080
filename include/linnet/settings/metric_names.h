#ifndef LINNET_SETTINGS_METRIC_NAMES_H
#define LINNET_SETTINGS_METRIC_NAMES_H
/** The names of an evaluation's scores, as they stand in the log behind "eval_" and as metric_for_best_model takes them.
 *  evaluate/score_list.h gives their values. Nothing here allocates, fails or is collective. */
#include "linnet/data/problem.h"
#include <stdbool.h>

/** In the order of METRIC_NAMES. */
typedef enum {
    METRIC_LOSS,
    METRIC_ACCURACY,
    METRIC_F1,
    METRIC_MCC,
    METRIC_AUROC,
    METRIC_ECE,
    METRIC_PRECISION,
    METRIC_RECALL,
    METRIC_F1_WEIGHTED,
    METRIC_PRECISION_WEIGHTED,
    METRIC_RECALL_WEIGHTED,
    METRIC_AUROC_WEIGHTED,
    METRIC_F1_MICRO,
    METRIC_AVERAGE_PRECISION,
    METRIC_MSE,
    METRIC_RMSE,
    METRIC_MAE,
    METRIC_PEARSON,
    METRIC_SPEARMAN,
    METRIC_R2,
    METRIC_COUNT
} Metric;

/** Ends with NULL. */
extern const char *const METRIC_NAMES[METRIC_COUNT + 1];

/** Those of a language model; perplexity is e^loss. In the order of LANGUAGE_METRIC_NAMES, which ends with NULL. */
typedef enum { LANGUAGE_METRIC_LOSS, LANGUAGE_METRIC_PERPLEXITY, LANGUAGE_METRIC_COUNT } LanguageMetric;
extern const char *const LANGUAGE_METRIC_NAMES[LANGUAGE_METRIC_COUNT + 1];

/** Scores of one class, each with "_" and the name of a label behind it, as in f1_negative; ends with NULL. */
enum { CLASS_METRIC_COUNT = 4 };
extern const char *const CLASS_METRIC_NAMES[CLASS_METRIC_COUNT + 1];

/** Whether evaluations of this problem have the metric. */
bool metric_is_of(Metric metric, Problem problem);

/** Whether a name is in such a list, or may be a score of a class: which labels there are, only the data tell. */
bool metric_is_in(const char *name, const char *const *names);
bool metric_may_be_of_class(const char *name);

/** Whether a smaller value of the metric is better although Trainer takes every name for one of which more is better
 *  that does not end in "loss". */
bool metric_is_error(const char *name);

#endif
