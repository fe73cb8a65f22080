/* The scores of the last evaluation, of each evaluation file. */
#include "linnet/settings/metric_names.h"
#include "linnet/settings/named_files.h"
#include "report/sections.h"
#include <math.h>

typedef struct {
    Metric metric;
    const char *name;
} Column;

enum { COLUMNS_MOST = 7 };

/* Of each problem; they end with the loss. */
static const Column COLUMNS[][COLUMNS_MOST] = {
    [PROBLEM_SINGLE_LABEL] = {{METRIC_ACCURACY, "Accuracy"},
                              {METRIC_F1, "Macro F1"},
                              {METRIC_F1_WEIGHTED, "Weighted F1"},
                              {METRIC_MCC, "MCC"},
                              {METRIC_AUROC, "AUROC"},
                              {METRIC_ECE, "Calibration error"},
                              {METRIC_LOSS, "Loss"}},
    [PROBLEM_MULTI_LABEL] = {{METRIC_F1_MICRO, "Micro F1"},
                             {METRIC_F1, "Macro F1"},
                             {METRIC_AVERAGE_PRECISION, "mAP"},
                             {METRIC_ACCURACY, "All labels right"},
                             {METRIC_LOSS, "Loss"}},
    [PROBLEM_REGRESSION] = {{METRIC_RMSE, "RMSE"},
                            {METRIC_MAE, "MAE"},
                            {METRIC_PEARSON, "Pearson"},
                            {METRIC_SPEARMAN, "Spearman"},
                            {METRIC_R2, "R²"},
                            {METRIC_LOSS, "Loss"}},
};

static size_t count_columns(const Column *columns) {
    size_t count = 1;
    while (columns[count - 1].metric != METRIC_LOSS) count++;
    return count;
}

/* Scores from 0 to 1 have as many digits as each other. */
static bool is_unbounded(Metric metric) {
    return metric == METRIC_LOSS || metric == METRIC_RMSE || metric == METRIC_MAE;
}

static void name_field(const char *prefix, Metric metric, char field[2 * EVAL_PREFIX_TEXT]) {
    snprintf(field, 2 * EVAL_PREFIX_TEXT, "%s%s", prefix, METRIC_NAMES[metric]);
}

/* The last event with scores of a file; NULL: none. */
static const cJSON *last_event(const Run *run, const char *prefix) {
    char field[2 * EVAL_PREFIX_TEXT];
    const cJSON *event, *last = NULL;
    name_field(prefix, METRIC_LOSS, field);
    cJSON_ArrayForEach(event, run->log) {
        if (cJSON_GetObjectItemCaseSensitive(event, field)) last = event;
    }
    return last;
}

static void write_row(Html *html, const Run *run, const char *name, const char *prefix) {
    const cJSON *event = last_event(run, prefix);
    if (!event) return;
    html_print(html, "<tr><th scope=\"row\">");
    html_text(html, name ? name : "evaluation");
    html_print(html, "</th>");
    const Column *columns = COLUMNS[run_problem(run)];
    for (size_t i = 0; i < count_columns(columns); i++) {
        char field[2 * EVAL_PREFIX_TEXT];
        name_field(prefix, columns[i].metric, field);
        html_print(html, "<td class=\"n\">");
        if (is_unbounded(columns[i].metric))
            html_number(html, event_number(event, field));
        else
            html_score(html, event_number(event, field));
        html_print(html, "</td>");
    }
    html_print(html, "</tr>");
}

void write_scores_table(Html *html, const Run *run) {
    const char *others[NAMED_FILES_MAX];
    const size_t count = run_other_files(run, others, NAMED_FILES_MAX);
    if (!run->last_evaluation) return;
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores of the last evaluation\"><table>"
        "<caption>Scores of the last evaluation%s</caption><thead><tr><th scope=\"col\">On</th>",
        count > 0 ? "; the page is about the first row" : "");
    const Column *columns = COLUMNS[run_problem(run)];
    for (size_t i = 0; i < count_columns(columns); i++)
        html_print(html, "<th scope=\"col\" class=\"n\">%s</th>", columns[i].name);
    html_print(html, "</tr></thead><tbody>");
    write_row(html, run, run->eval_name, "eval_");
    for (size_t i = 0; i < count; i++) {
        char prefix[EVAL_PREFIX_TEXT];
        eval_prefix(&(NamedFile){.name = (char *)others[i]}, prefix);
        write_row(html, run, others[i], prefix);
    }
    html_print(html, "</tbody></table></div>\n");
}
