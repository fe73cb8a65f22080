/* The figures that come first. */
#include "report/chart.h"
#include "report/sections.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The log tells how long the evaluation took and at which rate. */
static int64_t samples_of(const cJSON *evaluation) {
    const double samples =
        event_number(evaluation, "eval_runtime") * event_number(evaluation, "eval_samples_per_second");
    return samples > 0.0 && samples < 1e15 ? llround(samples) : 0;
}

/* The scores that runs are compared by. */
typedef struct {
    const char *main_key, *main_name, *second_key, *second_name;
} Compared;

static const Compared COMPARED[] = {
    [PROBLEM_SINGLE_LABEL] = {"eval_accuracy", "Accuracy", "eval_f1", "Macro F1"},
    [PROBLEM_MULTI_LABEL] = {"eval_f1_micro", "Micro F1", "eval_f1", "Macro F1"},
    [PROBLEM_REGRESSION] = {"eval_rmse", "RMSE", "eval_pearson", "Pearson"},
};

static const Compared COMPARED_LANGUAGE = {"eval_perplexity", "Perplexity", NULL, "Bits a token"};

static const Compared *compared_of(const Run *run) {
    return run_is_language(run) ? &COMPARED_LANGUAGE : &COMPARED[run_problem(run)];
}

/* Whether the main score is a share of samples, with an interval. */
static bool is_share(const Run *run) {
    return !run_is_language(run) && !problem_has_targets(run_problem(run));
}

RunScores run_scores(const Run *run) {
    const cJSON *event = run->last_evaluation;
    RunScores scores = {{NAN, NAN, NAN}, {NAN, NAN, NAN}, NAN, 0};
    if (!event) return scores;
    scores.samples = run->predictions.count > 0 ? run->predictions.count : samples_of(event);
    const Compared *compared = compared_of(run);
    const double accuracy = is_share(run) ? event_number(event, "eval_accuracy") : NAN;
    if (accuracy >= 0.0 && accuracy <= 1.0 && scores.samples > 0)
        scores.main = interval_wilson(llround(accuracy * (double)scores.samples), scores.samples);
    if (run->predictions.count > 0 && (double)run->predictions.step == event_number(event, "step"))
        scores.second = overall_scores(run->predictions.metrics).f1;
    scores.loss = event_number(event, "eval_loss");
    scores.main.value = event_number(event, compared->main_key);
    scores.second.value = compared->second_key ? event_number(event, compared->second_key) : scores.loss / log(2.0);
    return scores;
}

double run_merit(const Run *run) {
    const double score = run_scores(run).main.value;
    return run_is_language(run) || run_problem(run) == PROBLEM_REGRESSION ? -score : score;
}

