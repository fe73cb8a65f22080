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
};

const char *const CLASS_METRIC_NAMES[CLASS_METRIC_COUNT + 1] = {"precision", "recall", "f1", "support"};

bool metric_is_known(const char *name) {
    for (const char *const *known = METRIC_NAMES; *known; known++)
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
    return strcmp(name, METRIC_NAMES[METRIC_ECE]) == 0;
}
