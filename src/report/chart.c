/* Line charts as inline SVG. See chart.h. */
#include "report/chart.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WIDTH = 400, HEIGHT = 236, LEFT = 62, RIGHT = 18, TOP = 10, BOTTOM = 38 };
enum { DRAWN = 300, MARKED = 40, ROWS = 60 };
/* A line of more values than 2 × DRAWN is drawn by the lowest and highest of DRAWN runs of them; a line of up to MARKED
 * values has points; the table has up to ROWS rows. */

Ticks ticks_cover(double low, double high) {
    static const double STEPS[] = {1.0, 2.0, 2.5, 5.0, 10.0};
    if (!(high - low > 1e-12 * fmax(fabs(low), fabs(high)))) {
        const double around = fabs(low) > 1e-200 ? fabs(low) * 0.1 : 1.0;
        low -= around;
        high += around;
    }
    const double raw = (high - low) / 4.0, size = pow(10.0, floor(log10(raw)));
    double step = STEPS[0] * size;
    for (size_t i = 1; i < sizeof STEPS / sizeof *STEPS; i++)
        if (fabs(STEPS[i] * size - raw) < fabs(step - raw)) step = STEPS[i] * size;
    const double first = floor(low / step + 1e-9), last = ceil(high / step - 1e-9);
    return (Ticks){first * step, step, (int)(last - first) + 1};
}

Ticks ticks_cover_whole(double high) {
    Ticks ticks = ticks_cover(0.0, fmax(high, 2.0));
    if (ticks.step == floor(ticks.step)) return ticks;
    ticks.step = ticks.step < 1.0 ? 1.0 : 2.0; /* 0.5, or 2.5 */
    ticks.count = (int)ceil(fmax(high, 2.0) / ticks.step - 1e-9) + 1;
    return ticks;
}

double tick_at(const Ticks *ticks, int index) {
    const double value = ticks->first + index * ticks->step;
    return fabs(value) < ticks->step * 1e-9 ? 0.0 : value;
}

/* The smallest and largest of the finite numbers. */
typedef struct {
    double low, high;
} Bounds;

/* Beyond this an axis would overflow; no measure of a run comes near it. NaN cannot be drawn either. */
static bool is_drawable(double value) {
    return fabs(value) < 1e200;
}

static void widen(Bounds *bounds, double value) {
    if (!is_drawable(value)) return;
    bounds->low = fmin(bounds->low, value);
    bounds->high = fmax(bounds->high, value);
}

static Bounds bounds_of(const Series *series) {
    Bounds bounds = {INFINITY, -INFINITY};
    for (size_t i = 0; i < series->count; i++) widen(&bounds, series->value[i]);
    return bounds;
}

typedef struct {
    Ticks x, y;
} Axes;

static double at_x(const Axes *a, double x) {
    const double most = tick_at(&a->x, a->x.count - 1);
    return LEFT + x / most * (WIDTH - LEFT - RIGHT);
}

static double at_y(const Axes *a, double y) {
    const double low = a->y.first, high = tick_at(&a->y, a->y.count - 1);
    return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
}

/* 2.5e-5 in place of 2.5e-05. */
static void write_short(Html *html, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    char *exponent = strchr(text, 'e');
    if (exponent && exponent[2] == '0') memmove(exponent + 2, exponent + 3, strlen(exponent + 3) + 1);
    html_print(html, "%s", text);
}

/* A label of an axis; thousands as k where the numbers are large. */
static void write_tick(Html *html, const Ticks *ticks, int index) {
    const double value = tick_at(ticks, index), most = tick_at(ticks, ticks->count - 1);
    if (most >= 1e4 && most < 1e8 && ticks->step >= 100.0)
        html_print(html, value == 0.0 ? "0" : "%.10gk", value / 1e3);
    else
        write_short(html, value);
}

