/* Lines of output. See answer.h. */
#include "linnet/predict/answer.h"
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/evaluate/metrics.h"
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

static void print_json(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject,
                       const int32_t *order, int32_t shown) {
    char number[JSON_REAL_TEXT];
    if (subject->text) {
        fputs("{\"text\":", stream);
        print_json_string(stream, subject->text, subject->size);
    } else {
        fprintf(stream, "{\"row\":%" PRId64, subject->row);
    }
    fputs(",\"label\":", stream);
    if (answer->best < 0 || is_below(style, answer->probabilities[answer->best]))
        fputs("null", stream);
    else
        print_json_string(stream, answer->label_names[answer->best], strlen(answer->label_names[answer->best]));
    fputs(",\"probabilities\":{", stream);
    for (int32_t i = 0; i < shown; i++) {
        const int32_t k = style->top_k ? order[i] : i;
        if (i > 0) putc(',', stream);
        print_json_string(stream, answer->label_names[k], strlen(answer->label_names[k]));
        putc(':', stream);
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

static void print_line(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject,
                       const int32_t *order, int32_t shown) {
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
