/* The confusion matrix, and the scores of each class. */
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>

enum { MATRIX_MAX = 16, PAIRS = 20 }; /* more classes: the pairs that are confused most, as a list */

static void write_matrix(Html *html, const RunPredictions *p) {
    const Metrics *m = p->metrics;
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix\"><table "
        "class=\"matrix\"><caption>Confusion matrix: <span>samples, share of the true class</span></caption><thead><tr>"
        "<th scope=\"col\">true \\ predicted</th>");
    for (int32_t k = 0; k < p->labels; k++) {
        html_print(html, "<th scope=\"col\">");
        html_text(html, p->label_names[k]);
        html_print(html, "</th>");
    }
    html_print(html, "</tr></thead><tbody>");
    for (int32_t truth = 0; truth < p->labels; truth++) {
        const int64_t support = class_scores(m, truth).support;
        html_print(html, "<tr><th scope=\"row\">");
        html_text(html, p->label_names[truth]);
        html_print(html, "</th>");
        for (int32_t guess = 0; guess < p->labels; guess++) {
            const int64_t count = m->confusion[truth * p->labels + guess];
            const double share = support > 0 ? (double)count / (double)support : 0.0;
            html_print(html, "<td%s style=\"--share:%.3f\"><b>", truth == guess ? " class=\"right\"" : "", share);
            html_count(html, count);
            html_print(html, "</b> <small>");
            html_percent(html, support > 0 ? share : NAN);
            html_print(html, "</small></td>");
        }
        html_print(html, "</tr>");
    }
    html_print(html, "</tbody></table></div>\n");
}

/* The pair, truth × labels + prediction, of the most samples after the one of `below` samples at place `after`: fewer of
 * them, or as many at a later place. False: there is none. */
static bool next_pair(const Metrics *m, int64_t below, int32_t after, int32_t *pair) {
    int64_t most = 0;
    *pair = -1;
    for (int32_t i = 0; i < m->labels * m->labels; i++) {
        const int64_t count = m->confusion[i];
        if (i / m->labels == i % m->labels || count > below || (count == below && i <= after) || count <= most)
            continue;
        most = count;
        *pair = i;
    }
    return *pair >= 0;
}

static void write_pairs(Html *html, const RunPredictions *p) {
    int64_t below = INT64_MAX;
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confused classes\"><table><caption>The "
        "pairs of classes confused most (the matrix of %" PRId32 " classes is too large to show)</caption><thead><tr>"
        "<th scope=\"col\">True</th><th scope=\"col\">Predicted</th><th scope=\"col\" class=\"n\">Samples</th>"
        "</tr></thead><tbody>",
        p->labels);
    int32_t pair = -1;
    for (int row = 0; row < PAIRS && next_pair(p->metrics, below, pair, &pair); row++) {
        below = p->metrics->confusion[pair];
        html_print(html, "<tr><td>");
        html_text(html, p->label_names[pair / p->labels]);
        html_print(html, "</td><td>");
        html_text(html, p->label_names[pair % p->labels]);
        html_print(html, "</td><td class=\"n\">");
        html_count(html, below);
        html_print(html, "</td></tr>");
    }
    html_print(html, "</tbody></table></div>\n");
}

static void write_estimate(Html *html, Interval estimate) {
    html_print(html, "<td>");
    html_interval(html, estimate.value, estimate.low, estimate.high, 0.0, 1.0);
    html_print(html, "</td>");
}

static void write_scores(Html *html, const RunPredictions *p) {
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores by class\"><table><caption>Scores "
        "by class: <span>with 95&nbsp;%% intervals</span></caption><thead><tr><th scope=\"col\">Class</th><th "
        "scope=\"col\">Precision</th><th scope=\"col\">Recall</th><th scope=\"col\">F1</th><th scope=\"col\" "
        "class=\"n\">Support</th></tr></thead><tbody>");
    for (int32_t k = 0; k < p->labels; k++) {
        const ClassScores figures = class_scores(p->metrics, k);
        html_print(html, "<tr><th scope=\"row\">");
        html_text(html, p->label_names[k]);
        html_print(html, "</th>");
        write_estimate(html, figures.precision);
        write_estimate(html, figures.recall);
        write_estimate(html, figures.f1);
        html_print(html, "<td class=\"n\">");
        html_count(html, figures.support);
        html_print(html, "</td></tr>");
    }
    html_print(html, "</tbody></table></div>\n");
}

void section_classes(Html *html, const Run *run, size_t number, int level) {
    const RunPredictions *p = &run->predictions;
    html_print(
        html, "<section id=\"classes-%zu\" aria-labelledby=\"classes-%zu-h\"><h%d id=\"classes-%zu-h\">Classes</h%d>\n",
        number, number, level, number, level);
    if (p->count == 0) {
        html_print(html, "<p class=\"missing\">");
        html_text(html, p->missing);
        html_print(html, "</p></section>\n");
        return;
    }
    const double last = run->last_evaluation ? event_number(run->last_evaluation, "step") : -1.0;
    if (p->step < 0)
        html_print(html, "<p class=\"missing\">The predictions are of an evaluation that the log does not have.</p>\n");
    else if ((double)p->step != last)
        html_print(html, "<p class=\"missing\">The predictions are of the evaluation at step %" PRId64 ".</p>\n",
                   p->step);
    html_print(html, "<div class=\"pair\">\n");
    if (p->labels <= MATRIX_MAX)
        write_matrix(html, p);
    else
        write_pairs(html, p);
    write_scores(html, p);
    html_print(html, "</div></section>\n");
}
