/* The scores of the last evaluation, of each evaluation file. */
#include "linnet/settings/metric_names.h"
#include "linnet/settings/named_files.h"
#include "report/sections.h"
#include <math.h>

typedef struct {
    const char *metric, *name;
    bool share; /* from 0 to 1: all have as many digits as each other */
} Column;

enum { COLUMNS_MOST = 8 };

/* Of each problem, and of a language model. One without a name ends them. */
static const Column COLUMNS[][COLUMNS_MOST] = {
    [PROBLEM_SINGLE_LABEL] = {{"accuracy", "Accuracy", true},
                              {"f1", "Macro F1", true},
                              {"f1_weighted", "Weighted F1", true},
                              {"mcc", "MCC", true},
                              {"auroc", "AUROC", true},
                              {"ece", "Calibration error", true},
                              {"loss", "Loss", false}},
    [PROBLEM_MULTI_LABEL] = {{"f1_micro", "Micro F1", true},
                             {"f1", "Macro F1", true},
                             {"average_precision", "mAP", true},
                             {"accuracy", "All labels right", true},
                             {"loss", "Loss", false}},
    [PROBLEM_REGRESSION] = {{"rmse", "RMSE", false},
                            {"mae", "MAE", false},
                            {"pearson", "Pearson", true},
                            {"spearmanr", "Spearman", true},
                            {"r2", "R²", true},
                            {"loss", "Loss", false}},
};
static const Column LANGUAGE[COLUMNS_MOST] = {{"perplexity", "Perplexity", false}, {"loss", "Loss", false}};

static void name_field(const char *prefix, const char *metric, char field[2 * EVAL_PREFIX_TEXT]) {
    snprintf(field, 2 * EVAL_PREFIX_TEXT, "%s%s", prefix, metric);
}

/* The last event with scores of a file; NULL: none. */
static const cJSON *last_event(const Run *run, const char *prefix) {
    char field[2 * EVAL_PREFIX_TEXT];
    const cJSON *event, *last = NULL;
    name_field(prefix, METRIC_NAMES[METRIC_LOSS], field);
    cJSON_ArrayForEach(event, run->log) {
        if (cJSON_GetObjectItemCaseSensitive(event, field)) last = event;
    }
    return last;
}

static void write_row(Html *html, const Run *run, const Column *columns, const char *name, const char *prefix) {
    const cJSON *event = last_event(run, prefix);
    if (!event) return;
    html_print(html, "<tr><th scope=\"row\">");
    html_text(html, name ? name : "evaluation");
    html_print(html, "</th>");
    for (const Column *column = columns; column->name; column++) {
        char field[2 * EVAL_PREFIX_TEXT];
        name_field(prefix, column->metric, field);
        html_print(html, "<td class=\"n\">");
        (column->share ? html_score : html_number)(html, event_number(event, field));
        html_print(html, "</td>");
    }
    html_print(html, "</tr>");
}

void write_scores_table(Html *html, const Run *run) {
    const char *others[NAMED_FILES_MAX];
    const size_t count = run_other_files(run, others, NAMED_FILES_MAX);
    const Column *columns = run_is_language(run) ? LANGUAGE : COLUMNS[run_problem(run)];
    if (!run->last_evaluation) return;
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores of the last evaluation\"><table>"
        "<caption>Scores of the last evaluation%s</caption><thead><tr><th scope=\"col\">On</th>",
        count > 0 ? "; the page is about the first row" : "");
    for (const Column *column = columns; column->name; column++)
        html_print(html, "<th scope=\"col\" class=\"n\">%s</th>", column->name);
    html_print(html, "</tr></thead><tbody>");
    write_row(html, run, columns, run->eval_name, "eval_");
    for (size_t i = 0; i < count; i++) {
        char prefix[EVAL_PREFIX_TEXT];
        eval_prefix(&(NamedFile){.name = (char *)others[i]}, prefix);
        write_row(html, run, columns, others[i], prefix);
    }
    html_print(html, "</tbody></table></div>\n");
}
