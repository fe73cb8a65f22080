#ifndef LINNET_REPORT_CHART_H
#define LINNET_REPORT_CHART_H
/* Line charts as inline SVG, each with the table of its values. */
#include "report/html.h"
#include "report/report_run.h"
#include <stdbool.h>

/* Lines have a colour class s0 … s6 and a dash class d0 … d2: 21 that can be told apart without colour, too. */
enum { CHART_COLOURS = 7 };

typedef struct {
    const char *name; /* borrowed */
    const Series *series;
    int style;   /* 0 … 20 */
    bool points; /* mark each value, where there are few */
} Line;

typedef struct {
    const char *id; /* unique on the page; ASCII letters */
    const char *title;
    const char *unit; /* what the values are, for the description: "loss", "tokens a second" */
    const Line *lines;
    size_t count;
    bool legend;     /* name the lines under the title */
    double baseline; /* a dashed line at this value; NaN: none */
    char *baseline_name;
} Chart;

/* Nothing is written for a chart without any value; returns whether it was. */
bool chart_write(Html *html, const Chart *chart);

/* A sample of a line for a legend. */
void chart_swatch(Html *html, int style);

/* Axes, which other charts use as well: round numbers that cover low … high. */
typedef struct {
    double first, step;
    int count; /* of ticks, at least 2 */
} Ticks;
Ticks ticks_cover(double low, double high);
Ticks ticks_cover_whole(double high); /* whole numbers from 0 */
double tick_at(const Ticks *ticks, int index);

#endif
