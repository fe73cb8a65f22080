/* Writing a checkpoint in the background. See checkpoint_writer.h. */
#include "linnet/checkpoint/checkpoint_writer.h"

#include "linnet/core/log.h"
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the thread that writes: where all processors compute, it takes what they leave, and a tenth of one at least. */
#define SAVER_NICE 10

static void *write_and_rotate(void *context) {
    Saver *saver = context;
    Error rotation = {0};
    if (snapshot_write(saver->snapshot, &saver->error) == STATUS_OK && saver->limit > 0 &&
        checkpoint_rotate(saver->output_dir, saver->limit, saver->current, saver->best, &rotation))
        log_warning("an older checkpoint could not be removed: %s", rotation.message);
    snapshot_destroy(saver->snapshot); /* here, so that its memory is free as early as can be */
    saver->snapshot = NULL;
    atomic_store(&saver->ended, true);
    return NULL;
}

static void *saver_run(void *saver) {
    setpriority(PRIO_PROCESS, (id_t)gettid(), SAVER_NICE);
    return write_and_rotate(saver);
}

void saver_start(Saver *saver, Snapshot *snapshot, const char *output_dir, int64_t limit, int64_t current,
                 int64_t best) {
    saver->snapshot = snapshot;
    saver->output_dir = output_dir;
    saver->limit = limit;
    saver->current = current;
    saver->best = best;
    saver->error = (Error){0};
    saver->started = true;
    atomic_store(&saver->ended, false);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread starts with its maker's mask */
    saver->threaded = pthread_create(&saver->thread, NULL, saver_run, saver) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!saver->threaded) write_and_rotate(saver);
}

bool saver_ended(const Saver *saver) {
    return saver->started && atomic_load(&saver->ended);
}

Status saver_finish(Saver *saver, Error *error) {
    if (!saver->started) return STATUS_OK;
    if (saver->threaded) pthread_join(saver->thread, NULL);
    saver->started = false;
    if (saver->error.status != STATUS_OK) error_set(error, saver->error.status, "%s", saver->error.message);
    return error->status;
}
