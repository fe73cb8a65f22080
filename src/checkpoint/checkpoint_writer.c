/* Writing a checkpoint in the background. See checkpoint_writer.h. */
#include "linnet/checkpoint/checkpoint_writer.h"

#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/log.h"
#include "linnet/core/thread.h"
#include <sys/resource.h>
#include <unistd.h>

/* Of the thread that writes: where all processors compute, it gets what they leave, and a tenth of one at least. */
#define WRITER_NICE 10

static void *write_and_rotate(void *context) {
    CheckpointWriter *writer = context;
    Error rotation = {0};
    if (snapshot_write(writer->snapshot, &writer->error) == STATUS_OK && writer->limit > 0 &&
        checkpoint_rotate(writer->output_dir, writer->run, writer->limit, writer->current, writer->best, &rotation))
        log_warning("an older checkpoint could not be removed: %s", rotation.message);
    snapshot_destroy(writer->snapshot); /* here, to free its memory as early as possible */
    writer->snapshot = NULL;
    atomic_store(&writer->ended, true);
    return NULL;
}

static void *run_thread(void *writer) {
    setpriority(PRIO_PROCESS, (id_t)gettid(), WRITER_NICE);
    return write_and_rotate(writer);
}

void checkpoint_writer_start(CheckpointWriter *writer, Snapshot *snapshot, const char *output_dir, const char *run,
                             int64_t limit, int64_t current, int64_t best) {
    *writer = (CheckpointWriter){.snapshot = snapshot,
                                 .output_dir = output_dir,
                                 .run = run,
                                 .limit = limit,
                                 .current = current,
                                 .best = best,
                                 .started = true};
    writer->threaded = thread_start(&writer->thread, run_thread, writer);
    if (!writer->threaded) write_and_rotate(writer);
}

bool checkpoint_writer_ended(const CheckpointWriter *writer) {
    return writer->started && atomic_load(&writer->ended);
}

Status checkpoint_writer_finish(CheckpointWriter *writer, Error *error) {
    if (!writer->started) return STATUS_OK;
    if (writer->threaded) pthread_join(writer->thread, NULL);
    writer->started = false;
    if (writer->error.status) error_set(error, writer->error.status, "%s", writer->error.message);
    return error->status;
}
