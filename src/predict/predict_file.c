/* Predictions for a file: what linnet predict --output does. See predict_file.h. */
#include "linnet/predict/predict_file.h"
#include "linnet/comm/broadcast_files.h"
#include "linnet/comm/threads.h"
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/file_source.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/model/model.h"
#include "predict/part_files.h"
#include <inttypes.h>
#include <omp.h>
#include <string.h>

/* --- Before the work --- */

/* "-" and the open files of a process are copied, since they can be read once, by one rank. All ranks must find the
 * same, so that the name tells it; /dev/shm has files. */
static bool is_stream(const char *path) {
    static const char DEVICES[] = "/dev/", FILES[] = "/dev/shm/";
    return strcmp(path, "-") == 0 ||
           (strncmp(path, DEVICES, strlen(DEVICES)) == 0 && strncmp(path, FILES, strlen(FILES)) != 0);
}

/* The paths of the job, and how its input is called. */
static Status name_files(PredictJob *job, Error *error) {
    const PredictFileOptions *options = job->options;
    const size_t size = strlen(options->output) + sizeof ".parts";
    job->table = options->table;
    job->folder = memory_allocate(size, 1, error);
    if (!job->folder) return error->status;
    snprintf(job->folder, size, "%s.parts", options->output);
    if (is_stream(options->input)) {
        job->table.name = strcmp(options->input, "-") == 0 ? "standard input" : options->input;
        job->input = file_join(job->folder, "input", error);
    } else {
        job->input = memory_text(options->input, error);
    }
    return error->status;
}

/* Check what can be checked before the long work, and take the output. Rank 0. */
static Status check_output(PredictJob *job, Error *error) {
    const PredictFileOptions *options = job->options;
    if (is_stream(options->input) && !options->table.format)
        return error_set(error, STATUS_INPUT, "%s: its format must be told: add --format csv, tsv, json or lines",
                         job->table.name);
    if (file_same(options->input, options->output))
        return error_set(error, STATUS_INPUT, "--output %s: is the input: choose another name", options->output);
    if (file_probe(options->output, error) || part_files_begin(job, error)) return error->status;
    return is_stream(options->input) ? part_files_copy_input(job, error) : STATUS_OK;
}

/* Columns of the output, and whether it may replace what is there. */
static Status choose_columns(PredictJob *job, Error *error) {
    const char *const *columns;
    const size_t count = table_rows_columns(job->rows, &columns);
    const Problem problem = predictor_problem(job->predictor);
    const bool usual = problem == PROBLEM_MULTI_LABEL && job->options->threshold == 0;
    job->answers = (AnswerColumns){.problem = problem,
                                   .names = predictor_label_names(job->predictor),
                                   .labels = predictor_labels(job->predictor),
                                   .threshold = usual ? PREDICT_THRESHOLD : job->options->threshold};
    if (job->options->threshold > 0 && predictor_require_probabilities(job->predictor, "--threshold", error))
        return error->status;
    if (answer_columns_choose(&job->answers, job->format, columns, count, table_rows_name(job->rows), error))
        return error->status;
    table_rows_refuse(job->rows, &job->answers);
    if (job->rank != 0) return STATUS_OK;
    return output_check_replaced(job->options->output, job->format, &job->answers, columns, count, error);
}

static Status look_at_input(PredictJob *job, Error *error) {
    return stat(job->input, &job->opened) ? file_fail(error, job->input, "open") : STATUS_OK;
}

