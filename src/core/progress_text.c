/* Bars and lines of progress. See progress_text.h. */
#include "core/progress_text.h"
#include "linnet/core/progress.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BAR_LEAST 6     /* columns of a bar that is worth its place */
#define PART 192        /* bytes of a part of the text */
#define MINUTE 60.0     /* seconds */
#define HOUR 3600.0     /* seconds */
#define DAY (24 * HOUR) /* seconds */

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...) {
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* --- Numbers --- */

typedef struct {
    const char *name;
    double size; /* bytes; 1 for what is counted one by one */
} Scale;

static bool in_bytes(const ProgressView *view) {
    return strcmp(view->unit, "bytes") == 0;
}

static Scale scale_of(const ProgressView *view, double amount) {
    static const Scale scales[] = {{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}};
    if (!in_bytes(view)) return (Scale){view->unit, 1.0};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (amount >= scales[i].size) return scales[i];
    return (Scale){"bytes", 1.0};
}

/* "120/1500", "3.2/48.1": the unit's name is not in it. */
static Scale print_count(const ProgressView *view, char *text, size_t size) {
    const Scale scale = scale_of(view, (double)(view->total > 0 ? view->total : view->done));
    const double done = (double)view->done / scale.size, total = (double)view->total / scale.size;
    const int digits = scale.size > 1.0 ? 1 : 0;
    snprintf(text, size, "%.*f", digits, done);
    if (view->total > 0) append(text, size, "/%.*f", digits, total);
    return scale;
}

/* Three digits, without an exponent. */
static void print_short(double value, char *text, size_t size) {
    snprintf(text, size, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
}

/* "41.9 samples/s", or, for slow units, "1.37 s/sample"; empty if unknown. */
static void print_rate(const ProgressView *view, char *text, size_t size) {
    char number[32];
    text[0] = '\0';
    if (!(view->rate > 0.0)) return;
    const Scale scale = scale_of(view, view->rate);
    if (in_bytes(view) || view->rate >= 1.0) {
        print_short(view->rate / scale.size, number, sizeof number);
        snprintf(text, size, "%s %s/s", number, scale.name);
    } else {
        const size_t length = strlen(view->unit), plural = length > 1 && view->unit[length - 1] == 's';
        print_short(1.0 / view->rate, number, sizeof number);
        snprintf(text, size, "%s s/%.*s", number, (int)(length - plural), view->unit);
    }
}

static int percent(const ProgressView *view) {
    const double share = (double)view->done / (double)view->total;
    return (int)(100.0 * fmin(fmax(share, 0.0), 1.0));
}

/* --- Times --- */

/* "02:44", "1:02:44" */
static void print_clock(double seconds, char *text, size_t size) {
    const int64_t all = (int64_t)fmin(fmax(seconds, 0.0), 1e9), hours = all / 3600;
    const int minutes = (int)(all / 60 % 60), rest = (int)(all % 60);
    if (hours > 0)
        snprintf(text, size, "%" PRId64 ":%02d:%02d", hours, minutes, rest);
    else
        snprintf(text, size, "%02d:%02d", minutes, rest);
}

static void print_duration(double seconds, char *text, size_t size) {
    if (seconds < 99.5)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 99.5 * MINUTE)
        snprintf(text, size, "%.0f min", seconds / MINUTE);
    else if (seconds < 2 * DAY)
        snprintf(text, size, "%.1f h", seconds / HOUR);
    else
        snprintf(text, size, "%.1f days", seconds / DAY);
}

void progress_left_text(double seconds, time_t now, char *text, size_t size) {
    char clock[64] = "";
    struct tm at, today;
    const time_t end = now + (time_t)fmin(seconds + 0.5, 1e9);
    print_duration(seconds, text, size);
    append(text, size, " left");
    if (!localtime_r(&now, &today) || !localtime_r(&end, &at)) return;
    const bool same = at.tm_yday == today.tm_yday && at.tm_year == today.tm_year;
    const char *format = same ? "%H:%M" : seconds < 6 * DAY ? "%a %H:%M" : "%d %b %H:%M";
    if (seconds >= MINUTE && strftime(clock, sizeof clock, format, &at) > 0) append(text, size, " (about %s)", clock);
}

/* --- The bar --- */

/* `columns` cells, of which `share` are filled: eighths of a cell in UTF-8, else tenths. */
static void print_cells(double share, size_t columns, bool utf8, char *text, size_t size) {
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    static const char *const tenths[] = {" ", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#"};
    const char *const *cells = utf8 ? eighths : tenths;
    const size_t steps = utf8 ? 8 : 10, filled = (size_t)(fmin(fmax(share, 0.0), 1.0) * (double)(columns * steps));
    char *at = text;
    for (size_t i = 0; i < columns && at + 4 < text + size; i++) {
        const size_t before = i * steps, part = filled <= before          ? 0
                                                : filled - before < steps ? filled - before
                                                                          : steps;
        const size_t length = strlen(cells[part]);
        memcpy(at, cells[part], length);
        at += length;
    }
    *at = '\0';
}

/* "[02:44<34:01, 1.37 s/update" */
static void print_times(const ProgressView *view, char *text, size_t size) {
    char rate[PART / 2];
    text[0] = '[';
    print_clock(view->elapsed, text + 1, size - 1);
    print_rate(view, rate, sizeof rate);
    if (view->total > 0) {
        append(text, size, "<");
        if (view->left >= 0.0)
            print_clock(view->left, text + strlen(text), size - strlen(text));
        else
            append(text, size, "?");
    }
    if (rate[0]) append(text, size, ", %s", rate);
}

static void cut(char *text, size_t columns) {
    if (strlen(text) >= columns) text[columns > 0 ? columns - 1 : 0] = '\0';
}

/* The length of the note's parts, which commas separate, that fit into `room` columns. */
static size_t note_length(const char *note, size_t room) {
    size_t length = strlen(note);
    while (length > room) {
        while (length > 0 && note[length - 1] != ',') length--;
        if (length > 0) length--; /* the comma */
    }
    return length;
}

/* "[02:44<34:01, 1.37 s/update, loss 0.93]" behind `count`, with as much of the note as fits. */
static void print_right(const ProgressView *view, const char *count, size_t columns, char *text, size_t size) {
    char times[PART];
    print_times(view, times, sizeof times);
    snprintf(text, size, "%s%s%s", count, count[0] ? " " : "", times);
    const size_t others = strlen(text) + 3; /* a comma, a space and the bracket */
    const size_t length = note_length(view->note, columns > others ? columns - others : 0);
    append(text, size, "%s%.*s]", length > 0 ? ", " : "", (int)length, view->note);
}

void progress_bar_text(const ProgressView *view, size_t columns, bool utf8, char *text, size_t size) {
    char count[PART] = "", right[PART + PROGRESS_NOTE + PART];
    const bool has_total = view->total > 0;
    if (view->unit[0]) {
        const Scale scale = print_count(view, count, sizeof count);
        if (in_bytes(view) || !has_total) append(count, sizeof count, " %s", scale.name);
    }
    snprintf(text, size, "%s: ", view->what);
    if (has_total) append(text, size, "%3d%%", percent(view));
    const size_t others = strlen(text) + 1 + (has_total ? BAR_LEAST + 3 : 0); /* the last column stays empty */
    print_right(view, count, columns > others ? columns - others : 0, right, sizeof right);
    const size_t taken = strlen(text) + strlen(right) + 4; /* two edges of the bar and a space */
    if (has_total && taken + BAR_LEAST <= columns) {
        append(text, size, "|");
        print_cells((double)view->done / (double)view->total, columns - taken, utf8, text + strlen(text),
                    size - strlen(text) - strlen(right) - 2);
        append(text, size, "| ");
    } else if (has_total) {
        append(text, size, " ");
    }
    append(text, size, "%s", right);
    if (!has_total || taken + BAR_LEAST > columns) cut(text, columns);
}

/* --- The line --- */

void progress_line_text(const ProgressView *view, time_t now, char *text, size_t size) {
    char part[PART];
    snprintf(text, size, "%-9s", view->what);
    if (view->unit[0]) {
        const Scale scale = print_count(view, part, sizeof part);
        append(text, size, " %s %s", part, scale.name);
        if (view->total > 0) append(text, size, " (%d %%)", percent(view));
        append(text, size, " ");
        print_rate(view, part, sizeof part);
        if (part[0]) append(text, size, " %s ", part);
    }
    if (view->note[0]) append(text, size, " %s ", view->note);
    if (view->left >= 0.0) {
        progress_left_text(view->left, now, part, sizeof part);
    } else {
        print_duration(view->elapsed, part, sizeof part);
        append(part, sizeof part, " so far");
    }
    append(text, size, " %s", part);
}
