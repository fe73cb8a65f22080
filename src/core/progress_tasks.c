/* Tasks and their rates. See progress_tasks.h. */
#include "core/progress_tasks.h"
#include <math.h>
#include <stdio.h>

/* The rate follows the last minute or so, and at least the last twenty samples: a run that is slowed down tells so
 * soon, and texts of different lengths average out. */
#define MEMORY_SECONDS 60.0
#define MEMORY_SAMPLES 20.0

void progress_tasks_begin(ProgressTasks *tasks, const char *what, const char *unit, int64_t total, double now) {
    if (tasks->depth++ >= PROGRESS_DEPTH) return;
    ProgressTask *task = &tasks->task[tasks->depth - 1];
    *task = (ProgressTask){.total = total, .began = now, .sampled = now};
    snprintf(task->what, sizeof task->what, "%s", what);
    snprintf(task->unit, sizeof task->unit, "%s", unit ? unit : "");
}

static size_t kept(const ProgressTasks *tasks) {
    return tasks->depth < PROGRESS_DEPTH ? tasks->depth : PROGRESS_DEPTH;
}

ProgressTask *progress_tasks_top(ProgressTasks *tasks) {
    return tasks->depth > 0 ? &tasks->task[kept(tasks) - 1] : NULL;
}

const ProgressTask *progress_tasks_shown(const ProgressTasks *tasks, double seconds, double now) {
    for (size_t i = kept(tasks); i > 0; i--)
        if (now - tasks->task[i - 1].began >= seconds) return &tasks->task[i - 1];
    return NULL;
}

void progress_tasks_end(ProgressTasks *tasks, double now) {
    if (tasks->depth == 0 || tasks->depth-- > PROGRESS_DEPTH) return;
    const double inside = now - tasks->task[tasks->depth].began;
    if (tasks->depth > 0) progress_tasks_top(tasks)->sampled += inside; /* the outer task made no progress meanwhile */
}

void progress_task_sample(ProgressTask *task, int64_t done, const char *note, double now) {
    if (note) snprintf(task->note, sizeof task->note, "%s", note);
    if (done == task->done) return;
    const double seconds = fmax(now - task->sampled, 0.0);
    const double kept = fmax(exp(-seconds / MEMORY_SECONDS), 1.0 - 1.0 / MEMORY_SAMPLES);
    task->recent = kept * task->recent + (double)(done - task->done);
    task->recent_s = kept * task->recent_s + seconds;
    task->done = done;
    task->sampled = now;
}

void progress_task_resume(ProgressTask *task, int64_t done, double now) {
    task->done = done;
    task->sampled = now;
    task->recent = task->recent_s = 0.0;
}

/* Counted with what was done since the last sample: a burst of small units that is over may never be sampled. */
ProgressView progress_task_view(const ProgressTask *shown, int64_t done, double now) {
    ProgressTask counted = *shown;
    const ProgressTask *const task = &counted;
    if (done > shown->done) progress_task_sample(&counted, done, NULL, now);
    ProgressView view = {.what = shown->what,
                         .unit = shown->unit,
                         .note = shown->note,
                         .done = done,
                         .total = task->total,
                         .elapsed = now - task->began,
                         .rate = task->recent_s > 0.0 ? task->recent / task->recent_s : 0.0,
                         .left = -1.0};
    if (task->total > 0 && view.rate > 0.0) {
        const double after_sample = (double)(task->total - task->done) / view.rate - (now - task->sampled);
        view.left = fmax(after_sample, 0.0) + task->later;
    }
    return view;
}
