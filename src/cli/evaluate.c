/* linnet evaluate: a model on a token file, by all ranks. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/comm/threads.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/heartbeat/job.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/model.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the command line says. */
typedef struct {
    const char *model, *data, *predictions;
    int64_t batch_size, threads, rank_timeout;
    bool quiet;
} CommandOptions;

/* What the command holds while it runs. */
typedef struct {
    World *world;
    Model model;
    Dataset *dataset;
    Batch batch;
    Gpt2 *gpt2;
    Metrics *metrics;
    FILE *predictions; /* rank 0, where they are wanted */
    const char *predictions_path;
} Job;

/* Whether the ranks of a node share the model. Collective. */
static Status choose_sharing(Job *job, const CommandOptions *options, Error *error) {
    ParameterLayout layout = {0};
    model_layout(options->model, &layout, error);
    size_t bytes = layout.dense * sizeof(float);
    parameters_layout_free(&layout);
    if (world_agree(job->world, error, true)) return error->status;
    return shared_choose(job->world, bytes, error);
}

/* Open data and model. Collective. */
static Status open_job(Job *job, const CommandOptions *options, Error *error) {
    if (evaluate_open_data(job->world, &job->dataset, options->data, error)) return error->status;
    const DatasetInfo *info = dataset_info(job->dataset);
    if (choose_sharing(job, options, error)) return error->status;
    if (model_open(&job->model, job->world, options->model, NULL, 0, error)) return error->status;
    const ModelConfig *config = &job->model.config;
    size_t rows = batch_rows_max(config->positions);
    if (model_check_data(config, job->model.tokenizer, info, options->model, error) == STATUS_OK) {
        batch_create(&job->batch, rows, rows, error);
        gpt2_create(&job->gpt2, config, &job->model.layout, rows, rows, false, error);
        job->metrics = memory_allocate(1, sizeof *job->metrics, error);
    }
    return world_agree(job->world, error, true);
}

static void close_job(Job *job) {
    gpt2_destroy(job->gpt2);
    batch_destroy(&job->batch);
    model_close(&job->model);
    dataset_close(job->dataset);
    memory_free(job->metrics);
}

/* One line a sample: source row, true label, predicted label, the probability of each label. */
static void print_predictions(FILE *file, const DatasetInfo *info, const Samples *samples, const double *logits) {
    size_t labels = (size_t)info->labels;
    float row[METRICS_LABELS_MAX];
    double probabilities[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < samples->count; i++) {
        size_t best = 0;
        for (size_t k = 0; k < labels; k++) {
            row[k] = (float)logits[(size_t)i * labels + k];
            if (row[k] > row[best]) best = k;
        }
        loss_softmax(probabilities, row, labels);
        fprintf(file, "%" PRId64 "\t%s\t%s", samples->rows[i], info->label_names[samples->labels[i]],
                info->label_names[best]);
        for (size_t k = 0; k < labels; k++) fprintf(file, "\t%.6f", probabilities[k]);
        fputc('\n', file);
    }
}

/* The predictions' file with its header row. Rank 0. */
static Status begin_predictions(Job *job, const char *path, Error *error) {
    const DatasetInfo *info = dataset_info(job->dataset);
    job->predictions_path = path;
    if (file_begin(&job->predictions, path, error)) return error->status;
    fprintf(job->predictions, "row\tlabel\tpredicted");
    for (int32_t k = 0; k < info->labels; k++) fprintf(job->predictions, "\t%s", info->label_names[k]);
    fputc('\n', job->predictions);
    return STATUS_OK;
}

/* A LogitsSink's. */
static Status take_predictions(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    Job *job = context;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    Samples samples = {0};
    if (indices == NULL) return error->status;
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (dataset_load(job->dataset, indices, count, &samples, error) == STATUS_OK)
        print_predictions(job->predictions, dataset_info(job->dataset), &samples, logits);
    if (error->status == STATUS_OK && (fflush(job->predictions) != 0 || ferror(job->predictions)))
        error_set(error, STATUS_FAILURE, "%s: cannot write: %s", job->predictions_path, strerror(errno));
    samples_free(&samples);
    memory_free(indices);
    return error->status;
}

