/* Print the scores of an evaluation as a table. */
#include "linnet/evaluate/score_table.h"
#include "linnet/core/escape.h"
#include "linnet/core/log.h"
#include "linnet/evaluate/class_scores.h"
#include "linnet/evaluate/probability_table.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* scikit-learn's words */
#define MACRO_ROW "macro avg"
#define WEIGHTED_ROW "weighted avg"

/* A wider confusion matrix than of MATRIX_LABELS cannot be read as lines of text: then its largest cells are listed. */
enum { MATRIX_LABELS = 20, CONFUSIONS = 20, INTERVAL_WIDTH = sizeof "0.1234 [0.1234, 0.1234]" - 1 };

/* Bytes of UTF-8 that continue a character, and so take no column. */
static int continuation_bytes(const char *text) {
    int count = 0;
    for (; *text != '\0'; text++) count += ((unsigned char)*text & 0xC0) == 0x80;
    return count;
}

static int columns(const char *text) {
    return (int)strlen(text) - continuation_bytes(text);
}

/* A label as it is shown: control characters, which a model's config.json may have, are escaped. */
typedef struct {
    char text[256];
} Shown;

static const char *shown(const char *label, Shown *room) {
    escape_text(ESCAPE_OUTPUT, label, strlen(label), room->text, sizeof room->text);
    return room->text;
}

/* A label right-aligned in `width` columns. */
static void print_right(const char *label, int width) {
    Shown room;
    const char *text = shown(label, &room);
    printf("  %*s", width + continuation_bytes(text), text);
}

/* The columns of the widest label, and of the rows below the classes. */
static int label_width(int32_t labels, char *const *label_names) {
    int width = (int)strlen(WEIGHTED_ROW);
    for (int32_t i = 0; i < labels; i++) {
        Shown room;
        const int wanted = columns(shown(label_names[i], &room));
        if (wanted > width) width = wanted;
    }
    return width;
}

static void print_matrix(const Metrics *metrics, char *const *label_names, int width) {
    printf("  truth \\ predicted\n");
    print_right("", width);
    for (int32_t p = 0; p < metrics->labels; p++) print_right(label_names[p], width);
    printf("\n");
    for (int32_t truth = 0; truth < metrics->labels; truth++) {
        print_right(label_names[truth], width);
        for (int32_t p = 0; p < metrics->labels; p++)
            printf("  %*" PRId64, width, metrics->confusion[truth * metrics->labels + p]);
        printf("\n");
    }
}

/* A cell of the confusion matrix off its diagonal. */
typedef struct {
    int64_t count;
    int32_t truth, predicted;
} Confusion;

/* Put a cell into its place among the largest found so far, the first of equal ones first. */
static void keep_largest(Confusion largest[CONFUSIONS], Confusion cell) {
    for (int i = 0; i < CONFUSIONS; i++) {
        if (cell.count <= largest[i].count) continue;
        const Confusion next = largest[i];
        largest[i] = cell;
        cell = next;
    }
}

static void print_confusions(const Metrics *metrics, char *const *label_names, int width) {
    Confusion largest[CONFUSIONS] = {0};
    for (int32_t truth = 0; truth < metrics->labels; truth++)
        for (int32_t p = 0; p < metrics->labels; p++)
            if (p != truth)
                keep_largest(largest, (Confusion){metrics->confusion[truth * metrics->labels + p], .truth = truth,
                                                  .predicted = p});
    printf("  most frequent confusions\n");
    print_right("truth", width);
    print_right("predicted", width);
    print_right("samples", 8);
    printf("\n");
    for (int i = 0; i < CONFUSIONS && largest[i].count > 0; i++) {
        print_right(label_names[largest[i].truth], width);
        print_right(label_names[largest[i].predicted], width);
        printf("  %8" PRId64 "\n", largest[i].count);
    }
}

static void print_interval(const Interval *score) {
    printf("  %.4f [%.4f, %.4f]", score->value, score->low, score->high);
}

