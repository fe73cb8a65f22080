#ifndef LINNET_CLI_LABEL_OPTIONS_H
#define LINNET_CLI_LABEL_OPTIONS_H
/** The options that say where the labels of a table are and what they are. */
#include "linnet/text/preparation.h"
#include <stdbool.h>

#define LABEL_COLUMN_HELP                                                                                              \
    "NAME: column of the labels (default sentiment), or with multi_label_classification of lists of them"
#define LABEL_COLUMNS_HELP "NAMES: a column for each label or target: 0 or 1, with regression a number"
#define LABEL_SEPARATOR_HELP "TEXT: between the labels of a list that is not JSON (default ,)"

/** As given; NULL: not. */
typedef struct {
    const char *column, *separator;
    const char *columns, *names; /**< separated by commas */
    const char *problem;
} LabelOptions;

/** The lists of LabelOptions, divided. Free also after an error. */
typedef struct {
    char **columns, **names;
} LabelLists;
void label_lists_free(LabelLists *lists);

/** Fill what PrepareOptions say of labels. `none`: --no-labels. STATUS_INPUT for contradictions. */
Status label_options_read(const LabelOptions *given, bool none, LabelLists *lists, PrepareOptions *prepare,
                          Error *error);

#endif
