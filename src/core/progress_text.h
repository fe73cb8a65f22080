#ifndef LINNET_CORE_PROGRESS_TEXT_H
#define LINNET_CORE_PROGRESS_TEXT_H
/* The texts of progress.h: a bar for a terminal, a line for a file. Cannot fail. Not collective. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define PROGRESS_NOTE 160 /* bytes of a note, with its final zero */

/* A task at a moment. */
typedef struct {
    const char *what, *unit, *note; /* unit "": nothing is counted; note "": none */
    int64_t done, total;            /* total 0: unknown */
    double elapsed;                 /* seconds since its start */
    double rate;                    /* units a second; 0: not known yet */
    double left;                    /* seconds to its end; negative: not known */
} ProgressView;

/* The bar, as tqdm draws it, in less than `columns` columns, so that no terminal wraps it. */
void progress_bar_text(const ProgressView *view, size_t columns, bool utf8, char *text, size_t size);

/* The line; `now` is the time of day. */
void progress_line_text(const ProgressView *view, time_t now, char *text, size_t size);

#endif
