/* The reliability diagram. */
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>

enum { SIZE = 320, LEFT = 50, RIGHT = 28, TOP = 10, PLOT = SIZE - LEFT - RIGHT, COUNTS = 46, BOTTOM = 40 };
/* The square of the diagram, and below it the numbers of samples, upside down. */

static double at_x(double share) {
    return LEFT + share * PLOT;
}
static double at_y(double share) {
    return TOP + (1.0 - share) * PLOT;
}

static int64_t largest_bin(const Calibration *c) {
    int64_t most = 1;
    for (int b = 0; b < CALIBRATION_BINS; b++)
        if (c->count[b] > most) most = c->count[b];
    return most;
}

static double accuracy_of(const Calibration *c, int bin) {
    return (double)c->right[bin] / (double)c->count[bin];
}

static double confidence_in(const Calibration *c, int bin) {
    return c->confidence[bin] / (double)c->count[bin];
}

static void write_axes(Html *html) {
    html_print(html, "<g class=\"grid\">");
    for (int i = 0; i <= 4; i++) html_print(html, "<path d=\"M%d %.1fH%d\"/>", LEFT, at_y(i / 4.0), LEFT + PLOT);
    html_print(html, "</g><path class=\"baseline\" d=\"M%d %dL%d %d\"/><g class=\"tick\" text-anchor=\"end\">", LEFT,
               TOP + PLOT, LEFT + PLOT, TOP);
    for (int i = 0; i <= 4; i++)
        html_print(html, "<text x=\"%d\" y=\"%.1f\">%d&#160;%%</text>", LEFT - 6, at_y(i / 4.0) + 4.0, 25 * i);
    html_print(html, "</g><g class=\"tick\" text-anchor=\"middle\">");
    for (int i = 0; i <= 4; i++)
        html_print(html, "<text x=\"%.1f\" y=\"%d\">%d&#160;%%</text>", at_x(i / 4.0), TOP + PLOT + COUNTS + 20,
                   25 * i);
    html_print(html, "<text x=\"%d\" y=\"%d\">probability of the predicted class</text></g>", LEFT + PLOT / 2,
               TOP + PLOT + COUNTS + 36);
}

static void write_bins(Html *html, const Calibration *c) {
    const double width = (double)PLOT / CALIBRATION_BINS - 2.0;
    const double most = (double)largest_bin(c);
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (c->count[b] == 0) continue;
        const double x = at_x((double)b / CALIBRATION_BINS) + 1.0, y = at_y(accuracy_of(c, b));
        html_print(html,
                   "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%" PRId64
                   " samples, mean probability %.3f, accuracy %.3f</title></rect>",
                   x, y, width, TOP + PLOT - y, c->count[b], confidence_in(c, b), accuracy_of(c, b));
        html_print(html, "<path class=\"mark\" d=\"M%.1f %.1fh%.1f\"/>", x, at_y(confidence_in(c, b)), width);
        html_print(html, "<rect class=\"count\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\"/>", x,
                   TOP + PLOT + 4, width, (double)c->count[b] / most * (COUNTS - 8));
    }
}

static void write_table(Html *html, const Calibration *c) {
    html_print(
        html, "<details><summary>Values<span class=\"hidden\"> of the reliability diagram</span></summary><div "
              "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Values of the reliability diagram\"><table "
              "class=\"data\"><caption>Reliability by probability of the predicted class</caption><thead><tr><th "
              "scope=\"col\">Probability</th><th scope=\"col\">Samples</th><th scope=\"col\">Mean probability</th><th "
              "scope=\"col\">Accuracy</th></tr></thead><tbody>");
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (c->count[b] == 0) continue;
        html_print(html, "<tr><th scope=\"row\">%.3f–%.3f</th><td>", (double)b / CALIBRATION_BINS,
                   (double)(b + 1) / CALIBRATION_BINS);
        html_count(html, c->count[b]);
        html_print(html, "</td><td>%.3f</td><td>%.3f</td></tr>", confidence_in(c, b), accuracy_of(c, b));
    }
    html_print(html, "</tbody></table></div></details>");
}

static void write_words(Html *html, const RunPredictions *p, const Calibration *c) {
    double sum = 0.0;
    for (int b = 0; b < CALIBRATION_BINS; b++) sum += c->confidence[b];
    const double confidence = sum / (double)c->samples, accuracy = metrics_scores(p->metrics).accuracy;
    html_print(
        html,
        "<div class=\"words\"><p class=\"big\">%.3f<small>expected calibration error, %d bins of equal width</small></p>"
        "<p>The bars show how often predictions of a given probability are right; the short lines show that probability. "
        "A calibrated model has both on the diagonal. The bars below count the samples.</p><p>On average the model gives "
        "its prediction a probability of %.1f&nbsp;%% and is right in %.1f&nbsp;%%: it is <b>%s</b>.</p>",
        calibration_error(c), CALIBRATION_BINS, 100.0 * confidence, 100.0 * accuracy,
        fabs(confidence - accuracy) < 0.02 ? "about as sure as it should be"
        : confidence > accuracy            ? "too sure of itself"
                                           : "less sure than it could be");
    if (c->samples < p->count)
        html_print(html,
                   "<p>%" PRId64 " samples without probabilities, whose values overflow float32, are left out.</p>",
                   p->count - c->samples);
    html_print(html, "</div>");
}

void section_calibration(Html *html, const Run *run, size_t number, int level) {
    const RunPredictions *p = &run->predictions;
    html_print(
        html,
        "<section id=\"calibration-%zu\" aria-labelledby=\"calibration-%zu-h\"><h%d id=\"calibration-%zu-h\">Calibration"
        "</h%d>\n",
        number, number, level, number, level);
    const Calibration c = calibration_of(p);
    if (c.samples == 0) {
        html_print(
            html,
            "<p class=\"missing\">There are no probabilities to draw the reliability diagram from.</p></section>\n");
        return;
    }
    html_print(
        html,
        "<div class=\"beside\"><figure class=\"chart\"><figcaption>Reliability diagram</figcaption><svg class=\"plot "
        "square\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"rel-%zu-t rel-%zu-d\"><title "
        "id=\"rel-%zu-t\">Reliability diagram</title><desc id=\"rel-%zu-d\">Accuracy of the predictions by their "
        "probability, in %d bins. Expected calibration error %.3f.</desc>",
        SIZE, TOP + PLOT + COUNTS + BOTTOM, number, number, number, number, CALIBRATION_BINS, calibration_error(&c));
    write_axes(html);
    write_bins(html, &c);
    html_print(html, "</svg>");
    write_table(html, &c);
    html_print(html, "</figure>");
    write_words(html, p, &c);
    html_print(html, "</div></section>\n");
}