/* Evaluate and tell. Collective. */
static Status evaluate(Job *job, const CommandOptions *options, Error *error) {
    heartbeat_limit(job->world, (double)options->rank_timeout);
    world_phase(job->world, RUN_LOAD, 0);
    int threads = threads_choose(job->world, options->threads);
    if (options->predictions != NULL && job->world->rank == 0) file_probe(options->predictions, error);
    if (world_agree(job->world, error, true)) return error->status;
    if (open_job(job, options, error)) return error->status;
    if (options->predictions != NULL && job->world->rank == 0) begin_predictions(job, options->predictions, error);
    if (world_agree(job->world, error, true)) return error->status;
    const DatasetInfo *info = dataset_info(job->dataset);
    log_info("linnet %s: %d rank%s x %d thread%s; %s on %s, %" PRId64 " samples", LINNET_VERSION, job->world->size,
             job->world->size > 1 ? "s" : "", threads, threads > 1 ? "s" : "", options->model, options->data,
             info->samples);
    const ModelConfig *config = &job->model.config;
    Evaluator evaluator = {.world = job->world,
                           .gpt2 = job->gpt2,
                           .parameters = &job->model.parameters,
                           .batch = &job->batch,
                           .rule = {.pooling = config->pooling,
                                    .pad = config->pad_token >= 0 ? config->pad_token : info->end_of_text,
                                    .end_of_text = info->end_of_text,
                                    .positions = config->positions}};
    double start = MPI_Wtime();
    world_phase(job->world, RUN_EVALUATION, 0);
    const LogitsSink sink = {take_predictions, job};
    if (evaluate_run(&evaluator, job->dataset, options->batch_size, job->metrics,
                     options->predictions != NULL ? &sink : NULL, error))
        return error->status;
    double seconds = MPI_Wtime() - start;
    world_phase(job->world, RUN_SAVE, 0);
    if (job->predictions != NULL) {
        file_end(job->predictions, options->predictions, error);
        job->predictions = NULL;
    }
    if (job->world->rank == 0 && error->status == STATUS_OK) {
        Scores scores = metrics_scores(job->metrics);
        score_table_print(options->data, job->metrics, &scores, info->label_names, (double)info->samples / seconds);
    }
    return world_agree(job->world, error, true);
}

/* The command under MPI; `error` may hold what the command line got wrong. */
static Status run(const CommandOptions *options, Error *error) {
    Job job = {0};
    Error start = {0};
    if (job_start(&job.world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(job.world->rank, job.world->size, options->quiet);
        if (world_agree(job.world, error, true) == STATUS_OK) evaluate(&job, options, error);
        file_end(job.predictions, options->predictions, error); /* what an error left unfinished */
        close_job(&job);
    }
    job_finish(job.world);
    return error->status;
}

int command_evaluate(int argc, char **argv) {
    CommandOptions options = {.batch_size = 8, .rank_timeout = (int64_t)HEARTBEAT_LIMIT_DEFAULT};
    bool helped = false;
    Error error = {0};
    const Option table[] = {
        {.name = "model",
         .kind = OPTION_TEXT,
         .value = &options.model,
         .required = true,
         .help = "DIR: a model folder or checkpoint"},
        {.name = "data",
         .kind = OPTION_TEXT,
         .value = &options.data,
         .required = true,
         .help = "FILE.h5: a token file with labels"},
        {.name = "predictions",
         .kind = OPTION_TEXT,
         .value = &options.predictions,
         .help = "FILE.tsv: write each sample's prediction"},
        {.name = "batch-size",
         .kind = OPTION_INT,
         .value = &options.batch_size,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: samples that run together (default 8)"},
        {.name = "threads",
         .kind = OPTION_INT,
         .value = &options.threads,
         .minimum = 0,
         .maximum = 4096,
         .help = "N: threads a rank (default 0: from the binding)"},
        {.name = "rank-timeout",
         .kind = OPTION_INT,
         .value = &options.rank_timeout,
         .minimum = 0,
         .maximum = 86400,
         .help = "N: seconds without a sign of life after which a rank counts as lost (default 5; 0: never)"},
    };
    const CommandLine line = {
        .synopsis = "linnet evaluate --model DIR --data FILE.h5 [--predictions FILE.tsv]",
        .summary =
            "Accuracy, macro F1, loss and confusion matrix of a model on a token file: alone, or under mpirun or srun.",
        .options = table,
        .count = sizeof table / sizeof *table,
    };
    options_parse(&line, argc, argv, &helped, &options.quiet, NULL, &error);
    if (!helped) run(&options, &error);
    return (int)error.status;
}