static const char *base_name(const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

static void write_file(Html *html, const char *path, const char *otherwise) {
    const char *text = base_name(path);
    if (text)
        html_text(html, text);
    else
        html_print(html, "%s", otherwise);
}

/* "model, fine-tuned on 6,000 samples of train.h5; evaluated on 3,534 of test.h5". */
static void write_subject(Html *html, const Run *run, const RunScores *scores) {
    html_print(html, "<p class=\"lede\">Base model <b>");
    write_file(html, run_setting_text(run, "model_name_or_path"), "not known");
    html_print(html, "</b>, trained on ");
    if (run->state.samples > 0) {
        html_count(html, run->state.samples);
        html_print(html, " samples of ");
    }
    html_print(html, "<b>");
    write_file(html, run_setting_text(run, "train_file"), "a file that is not known");
    html_print(html, "</b>");
    if (scores->samples > 0) {
        html_print(html, ", evaluated on ");
        html_count(html, scores->samples);
        html_print(html, " of <b>");
        write_file(html, run->eval_path, "a file that is not known");
        html_print(html, "</b>");
    }
    html_print(html, ".</p>\n");
}

/* What the loss is a mean of, if it is not every sample alike. */
static const char *weighting(const Run *run) {
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(run->settings, "class_weights");
    return weights && !cJSON_IsNull(weights) ? " with class weights" : "";
}

/* --- One run ------------------------------------------------------------------------------------------------------ */

/* Of a language model. */
static void write_perplexity(Html *html, const Run *run, const RunScores *scores) {
    html_print(html, "<dl class=\"figures\"><div class=\"first\"><dt>Perplexity</dt><dd>");
    html_number(html, event_number(run->last_evaluation, "eval_perplexity"));
    html_print(html, "<small>e to the power of the loss</small></dd></div><div><dt>Evaluation loss</dt><dd>");
    html_number(html, scores->loss);
    html_print(html, "<small>mean over predicted tokens</small></dd></div><div><dt>Evaluated on</dt><dd>");
    html_count(html, scores->samples);
    html_print(html, "<small>samples</small></dd></div></dl>\n");
}

static void write_figures(Html *html, const Run *run, const RunScores *scores) {
    html_print(html, "<dl class=\"figures\"><div class=\"first\"><dt>Accuracy</dt><dd>");
    html_percent(html, scores->main.value);
    if (!isnan(scores->main.low))
        html_print(html, "<small>95&nbsp;%% interval %.1f to %.1f&nbsp;%%</small>", 100.0 * scores->main.low,
                   100.0 * scores->main.high);
    html_print(html, "</dd></div><div><dt>Macro F1</dt><dd>");
    html_score(html, scores->second.value);
    if (isnan(scores->second.low))
        html_print(html, "<small>mean over the classes</small>");
    else
        html_print(html, "<small>95&nbsp;%% interval %.3f to %.3f</small>", scores->second.low, scores->second.high);
    html_print(html, "</dd></div><div><dt>Evaluation loss</dt><dd>");
    html_number(html, scores->loss);
    html_print(html, "<small>mean cross-entropy%s</small></dd></div><div><dt>Evaluated on</dt><dd>", weighting(run));
    html_count(html, scores->samples);
    html_print(html, "<small>samples");
    if (run->predictions.count > 0) {
        double share;
        const int32_t largest = largest_class(run->predictions.metrics, &share);
        html_print(html, "; always “");
        html_text(html, run->predictions.label_names[largest]);
        html_print(html, "”: %.1f&nbsp;%%", 100.0 * share);
    }
    html_print(html, "</small></dd></div></dl>\n");
}

/* A figure of the last evaluation. */
typedef struct {
    const char *key, *name, *note;
} Figure;

static const Figure SEVERAL[] = {{"eval_f1_micro", "Micro F1", "over all labels and samples"},
                                 {"eval_f1", "Macro F1", "mean over the labels"},
                                 {"eval_average_precision", "mAP", "mean average precision"},
                                 {"eval_accuracy", "All labels right", "share of the samples"},
                                 {"eval_loss", "Evaluation loss", "mean binary cross-entropy"}};
static const Figure NUMBERS[] = {{"eval_rmse", "RMSE", "root mean squared error"},
                                 {"eval_mae", "MAE", "mean absolute error"},
                                 {"eval_pearson", "Pearson", "correlation"},
                                 {"eval_spearmanr", "Spearman", "correlation of ranks"},
                                 {"eval_r2", "R²", "share of the variance"}};

static void write_target_figures(Html *html, const Run *run, const RunScores *scores) {
    const Figure *figures = run_problem(run) == PROBLEM_REGRESSION ? NUMBERS : SEVERAL;
    static_assert(sizeof NUMBERS == sizeof SEVERAL, "both have as many figures");
    html_print(html, "<dl class=\"figures\">");
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        html_print(html, "<div%s><dt>%s</dt><dd>", i == 0 ? " class=\"first\"" : "", figures[i].name);
        html_number(html, event_number(run->last_evaluation, figures[i].key));
        html_print(html, "<small>%s</small></dd></div>", figures[i].note);
    }
    html_print(html, "<div><dt>Evaluated on</dt><dd>");
    html_count(html, scores->samples);
    html_print(html, "<small>samples</small></dd></div></dl>\n");
}

static void summarize_run(Html *html, const Run *run) {
    const RunScores scores = run_scores(run);
    write_subject(html, run, &scores);
    html_print(html, "<p class=\"state\">This run ");
    html_print(html, run->progress == RUN_FINISHED || run->progress == RUN_STOPPED ? "" : "is ");
    write_progress(html, run);
    html_print(html, ".");
    if (run->damaged_lines > 0)
        html_print(html, " %" PRId64 " incomplete or damaged line%s of its log %s left out.", run->damaged_lines,
                   run->damaged_lines > 1 ? "s" : "", run->damaged_lines > 1 ? "are" : "is");
    html_print(html, "</p>\n");
    if (run->last_evaluation) {
        if (run_is_language(run))
            write_perplexity(html, run, &scores);
        else if (problem_has_targets(run_problem(run)))
            write_target_figures(html, run, &scores);
        else
            write_figures(html, run, &scores);
        write_scores_table(html, run);
    } else {
        html_print(html, "<p class=\"missing\">The log has no evaluation yet.</p>\n");
    }
}

/* --- Several runs ------------------------------------------------------------------------------------------------- */

/* The scale on which the intervals of all runs are drawn. */
typedef struct {
    double from, to;
} Scale;

static Scale scale_of(const Page *page) {
    double low = 1.0, high = 0.0;
    for (size_t i = 0; i < page->count; i++) {
        const Interval main_score = run_scores(&page->runs[i]).main;
        low = fmin(low, main_score.low); /* fmin() ignores NaN */
        high = fmax(high, main_score.high);
    }
    if (!(low < high)) return (Scale){0.0, 1.0};
    return (Scale){floor(low * 20.0) / 20.0, ceil(high * 20.0) / 20.0};
}

