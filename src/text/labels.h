#ifndef LINNET_TEXT_LABELS_H
#define LINNET_TEXT_LABELS_H
/** The class that a table's cell means. docs/reference/formats.md has the rules. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/text/records.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *const *names; /**< [count] borrowed */
    size_t count;
    bool numbers;                      /**< a name is a number: then numbers are never indices */
    double values[DATASET_LABELS_MAX]; /**< [count] of the names; NaN for those that are no numbers */
} LabelNames;

/** Look at the names. STATUS_INPUT for none, too many, an empty or a repeated one. */
Status label_names_init(LabelNames *labels, char *const *names, size_t count, Error *error);

/** The number that a text [size] is in decimal notation, else NaN. */
double label_number(const char *text, size_t size);

/** The cell without the white space around its text. */
Field label_trim(Field field);

/** The class of a cell. STATUS_INPUT, naming the place in the table called `table`, where it is none. */
Status label_of_field(const LabelNames *labels, const Field *field, const char *table, int32_t *label, Error *error);

#endif
