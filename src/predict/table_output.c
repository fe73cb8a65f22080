/* A table with predictions, row by row. See table_output.h. */
#include "predict/table_output.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

Status output_format(const char *path, OutputFormat *format, Error *error) {
    static const struct {
        const char *ending;
        OutputFormat format;
    } ENDINGS[] = {{".csv", OUTPUT_CSV},    {".tsv", OUTPUT_TSV},     {".tab", OUTPUT_TSV},
                   {".jsonl", OUTPUT_JSON}, {".ndjson", OUTPUT_JSON}, {".json", OUTPUT_JSON}};
    const size_t size = strlen(path);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        const size_t length = strlen(ENDINGS[i].ending);
        *format = ENDINGS[i].format;
        if (size > length && strcasecmp(path + size - length, ENDINGS[i].ending) == 0) return STATUS_OK;
    }
    return error_set(error, STATUS_INPUT,
                     "--output %s: expected a name that ends in .csv, .tsv, .jsonl or .json (JSON Lines): it tells the "
                     "format",
                     path);
}

/* --- Columns --- */

static bool among(const char *const *columns, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i], name) == 0) return true;
    return false;
}

static Status refuse_column(const char *input, const char *name, const char *what, Error *error) {
    Quoted shown;
    return error_set(error, STATUS_INPUT, "%s: column %s %s: rename or remove it", input,
                     quoted(name, strlen(name), &shown), what);
}

/* prefix + name as a new text. */
static char *join_name(const char *prefix, const char *name, Error *error) {
    const size_t size = strlen(prefix) + strlen(name) + 1;
    char *text = memory_allocate(size, 1, error);
    if (text) snprintf(text, size, "%s%s", prefix, name);
    return text;
}

Status answer_columns_choose(AnswerColumns *answers, OutputFormat format, const char *const *columns, size_t count,
                             const char *input, Error *error) {
    for (size_t i = 0; i < count && format == OUTPUT_JSON; i++)
        if (among(columns, i, columns[i]))
            return refuse_column(input, columns[i], "appears twice, which JSON does not allow", error);
    const bool numbers = answers->problem == PROBLEM_REGRESSION;
    const char *label = answers->problem == PROBLEM_MULTI_LABEL ? "labels" : "label";
    if (!numbers) answers->label = join_name(among(columns, count, label) ? "predicted_" : "", label, error);
    answers->probabilities = memory_allocate((size_t)answers->labels, sizeof *answers->probabilities, error);
    for (int32_t k = 0; k < answers->labels && !error->status; k++) {
        answers->probabilities[k] = join_name(numbers ? "predicted_" : "probability_", answers->names[k], error);
    }
    for (size_t i = 0; i < count && !error->status; i++)
        if (answer_columns_have(answers, columns[i], strlen(columns[i])))
            return refuse_column(input, columns[i], "has the name of one that predict adds", error);
    return error->status;
}

void answer_columns_free(AnswerColumns *answers) {
    for (int32_t k = 0; answers->probabilities && k < answers->labels; k++) memory_free(answers->probabilities[k]);
    memory_free(answers->probabilities);
    memory_free(answers->label);
}

static bool is_name(const char *name, const char *text, size_t size) {
    return strlen(name) == size && memcmp(name, text, size) == 0;
}

bool answer_columns_have(const AnswerColumns *answers, const char *name, size_t size) {
    bool is = answers->label && is_name(answers->label, name, size);
    for (int32_t k = 0; k < answers->labels && !is; k++) is = is_name(answers->probabilities[k], name, size);
    return is;
}

/* --- Cells --- */

static char separator_of(OutputFormat format) {
    return format == OUTPUT_TSV ? '\t' : ',';
}

void output_separator(FILE *file, OutputFormat format) {
    putc_unlocked(separator_of(format), file);
}

void output_cell(FILE *file, OutputFormat format, const char *text, size_t size) {
    const char special[] = {separator_of(format), '"', '\n', '\r'};
    bool plain = true;
    if (size == 0) return; /* there may be no text then, which neither memchr() nor fwrite() takes */
    for (size_t i = 0; i < sizeof special && plain; i++) plain = !memchr(text, special[i], size);
    if (plain) {
        fwrite(text, 1, size, file);
        return;
    }
    putc_unlocked('"', file);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') putc_unlocked('"', file);
        putc_unlocked(text[i], file);
    }
    putc_unlocked('"', file);
}

void output_string(FILE *file, const char *text, size_t size) {
    putc_unlocked('"', file);
    escape_print(file, ESCAPE_JSON, text, size);
    putc_unlocked('"', file);
}

void output_header(FILE *file, OutputFormat format, const AnswerColumns *answers, const char *const *columns,
                   size_t count) {
    if (format == OUTPUT_JSON) return;
    for (size_t i = 0; i < count; i++) {
        output_cell(file, format, columns[i], strlen(columns[i]));
        output_separator(file, format);
    }
    if (answers->label) output_cell(file, format, answers->label, strlen(answers->label));
    for (int32_t k = 0; k < answers->labels; k++) {
        if (k > 0 || answers->label) output_separator(file, format);
        output_cell(file, format, answers->probabilities[k], strlen(answers->probabilities[k]));
    }
    putc_unlocked('\n', file);
}

/* --- Answers --- */

void output_real(double number, char text[OUTPUT_REAL_TEXT]) {
    const int most = 9; /* digits tell any two float32 apart */
    const float rounded = (float)number;
    for (int digits = 1; digits <= most; digits++) {
        snprintf(text, OUTPUT_REAL_TEXT, "%.*g", digits, (double)rounded);
        if (strtof(text, NULL) == rounded) return;
    }
}

