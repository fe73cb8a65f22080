/* Pieces of the page. See html.h. */
#include "report/html.h"
#include "linnet/core/escape.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void write_character(Html *html, const char *character, size_t size) {
    static const char SPECIAL[] = "&<>\"'";
    static const char *const NAMED[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const char *special = size == 1 ? strchr(SPECIAL, character[0]) : NULL;
    if (special)
        fputs(NAMED[special - SPECIAL], html);
    else
        fwrite(character, 1, size, html);
}

void html_bytes(Html *html, const char *text, size_t size) {
    for (size_t at = 0, taken; at < size; at += taken) {
        char character[ESCAPE_MAX];
        const size_t length = escape_character(ESCAPE_OUTPUT, text + at, size - at, &taken, character);
        write_character(html, character, length);
    }
}

void html_text(Html *html, const char *text) {
    html_bytes(html, text, strlen(text));
}

void html_print(Html *html, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(html, format, arguments);
    va_end(arguments);
}

void html_count(Html *html, int64_t count) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, count < 0 ? -count : count);
    if (count < 0) fputs("−", html);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) fputc(',', html);
        fputc(digits[i], html);
    }
}

void html_percent(Html *html, double fraction) {
    if (isnan(fraction))
        fputs("–", html);
    else
        fprintf(html, "%.1f\u00a0%%", 100.0 * fraction);
}

void html_score(Html *html, double score) {
    if (isnan(score))
        fputs("–", html);
    else
        fprintf(html, "%.3f", score);
}

void html_number(Html *html, double number) {
    if (isnan(number))
        fputs("–", html);
    else
        fprintf(html, "%.4g", number);
}

void html_duration(Html *html, double seconds) {
    const long whole = seconds < 1e12 ? lround(seconds) : 0;
    if (!(seconds < 1e12))
        fputs("–", html);
    else if (seconds < 60.0)
        fprintf(html, "%.1f\u00a0s", seconds);
    else if (whole < 3600)
        fprintf(html, "%ld\u00a0min %02ld\u00a0s", whole / 60, whole % 60);
    else
        fprintf(html, "%ld\u00a0h %02ld\u00a0min", whole / 3600, whole % 3600 / 60);
}

void html_time(Html *html, time_t when) {
    struct tm utc;
    char machine[32], people[32];
    if (when == 0 || !gmtime_r(&when, &utc)) {
        fputs("–", html);
        return;
    }
    strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &utc);
    strftime(people, sizeof people, "%Y-%m-%d %H:%M UTC", &utc);
    fprintf(html, "<time datetime=\"%s\">%s</time>", machine, people);
}

void html_interval(Html *html, double value, double low, double high, double from, double to) {
    enum { WIDTH = 120 };
    if (isnan(value)) {
        fputs("–", html);
        return;
    }
    const double scale = WIDTH / (to - from);
    fprintf(html, "<span class=\"ci\"><b>%.3f</b> <small>%.3f–%.3f</small></span>", value, low, high);
    fprintf(
        html,
        "<svg class=\"forest\" aria-hidden=\"true\" viewBox=\"0 0 %d 8\" width=\"%d\" height=\"8\"><path class=\"rail\" "
        "d=\"M0 4H%d\"/><path class=\"whisker\" d=\"M%.1f 4H%.1f\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"4\" "
        "r=\"2.4\"/></svg>",
        WIDTH, WIDTH, WIDTH, scale * (low - from), scale * (high - from), scale * (value - from));
}
