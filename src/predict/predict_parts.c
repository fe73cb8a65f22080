/* The work on the parts: each rank takes one after the other. See predict_job.h. */
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/signals.h"
#include "linnet/kernels/linear.h"
#include "predict/part_files.h"
#include "predict/row_chunk.h"
#include <inttypes.h>
#include <math.h>

/* Seconds after which rank 0 looks again what the others have done. */
#define LOOK_SECONDS 2.0

/* A rank that is killed loses the work of about so many seconds, by the speed of the run of parts before; the first run
 * has at most so many rows. */
#define RUN_SECONDS 60.0
#define FIRST_RUN_ROWS 1024

typedef struct {
    PredictJob *job;
    RowChunk chunk;
    int64_t *indices;            /* [CHUNK_ROWS] of samples of a token file */
    int64_t *run;                /* [count] parts that are classified together */
    int64_t run_parts, run_rows; /* their number, and that of their rows */
    int64_t run_most;            /* parts of a run, for its memory */
    double rate;                 /* rows a second of the last run; 0 before the first */
    bool *taken;                 /* [count] no rank need take it */
    bool stopped;
    int64_t others; /* rows of parts that are done, as far as rank 0 knows */
    int64_t before; /* rows of the part under way that are done, before those of the chunk */
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

/* Show how far all are; `rows` of the parts under way are done. */
static void show_progress(Work *work, int64_t rows) {
    if (work->job->rank != 0) return;
    if (clock_now() - work->looked >= LOOK_SECONDS) look(work);
    progress_set(work->others + rows, NULL);
}

/* PredictWatch: after each batch of a chunk. */
static bool go_on(void *context, int64_t answered) {
    Work *work = context;
    show_progress(work, work->before + answered);
    return !is_stopping(work);
}

/* --- Parts --- */

static Status refuse_changed(const Work *work) {
    return error_set(work->error, STATUS_INPUT, "%s: the file changed while it was read",
                     table_rows_name(work->job->rows));
}

/* Classify the chunk; false after an error, or a request to stop. */
static bool classify(Work *work) {
    const PredictJob *job = work->job;
    const PredictWatch watch = {go_on, work};
    Error error = {0};
    row_chunk_classify(&work->chunk, job->predictor, table_rows_name(job->rows), &watch, &error);
    if (error.status && error.status != STATUS_STOPPED) *work->error = error;
    return error.status == STATUS_OK;
}

/* The next rows of a part, of which `done` have been classified. */
static Status fill(Work *work, const TablePart *part, int64_t done) {
    Dataset *dataset = table_rows_dataset(work->job->rows);
    row_chunk_clear(&work->chunk);
    if (!dataset) return row_chunk_fill(&work->chunk, work->job->rows, CHUNK_BYTES, work->error);
    const int64_t count = int64_min(part->rows - done, CHUNK_ROWS);
    for (int64_t i = 0; i < count; i++) work->indices[i] = part->first + done + i;
    return count > 0 ? row_chunk_load(&work->chunk, dataset, work->indices, count, work->error) : STATUS_OK;
}

/* Classify the rows of a part, a chunk at a time, and write them; *complete is false after a stop. */
static Status classify_part(Work *work, const TablePart *part, FILE *file, bool *complete) {
    const PredictJob *job = work->job;
    int64_t rows = 0;
    if (!table_rows_dataset(job->rows) && table_rows_part(job->rows, part, work->error)) return work->error->status;
    while (!is_stopping(work)) {
        work->before = rows;
        if (fill(work, part, rows) || work->chunk.count == 0 || !classify(work)) break;
        row_chunk_write(&work->chunk, 0, work->chunk.count, file);
        rows += (int64_t)work->chunk.count;
        show_progress(work, rows);
    }
    *complete = !work->error->status && rows == part->rows;
    if (!work->error->status && !*complete && !is_stopping(work)) refuse_changed(work);
    return work->error->status;
}

/* Count a part whose file is complete. */
static void finish_part(Work *work, int64_t k) {
    work->job->done[k] = true;
    work->others += work->job->parts[k].rows;
}

/* Classify a part of any size. */
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
    if (complete && !work->error->status) finish_part(work, k);
    return work->error->status;
}

/* --- Runs of small parts --- */

