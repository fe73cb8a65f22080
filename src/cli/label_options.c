/* What the options say of labels. See label_options.h. */
#include "cli/label_options.h"
#include "cli/options.h"
#include "linnet/core/memory.h"
#include <string.h>

#define USUAL_NAMES "negative,neutral,positive"

void label_lists_free(LabelLists *lists) {
    memory_free(lists->columns);
    memory_free(lists->names);
}

/* The problem that is named, or that the other options tell. */
static Status choose_problem(const LabelOptions *given, Problem *problem, Error *error) {
    *problem = given->columns ? PROBLEM_MULTI_LABEL : PROBLEM_SINGLE_LABEL;
    if (!given->problem || problem_find(given->problem, problem)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "--problem-type: expected %s, %s or %s, got %s",
                     problem_name(PROBLEM_SINGLE_LABEL), problem_name(PROBLEM_MULTI_LABEL),
                     problem_name(PROBLEM_REGRESSION), given->problem);
}

static Status check(const LabelOptions *given, bool none, Problem problem, Error *error) {
    const bool single = problem == PROBLEM_SINGLE_LABEL, multi = problem == PROBLEM_MULTI_LABEL;
    const struct {
        bool wrong;
        const char *text;
    } rules[] = {
        {none && (given->columns || given->problem || given->separator),
         "--no-labels: expected no --label-columns, --problem-type and --label-separator besides it"},
        {given->column && given->columns, "--label-columns: expected no --label-column besides it"},
        {single && given->columns,
         "--label-columns: single_label_classification has one column of labels: name it by --label-column"},
        {given->separator && !(multi && !given->columns),
         "--label-separator: is for lists of labels in one column: --problem-type multi_label_classification "
         "--label-column NAME"},
        {given->separator && !*given->separator, "--label-separator: expected a text, got ''"},
        {multi && !given->columns && !given->names,
         "--labels: is required: it names the labels that the lists of multi_label_classification may have (columns of "
         "0 and 1 are named by --label-columns)"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong) return error_set(error, STATUS_INPUT, "%s", rules[i].text);
    return STATUS_OK;
}

/* A column for each target: of regression the one column, unless several are named. */
static Status read_columns(const LabelOptions *given, const char *names, LabelLists *lists, PrepareOptions *prepare,
                           Error *error) {
    const char *columns = given->columns ? given->columns : given->column ? given->column : USUAL_LABEL_COLUMN;
    size_t count;
    lists->columns = options_split(columns, &count, error);
    if (!lists->columns) return error->status;
    prepare->label_columns = lists->columns;
    if (names && count != prepare->labels)
        return error_set(error, STATUS_INPUT, "--labels: expected a name for each of the %zu columns, got %zu", count,
                         prepare->labels);
    if (names) return STATUS_OK;
    prepare->labels = count;
    prepare->label_names = lists->columns;
    return STATUS_OK;
}

Status label_options_read(const LabelOptions *given, bool none, LabelLists *lists, PrepareOptions *prepare,
                          Error *error) {
    if (choose_problem(given, &prepare->problem, error) || check(given, none, prepare->problem, error) || none)
        return error->status;
    const bool columns = given->columns || prepare->problem == PROBLEM_REGRESSION;
    const char *names = given->names ? given->names : columns ? NULL : USUAL_NAMES;
    if (names) {
        lists->names = options_split(names, &prepare->labels, error);
        if (!lists->names) return error->status;
        prepare->label_names = lists->names;
    }
    if (columns) return read_columns(given, names, lists, prepare, error);
    prepare->label_column = given->column ? given->column : USUAL_LABEL_COLUMN;
    prepare->label_separator = given->separator;
    return STATUS_OK;
}