static void write_run_row(Html *html, const Page *page, size_t i, Scale scale) {
    const Run *run = &page->runs[i];
    const RunScores scores = run_scores(run);
    html_print(html, "<tr><th scope=\"row\">");
    chart_swatch(html, (int)i);
    html_print(html, "<a href=\"#run-%zu\">", i + 1);
    html_text(html, run->name);
    html_print(html, "</a>%s</th><td>",
               i == page->best && !isnan(scores.main.value) ? " <em class=\"badge\">best</em>" : "");
    if (!is_share(run))
        html_number(html, scores.main.value);
    else
        html_interval(html, scores.main.value, scores.main.low, scores.main.high, scale.from, scale.to);
    html_print(html, "</td><td class=\"n\">");
    html_score(html, scores.second.value);
    html_print(html, "</td><td class=\"n\">");
    html_number(html, scores.loss);
    html_print(html, "%s</td><td class=\"n\">", weighting(run));
    html_count(html, scores.samples);
    html_print(html, "</td><td>");
    write_progress(html, run);
    if (run->damaged_lines > 0) html_print(html, "; %" PRId64 " damaged lines left out", run->damaged_lines);
    html_print(html, "</td></tr>");
}

static void write_spread(Html *html, const double *values, size_t count) {
    const Spread spread = spread_of(values, count);
    html_print(html, "<td class=\"n\">%.4f ± %.4f</td>", spread.mean, spread.deviation);
}

/* A row for the runs of a group of at least two. */
static void write_group(Html *html, const Page *page, size_t first) {
    double primary[64], second[64], loss[64];
    size_t count = 0;
    for (size_t i = first; i < page->count && count < 64; i++) {
        const RunScores scores = run_scores(&page->runs[i]);
        if (page->group[i] != first || isnan(scores.main.value)) continue;
        primary[count] = scores.main.value;
        second[count] = scores.second.value;
        loss[count++] = scores.loss;
    }
    if (count < 2) return;
    html_print(html, "<tr><th scope=\"row\">");
    const char *comma = "";
    for (size_t i = first; i < page->count; i++) {
        if (page->group[i] != first || isnan(run_scores(&page->runs[i]).main.value)) continue;
        html_print(html, "%s", comma);
        html_text(html, page->runs[i].name);
        comma = ", ";
    }
    html_print(html, "</th><td class=\"n\">%zu</td>", count);
    write_spread(html, primary, count);
    write_spread(html, second, count);
    write_spread(html, loss, count);
    html_print(html, "</tr>");
}

static bool has_groups(const Page *page) {
    for (size_t i = 0; i < page->count; i++)
        if (page->group[i] != i) return true;
    return false;
}

static void summarize_runs(Html *html, const Page *page) {
    const RunScores best = run_scores(&page->runs[page->best]);
    const Compared *compared = compared_of(&page->runs[page->best]);
    write_subject(html, &page->runs[page->best], &best);
    html_print(html,
               "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores of the runs\"><table "
               "class=\"runs\"><caption>Scores of the last evaluation of each run</caption><thead><tr><th "
               "scope=\"col\">Run</th><th scope=\"col\">%s</th><th scope=\"col\" class=\"n\">%s</th><th "
               "scope=\"col\" class=\"n\">Loss</th><th scope=\"col\" class=\"n\">Samples</th><th "
               "scope=\"col\">State</th></tr></thead><tbody>",
               compared->main_name, compared->second_name);
    const Scale scale = scale_of(page);
    for (size_t i = 0; i < page->count; i++) write_run_row(html, page, i, scale);
    html_print(html, "</tbody></table></div>\n");
    if (!has_groups(page)) return;
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Spread over seeds\"><table><caption>Runs "
        "that differ in the seed only: mean ± standard deviation (n − 1)</caption><thead><tr><th "
        "scope=\"col\">Runs</th><th scope=\"col\" class=\"n\">Seeds</th><th scope=\"col\" "
        "class=\"n\">%s</th><th scope=\"col\" class=\"n\">%s</th><th scope=\"col\" "
        "class=\"n\">Loss</th></tr></thead><tbody>",
        compared->main_name, compared->second_name);
    for (size_t i = 0; i < page->count; i++)
        if (page->group[i] == i) write_group(html, page, i);
    html_print(html, "</tbody></table></div>\n");
}

void section_summary(Html *html, const Page *page) {
    html_print(html, "<section id=\"summary\" aria-labelledby=\"summary-h\"><h2 id=\"summary-h\">Summary</h2>\n");
    if (page->count == 1)
        summarize_run(html, &page->runs[0]);
    else
        summarize_runs(html, page);
    html_print(html, "</section>\n");
}