static void write_axes(Html *html, const Axes *a) {
    html_print(html, "<g class=\"grid\">");
    for (int i = 0; i < a->y.count; i++)
        html_print(html, "<path d=\"M%d %.1fH%d\"/>", LEFT, at_y(a, tick_at(&a->y, i)), WIDTH - RIGHT);
    html_print(html, "</g><g class=\"tick\" text-anchor=\"end\">");
    for (int i = 0; i < a->y.count; i++) {
        html_print(html, "<text x=\"%d\" y=\"%.1f\">", LEFT - 7, at_y(a, tick_at(&a->y, i)) + 4.0);
        write_tick(html, &a->y, i);
        html_print(html, "</text>");
    }
    html_print(html, "</g><g class=\"tick\" text-anchor=\"middle\">");
    for (int i = 0; i < a->x.count; i++) {
        html_print(html, "<text x=\"%.1f\" y=\"%d\">", at_x(a, tick_at(&a->x, i)), HEIGHT - BOTTOM + 16);
        write_tick(html, &a->x, i);
        html_print(html, "</text>");
    }
    html_print(html, "<text x=\"%d\" y=\"%d\">step</text></g>", LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 5);
}

/* --- Lines -------------------------------------------------------------------------------------------------------- */

/* Continue a path to a point; a gap is left where a value is not a number. */
static void path_to(Html *html, const Axes *a, double x, double y, bool *open) {
    if (is_drawable(y)) html_print(html, "%s%.1f %.1f", *open ? "L" : "M", at_x(a, x), at_y(a, y));
    *open = is_drawable(y);
}

/* The lowest and highest value of each run of values, in their order. */
static void path_of_extremes(Html *html, const Axes *a, const Series *s, bool *open) {
    for (size_t part = 0; part < DRAWN; part++) {
        const size_t first = part * s->count / DRAWN, end = (part + 1) * s->count / DRAWN;
        size_t low = first, high = first;
        for (size_t i = first; i < end; i++) {
            if (!(s->value[i] >= s->value[low])) low = i;
            if (!(s->value[i] <= s->value[high])) high = i;
        }
        const size_t one = low < high ? low : high, two = low < high ? high : low;
        path_to(html, a, s->step[one], s->value[one], open);
        if (two != one) path_to(html, a, s->step[two], s->value[two], open);
    }
}

static void write_line(Html *html, const Axes *a, const Line *line) {
    const Series *s = line->series;
    bool open = false;
    html_print(html, "<path class=\"line s%d d%d\" d=\"", line->style % CHART_COLOURS, line->style / CHART_COLOURS);
    if (s->count > 2 * (size_t)DRAWN)
        path_of_extremes(html, a, s, &open);
    else
        for (size_t i = 0; i < s->count; i++) path_to(html, a, s->step[i], s->value[i], &open);
    html_print(html, "\"/>");
    if (s->count > MARKED || !(line->points || s->count == 1)) return;
    for (size_t i = 0; i < s->count; i++) {
        if (!is_drawable(s->value[i])) continue;
        html_print(html, "<circle class=\"point s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>",
                   line->style % CHART_COLOURS, at_x(a, s->step[i]), at_y(a, s->value[i]));
        html_text(html, line->name);
        html_print(html, ", step %.0f: %.4g</title></circle>", s->step[i], s->value[i]);
    }
}

static void write_baseline(Html *html, const Axes *a, const Chart *chart) {
    if (isnan(chart->baseline)) return;
    const double y = at_y(a, chart->baseline);
    html_print(
        html,
        "<path class=\"baseline\" d=\"M%d %.1fH%d\"/><text class=\"note\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">",
        LEFT, y, WIDTH - RIGHT, WIDTH - RIGHT - 2, y - 5.0);
    html_text(html, chart->baseline_name);
    html_print(html, "</text>");
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

static void describe_line(Html *html, const Line *line) {
    const Series *s = line->series;
    const Bounds b = bounds_of(s);
    if (s->count == 0) return;
    html_print(html, " ");
    html_text(html, line->name);
    html_print(html, ": ");
    html_number(html, s->value[0]);
    html_print(html, " at step %.0f, ", s->step[0]);
    html_number(html, s->value[s->count - 1]);
    html_print(html, " at step %.0f", s->step[s->count - 1]);
    if (isfinite(b.low)) html_print(html, "; lowest %.4g, highest %.4g", b.low, b.high);
    html_print(html, ".");
}

void chart_swatch(Html *html, int style) {
    html_print(html,
               "<svg class=\"swatch\" aria-hidden=\"true\" viewBox=\"0 0 28 10\" width=\"28\" height=\"10\"><path "
               "class=\"line s%d d%d\" d=\"M1 5H27\"/></svg>",
               style % CHART_COLOURS, style / CHART_COLOURS);
}

static void write_legend(Html *html, const Chart *chart) {
    html_print(html, "<ul class=\"legend\">");
    for (size_t i = 0; i < chart->count; i++) {
        if (chart->lines[i].series->count == 0) continue;
        html_print(html, "<li>");
        chart_swatch(html, chart->lines[i].style);
        html_text(html, chart->lines[i].name);
        html_print(html, "</li>");
    }
    html_print(html, "</ul>");
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* The value at a step; false: the line has none. */
static bool value_at(const Series *s, double step, double *value) {
    size_t low = 0, high = s->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->count || s->step[low] != step) return false;
    *value = s->value[low];
    return true;
}

/* The smallest step of any line above `step`; infinity: there is none. */
static double next_step(const Chart *chart, double step) {
    double next = INFINITY;
    for (size_t i = 0; i < chart->count; i++) {
        const Series *s = chart->lines[i].series;
        size_t low = 0, high = s->count;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if (s->step[middle] <= step)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < s->count) next = fmin(next, s->step[low]);
    }
    return next;
}

