/* What the log tells over the steps of training. */
#include "linnet/report/report.h"
#include "report/chart.h"
#include "report/sections.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *id, *title, *unit;
    const char *key;
    const char *name;         /* of its line on a page about one run; NULL: the title */
    const char *with, *other; /* on such a page a second line in the same chart: key and name; NULL: none */
    bool alone;               /* on such a page it is the second line of another chart */
    bool points, accuracy;
} Curve;

static const Curve CURVES[] = {
    {"c-loss", "Loss", "the mean cross-entropy", "loss", "training", "eval_loss", "evaluation", false, true, false},
    {"c-eval-loss", "Evaluation loss", "the mean cross-entropy", "eval_loss", NULL, NULL, NULL, true, true, false},
    {"c-accuracy", "Accuracy", "the share of right predictions on the evaluation data", "eval_accuracy", "accuracy",
     "eval_f1", "macro F1", false, true, true},
    {"c-f1", "Macro F1", "the mean of the classes’ F1 on the evaluation data", "eval_f1", NULL, NULL, NULL, true, true,
     false},
    {"c-map", "Mean average precision", "the mean of the labels’ average precision on the evaluation data",
     "eval_average_precision", "mAP", "eval_f1_micro", "micro F1", false, true, false},
    {"c-rmse", "Error", "the error on the evaluation data", "eval_rmse", "RMSE", "eval_mae", "MAE", false, true, false},
    {"c-correlation", "Correlation", "the correlation on the evaluation data", "eval_pearson", "Pearson",
     "eval_spearmanr", "Spearman", false, true, false},
    {"c-perplexity", "Perplexity", "e to the power of the evaluation loss", "eval_perplexity", NULL, NULL, NULL, false,
     true, false},
    {"c-rate", "Learning rate", "the learning rate", "learning_rate", NULL, NULL, NULL, false, false, false},
    {"c-norm", "Gradient norm", "the norm of the gradient before clipping", "grad_norm", NULL, NULL, NULL, false, false,
     false},
    {"c-speed", "Throughput (tokens/s)", "tokens a second", "tokens_per_second", NULL, NULL, NULL, false, false, false},
};

/* The loss of each problem. */
static const char *const LOSSES[] = {[PROBLEM_SINGLE_LABEL] = "the mean cross-entropy",
                                     [PROBLEM_MULTI_LABEL] = "the mean binary cross-entropy",
                                     [PROBLEM_REGRESSION] = "the mean squared error"};

/* The share of the largest class, where all runs are evaluated on the same. */
static double baseline_of(const Page *page, char *name, size_t room) {
    double share = NAN;
    for (size_t i = 0; i < page->count; i++) {
        const RunPredictions *p = &page->runs[i].predictions;
        double own;
        if (p->count == 0) continue;
        const int32_t largest = largest_class(p->metrics, &own);
        if (!isnan(share) && fabs(own - share) > 1e-12) return NAN;
        share = own;
        snprintf(name, room, "always “%.24s”: %.3f", p->label_names[largest], share);
    }
    return share;
}

static Status write_curve(Html *html, const Page *page, const Curve *curve, bool *written, Error *error) {
    const bool one = page->count == 1;
    Series series[REPORT_RUNS_MAX + 1] = {{0}};
    Line lines[REPORT_RUNS_MAX + 1];
    char note[128] = "";
    size_t count = 0;
    for (size_t i = 0; i < page->count && !error->status; i++, count++) {
        run_series(&page->runs[i], curve->key, &series[count], error);
        lines[count] =
            (Line){one ? (curve->name ? curve->name : curve->title) : page->runs[i].name, &series[count], (int)i,
                   curve->points && (!one || curve->accuracy || strncmp(curve->key, "eval", 4) == 0)};
    }
    if (one && curve->with && !run_series(&page->runs[0], curve->with, &series[count], error)) {
        lines[count] = (Line){curve->other, &series[count], 1, true};
        count++;
    }
    const Chart chart = {.id = curve->id,
                         .title = !one && strcmp(curve->key, "loss") == 0 ? "Training loss" : curve->title,
                         .unit = strstr(curve->key, "loss") ? LOSSES[run_problem(&page->runs[0])] : curve->unit,
                         .lines = lines,
                         .count = count,
                         .legend = one && curve->with,
                         .baseline = curve->accuracy ? baseline_of(page, note, sizeof note) : NAN,
                         .baseline_name = note};
    if (!error->status && chart_write(html, &chart)) *written = true;
    for (size_t i = 0; i < count; i++) series_free(&series[i]);
    return error->status;
}

static void write_legend(Html *html, const Page *page) {
    html_print(html, "<ul class=\"legend\">");
    for (size_t i = 0; i < page->count; i++) {
        html_print(html, "<li>");
        chart_swatch(html, (int)i);
        html_text(html, page->runs[i].name);
        html_print(html, "</li>");
    }
    html_print(html, "</ul>\n");
}

Status section_curves(Html *html, const Page *page, Error *error) {
    bool written = false;
    html_print(html, "<section id=\"curves\" aria-labelledby=\"curves-h\"><h2 id=\"curves-h\">Curves</h2>\n");
    if (page->count > 1) write_legend(html, page);
    html_print(html, "<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof CURVES / sizeof *CURVES && !error->status; i++)
        if (page->count > 1 || !CURVES[i].alone) write_curve(html, page, &CURVES[i], &written, error);
    html_print(html, "</div>\n");
    if (!written) html_print(html, "<p class=\"missing\">The log has no values to draw yet.</p>\n");
    html_print(html, "</section>\n");
    return error->status;
}
