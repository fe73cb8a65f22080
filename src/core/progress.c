/* Showing progress: the thread, and the last line of the terminal. See progress.h. */
#include "linnet/core/progress.h"
#include "core/progress_tasks.h"
#include "linnet/core/clock.h"
#include "linnet/core/environment.h"
#include "linnet/core/log.h"
#include "linnet/core/terminal.h"
#include "linnet/core/thread.h"
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_AFTER 1.0   /* seconds: what lasts less needs no bar */
#define BAR_PERIOD 0.1    /* seconds between two pictures */
#define LINE_INTERVAL 30. /* seconds without a line, at most */
#define TEXT_ROOM 2048    /* bytes of a bar or a line; a terminal of 600 columns has room in it */

static const char CLEAR[] = "\r\033[K";

/* What the computing thread changes and the other one shows. */
static pthread_mutex_t tasks_lock = PTHREAD_MUTEX_INITIALIZER;
static ProgressTasks tasks;
static atomic_int_least64_t units_done; /* of the innermost task */
static atomic_bool in_bytes;            /* that is its unit */
static atomic_bool sample_wanted;       /* the next progress_set() shall note the time */

/* The terminal, or the file in its place. Who writes to it holds the lock, and not that of the tasks: the computing
 * thread never waits for a slow terminal, unless it logs a line itself. */
static pthread_mutex_t screen_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool bar_shown, process_ends;
static double last_line;      /* on the clock; 0: none yet */
static char drawn[TEXT_ROOM]; /* the bar that is shown */
static bool bar_refused, is_utf8;
static Terminal terminal = {.file = -1};

static pthread_t painter;
static bool painting;
static sem_t ending; /* posted when the thread shall end */
static double line_interval;

/* --- Lines of the log --- */

/* The lock of the screen is held, or a signal ends the process. */
static void lift_bar(void) {
    const int kept = errno;
    if (atomic_exchange(&bar_shown, false) && terminal_in_foreground(&terminal) &&
        write(STDERR_FILENO, CLEAR, sizeof CLEAR - 1) < 0)
        errno = kept; /* nowhere to report it */
    errno = kept;
}

static void before_line(void) {
    pthread_mutex_lock(&screen_lock);
    lift_bar();
}

static void after_line(void) {
    last_line = clock_now();
    pthread_mutex_unlock(&screen_lock);
}

void progress_clear(void) {
    atomic_store(&process_ends, true);
    lift_bar();
}

/* --- The thread --- */

/* The innermost task that has lasted `seconds`; false if there is none. */
static bool look(double seconds, double now, ProgressTask *task, ProgressView *view) {
    pthread_mutex_lock(&tasks_lock);
    const ProgressTask *shown = progress_tasks_shown(&tasks, seconds, now);
    const bool innermost = shown && shown == progress_tasks_top(&tasks);
    if (shown) *task = *shown;
    if (shown) *view = progress_task_view(task, innermost ? atomic_load(&units_done) : task->done, now);
    pthread_mutex_unlock(&tasks_lock);
    return shown;
}

/* Whether standard error takes a line at once: a terminal that its user holds (Ctrl-S), or a pipe that nobody reads,
 * does not. */
static bool is_writable(void) {
    struct pollfd file = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&file, 1, 0) == 1 && (file.revents & POLLOUT);
}

/* The lock of the screen is held. */
static void draw(const ProgressView *view) {
    char text[TEXT_ROOM] = "\r", *bar = text + 1;
    progress_bar_text(view, terminal_columns(&terminal), is_utf8, bar, sizeof text - sizeof CLEAR - 1);
    if ((atomic_load(&bar_shown) && strcmp(bar, drawn) == 0) || !is_writable() || atomic_load(&process_ends)) return;
    memcpy(drawn, bar, strlen(bar) + 1);
    strcat(text, CLEAR + 1); /* what an earlier, longer bar has left behind this one */
    if (write(STDERR_FILENO, text, strlen(text)) > 0) atomic_store(&bar_shown, true);
}

static void say(double now, double period) {
    ProgressTask task;
    ProgressView view;
    char text[TEXT_ROOM];
    pthread_mutex_lock(&screen_lock);
    /* Early by what the thread sleeps and by what a task lasts before it is shown: the interval is not exceeded. */
    const bool due = line_interval > 0.0 && now - last_line >= line_interval - 2.0 * period;
    pthread_mutex_unlock(&screen_lock);
    if (!due || !is_writable() || !look(period, now, &task, &view)) return;
    progress_line_text(&view, time(NULL), text, sizeof text);
    log_info("%s", text);
}

static double period_of(bool bar) {
    return bar ? BAR_PERIOD : fmin(fmax(line_interval / LINE_INTERVAL, 0.02), 1.0);
}

