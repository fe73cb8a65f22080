#ifndef LINNET_CORE_PROGRESS_TASKS_H
#define LINNET_CORE_PROGRESS_TASKS_H
/* The tasks that progress.h shows, each inside the one before it, and how fast they are. `now` is in seconds on any
 * clock that does not go back. Cannot fail. Not collective; one thread at a time. */
#include "core/progress_text.h"

#define PROGRESS_DEPTH 4 /* deeper tasks are counted, but not shown */

typedef struct {
    char what[32], unit[32], note[PROGRESS_NOTE];
    int64_t total, done;     /* done: at the last sample */
    double began, sampled;   /* when it started; when `done` was reported last */
    double recent, recent_s; /* units and seconds, of which later ones weigh more: the rate is their quotient */
    double later;            /* seconds for what is not counted in units */
} ProgressTask;

typedef struct {
    ProgressTask task[PROGRESS_DEPTH];
    size_t depth;
} ProgressTasks;

void progress_tasks_begin(ProgressTasks *tasks, const char *what, const char *unit, int64_t total, double now);
void progress_tasks_end(ProgressTasks *tasks, double now);

/* The innermost task; NULL if there is none. */
ProgressTask *progress_tasks_top(ProgressTasks *tasks);

/* The task to show: the innermost one that has lasted `seconds`; NULL if there is none. */
const ProgressTask *progress_tasks_shown(const ProgressTasks *tasks, double seconds, double now);

/* `done` units are done now; note may be NULL. */
void progress_task_sample(ProgressTask *task, int64_t done, const char *note, double now);

/* `done` units are done, but not since the last sample: the rate starts anew. */
void progress_task_resume(ProgressTask *task, int64_t done, double now);

/* As it is now, with `done` units, of which the last ones may not be sampled. The view borrows the task's texts. */
ProgressView progress_task_view(const ProgressTask *task, int64_t done, double now);

#endif
