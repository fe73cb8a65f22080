/* Scores of labels of which several may apply, and of numbers. See card_targets.h. */
#include "report/card_targets.h"
#include "report/card_text.h"
#include <inttypes.h>
#include <math.h>

/* A score: its type among the metrics of the hub, its name, and its value. */
typedef struct {
    const char *type, *name;
    double value;
} Row;

enum { ROWS_MAX = 6 };

static size_t list_rows(const CardEvaluation *of, Row rows[ROWS_MAX]) {
    const Scores *scores = of->scores;
    const MultiLabelScores *m = &scores->multi_label;
    const RegressionScores *r = &scores->regression;
    const Row multi[] = {{"f1", "Micro F1", m->f1_micro},
                         {"f1", "Macro F1", m->f1_macro},
                         {"average_precision", "Mean average precision", m->average_precision},
                         {"accuracy", "All labels right", m->accuracy},
                         {"loss", "Loss", scores->loss}};
    const Row numbers[] = {{"mse", "MSE", r->mse},
                           {"rmse", "RMSE", r->rmse},
                           {"mae", "MAE", r->mae},
                           {"pearsonr", "Pearson", r->pearson},
                           {"spearmanr", "Spearman", r->spearman},
                           {"r_squared", "R2", r->r2}};
    const bool several = scores->problem == PROBLEM_MULTI_LABEL;
    const size_t count = several ? sizeof multi / sizeof *multi : sizeof numbers / sizeof *numbers;
    for (size_t i = 0; i < count; i++) rows[i] = several ? multi[i] : numbers[i];
    return count;
}

void card_target_kind(FILE *file, const ModelCard *card) {
    const int32_t labels = card->config->labels;
    if (card->config->problem == PROBLEM_MULTI_LABEL)
        fprintf(file, ". It tells which of %" PRId32 " labels a text has: none, some or all.\n", labels);
    else if (labels == 1)
        fputs(". It tells a number of a text.\n", file);
    else
        fprintf(file, ". It tells %" PRId32 " numbers of a text.\n", labels);
}

void card_target_metrics(FILE *file, const ModelCard *card) {
    fputs(card->config->problem == PROBLEM_MULTI_LABEL ? "- f1\n- accuracy\n"
                                                       : "- mse\n- mae\n- pearsonr\n- spearmanr\n- r_squared\n",
          file);
}

void card_target_results(FILE *file, const CardEvaluation *of) {
    Row rows[ROWS_MAX] = {0};
    const size_t count = list_rows(of, rows);
    for (size_t i = 0; i < count; i++) /* digits after the point, never an exponent: YAML 1.1 takes 1e-05 for a text */
        if (isfinite(rows[i].value))
            fprintf(file, "    - type: %s\n      name: %s\n      value: %.6f\n", rows[i].type, rows[i].name,
                    rows[i].value);
}

void card_target_summary(FILE *file, const CardEvaluation *of) {
    Row rows[ROWS_MAX] = {0};
    const size_t count = list_rows(of, rows);
    for (size_t i = 0; i < count; i++) fprintf(file, "| %s | %.6g |\n", rows[i].name, rows[i].value);
}

static void print_scores(FILE *file, const Metrics *metrics, int32_t k) {
    const LabelScores *l = &metrics->per_label[k];
    const RegressionScores *r = &metrics->per_target[k];
    if (metrics->problem == PROBLEM_MULTI_LABEL)
        fprintf(file, " %.4f | %.4f | %.4f | %.4f | %" PRId64 " |", l->precision, l->recall, l->f1,
                l->average_precision, l->support);
    else
        fprintf(file, " %.6g | %.6g | %.4f | %.4f | %.4f |", r->rmse, r->mae, r->pearson, r->spearman, r->r2);
}

void card_target_labels(FILE *file, const ModelCard *card, const CardEvaluation *of) {
    const bool several = card->config->problem == PROBLEM_MULTI_LABEL;
    fprintf(file, "\n| id | %s |", several ? "label" : "target");
    if (of)
        fputs(several ? " precision | recall | F1 | average precision | support |"
                      : " RMSE | MAE | Pearson | Spearman | R2 |",
              file);
    fputs(of ? "\n|---|---|---|---|---|---|---|\n" : "\n|---|---|\n", file);
    for (int32_t k = 0; k < card->config->labels; k++) {
        fprintf(file, "| %" PRId32 " | ", k);
        card_plain(file, card->config->label_names[k]);
        fputs(" |", file);
        if (of) print_scores(file, of->metrics, k);
        fputc('\n', file);
    }
}
