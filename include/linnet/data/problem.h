#ifndef LINNET_DATA_PROBLEM_H
#define LINNET_DATA_PROBLEM_H
/** What a model is trained to tell of a text: Transformers' `problem_type`. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum {
    PROBLEM_SINGLE_LABEL, /**< one of the labels; cross-entropy over them */
    PROBLEM_MULTI_LABEL,  /**< which of the labels apply: none, some or all; binary cross-entropy of each */
    PROBLEM_REGRESSION    /**< a number for each "label"; squared error */
} Problem;

/** Its name in config.json and on the command line. */
static inline const char *problem_name(Problem problem) {
    return problem == PROBLEM_SINGLE_LABEL  ? "single_label_classification"
           : problem == PROBLEM_MULTI_LABEL ? "multi_label_classification"
                                            : "regression";
}

/** Find the problem of this name; false where there is none. */
static inline bool problem_find(const char *name, Problem *problem) {
    for (Problem p = PROBLEM_SINGLE_LABEL; p <= PROBLEM_REGRESSION; p++) {
        if (strcmp(name, problem_name(p)) != 0) continue;
        *problem = p;
        return true;
    }
    return false;
}

/** Whether a sample has a number for each label (its targets) in place of the number of one label. */
static inline bool problem_has_targets(Problem problem) {
    return problem != PROBLEM_SINGLE_LABEL;
}

/** Values of a target. */
typedef struct {
    int64_t count;
    double low, high, sum; /**< of count > 0 */
} TargetRange;

static inline void target_range_add(TargetRange *range, double target) {
    if (range->count == 0 || target < range->low) range->low = target;
    if (range->count == 0 || target > range->high) range->high = target;
    range->sum += target;
    range->count++;
}

#endif
