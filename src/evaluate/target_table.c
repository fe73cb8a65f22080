/* The table of scores with targets. See target_table.h. */
#include "evaluate/target_table.h"
#include "evaluate/score_columns.h"
#include <inttypes.h>
#include <stdio.h>

#define MEAN_ROW "mean"

static void print_label(const LabelScores *of, const char *name, int width) {
    score_columns_right(name, width);
    printf("  %9.4f  %6.4f  %6.4f  %17.4f  %8" PRId64 "  %9" PRId64 "\n", of->precision, of->recall, of->f1,
           of->average_precision, of->support, of->predicted);
}

static void print_labels(const Metrics *metrics, char *const *label_names) {
    const int width = score_columns_width(metrics->labels, label_names, "");
    score_columns_right("", width);
    printf("  %9s  %6s  %6s  %17s  %8s  %9s\n", "precision", "recall", "F1", "average precision", "support",
           "predicted");
    for (int32_t k = 0; k < metrics->labels; k++) print_label(&metrics->per_label[k], label_names[k], width);
}

static void print_target(const RegressionScores *of, const char *name, int width) {
    score_columns_right(name, width);
    printf("  %12.6g  %12.6g  %12.6g  %7.4f  %8.4f  %8.4f\n", of->mse, of->rmse, of->mae, of->pearson, of->spearman,
           of->r2);
}

static void print_targets(const Metrics *metrics, const Scores *scores, char *const *label_names) {
    const int width = score_columns_width(metrics->labels, label_names, MEAN_ROW);
    score_columns_right("", width);
    printf("  %12s  %12s  %12s  %7s  %8s  %8s\n", "MSE", "RMSE", "MAE", "Pearson", "Spearman", "R2");
    for (int32_t k = 0; k < metrics->labels; k++) print_target(&metrics->per_target[k], label_names[k], width);
    if (metrics->labels > 1) print_target(&scores->regression, MEAN_ROW, width);
}

void target_table_print(const Metrics *metrics, const Scores *scores, char *const *label_names,
                        double samples_per_second) {
    const MultiLabelScores *multi = &scores->multi_label;
    printf("  samples   %" PRId64 "\n", metrics->samples);
    if (metrics->problem == PROBLEM_MULTI_LABEL)
        printf("  micro F1  %.4f\n  macro F1  %.4f\n  mAP       %.4f\n  all right %.4f\n", multi->f1_micro,
               multi->f1_macro, multi->average_precision, multi->accuracy);
    printf("  loss      %.6g\n  speed     %.1f samples/s\n", scores->loss, samples_per_second);
    if (metrics->problem == PROBLEM_MULTI_LABEL)
        print_labels(metrics, label_names);
    else
        print_targets(metrics, scores, label_names);
}