/* One look at the tasks; returns the seconds to the next one. */
static double paint(void) {
    const double now = clock_now();
    const bool bar = terminal_in_foreground(&terminal);
    ProgressTask task;
    ProgressView view;
    if (!bar) {
        atomic_store(&bar_shown, false);
        say(now, period_of(bar));
    } else if (look(SHOWN_AFTER, now, &task, &view)) {
        pthread_mutex_lock(&screen_lock);
        draw(&view);
        pthread_mutex_unlock(&screen_lock);
    }
    atomic_store(&sample_wanted, true);
    return period_of(bar);
}

static void *paint_all(void *context) {
    (void)context;
    double period = BAR_PERIOD;
    while (!thread_wait(&ending, period)) period = paint();
    return NULL;
}

/* Also at the end of the process: an error may have left tasks. */
static void stop_painter(void) {
    if (!painting) return;
    sem_post(&ending);
    pthread_join(painter, NULL);
    sem_destroy(&ending);
    painting = false;
    pthread_mutex_lock(&screen_lock);
    lift_bar();
    terminal_close(&terminal);
    pthread_mutex_unlock(&screen_lock);
}

static void start_painter(void) {
    static const LogAround around = {before_line, after_line};
    static bool known = false;
    if (!known) {
        line_interval = environment_seconds("LINNET_PROGRESS_SECONDS", LINE_INTERVAL, true);
        last_line = clock_now();
        log_set_around(&around);
        atexit(stop_painter);
        tzset(); /* so that the thread does not */
        known = true;
    }
    if (sem_init(&ending, 0, 0)) return;
    if (!bar_refused) terminal = terminal_open();
    is_utf8 = terminal_is_utf8();
    painting = thread_start(&painter, paint_all, NULL); /* without a thread there is no progress to see */
    if (painting) return;
    terminal_close(&terminal);
    sem_destroy(&ending);
}

/* --- The computing thread --- */

void progress_use_bar(bool wanted) {
    bar_refused = !wanted;
}

/* The innermost task has become another one. The lock of the tasks is held. */
static void changed_top(void) {
    const ProgressTask *top = progress_tasks_top(&tasks);
    atomic_store(&units_done, top ? top->done : 0);
    atomic_store(&in_bytes, top && strcmp(top->unit, "bytes") == 0);
}

void progress_begin(const char *what, const char *unit, int64_t total) {
    if (!log_informs()) return;
    pthread_mutex_lock(&tasks_lock);
    ProgressTask *outer = progress_tasks_top(&tasks);
    const double now = clock_now();
    if (outer) progress_task_sample(outer, atomic_load(&units_done), NULL, now);
    progress_tasks_begin(&tasks, what, unit, total, now);
    changed_top();
    pthread_mutex_unlock(&tasks_lock);
    atomic_store(&sample_wanted, true);
    if (!painting) start_painter();
}

void progress_resume(int64_t done) {
    pthread_mutex_lock(&tasks_lock);
    if (tasks.depth > 0) progress_task_resume(progress_tasks_top(&tasks), done, clock_now());
    atomic_store(&units_done, done);
    atomic_store(&sample_wanted, true);
    pthread_mutex_unlock(&tasks_lock);
}

/* Note the time at which `done` units are done, if the other thread has shown what was noted before. */
static void sample(int64_t done, const char *note) {
    if (!atomic_load_explicit(&sample_wanted, memory_order_relaxed)) return;
    atomic_store_explicit(&sample_wanted, false, memory_order_relaxed);
    const double now = clock_now();
    pthread_mutex_lock(&tasks_lock);
    if (tasks.depth > 0) progress_task_sample(progress_tasks_top(&tasks), done, note, now);
    pthread_mutex_unlock(&tasks_lock);
}

void progress_set(int64_t done, const char *note) {
    atomic_store_explicit(&units_done, done, memory_order_relaxed);
    sample(done, note);
}

void progress_add_bytes(int64_t more) {
    if (atomic_load_explicit(&in_bytes, memory_order_relaxed)) sample(atomic_fetch_add(&units_done, more) + more, NULL);
}

void progress_total(int64_t total) {
    pthread_mutex_lock(&tasks_lock);
    if (tasks.depth > 0) progress_tasks_top(&tasks)->total = total;
    pthread_mutex_unlock(&tasks_lock);
}

double progress_left(void) {
    pthread_mutex_lock(&tasks_lock);
    const ProgressTask *task = progress_tasks_top(&tasks);
    const double left = task ? progress_task_view(task, task->done, clock_now()).left : -1.0;
    pthread_mutex_unlock(&tasks_lock);
    return left;
}

void progress_later(double seconds) {
    pthread_mutex_lock(&tasks_lock);
    if (tasks.depth > 0) progress_tasks_top(&tasks)->later = seconds;
    pthread_mutex_unlock(&tasks_lock);
}

void progress_end(void) {
    pthread_mutex_lock(&tasks_lock);
    progress_tasks_end(&tasks, clock_now());
    changed_top();
    const bool none = tasks.depth == 0;
    pthread_mutex_unlock(&tasks_lock);
    if (none) stop_painter();
}
