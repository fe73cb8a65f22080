/* The work on the parts: each rank takes one after the other. See predict_job.h. */
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/signals.h"
#include "predict/part_files.h"
#include "predict/row_chunk.h"
#include <inttypes.h>

/* Seconds after which rank 0 looks again what the others have done. */
#define LOOK_SECONDS 2.0

typedef struct {
    PredictJob *job;
    RowChunk chunk;
    bool *taken; /* [count] no rank need take it */
    bool stopped;
    int64_t others; /* rows of parts that are done, as far as rank 0 knows */
    double looked;  /* when it looked */
    Error *error;
} Work;

/* Whether to stop: this rank was asked to, or another one was or has failed. */
static bool is_stopping(Work *work) {
    const PredictJob *job = work->job;
    if (signals_pending()) {
        if (!work->stopped && job->ranks > 1) part_files_ask_stop(job);
        work->stopped = true;
    }
    return work->stopped || work->error->status || (job->ranks > 1 && part_files_stop_asked(job));
}

/* --- Progress --- */

/* Count the rows of finished parts, of all ranks. */
static void look(Work *work) {
    PredictJob *job = work->job;
    Error ignored = {0};
    if (part_files_list(job, NULL, job->done, &ignored)) return;
    work->others = 0;
    for (int64_t k = 0; k < job->count; k++) work->others += job->done[k] ? job->parts[k].rows : 0;
    work->looked = clock_now();
}

/* Show how far all are; `rows` of the part under way are done. */
static void show_progress(Work *work, int64_t rows) {
    if (work->job->rank != 0) return;
    if (clock_now() - work->looked >= LOOK_SECONDS) look(work);
    progress_set(work->others + rows, NULL);
}

/* --- A part --- */

static Status fill(Work *work, const TablePart *part, int64_t done) {
    Dataset *dataset = table_rows_dataset(work->job->rows);
    if (!dataset) return row_chunk_fill(&work->chunk, work->job->rows, work->error);
    const int64_t count = int64_min(part->rows - done, CHUNK_ROWS);
    work->chunk.count = 0;
    return count > 0 ? row_chunk_load(&work->chunk, dataset, part->first + done, count, work->error) : STATUS_OK;
}

/* Classify the rows of a part and write them; *complete is false after a stop. */
static Status classify_part(Work *work, const TablePart *part, FILE *file, bool *complete) {
    PredictJob *job = work->job;
    RowChunk *chunk = &work->chunk;
    const char *name = table_rows_name(job->rows);
    int64_t rows = 0;
    *complete = false;
    if (!table_rows_dataset(job->rows) && table_rows_part(job->rows, part, work->error)) return work->error->status;
    while (!is_stopping(work)) {
        if (fill(work, part, rows) || chunk->count == 0) break;
        if (row_chunk_classify(chunk, job->predictor, name, work->error)) break;
        row_chunk_write(chunk, file);
        rows += (int64_t)chunk->count;
        show_progress(work, rows);
    }
    *complete = !work->error->status && rows == part->rows;
    if (!work->error->status && !*complete && !is_stopping(work))
        error_set(work->error, STATUS_INPUT, "%s: the file changed while it was read", name);
    return work->error->status;
}

static Status make_part(Work *work, int64_t k) {
    const PredictJob *job = work->job;
    FILE *file;
    bool complete = false;
    Error unfinished = {.status = STATUS_STOPPED};
    char *path = part_files_path(job, k, work->error);
    if (path && !file_begin(&file, path, work->error)) {
        classify_part(work, &job->parts[k], file, &complete);
        file_end(file, path, complete || work->error->status ? work->error : &unfinished);
    }
    memory_free(path);
    if (complete && !work->error->status) {
        job->done[k] = true;
        work->others += job->parts[k].rows;
    }
    return work->error->status;
}

/* --- Dealing --- */

/* Take a part unless another rank has it, and make it. */
static Status try_part(Work *work, int64_t k) {
    work->taken[k] = true;
    if (work->job->ranks > 1 && !part_files_claim(work->job, k, work->error)) return work->error->status;
    return make_part(work, k);
}

/* Every n-th of the parts that are left, in their order: where all ranks are equally fast they never meet. */
static void take_own(Work *work) {
    const PredictJob *job = work->job;
    for (int64_t k = 0, left = 0; k < job->count && !is_stopping(work); k++)
        if (!job->done[k] && left++ % job->ranks == job->rank) try_part(work, k);
}

/* Then what slower ranks have not begun. Ranks that look at the same time begin at different places. */
static void take_others(Work *work) {
    const PredictJob *job = work->job;
    while (!is_stopping(work)) {
        int64_t free = 0, wanted;
        if (part_files_list(job, work->taken, NULL, work->error)) return;
        for (int64_t k = 0; k < job->count; k++) free += !work->taken[k];
        if (free == 0) return;
        wanted = free * job->rank / job->ranks;
        for (int64_t k = 0; k < job->count; k++)
            if (!work->taken[k] && wanted-- == 0) {
                try_part(work, k);
                break;
            }
    }
}

/* Warn of what all ranks together have met. Collective. */
static void warn(const PredictJob *job, const RowChunk *chunk) {
    PredictCounts counts = predictor_counts(job->predictor);
    int64_t sums[] = {counts.texts, counts.truncated, chunk->overflows};
    predict_sum(job, sums, sizeof sums / sizeof *sums);
    counts = (PredictCounts){sums[0], sums[1]};
    if (job->rank != 0) return;
    predictor_warn_truncated(job->predictor, &counts);
    if (sums[2] > 0)
        log_warning("%s: the model's values overflow float32 for %" PRId64
                    " rows: they have no label and no probabilities",
                    job->options->output, sums[2]);
}

Status predict_classify_parts(PredictJob *job, bool *stopped, Error *error) {
    Work work = {.job = job, .error = error};
    work.taken = memory_allocate((size_t)job->count, sizeof *work.taken, error);
    if (!row_chunk_create(&work.chunk, job->format, &job->answers, error)) {
        /* A part without rows needs no file. */
        for (int64_t k = 0; k < job->count; k++) job->done[k] = work.taken[k] = job->done[k] || job->parts[k].rows == 0;
        if (job->rank == 0) look(&work);
        if (job->rank == 0) progress_begin("predict", "rows", job->total);
        if (job->rank == 0) progress_resume(work.others);
        show_progress(&work, 0);
        take_own(&work);
        if (job->ranks > 1) take_others(&work);
        if (job->rank == 0) progress_end();
        if (error->status && job->ranks > 1) part_files_ask_stop(job);
    }
    int64_t asked = work.stopped;
    predict_sum(job, &asked, 1);
    *stopped = asked > 0;
    warn(job, &work.chunk);
    row_chunk_destroy(&work.chunk);
    memory_free(work.taken);
    return error->status;
}
