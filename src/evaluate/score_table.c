/* Print the scores of an evaluation as a table. */
#include "linnet/evaluate/score_table.h"
#include "evaluate/score_columns.h"
#include "evaluate/target_table.h"
#include "linnet/core/log.h"
#include "linnet/evaluate/class_scores.h"
#include "linnet/evaluate/probability_table.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* scikit-learn's words */
#define MACRO_ROW "macro avg"
#define WEIGHTED_ROW "weighted avg"

/* A wider confusion matrix than of MATRIX_LABELS cannot be read as lines of text: then its largest cells are listed. */
enum { MATRIX_LABELS = 20, CONFUSIONS = 20, INTERVAL_WIDTH = sizeof "0.1234 [0.1234, 0.1234]" - 1 };

static void print_matrix(const Metrics *metrics, char *const *label_names, int width) {
    printf("  truth \\ predicted\n");
    score_columns_right("", width);
    for (int32_t p = 0; p < metrics->labels; p++) score_columns_right(label_names[p], width);
    printf("\n");
    for (int32_t truth = 0; truth < metrics->labels; truth++) {
        score_columns_right(label_names[truth], width);
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
    score_columns_right("truth", width);
    score_columns_right("predicted", width);
    score_columns_right("samples", 8);
    printf("\n");
    for (int i = 0; i < CONFUSIONS && largest[i].count > 0; i++) {
        score_columns_right(label_names[largest[i].truth], width);
        score_columns_right(label_names[largest[i].predicted], width);
        printf("  %8" PRId64 "\n", largest[i].count);
    }
}

static void print_interval(const Interval *score) {
    printf("  %.4f [%.4f, %.4f]", score->value, score->low, score->high);
}

static void print_classes(const Metrics *metrics, char *const *label_names, int width) {
    const OverallScores overall = overall_scores(metrics);
    score_columns_right("", width);
    printf("  %-*s  %-*s  %-*s  %8s\n", INTERVAL_WIDTH, "precision [95 % CI]", INTERVAL_WIDTH, "recall [95 % CI]",
           INTERVAL_WIDTH, "F1 [95 % CI]", "support");
    for (int32_t label = 0; label < metrics->labels; label++) {
        const ClassScores scores = class_scores(metrics, label);
        score_columns_right(label_names[label], width);
        print_interval(&scores.precision);
        print_interval(&scores.recall);
        print_interval(&scores.f1);
        printf("  %8" PRId64 "\n", scores.support);
    }
    score_columns_right(MACRO_ROW, width);
    printf("  %-*.4f  %-*.4f", INTERVAL_WIDTH, overall.precision, INTERVAL_WIDTH, overall.recall);
    print_interval(&overall.f1);
    printf("  %8" PRId64 "\n", metrics->samples);
    score_columns_right(WEIGHTED_ROW, width);
    printf("  %-*.4f  %-*.4f  %-*.4f  %8" PRId64 "\n", INTERVAL_WIDTH, overall.precision_weighted, INTERVAL_WIDTH,
           overall.recall_weighted, INTERVAL_WIDTH, overall.f1_weighted, metrics->samples);
    score_columns_right("accuracy", width);
    printf("  %*s", 2 * INTERVAL_WIDTH + 2, "");
    print_interval(&overall.accuracy);
    printf("  %8" PRId64 "\n", metrics->samples);
}

void score_table_reason(const Metrics *metrics, char *const *label_names, char text[SCORE_REASON_TEXT]) {
    int32_t absent = 0;
    while (absent < metrics->labels && class_scores(metrics, absent).support > 0) absent++;
    ShownLabel room;
    if (metrics->nan_losses + metrics->infinite_losses > 0)
        snprintf(text, SCORE_REASON_TEXT, "the model's values overflow float32");
    else if (!probability_table_fits(metrics->samples, metrics->labels))
        snprintf(text, SCORE_REASON_TEXT, "too many samples and labels to keep their probabilities");
    else if (absent < metrics->labels)
        snprintf(text, SCORE_REASON_TEXT, "no sample is labelled %s", score_columns_shown(label_names[absent], &room));
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
    const int width = score_columns_width(metrics->labels, label_names, WEIGHTED_ROW);
    printf("%s\n", title);
    if (problem_has_targets(metrics->problem)) {
        target_table_print(metrics, scores, label_names, samples_per_second);
        return;
    }
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