static void print_classes(const Metrics *metrics, char *const *label_names, int width) {
    const OverallScores overall = overall_scores(metrics);
    print_right("", width);
    printf("  %-*s  %-*s  %-*s  %8s\n", INTERVAL_WIDTH, "precision [95 % CI]", INTERVAL_WIDTH, "recall [95 % CI]",
           INTERVAL_WIDTH, "F1 [95 % CI]", "support");
    for (int32_t label = 0; label < metrics->labels; label++) {
        const ClassScores scores = class_scores(metrics, label);
        print_right(label_names[label], width);
        print_interval(&scores.precision);
        print_interval(&scores.recall);
        print_interval(&scores.f1);
        printf("  %8" PRId64 "\n", scores.support);
    }
    print_right(MACRO_ROW, width);
    printf("  %-*.4f  %-*.4f", INTERVAL_WIDTH, overall.precision, INTERVAL_WIDTH, overall.recall);
    print_interval(&overall.f1);
    printf("  %8" PRId64 "\n", metrics->samples);
    print_right(WEIGHTED_ROW, width);
    printf("  %-*.4f  %-*.4f  %-*.4f  %8" PRId64 "\n", INTERVAL_WIDTH, overall.precision_weighted, INTERVAL_WIDTH,
           overall.recall_weighted, INTERVAL_WIDTH, overall.f1_weighted, metrics->samples);
    print_right("accuracy", width);
    printf("  %*s", 2 * INTERVAL_WIDTH + 2, "");
    print_interval(&overall.accuracy);
    printf("  %8" PRId64 "\n", metrics->samples);
}

void score_table_reason(const Metrics *metrics, char *const *label_names, char text[SCORE_REASON_TEXT]) {
    int32_t absent = 0;
    while (absent < metrics->labels && class_scores(metrics, absent).support > 0) absent++;
    Shown room;
    if (metrics->nan_losses + metrics->infinite_losses > 0)
        snprintf(text, SCORE_REASON_TEXT, "the model's values overflow float32");
    else if (!probability_table_fits(metrics->samples, metrics->labels))
        snprintf(text, SCORE_REASON_TEXT, "too many samples and labels to keep their probabilities");
    else if (absent < metrics->labels)
        snprintf(text, SCORE_REASON_TEXT, "no sample is labelled %s", shown(label_names[absent], &room));
    else
        snprintf(text, SCORE_REASON_TEXT, "no probabilities are known");
}

static void print_auroc(const Metrics *metrics, const Scores *scores, char *const *label_names) {
    char reason[SCORE_REASON_TEXT];
    if (!isnan(scores->auroc)) {
        printf("  AUROC     %.4f\n", scores->auroc);
        return;
    }
    score_table_reason(metrics, label_names, reason);
    printf("  AUROC     not defined: %s\n", reason);
}

void score_table_print(const char *title, const Metrics *metrics, const Scores *scores, char *const *label_names,
                       double samples_per_second) {
    const int width = label_width(metrics->labels, label_names);
    printf("%s\n", title);
    printf("  samples   %" PRId64 "\n  accuracy  %.4f\n  macro F1  %.4f\n  MCC       %.4f\n", metrics->samples,
           scores->accuracy, scores->f1, scores->mcc);
    print_auroc(metrics, scores, label_names);
    printf("  ECE       %.4f\n  loss      %.4f%s\n  speed     %.1f samples/s\n", scores->ece, scores->loss,
           metrics->class_weights ? ", with class weights" : "", samples_per_second);
    if (metrics->labels <= MATRIX_LABELS)
        print_matrix(metrics, label_names, width);
    else
        print_confusions(metrics, label_names, width);
    print_classes(metrics, label_names, width);
}

void score_table_warn(const char *title, const Metrics *metrics) {
    int64_t count = metrics->nan_losses + metrics->infinite_losses;
    if (count > 0)
        log_warning("%s: the loss of %" PRId64 " of %" PRId64
                    " samples is not a finite number: for them the model's values overflow float32, as in a run that "
                    "diverged",
                    title, count, metrics->samples);
    else if (isnan(metrics_scores(metrics).loss))
        log_warning("%s: no sample has a class with a weight above 0 (class_weights): the loss is not a number", title);
}