/* Whether a label applies of those of which several may. */
static bool applies(const AnswerColumns *answers, int32_t best, double probability) {
    return best >= 0 && probability >= answers->threshold;
}

/* The label, or an array of those that apply. */
static void label_json(FILE *file, const AnswerColumns *answers, int32_t best, const double *probabilities) {
    bool some = false;
    if (answers->problem == PROBLEM_SINGLE_LABEL && applies(answers, best, best < 0 ? 0.0 : probabilities[best])) {
        output_string(file, answers->names[best], strlen(answers->names[best]));
        return;
    }
    if (answers->problem == PROBLEM_SINGLE_LABEL || best < 0) {
        fputs("null", file);
        return;
    }
    putc_unlocked('[', file);
    for (int32_t k = 0; k < answers->labels; k++) {
        if (!applies(answers, best, probabilities[k])) continue;
        if (some) putc_unlocked(',', file);
        output_string(file, answers->names[k], strlen(answers->names[k]));
        some = true;
    }
    putc_unlocked(']', file);
}

static void answer_json(FILE *file, const AnswerColumns *answers, int32_t best, const double *probabilities) {
    char number[OUTPUT_REAL_TEXT];
    if (answers->label) {
        putc_unlocked(',', file);
        output_string(file, answers->label, strlen(answers->label));
        putc_unlocked(':', file);
        label_json(file, answers, best, probabilities);
    }
    for (int32_t k = 0; k < answers->labels; k++) {
        putc_unlocked(',', file);
        output_string(file, answers->probabilities[k], strlen(answers->probabilities[k]));
        output_real(probabilities[k], number);
        fprintf(file, ":%s", isfinite(probabilities[k]) ? number : "null");
    }
    fputs("}\n", file);
}

/* The labels that apply as one cell, with commas between them. */
static void labels_cell(FILE *file, OutputFormat format, const AnswerColumns *answers, int32_t best,
                        const double *probabilities) {
    const char special[] = {separator_of(format), '"', '\n', '\r', '\0'};
    bool quoted = false, some = false;
    for (int32_t k = 0; k < answers->labels; k++) {
        if (!applies(answers, best, probabilities[k])) continue;
        quoted = quoted || strpbrk(answers->names[k], special) || (some && format == OUTPUT_CSV);
        some = true;
    }
    if (quoted) putc_unlocked('"', file);
    some = false;
    for (int32_t k = 0; k < answers->labels; k++) {
        if (!applies(answers, best, probabilities[k])) continue;
        if (some) putc_unlocked(',', file);
        some = true;
        for (const char *c = answers->names[k]; *c; c++) {
            if (*c == '"') putc_unlocked('"', file);
            putc_unlocked(*c, file);
        }
    }
    if (quoted) putc_unlocked('"', file);
}

void output_answer(FILE *file, OutputFormat format, const AnswerColumns *answers, int32_t best,
                   const double *probabilities) {
    char number[OUTPUT_REAL_TEXT];
    if (format == OUTPUT_JSON) {
        answer_json(file, answers, best, probabilities);
        return;
    }
    if (answers->label) output_separator(file, format);
    if (answers->problem == PROBLEM_MULTI_LABEL)
        labels_cell(file, format, answers, best, probabilities);
    else if (answers->label && applies(answers, best, best < 0 ? 0.0 : probabilities[best]))
        output_cell(file, format, answers->names[best], strlen(answers->names[best]));
    for (int32_t k = 0; k < answers->labels; k++) {
        output_separator(file, format);
        if (!isfinite(probabilities[k])) continue;
        output_real(probabilities[k], number);
        fputs(number, file);
    }
    putc_unlocked('\n', file);
}

/* --- What is there already --- */

/* Whether the file starts with the header row, or in JSON with a line that has the first added probability. */
static bool is_predictions(FILE *file, OutputFormat format, const AnswerColumns *answers, const char *header,
                           size_t size) {
    char *line = NULL, *member = NULL;
    size_t room = 0, length = 0;
    const ssize_t got = getdelim(&line, &room, '\n', file);
    bool is = got <= 0; /* an empty file */
    /* A name in the header may hold a line end, so that a line is the start of the header. */
    if (got > 0 && format != OUTPUT_JSON) is = (size_t)got <= size && memcmp(header, line, (size_t)got) == 0;
    if (got > 0 && format == OUTPUT_JSON) {
        FILE *text = open_memstream(&member, &length);
        if (text) {
            output_string(text, answers->probabilities[0], strlen(answers->probabilities[0]));
            fputc(':', text);
            is = fclose(text) == 0 && *line == '{' && memmem(line, (size_t)got, member, length) != NULL;
        }
    }
    free(line);
    free(member);
    return is;
}

Status output_check_replaced(const char *path, OutputFormat format, const AnswerColumns *answers,
                             const char *const *columns, size_t count, Error *error) {
    char *header = NULL;
    size_t size = 0;
    Error unreadable = {0};
    FILE *file = NULL, *text = open_memstream(&header, &size);
    if (!text) return error_set(error, STATUS_FAILURE, "%s: cannot compare: %s", path, strerror(errno));
    output_header(text, format, answers, columns, count);
    fclose(text);
    if (!file_open_stream(path, &file, &unreadable)) {
        if (!is_predictions(file, format, answers, header, size))
            error_set(error, STATUS_INPUT,
                      "%s: exists and is not a table of predictions with these columns: remove it, or choose another "
                      "name",
                      path);
        fclose(file);
    }
    free(header);
    return error->status;
}
