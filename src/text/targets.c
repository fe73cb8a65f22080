/* Targets of a table's row. See targets.h. */
#include "text/targets.h"
#include "linnet/core/escape.h"
#include "linnet/core/json.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- A cell for each target --- */

static Status refuse_cell(const Field *field, const char *name, const char *table, const char *expected, Error *error) {
    Quoted column, shown;
    const char *got = field->null ? "null" : quoted(field->text, field->size, &shown);
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": column %s: expected %s, got %s", table,
                     field->line, field->column, quoted(name, strlen(name), &column), expected,
                     field->size == 0 && !field->null ? "nothing" : got);
}

/* 1 or 0, as numbers or as truth values; −1 for anything else. */
static int flag_of(const char *text, size_t size) {
    const double number = label_number(text, size);
    if (number == 0.0 || number == 1.0) return (int)number;
    if (size == 4 && strncasecmp(text, "true", 4) == 0) return 1;
    return size == 5 && strncasecmp(text, "false", 5) == 0 ? 0 : -1;
}

static Status read_cell(const TargetRule *rule, const Field *field, const char *name, const char *table, float *target,
                        Error *error) {
    const Field cell = label_trim(*field);
    if (rule->problem == PROBLEM_MULTI_LABEL) {
        const int flag = flag_of(cell.text, cell.size);
        *target = (float)flag;
        return flag >= 0 ? STATUS_OK : refuse_cell(field, name, table, "0 or 1", error);
    }
    const double number = label_number(cell.text, cell.size);
    if (!(fabs(number) <= (double)FLT_MAX))
        return refuse_cell(field, name, table, "a number in the range of float32", error);
    *target = (float)number;
    return STATUS_OK;
}

/* --- A cell with a list --- */

/* Mark the label that an item [size] of the cell names. */
static Status take_item(const TargetRule *rule, const Field *cell, const char *text, size_t size, const char *table,
                        float *targets, Error *error) {
    const Field item = {.text = text, .size = size, .line = cell->line, .column = cell->column};
    int32_t label;
    Quoted shown;
    if (label_of_field(rule->labels, &item, table, &label, error)) return error->status;
    if (targets[label] > 0.0F)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ":%" PRId64
                         ": the list has label %s twice (a 0 or 1 for each label belongs in a column of its own: "
                         "--label-columns)",
                         table, cell->line, cell->column, quoted(text, size, &shown));
    targets[label] = 1.0F;
    return STATUS_OK;
}

static Status take_json(const TargetRule *rule, const Field *cell, const char *table, float *targets, Error *error) {
    cJSON *list = NULL;
    Error bad = {0};
    const cJSON *item;
    if (json_parse(&list, cell->text, cell->size, table, &bad))
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ":%" PRId64 ": expected a JSON list of labels, such as [\"%s\"]", table,
                         cell->line, cell->column, rule->labels->names[0]);
    cJSON_ArrayForEach(item, list) {
        char number[JSON_REAL_TEXT];
        if (cJSON_IsString(item)) {
            take_item(rule, cell, item->valuestring, strlen(item->valuestring), table, targets, error);
        } else if (cJSON_IsNumber(item)) {
            json_real_text(item->valuedouble, number);
            take_item(rule, cell, number, strlen(number), table, targets, error);
        } else {
            error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": expected a list of names or numbers", table,
                      cell->line, cell->column);
        }
        if (error->status) break;
    }
    cJSON_Delete(list);
    return error->status;
}

static Status take_list(const TargetRule *rule, const Field *field, const char *table, float *targets, Error *error) {
    const Field cell = label_trim(*field);
    const size_t between = strlen(rule->separator);
    memset(targets, 0, rule->labels->count * sizeof *targets);
    if (field->null)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ":%" PRId64 ": the labels are null: expected a list, [] where none applies",
                         table, field->line, field->column);
    if (cell.size == 0) return STATUS_OK; /* none applies */
    if (*cell.text == '[') return take_json(rule, &cell, table, targets, error);
    for (size_t start = 0, end; start <= cell.size; start = end + between) {
        end = start;
        while (end < cell.size &&
               !(cell.size - end >= between && memcmp(cell.text + end, rule->separator, between) == 0))
            end++;
        if (take_item(rule, &cell, cell.text + start, end - start, table, targets, error)) break;
    }
    return error->status;
}

Status targets_of_fields(const TargetRule *rule, const Field *fields, const char *table, float *targets, Error *error) {
    if (rule->list) return take_list(rule, &fields[0], table, targets, error);
    for (size_t k = 0; k < rule->labels->count; k++)
        if (read_cell(rule, &fields[k], rule->labels->names[k], table, &targets[k], error)) break;
    return error->status;
}
