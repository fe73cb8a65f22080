/* The lengths of the evaluated texts, and the accuracy by length. */
#include "report/chart.h"
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>

enum { BINS_MAX = 16, WIDTH = 400, HEIGHT = 236, LEFT = 50, RIGHT = 52, TOP = 12, BOTTOM = 38 };

typedef struct {
    int32_t width; /* tokens a bin */
    int count;
    int64_t samples[BINS_MAX], right[BINS_MAX];
} Bins;

/* Bins of a round width. */
static Bins bins_of(const Run *run) {
    static const int32_t FACTORS[] = {1, 2, 5};
    const RunPredictions *p = &run->predictions;
    Bins bins = {0};
    int32_t longest = 1;
    for (int64_t i = 0; i < p->count; i++)
        if (run->texts.lengths[i] > longest) longest = run->texts.lengths[i];
    for (int32_t size = 1; bins.width == 0; size *= 10)
        for (int f = 0; f < 3 && bins.width == 0; f++)
            if ((longest - 1) / (size * FACTORS[f]) < BINS_MAX) bins.width = size * FACTORS[f];
    bins.count = (longest - 1) / bins.width + 1;
    for (int64_t i = 0; i < p->count; i++) {
        const int bin = (run->texts.lengths[i] - 1) / bins.width;
        bins.samples[bin]++;
        bins.right[bin] += p->guess[i] == p->truth[i];
    }
    return bins;
}

static double at_y(double share) {
    return TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM);
}

static void write_axes(Html *html, const Bins *b, const Ticks *counts) {
    const double most = tick_at(counts, counts->count - 1), step = (double)(WIDTH - LEFT - RIGHT) / b->count;
    html_print(html, "<g class=\"tick\" text-anchor=\"end\">");
    for (int i = 0; i < counts->count; i++)
        html_print(html, "<text x=\"%d\" y=\"%.1f\">%.6g</text>", LEFT - 7, at_y(tick_at(counts, i) / most) + 4.0,
                   tick_at(counts, i));
    html_print(html, "</g><g class=\"tick\">");
    for (int i = 0; i <= 4; i++)
        html_print(html, "<text x=\"%d\" y=\"%.1f\">%d&#160;%%</text>", WIDTH - RIGHT + 7, at_y(i / 4.0) + 4.0, 25 * i);
    html_print(html, "</g><g class=\"grid\">");
    for (int i = 0; i <= 4; i++) html_print(html, "<path d=\"M%d %.1fH%d\"/>", LEFT, at_y(i / 4.0), WIDTH - RIGHT);
    html_print(html, "</g><g class=\"tick\" text-anchor=\"middle\">");
    for (int i = 0; i <= b->count; i += b->count > 8 ? 2 : 1)
        html_print(html, "<text x=\"%.1f\" y=\"%d\">%d</text>", LEFT + i * step, HEIGHT - BOTTOM + 16, i * b->width);
    html_print(html, "<text x=\"%d\" y=\"%d\">tokens of a text</text></g>", LEFT + (WIDTH - LEFT - RIGHT) / 2,
               HEIGHT - 5);
}

/* Bars of counts; on them the accuracy with its interval. */
static void write_bins(Html *html, const Bins *b, double most) {
    const double step = (double)(WIDTH - LEFT - RIGHT) / b->count;
    for (int i = 0; i < b->count; i++) {
        const double x = LEFT + i * step, y = at_y((double)b->samples[i] / most);
        html_print(html, "<rect class=\"count\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x + 1.5, y,
                   step - 3.0, HEIGHT - BOTTOM - y);
    }
    for (int i = 0; i < b->count; i++) {
        if (b->samples[i] == 0) continue;
        const Interval e = interval_wilson(b->right[i], b->samples[i]);
        const double x = LEFT + (i + 0.5) * step;
        html_print(
            html,
            "<path class=\"whisker s1\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"point s1\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\">"
            "<title>%d to %d tokens: %" PRId64 " texts, accuracy %.3f</title></circle>",
            x, at_y(e.low), at_y(e.high), x, at_y(e.value), i * b->width + 1, (i + 1) * b->width, b->samples[i],
            e.value);
    }
}

static void write_table(Html *html, const Bins *b) {
    html_print(
        html,
        "<details><summary>Values<span class=\"hidden\"> of lengths</span></summary><div class=\"scroll\" "
        "tabindex=\"0\" role=\"region\" aria-label=\"Values of lengths\"><table class=\"data\"><caption>Texts and "
        "accuracy by length</caption><thead><tr><th scope=\"col\">Tokens</th><th scope=\"col\">Texts</th><th "
        "scope=\"col\">Accuracy</th><th scope=\"col\">95&nbsp;%% interval</th></tr></thead><tbody>");
    for (int i = 0; i < b->count; i++) {
        if (b->samples[i] == 0) continue;
        const Interval e = interval_wilson(b->right[i], b->samples[i]);
        html_print(html, "<tr><th scope=\"row\">%d–%d</th><td>", i * b->width + 1, (i + 1) * b->width);
        html_count(html, b->samples[i]);
        html_print(html, "</td><td>%.3f</td><td>%.3f–%.3f</td></tr>", e.value, e.low, e.high);
    }
    html_print(html, "</tbody></table></div></details>");
}

static void write_chart(Html *html, const Run *run, size_t number) {
    const Bins b = bins_of(run);
    int64_t most = 1;
    for (int i = 0; i < b.count; i++)
        if (b.samples[i] > most) most = b.samples[i];
    const Ticks counts = ticks_cover_whole((double)most);
    html_print(
        html,
        "<figure class=\"chart wide\"><figcaption>Texts and accuracy by length</figcaption><ul class=\"legend\"><li><svg "
        "class=\"swatch\" aria-hidden=\"true\" viewBox=\"0 0 28 10\" width=\"28\" height=\"10\"><rect class=\"count\" "
        "x=\"6\" width=\"16\" height=\"10\"/></svg>texts</li><li><svg class=\"swatch\" aria-hidden=\"true\" viewBox=\"0 0 "
        "28 10\" width=\"28\" height=\"10\"><path class=\"whisker s1\" d=\"M2 5H26\"/><circle class=\"point s1\" "
        "cx=\"14\" cy=\"5\" r=\"4\"/></svg>accuracy, 95&nbsp;%% interval</li></ul><svg class=\"plot\" viewBox=\"0 0 %d "
        "%d\" role=\"img\" aria-labelledby=\"len-%zu-t len-%zu-d\"><title id=\"len-%zu-t\">Texts and accuracy by "
        "length</title><desc id=\"len-%zu-d\">A histogram of the tokens of the evaluated texts, up to %d, with the accuracy "
        "of each bin.</desc>",
        WIDTH, HEIGHT, number, number, number, number, b.count * b.width);
    write_axes(html, &b, &counts);
    write_bins(html, &b, tick_at(&counts, counts.count - 1));
    html_print(html, "</svg>");
    write_table(html, &b);
    html_print(html, "</figure>");
}

void section_lengths(Html *html, const Run *run, size_t number, int level) {
    html_print(
        html, "<section id=\"lengths-%zu\" aria-labelledby=\"lengths-%zu-h\"><h%d id=\"lengths-%zu-h\">Lengths</h%d>\n",
        number, number, level, number, level);
    if (run->texts.lengths) {
        write_chart(html, run, number);
    } else {
        html_print(html, "<p class=\"missing\">The lengths of the texts are not known");
        if (*run->texts.missing) html_print(html, ": ");
        html_text(html, run->texts.missing);
        html_print(html, ".</p>");
    }
    html_print(html, "</section>\n");
}
