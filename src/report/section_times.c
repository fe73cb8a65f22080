/* Where the time went; and dates, versions, digests. */
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static double total_of(const RunTimes *times) {
    double total = 0.0;
    for (size_t i = 0; i < times->count; i++) total += times->seconds[i];
    return total;
}

/* A bar of the shares. */
static void write_bar(Html *html, const RunTimes *times) {
    const double total = total_of(times);
    double at = 0.0;
    html_print(html,
               "<svg class=\"timebar\" aria-hidden=\"true\" viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\">");
    for (size_t i = 0; i < times->count; i++) {
        const double width = 1000.0 * times->seconds[i] / total;
        html_print(html, "<rect class=\"part t%zu\" x=\"%.1f\" width=\"%.1f\" height=\"20\"/>", i % 9, at,
                   fmax(width - 2.0, 0.5));
        at += width;
    }
    html_print(html, "</svg>");
}

static void write_times(Html *html, const Run *run) {
    const RunTimes *times = &run->times;
    const double total = total_of(times);
    html_print(html, "<div class=\"times\"><h3>");
    html_text(html, run->name);
    html_print(html, "</h3>\n");
    if (!(total > 0.0 && total < 1e12)) { /* nor absurd ones of a damaged log */
        html_print(html, "<p class=\"missing\">The log tells no times yet.</p></div>\n");
        return;
    }
    write_bar(html, times);
    html_print(html, "<table class=\"data\"><caption><span>%s",
               times->ranks > 0 ? "from the profile, mean of " : "from the log");
    if (times->ranks > 0) html_print(html, "%d rank%s", times->ranks, times->ranks > 1 ? "s" : "");
    html_print(html, "</span></caption><thead><tr><th scope=\"col\">Spent on</th><th scope=\"col\">Time</th><th "
                     "scope=\"col\">Share</th></tr></thead><tbody>");
    for (size_t i = 0; i < times->count; i++) {
        html_print(html, "<tr><th scope=\"row\"><i class=\"key t%zu\"></i>%s</th><td>", i % 9, times->name[i]);
        html_duration(html, times->seconds[i]);
        html_print(html, "</td><td>");
        html_percent(html, times->seconds[i] / total);
        html_print(html, "</td></tr>");
    }
    html_print(html, "<tr class=\"total\"><th scope=\"row\">all</th><td>");
    html_duration(html, total);
    html_print(html, "</td><td></td></tr></tbody></table>");
    if (times->since_restart)
        html_print(html,
                   "<p>The run was resumed: the log keeps the times of updates and evaluations of all its parts, and "
                   "nothing about loading and saving.</p>");
    html_print(html, "</div>\n");
}

void section_times(Html *html, const Page *page) {
    html_print(html, "<section id=\"time\" aria-labelledby=\"time-h\"><h2 id=\"time-h\">Where the time went</h2>\n<div "
                     "class=\"charts\">\n");
    for (size_t i = 0; i < page->count; i++) write_times(html, &page->runs[i]);
    html_print(html, "</div></section>\n");
}

/* --- Origin ------------------------------------------------------------------------------------------------------- */

static void write_made_with(Html *html, const Run *run) {
    const BuildFingerprint *made = &run->state.fingerprint;
    html_text(html, made->linnet);
    html_print(html, ", %s kernels, compiler ", made->kernels);
    html_text(html, made->compiler);
}

static void write_digest(Html *html, const char *digest) {
    html_print(html, "<code class=\"digest\">");
    html_text(html, digest);
    html_print(html, "</code>");
}

static void write_data(Html *html, const char *path, int64_t samples, int64_t tokens, const char *digest) {
    html_text(html, path ? path : "–");
    if (samples > 0) {
        html_print(html, ", ");
        html_count(html, samples);
        html_print(html, " samples");
    }
    if (tokens > 0) {
        html_print(html, ", ");
        html_count(html, tokens);
        html_print(html, " tokens");
    }
    if (*digest) {
        html_print(html, "; table ");
        write_digest(html, digest);
    }
}

typedef enum {
    ROW_STARTED,
    ROW_WRITTEN,
    ROW_STATE,
    ROW_RUN,
    ROW_TRAIN,
    ROW_EVAL,
    ROW_VERSION,
    ROW_DIGEST,
    ROW_COUNT
} Row;

static void write_cell(Html *html, const Run *run, Row row) {
    const RunState *state = &run->state;
    const char *dash = "–";
    if (row == ROW_STARTED) {
        html_text(html, *run->record.started ? run->record.started : dash);
    } else if (row == ROW_WRITTEN) {
        html_time(html, run->last_written);
    } else if (row == ROW_STATE) {
        write_progress(html, run);
    } else if (row == ROW_RUN) {
        html_text(html, *run->record.id ? run->record.id : dash);
        if (*run->record.from_run)
            html_print(html, "; continues run %.8s from step %" PRId64, run->record.from_run, run->record.from_step);
    } else if (row == ROW_TRAIN) {
        write_data(html, run_setting_text(run, "train_file"), state->samples, state->tokens, state->data_digest);
    } else if (row == ROW_EVAL) {
        const bool only = run->eval_name == NULL; /* else tokens and digest are of all files together */
        write_data(html, run->eval_path, run->predictions.count, only ? state->eval_tokens : 0,
                   only ? state->eval_digest : "");
    } else if (row == ROW_VERSION && run->has_model) {
        write_made_with(html, run);
    } else if (row == ROW_DIGEST && *run->model_digest) {
        write_digest(html, run->model_digest);
    } else {
        html_print(html, "%s", dash);
    }
}

void section_origin(Html *html, const Page *page) {
    static const char *const NAMES[ROW_COUNT] = {
        "Started",         "Log last written", "State",         "Run", "Training data",
        "Evaluation data", "Made with linnet", "Model, SHA-256"};
    html_print(html,
               "<section id=\"origin\" aria-labelledby=\"origin-h\"><h2 id=\"origin-h\">Origin</h2>\n<div "
               "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Origin of the runs\"><table "
               "class=\"settings\"><caption>When, with what and on what the runs were made</caption><thead><tr><th "
               "scope=\"col\">Of</th>");
    for (size_t i = 0; i < page->count; i++) {
        html_print(html, "<th scope=\"col\">");
        html_text(html, page->runs[i].name);
        html_print(html, "</th>");
    }
    html_print(html, "</tr></thead><tbody>");
    for (int row = 0; row < ROW_COUNT; row++) {
        html_print(html, "<tr><th scope=\"row\">%s</th>", NAMES[row]);
        for (size_t i = 0; i < page->count; i++) {
            html_print(html, "<td>");
            write_cell(html, &page->runs[i], (Row)row);
            html_print(html, "</td>");
        }
        html_print(html, "</tr>");
    }
    html_print(html, "</tbody></table></div></section>\n");
}