/* Refuse an input that has changed since it was opened: its parts may be of two kinds. */
static Status check_unchanged(const PredictJob *job, Error *error) {
    struct stat now;
    if (stat(job->input, &now) == 0 && file_is_unchanged(&job->opened, &now)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: the file changed while it was read", table_rows_name(job->rows));
}

/* Open the model and the input. Collective. */
static Status open_files(PredictJob *job, Error *error) {
    const PredictFileOptions *options = job->options;
    if (job->world && model_broadcast(job->world, options->model, options->adapter, error)) return error->status;
    predictor_open(&job->predictor, options->model, options->adapter, options->batch_size, error);
    broadcast_files_end();
    if (!error->status &&
        !table_rows_open(&job->rows, job->input, &job->table, options->text_column, options->pair_column, job->format,
                         error) &&
        !(options->pair_column && predictor_takes_pairs(job->predictor, error)) && !choose_columns(job, error) &&
        !look_at_input(job, error) && table_rows_dataset(job->rows) && job->rank == 0)
        predictor_check_data(job->predictor, table_rows_dataset(job->rows), error);
    return predict_agree(job, error);
}

static Status check_shared(const PredictJob *job, Error *error) {
    if (!file_is_in(job->folder, "manifest.json"))
        error_set(error, STATUS_INPUT,
                  "%s: is not there, although rank 0 has made it: the output must be in a folder that all ranks share",
                  job->folder);
    return predict_agree(job, error);
}

/* Go on behind an earlier job's parts, or start. Collective. */
static Status resume(PredictJob *job, Error *error) {
    bool resumed = false;
    if (job->rank == 0) part_files_resume(job, &resumed, error);
    if (predict_agree(job, error)) return error->status;
    if (job->world) world_broadcast(job->world, &resumed, sizeof resumed);
    if (!resumed && predict_check_rows(job, error)) return error->status;
    if (job->world && resumed) {
        world_broadcast(job->world, job->parts, (size_t)job->count * sizeof *job->parts);
        world_broadcast(job->world, job->done, (size_t)job->count * sizeof *job->done);
    }
    if (job->rank == 0) {
        int64_t finished = 0;
        for (int64_t k = 0; k < job->count; k++) finished += job->done[k];
        if (resumed && !part_files_clear_claims(job, error))
            log_info("%s: going on behind %" PRId64 " of %" PRId64 " parts, which an earlier run has finished",
                     job->options->output, finished, job->count);
        if (!resumed) part_files_restart(job, error);
    }
    for (int64_t k = 0; k < job->count; k++) job->total += job->parts[k].rows;
    return predict_agree(job, error) ? error->status : check_shared(job, error);
}

static Status open_job(PredictJob *job, int *threads, Error *error) {
    if (!name_files(job, error) && !output_format(job->options->output, &job->format, error) && job->rank == 0)
        check_output(job, error);
    if (predict_agree(job, error)) return error->status;
    signals_install(); /* not before: reading standard input may wait for ever */
    if (job->world && threads_choose(job->world, job->options->threads, threads, error)) return error->status;
    if (!job->world && job->options->threads > 0) omp_set_num_threads((int)job->options->threads);
    if (!job->world) *threads = omp_get_max_threads();
    return open_files(job, error) || predict_divide(job, error) ? error->status : resume(job, error);
}

/* --- The work --- */

static void enter(const PredictJob *job, RunPhase phase) {
    if (job->world) world_phase(job->world, phase, 0);
}

/* Rows of the parts that no earlier job has finished. */
static int64_t rows_left(const PredictJob *job) {
    int64_t rows = 0;
    for (int64_t k = 0; k < job->count; k++) rows += job->done[k] ? 0 : job->parts[k].rows;
    return rows;
}

static void tell_end(const PredictJob *job, int64_t classified, double seconds) {
    const char *output = job->options->output;
    const double rate = (double)classified / seconds;
    if (classified == job->total)
        log_info("%s: %" PRId64 " rows, %.1f rows/s", output, job->total, rate);
    else
        log_info("%s: %" PRId64 " rows, %" PRId64 " of them now, %.1f rows/s", output, job->total, classified, rate);
}

static Status run_job(PredictJob *job, int threads, Error *error) {
    const PredictFileOptions *options = job->options;
    bool stopped = false;
    log_info("linnet %s: %d rank%s x %d thread%s; %s on %s, %" PRId64 " rows in %" PRId64 " parts", LINNET_VERSION,
             job->ranks, job->ranks > 1 ? "s" : "", threads, threads > 1 ? "s" : "", options->model,
             table_rows_name(job->rows), job->total, job->count);
    const int64_t rest = rows_left(job);
    const double start = clock_now();
    enter(job, RUN_EVALUATION);
    predict_classify_parts(job, &stopped, error);
    if (predict_agree(job, error)) return error->status;
    if (stopped) {
        log_info("%s: stopped by a signal; the same command goes on behind the finished parts, which are in %s",
                 options->output, job->folder);
        if (job->world) heartbeat_stopping(job->world);
        return error_set(error, STATUS_STOPPED, "stopped by a signal");
    }
    enter(job, RUN_SAVE);
    if (job->rank == 0 && !check_unchanged(job, error)) part_files_join(job, error);
    if (!predict_agree(job, error)) tell_end(job, rest, clock_now() - start);
    return error->status;
}

static void close_job(PredictJob *job) {
    part_files_end(job);
    answer_columns_free(&job->answers);
    table_rows_close(job->rows);
    predictor_close(job->predictor);
    memory_free(job->parts);
    memory_free(job->done);
    memory_free(job->folder);
    memory_free(job->input);
}

Status predict_file(World *world, const PredictFileOptions *options, Error *error) {
    PredictJob job = {
        .world = world, .options = options, .rank = world ? world->rank : 0, .ranks = world ? world->size : 1};
    int threads = 1;
    if (world) heartbeat_limit(world, (double)options->rank_timeout);
    enter(&job, RUN_LOAD);
    if (!open_job(&job, &threads, error)) run_job(&job, threads, error);
    close_job(&job);
    return error->status;
}