/* The rows of all parts of the run. */
static Status fill_run(Work *work) {
    const PredictJob *job = work->job;
    Dataset *dataset = table_rows_dataset(job->rows);
    int64_t rows = 0;
    row_chunk_clear(&work->chunk);
    for (int64_t i = 0; i < work->run_parts; i++) {
        const TablePart *part = &job->parts[work->run[i]];
        for (int64_t r = 0; dataset && r < part->rows; r++) work->indices[rows + r] = part->first + r;
        rows += part->rows;
        if (dataset) continue;
        if (table_rows_part(job->rows, part, work->error) ||
            row_chunk_fill(&work->chunk, job->rows, SIZE_MAX, work->error))
            return work->error->status;
        if ((int64_t)work->chunk.count != rows) return refuse_changed(work);
    }
    return dataset ? row_chunk_load(&work->chunk, dataset, work->indices, rows, work->error) : STATUS_OK;
}

/* Write the file of a part whose rows start at `first` in the chunk. */
static Status write_part(Work *work, int64_t k, size_t first) {
    const PredictJob *job = work->job;
    FILE *file;
    char *path = part_files_path(job, k, work->error);
    if (path && !file_begin(&file, path, work->error)) {
        row_chunk_write(&work->chunk, first, first + (size_t)job->parts[k].rows, file);
        file_end(file, path, work->error);
    }
    memory_free(path);
    if (!work->error->status) finish_part(work, k);
    return work->error->status;
}

/* Classify the parts of the run in one chunk, and empty it. */
static void make_run(Work *work) {
    const int64_t parts = work->run_parts;
    const int64_t rows = work->run_rows;
    const double start = clock_now();
    work->before = 0;
    if (parts == 1) {
        make_part(work, work->run[0]);
    } else if (parts > 1 && !fill_run(work) && classify(work)) {
        size_t first = 0;
        for (int64_t i = 0; i < parts && !write_part(work, work->run[i], first); i++)
            first += (size_t)work->job->parts[work->run[i]].rows;
    }
    work->run_parts = work->run_rows = 0;
    if (parts > 0) work->rate = (double)rows / fmax(clock_now() - start, 1e-9);
}

/* --- Dealing --- */

/* Take a part unless another rank has it. */
static bool take(Work *work, int64_t k) {
    work->taken[k] = true;
    return work->job->ranks == 1 || part_files_claim(work->job, k, work->error);
}

/* Rows that a rank classifies together when `own` are left of its share: the more, the more they share. But one that is
 * killed loses no more than an eighth of the job, and one that is slow leaves half of its share for others to take. */
static int64_t run_rows_most(const Work *work, int64_t own) {
    const PredictJob *job = work->job;
    const double timely = work->rate > 0 ? fmin(work->rate * RUN_SECONDS, CHUNK_ROWS) : FIRST_RUN_ROWS;
    const int64_t most = int64_min(job->total / 8, (int64_t)timely);
    return job->ranks > 1 ? int64_min(most, own / 2) : most;
}

/* Parts that a rank classifies together at most. With a BLAS a part runs alone: a row's bits may depend on the rows that
 * run with it, which must not depend on the ranks, nor on what an earlier job has finished. */
static int64_t run_parts_most(const PredictJob *job) {
    int64_t size = 0;
    if (!linear_batch_invariant(false)) return 1;
    if (!table_rows_dataset(job->rows)) table_rows_division(job->rows, &size);
    return int64_max(CHUNK_BYTES / division_part_bytes(int64_max(size, 0)), 1);
}

/* Every n-th of the parts that were left at the start, in their order: where all ranks are equally fast they never meet.
 * Rank 0 learns meanwhile which others are done; `taken` does not, of parts to come. */
static void take_own(Work *work) {
    const PredictJob *job = work->job;
    int64_t own = 0;
    for (int64_t k = 0, left = 0; k < job->count; k++)
        if (!work->taken[k] && left++ % job->ranks == job->rank) own += job->parts[k].rows;
    for (int64_t k = 0, left = 0; k < job->count && !is_stopping(work); k++) {
        const int64_t rows = job->parts[k].rows;
        if (work->taken[k] || left++ % job->ranks != job->rank) continue;
        if (work->run_parts == work->run_most || work->run_rows + rows > run_rows_most(work, own)) {
            own -= work->run_rows;
            make_run(work);
        }
        if (is_stopping(work) || !take(work, k)) continue;
        work->run[work->run_parts++] = k;
        work->run_rows += rows;
    }
    if (!is_stopping(work)) make_run(work);
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
                if (take(work, k)) make_part(work, k);
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
    work.run_most = run_parts_most(job);
    work.taken = memory_allocate((size_t)job->count, sizeof *work.taken, error);
    work.run = memory_allocate((size_t)job->count, sizeof *work.run, error);
    work.indices = memory_allocate(CHUNK_ROWS, sizeof *work.indices, error);
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
    memory_free(work.run);
    memory_free(work.indices);
    return error->status;
}
