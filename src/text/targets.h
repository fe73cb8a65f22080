#ifndef LINNET_TEXT_TARGETS_H
#define LINNET_TEXT_TARGETS_H
/** The targets of a table's row: which labels apply, or numbers. docs/reference/formats.md has the rules. */
#include "text/labels.h"

typedef struct {
    Problem problem;          /**< one that has targets */
    const LabelNames *labels; /**< of the targets */
    const char *separator;    /**< between the labels of a list that is not JSON */
    bool list;                /**< one cell lists the labels that apply; else there is a cell for each target */
} TargetRule;

/** targets [labels->count] of a row's label cells: one cell with a list, or one for each target. STATUS_INPUT, naming
 *  the place in the table called `table`: a list with an unknown, empty or repeated label, a cell that is neither 0 nor
 *  1 (multi label), or no number that a float32 holds (regression). */
Status targets_of_fields(const TargetRule *rule, const Field *fields, const char *table, float *targets, Error *error);

#endif
