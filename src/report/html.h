#ifndef LINNET_REPORT_HTML_H
#define LINNET_REPORT_HTML_H
/* Pieces of the page: escaped texts, figures, intervals. They write to a stream, whose error flag tells of failures. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

typedef FILE Html;

/* A text of a user or a file, as the content of an element or of an attribute in double quotes: & < > " ' as character
 * references; control characters, line ends and bidirectional controls as escapes (ESCAPE_OUTPUT). */
void html_text(Html *html, const char *text);
void html_bytes(Html *html, const char *text, size_t size);

/* Printf of markup: what is given must not come from a user or a file, but for numbers. */
void html_print(Html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "12,345". */
void html_count(Html *html, int64_t count);
/* A fraction as "61.2 %"; a dash for NaN. */
void html_percent(Html *html, double fraction);
/* A score from 0 to 1 with 3 digits; a dash for NaN. */
void html_score(Html *html, double score);
/* A number with 4 significant digits; a dash for NaN. */
void html_number(Html *html, double number);
/* "3 h 05 min", "2 min 07 s", "12.3 s". */
void html_duration(Html *html, double seconds);
/* "2026-11-30 06:49 UTC", in a <time> element; a dash for 0. */
void html_time(Html *html, time_t when);

/* The estimate of a proportion or a score, with its 95 % interval in small type and as a little drawing on a scale
 * from … to. */
void html_interval(Html *html, double value, double low, double high, double from, double to);

#endif
