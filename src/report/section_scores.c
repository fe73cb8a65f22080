/* The scores of the last evaluation, of each evaluation file. */
#include "linnet/settings/metric_names.h"
#include "linnet/settings/named_files.h"
#include "report/sections.h"
#include <math.h>

static const struct {
    Metric metric;
    const char *name;
} COLUMNS[] = {{METRIC_ACCURACY, "Accuracy"}, {METRIC_F1, "Macro F1"}, {METRIC_F1_WEIGHTED, "Weighted F1"},
               {METRIC_MCC, "MCC"},           {METRIC_AUROC, "AUROC"}, {METRIC_ECE, "Calibration error"},
               {METRIC_LOSS, "Loss"}};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

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
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        char field[2 * EVAL_PREFIX_TEXT];
        name_field(prefix, COLUMNS[i].metric, field);
        html_print(html, "<td class=\"n\">");
        if (COLUMNS[i].metric == METRIC_LOSS)
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
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        html_print(html, "<th scope=\"col\" class=\"n\">%s</th>", COLUMNS[i].name);
    html_print(html, "</tr></thead><tbody>");
    write_row(html, run, run->eval_name, "eval_");
    for (size_t i = 0; i < count; i++) {
        char prefix[EVAL_PREFIX_TEXT];
        eval_prefix(&(NamedFile){.name = (char *)others[i]}, prefix);
        write_row(html, run, others[i], prefix);
    }
    html_print(html, "</tbody></table></div>\n");
}
