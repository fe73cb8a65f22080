#ifndef LINNET_CORE_PROGRESS_H
#define LINNET_CORE_PROGRESS_H
/** How far long work is. On a terminal a bar on the last line, from the first second on, which leaves nothing behind:
 *
 *      train:   8%|██▎                          | 120/1500 [02:44<34:01, 1.37 s/update, loss 0.93]
 *
 *  Elsewhere (a batch job's file, a pipe), or where the bar is turned off, a line at least every 30 seconds
 *  (LINNET_PROGRESS_SECONDS) in which nothing else was logged:
 *
 *      train     120/1500 updates (8 %)  1.37 s/update  loss 0.93  34 min left (about 14:05)
 *
 *  Neither is printed by a rank other than 0, or with --quiet. A thread prints them, also within one long step; log
 *  lines (log.h) may come from any thread meanwhile. Results that are printed to a terminal meanwhile would mix with the
 *  bar: print them before or after.
 *
 *  The functions are called by the thread that computes, on any rank; on others than rank 0 they do nothing. Cannot fail.
 *  Not collective.
 *
 *      progress_begin("evaluate", "samples", samples);
 *      for (...) progress_set(done, NULL);
 *      progress_end();
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/** Start a task: `what` it does in a word or two ("evaluate"), in which `unit` its size is counted, in the plural
 *  ("updates"; "bytes" are shown as MB; NULL: nothing is counted), and how many there are (0: unknown). The texts are
 *  copied. A task may start within another one, which is then not shown until the inner one ends. */
void progress_begin(const char *what, const char *unit, int64_t total);

/** How many units are done. `note` (NULL: as before) is shown behind the count: plain text in ASCII, copied. Cheap:
 *  call it as often as you like. */
void progress_set(int64_t done, const char *note);

/** So many more bytes were read or written, in a task whose unit is "bytes"; in others this does nothing, so that what
 *  reads and writes files may always call it. From any thread. */
void progress_add_bytes(int64_t more);

/** The total, where it was not known before. */
void progress_total(int64_t total);

/** The end of the task that started last, complete or not. */
void progress_end(void);

/** So many units are done, but not in the time since progress_begin(), for example by an earlier run: the rate starts
 *  anew here. */
void progress_resume(int64_t done);

/** After its units the task will take so many more seconds, or before they are done, for what is not counted in them. */
void progress_later(double seconds);

/** Whether a terminal shows bars, which is the default; false: lines, as elsewhere. */
void progress_use_bar(bool wanted);

/** Seconds to the end of the innermost task; negative: not known, or nothing is shown here. */
double progress_left(void);

/** "34 min left (about 14:05)": the time from `now` on, in the local time zone. */
void progress_left_text(double seconds, time_t now, char *text, size_t size);

/** Clear the bar's line before a signal ends the process. May be called in signal handlers. */
void progress_clear(void);

#endif
