/* The head of the page, and its end. */
#include "linnet/core/escape.h"
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

void write_progress(Html *html, const Run *run) {
    const cJSON *last = run->log->child ? run->log->child->prev : NULL; /* cJSON's first child knows the last one */
    const double step = last ? event_number(last, "step") : 0.0;
    if (run->progress == RUN_FINISHED) {
        html_print(html, "finished after ");
        html_count(html, run->total_steps);
        html_print(html, " steps");
        if (run->state.step == run->total_steps) return;
        html_print(html, "; its model is the best one, of step "); /* load_best_model_at_end */
        html_count(html, run->state.step);
        return;
    }
    html_print(html, run->progress == RUN_UNDER_WAY ? "under way, at step " : "stopped or failed, at step ");
    html_count(html, (int64_t)step);
    if (run->total_steps <= 0) return;
    html_print(html, " of ");
    html_count(html, run->total_steps);
}

static void write_title(Html *html, const Page *page) {
    if (page->count == 1)
        html_text(html, page->runs[0].name);
    else
        html_print(html, "%zu training runs", page->count);
}

static void write_contents(Html *html, const Page *page) {
    html_print(html, "<nav aria-label=\"Contents\"><ul><li><a href=\"#summary\">Summary</a></li>"
                     "<li><a href=\"#curves\">Curves</a></li>");
    if (page->count == 1)
        html_print(html,
                   "<li><a href=\"#classes-1\">Classes</a></li><li><a href=\"#calibration-1\">Calibration</a></li>"
                   "<li><a href=\"#texts-1\">Texts</a></li><li><a href=\"#lengths-1\">Lengths</a></li>");
    else
        html_print(html, "<li><a href=\"#runs\">Each run</a></li>");
    html_print(html, "<li><a href=\"#settings\">Settings</a></li><li><a href=\"#time\">Time</a></li>"
                     "<li><a href=\"#origin\">Origin</a></li></ul></nav>\n");
}

/* The page needs nothing from elsewhere, and its policy says so: a text that got past the escaping could do nothing. */
void section_begin(Html *html, const Page *page) {
    html_print(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
        "data:\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"linnet "
        "%s\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
        LINNET_VERSION);
    write_title(html, page);
    html_print(html, " – linnet training report</title>\n<style>\n");
    for (const char *const *piece = PAGE_STYLE; *piece; piece++) fputs(*piece, html);
    html_print(html, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#summary\">Skip to the summary</a>\n"
                     "<header>\n<p class=\"eyebrow\">linnet training report</p>\n<h1>");
    write_title(html, page);
    html_print(html, "</h1>\n");
    write_contents(html, page);
    html_print(html, "</header>\n<main>\n");
}

void section_end(Html *html) {
    html_print(html, "</main>\n<footer><p>Written by <b>linnet report</b> %s on ", LINNET_VERSION);
    html_time(html, time(NULL));
    html_print(
        html,
        ". Intervals are at 95&nbsp;%%: Wilson’s for proportions, that of Lam, Gopal and Qian for F1, that of "
        "Takahashi et al. for macro F1. They tell the uncertainty from the number of evaluation samples, not that "
        "from the seed of a run.</p></footer>\n</body>\n</html>\n");
}
