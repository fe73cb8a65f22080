#ifndef LINNET_REPORT_REPORT_H
#define LINNET_REPORT_REPORT_H
/** `linnet report`: one self-contained HTML page about one or several runs. It has no script, and nothing in it is
 *  loaded from elsewhere. Not collective. */
#include "linnet/core/error.h"

/** At most so many runs on a page: each has a colour and a dash pattern of its own. */
enum { REPORT_RUNS_MAX = 20 };

/** Read the output folders runs [count ≥ 1] of `linnet train` and write the page to `output`, complete or not at all.
 *  Runs that are under way or were stopped are reported as far as they are. A part of a run that is missing or damaged
 *  is named by a warning and in its place on the page. STATUS_INPUT: a folder that is no run, more than
 *  REPORT_RUNS_MAX, the same folder twice, an output file that is not an HTML page. */
Status report_write(char *const *runs, size_t count, const char *output, Error *error);

#endif
