/* The names of an evaluation's scores. */
#include "linnet/settings/metric_names.h"
#include <stddef.h>
#include <string.h>

const char *const METRIC_NAMES[METRIC_COUNT + 1] = {
    [METRIC_LOSS] = "loss",
    [METRIC_ACCURACY] = "accuracy",
    [METRIC_F1] = "f1",
    [METRIC_MCC] = "mcc",
    [METRIC_AUROC] = "auroc",
    [METRIC_ECE] = "ece",
    [METRIC_PRECISION] = "precision",
    [METRIC_RECALL] = "recall",
    [METRIC_F1_WEIGHTED] = "f1_weighted",
    [METRIC_PRECISION_WEIGHTED] = "precision_weighted",
    [METRIC_RECALL_WEIGHTED] = "recall_weighted",
    [METRIC_AUROC_WEIGHTED] = "auroc_weighted",
    [METRIC_F1_MICRO] = "f1_micro",
    [METRIC_AVERAGE_PRECISION] = "average_precision",
    [METRIC_MSE] = "mse",
    [METRIC_RMSE] = "rmse",
    [METRIC_MAE] = "mae",
    [METRIC_PEARSON] = "pearson",
    [METRIC_SPEARMAN] = "spearmanr",
    [METRIC_R2] = "r2",
};

const char *const LANGUAGE_METRIC_NAMES[LANGUAGE_METRIC_COUNT + 1] = {
    [LANGUAGE_METRIC_LOSS] = "loss",
    [LANGUAGE_METRIC_PERPLEXITY] = "perplexity",
};

const char *const CLASS_METRIC_NAMES[CLASS_METRIC_COUNT + 1] = {"precision", "recall", "f1", "support"};

bool metric_is_of(Metric metric, Problem problem) {
    if (metric == METRIC_LOSS) return true;
    if (problem == PROBLEM_REGRESSION) return metric >= METRIC_MSE;
    if (metric == METRIC_ACCURACY || metric == METRIC_F1) return true;
    const bool of_several = metric == METRIC_F1_MICRO || metric == METRIC_AVERAGE_PRECISION;
    return problem == PROBLEM_MULTI_LABEL ? of_several : metric < METRIC_F1_MICRO;
}

bool metric_is_in(const char *name, const char *const *names) {
    for (const char *const *known = names; *known; known++)
        if (strcmp(*known, name) == 0) return true;
    return false;
}

bool metric_may_be_of_class(const char *name) {
    for (const char *const *known = CLASS_METRIC_NAMES; *known; known++) {
        const size_t length = strlen(*known);
        if (strncmp(*known, name, length) == 0 && name[length] == '_' && name[length + 1]) return true;
    }
    return false;
}

bool metric_is_error(const char *name) {
    static const Metric errors[] = {METRIC_ECE, METRIC_MSE, METRIC_RMSE, METRIC_MAE};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(name, METRIC_NAMES[errors[i]]) == 0) return true;
    return strcmp(name, LANGUAGE_METRIC_NAMES[LANGUAGE_METRIC_PERPLEXITY]) == 0;
}