static void write_row(Html *html, const Chart *chart, double step) {
    html_print(html, "<tr><th scope=\"row\">%.0f</th>", step);
    for (size_t i = 0; i < chart->count; i++) {
        double value;
        html_print(html, "<td>");
        if (value_at(chart->lines[i].series, step, &value)) html_number(html, value);
        html_print(html, "</td>");
    }
    html_print(html, "</tr>");
}

static void write_table(Html *html, const Chart *chart) {
    size_t steps = 0, at = 0, written = 0;
    for (double step = next_step(chart, -1.0); isfinite(step); step = next_step(chart, step)) steps++;
    html_print(
        html,
        "<details><summary>Values<span class=\"hidden\"> of %s</span></summary><div class=\"scroll\" tabindex=\"0\" "
        "role=\"region\" aria-label=\"Values of %s\"><table class=\"data\"><caption>%s by step",
        chart->title, chart->title, chart->title);
    if (steps > ROWS) html_print(html, ": %d of %zu steps, evenly chosen", ROWS, steps);
    html_print(html, "</caption><thead><tr><th scope=\"col\">step</th>");
    for (size_t i = 0; i < chart->count; i++) {
        html_print(html, "<th scope=\"col\">");
        html_text(html, chart->lines[i].name);
        html_print(html, "</th>");
    }
    html_print(html, "</tr></thead><tbody>");
    for (double step = next_step(chart, -1.0); isfinite(step); step = next_step(chart, step), at++) {
        if (steps > ROWS && at != written * (steps - 1) / (ROWS - 1)) continue;
        write_row(html, chart, step);
        written++;
    }
    html_print(html, "</tbody></table></div></details>");
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

bool chart_write(Html *html, const Chart *chart) {
    Bounds y = {INFINITY, -INFINITY};
    double last = 0.0;
    for (size_t i = 0; i < chart->count; i++) {
        const Series *s = chart->lines[i].series;
        const Bounds b = bounds_of(s);
        widen(&y, b.low);
        widen(&y, b.high);
        if (s->count > 0) last = fmax(last, s->step[s->count - 1]);
    }
    if (!isfinite(y.low)) return false;
    widen(&y, chart->baseline);
    Axes axes = {ticks_cover_whole(last), ticks_cover(y.low, y.high)};
    html_print(html, "<figure class=\"chart\" id=\"%s\"><figcaption>%s</figcaption>", chart->id, chart->title);
    if (chart->legend) write_legend(html, chart);
    html_print(
        html,
        "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">%s over "
        "the steps of training</title><desc id=\"%s-d\">A line chart of %s.",
        WIDTH, HEIGHT, chart->id, chart->id, chart->id, chart->title, chart->id, chart->unit);
    for (size_t i = 0; i < chart->count; i++) describe_line(html, &chart->lines[i]);
    html_print(html, "</desc>");
    write_axes(html, &axes);
    write_baseline(html, &axes, chart);
    for (size_t i = 0; i < chart->count; i++) write_line(html, &axes, &chart->lines[i]);
    html_print(html, "</svg>");
    write_table(html, chart);
    html_print(html, "</figure>\n");
    return true;
}
