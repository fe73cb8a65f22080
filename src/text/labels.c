/* Labels of a table by name and by number. See labels.h. */
#include "text/labels.h"
#include "linnet/core/escape.h"
#include "linnet/core/utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX_BYTES 40
#define FLOAT64_INTEGERS 0x1p53 /* from here on integers share a value with others */

double label_number(const char *text, size_t size) {
    char copy[NUMBER_MAX_BYTES + 1];
    if (size == 0 || size > NUMBER_MAX_BYTES) return NAN;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strspn(copy, "0123456789+-.eE") != size) return NAN; /* strtod() also knows spaces, inf, nan and 0x */
    char *end;
    const double number = strtod(copy, &end);
    return *end == '\0' && isfinite(number) ? number : NAN;
}

/* Whether a token file can hold the name. */
static bool is_plain(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F) return false;
    return utf8_valid_length(name, size) == size;
}

Status label_names_init(LabelNames *labels, char *const *names, size_t count, Error *error) {
    Quoted shown;
    if (count < 1 || count > DATASET_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "expected 1 to %d labels, got %zu", DATASET_LABELS_MAX, count);
    *labels = (LabelNames){.names = names, .count = count};
    for (size_t i = 0; i < count; i++) {
        const size_t size = strlen(names[i]);
        if (size == 0) return error_set(error, STATUS_INPUT, "label %zu: the name is empty", i);
        if (!is_plain(names[i], size))
            return error_set(error, STATUS_INPUT, "label %zu: expected UTF-8 without control characters, got %s", i,
                             quoted(names[i], size, &shown));
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return error_set(error, STATUS_INPUT, "label %s appears twice", quoted(names[i], size, &shown));
        labels->values[i] = label_number(names[i], size);
        if (!isnan(labels->values[i])) labels->numbers = true;
    }
    return STATUS_OK;
}

static int32_t find_name(const LabelNames *labels, const char *text, size_t size) {
    for (size_t i = 0; i < labels->count; i++)
        if (strlen(labels->names[i]) == size && memcmp(labels->names[i], text, size) == 0) return (int32_t)i;
    return -1;
}

/* The class of a number: the only name of that value, or, where no name is a number, the class of that index. */
static int32_t find_number(const LabelNames *labels, double number) {
    int32_t found = -1;
    if (fabs(number) >= FLOAT64_INTEGERS) return -1;
    if (!labels->numbers)
        return number >= 0 && number < (double)labels->count && number == floor(number) ? (int32_t)number : -1;
    for (size_t i = 0; i < labels->count; i++) {
        if (labels->values[i] != number) continue;
        if (found >= 0) return -1;
        found = (int32_t)i;
    }
    return found;
}

/* true and false are written with a capital by Python and without by JSON: the only name that is the word. */
static int32_t find_boolean(const LabelNames *labels, const char *text, size_t size) {
    int32_t found = -1;
    if (!(size == 4 && strncasecmp(text, "true", 4) == 0) && !(size == 5 && strncasecmp(text, "false", 5) == 0))
        return -1;
    for (size_t i = 0; i < labels->count; i++) {
        if (strlen(labels->names[i]) != size || strncasecmp(labels->names[i], text, size) != 0) continue;
        if (found >= 0) return -1;
        found = (int32_t)i;
    }
    return found;
}

static bool is_ascii(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] >= 0x80) return false;
    return true;
}

/* Letters of other alphabets can look like those of the names, all of which are ASCII: " (U+0430 is not ASCII)". */
enum { LOOK_TEXT = 32 };
static const char *name_foreign_character(const LabelNames *labels, const Field *field, char text[LOOK_TEXT]) {
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < labels->count; i++)
        if (!is_ascii(labels->names[i], strlen(labels->names[i]))) return text;
    while (at < field->size && (unsigned char)field->text[at] < 0x80) at++;
    if (at < field->size)
        snprintf(text, LOOK_TEXT, " (U+%04X is not ASCII)",
                 (unsigned)utf8_read(field->text + at, utf8_character_length(field->text + at, field->size - at)));
    return text;
}

static Status refuse(const LabelNames *labels, const Field *field, const char *table, Error *error) {
    char known[512] = "", range[64] = "", look[LOOK_TEXT];
    Quoted shown;
    for (size_t i = 0; i < labels->count; i++)
        error_list(known, sizeof known, labels->names[i], strlen(labels->names[i]));
    if (!labels->numbers) snprintf(range, sizeof range, ", or a number from 0 to %zu", labels->count - 1);
    if (field->size == 0)
        return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": the label is %s: expected %s%s", table,
                         field->line, field->column, field->null ? "null" : "empty", known, range);
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": unknown label %s%s: expected %s%s", table,
                     field->line, field->column, quoted(field->text, field->size, &shown),
                     name_foreign_character(labels, field, look), known, range);
}

static bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

Field label_trim(Field field) {
    while (field.size > 0 && is_space(field.text[field.size - 1])) field.size--;
    for (; field.size > 0 && is_space(*field.text); field.size--) field.text++;
    return field;
}

Status label_of_field(const LabelNames *labels, const Field *field, const char *table, int32_t *label, Error *error) {
    *label = find_name(labels, field->text, field->size);
    if (*label >= 0) return STATUS_OK;
    const Field cell = label_trim(*field);
    *label = find_name(labels, cell.text, cell.size);
    if (*label >= 0) return STATUS_OK;
    const double number = label_number(cell.text, cell.size);
    *label = isnan(number) ? find_boolean(labels, cell.text, cell.size) : find_number(labels, number);
    return *label >= 0 ? STATUS_OK : refuse(labels, field, table, error);
}
