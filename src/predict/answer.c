/* Lines of output. See answer.h. */
#include "linnet/predict/answer.h"
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/predict/predictor.h"
#include "predict/table_output.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* order [L] = the labels from the most probable on, equal ones in the model's order; as they are where they are NaN. */
static void sort_labels(const Answer *answer, int32_t *order) {
    const double *probabilities = answer->probabilities;
    for (int32_t k = 0; k < answer->labels; k++) {
        int32_t place = k;
        for (; place > 0 && probabilities[order[place - 1]] < probabilities[k]; place--)
            order[place] = order[place - 1];
        order[place] = k;
    }
}

/* NaN is below no threshold: what has no label is told apart from what is not sure. */
static bool is_below(const AnswerStyle *style, double probability) {
    return probability < style->threshold;
}

static void print_json_string(FILE *stream, const char *text, size_t size) {
    putc('"', stream);
    escape_print(stream, ESCAPE_JSON, text, size);
    putc('"', stream);
}

/* From this probability on a label applies. */
static double applies_from(const AnswerStyle *style) {
    return style->threshold > 0 ? style->threshold : PREDICT_THRESHOLD;
}

static void print_json_label(FILE *stream, const AnswerStyle *style, const Answer *answer) {
    fputs(",\"label\":", stream);
    if (answer->best < 0 || is_below(style, answer->probabilities[answer->best]))
        fputs("null", stream);
    else
        print_json_string(stream, answer->label_names[answer->best], strlen(answer->label_names[answer->best]));
}

static void print_json_labels(FILE *stream, const AnswerStyle *style, const Answer *answer) {
    const char *before = "";
    fputs(answer->best < 0 ? ",\"labels\":null" : ",\"labels\":[", stream);
    if (answer->best < 0) return;
    for (int32_t k = 0; k < answer->labels; k++) {
        if (answer->probabilities[k] < applies_from(style)) continue;
        fputs(before, stream);
        print_json_string(stream, answer->label_names[k], strlen(answer->label_names[k]));
        before = ",";
    }
    putc(']', stream);
}

static void print_json(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject,
                       const int32_t *order, int32_t shown) {
    const bool numbers = answer->problem == PROBLEM_REGRESSION;
    char number[OUTPUT_REAL_TEXT];
    static_assert(OUTPUT_REAL_TEXT >= JSON_REAL_TEXT, "a number of either kind has room");
    if (subject->text) {
        fputs("{\"text\":", stream);
        print_json_string(stream, subject->text, subject->size);
    } else {
        fprintf(stream, "{\"row\":%" PRId64, subject->row);
    }
    if (answer->problem == PROBLEM_MULTI_LABEL) print_json_labels(stream, style, answer);
    if (answer->problem == PROBLEM_SINGLE_LABEL) print_json_label(stream, style, answer);
    fputs(numbers ? ",\"values\":{" : ",\"probabilities\":{", stream);
    for (int32_t i = 0; i < shown; i++) {
        const int32_t k = style->top_k ? order[i] : i;
        if (i > 0) putc(',', stream);
        print_json_string(stream, answer->label_names[k], strlen(answer->label_names[k]));
        putc(':', stream);
        if (numbers && answer->best >= 0)
            output_real(answer->probabilities[k], number);
        else
            json_real_text(answer->probabilities[k], number);
        fputs(number, stream);
    }
    fputs("}}\n", stream);
}

static void print_label(FILE *stream, const AnswerStyle *style, const Answer *answer, int32_t label) {
    const double probability = answer->probabilities[label];
    const char *name = answer->label_names[label];
    if (answer->best < 0) {
        fputs("null\tnull\t", stream);
        return;
    }
    if (is_below(style, probability))
        putc('-', stream);
    else
        escape_print(stream, ESCAPE_OUTPUT, name, strlen(name));
    fprintf(stream, "\t%.4f\t", probability);
}

/* The labels that apply and their probabilities, with commas between them. */
static void print_labels(FILE *stream, const AnswerStyle *style, const Answer *answer) {
    bool some = false;
    for (int32_t k = 0; k < answer->labels && answer->best >= 0; k++) {
        if (answer->probabilities[k] < applies_from(style)) continue;
        if (some) putc(',', stream);
        escape_print(stream, ESCAPE_OUTPUT, answer->label_names[k], strlen(answer->label_names[k]));
        some = true;
    }
    fputs(answer->best < 0 ? "null\tnull" : some ? "\t" : "-\t-", stream);
    const char *before = "";
    for (int32_t k = 0; k < answer->labels && some; k++) {
        if (answer->probabilities[k] < applies_from(style)) continue;
        fprintf(stream, "%s%.4f", before, answer->probabilities[k]);
        before = ",";
    }
    putc('\t', stream);
}

static void print_values(FILE *stream, const Answer *answer) {
    for (int32_t k = 0; k < answer->labels; k++) {
        char number[OUTPUT_REAL_TEXT];
        output_real(answer->probabilities[k], number);
        fprintf(stream, "%s\t", answer->best < 0 ? "null" : number);
    }
}

static void print_line(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject,
                       const int32_t *order, int32_t shown) {
    if (answer->problem == PROBLEM_REGRESSION)
        print_values(stream, answer);
    else if (answer->problem == PROBLEM_MULTI_LABEL && style->top_k == 0)
        print_labels(stream, style, answer);
    else
        for (int32_t i = 0; i < shown; i++) print_label(stream, style, answer, order[i]);
    if (subject->text)
        escape_print(stream, ESCAPE_OUTPUT, subject->text, subject->size);
    else
        fprintf(stream, "%" PRId64, subject->row);
    putc('\n', stream);
}

void answer_print(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject) {
    int32_t order[METRICS_LABELS_MAX];
    const int64_t usual = style->json ? answer->labels : 1;
    const int32_t shown = (int32_t)int64_min(style->top_k ? style->top_k : usual, answer->labels);
    sort_labels(answer, order);
    (style->json ? print_json : print_line)(stream, style, answer, subject, order, shown);
}
