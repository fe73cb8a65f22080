/* Evaluate a model folder on a token file or a table: what linnet evaluate does. */
#include "linnet/evaluate/evaluate_file.h"
#include "evaluate/evaluate_table.h"
#include "linnet/comm/threads.h"
#include "linnet/core/clock.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/model.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    World *world;                   /* borrowed */
    const EvaluateOptions *options; /* borrowed */
    Dataset *dataset;
    Model model;
    Batch batch;
    Gpt2 *gpt2;
    Metrics *metrics;
    FILE *predictions; /* rank 0, if the options name a file; else NULL */
} Job;

/* The names of the samples' labels; NULL where they have none. */
static char *const *label_names(const Job *job) {
    const DatasetInfo *info = dataset_info(job->dataset);
    return info->labels > 0 ? info->label_names : NULL;
}

/* A tab and a label's name, in which a tab or a line end is escaped. */
static void print_cell(FILE *file, const char *name) {
    fputc('\t', file);
    escape_print(file, ESCAPE_OUTPUT, name, strlen(name));
}

/* Start the file of predictions with its header line. Then each sample has a line: its row in the source file, the true
 * and the predicted label, and the probability of each label. */
static void predictions_begin(Job *job, Error *error) {
    const ModelConfig *config = &job->model.config;
    if (file_begin(&job->predictions, job->options->predictions, error)) return;
    fputs(label_names(job) ? "row\tlabel\tpredicted" : "row\tpredicted", job->predictions);
    for (int32_t k = 0; k < config->labels; k++)
        print_cell(job->predictions, label_names(job) ? label_names(job)[k] : config->label_names[k]);
    fputc('\n', job->predictions);
}

static void print_samples(const Job *job, const Samples *samples, const double *logits) {
    FILE *file = job->predictions;
    const ModelConfig *config = &job->model.config;
    char *const *truth = label_names(job), *const *names = truth ? truth : config->label_names;
    size_t labels = (size_t)config->labels;
    float row[METRICS_LABELS_MAX];
    double probabilities[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < samples->count; i++) {
        for (size_t k = 0; k < labels; k++) row[k] = (float)logits[(size_t)i * labels + k];
        loss_softmax(probabilities, row, labels);
        fprintf(file, "%" PRId64, samples->rows[i]);
        if (truth) print_cell(file, truth[samples->labels[i]]);
        print_cell(file, names[metrics_predicted(row, (int32_t)labels)]);
        for (size_t k = 0; k < labels; k++)
            if (isfinite(probabilities[k]))
                fprintf(file, "\t%.6f", probabilities[k]);
            else
                fputs("\tnull", file);
        fputc('\n', file);
    }
}

/* For LogitsSink, with the Job as `context`. */
static Status predictions_take(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    const Job *job = context;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    Samples samples = {0};
    if (!indices) return error->status;
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (dataset_load(job->dataset, indices, count, &samples, error) == STATUS_OK) print_samples(job, &samples, logits);
    if (error->status == STATUS_OK && (fflush(job->predictions) != 0 || ferror(job->predictions)))
        error_set(error, STATUS_FAILURE, "%s: cannot write: %s", job->options->predictions, strerror(errno));
    samples_free(&samples);
    memory_free(indices);
    return error->status;
}

/* Complete the file, or after an error remove what there is of it: see file_end(). */
static void predictions_end(Job *job, Error *error) {
    file_end(job->predictions, job->options->predictions, error);
    job->predictions = NULL;
}

/* Whether the ranks of a node share the model. Collective. */
static Status choose_sharing(Job *job, Error *error) {
    ParameterLayout layout = {0};
    model_layout(job->options->model, &layout, error);
    size_t bytes = layout.dense * sizeof(float);
    memory_check(bytes, "the model's parameters", error);
    parameters_layout_free(&layout);
    if (world_agree(job->world, error, true) == STATUS_OK) shared_choose(job->world, bytes);
    return error->status;
}

/* Samples without labels have no scores: there is something to do only if the predictions are wanted. Collective. */
static Status check_labels(const Job *job, Error *error) {
    if (!label_names(job) && !job->options->predictions)
        error_set(error, STATUS_INPUT, "%s has no labels, so there are no scores: add --predictions FILE.tsv",
                  job->options->data);
    return world_agree(job->world, error, true);
}

/* Collective. */
static Status open_data(Job *job, Error *error) {
    if (evaluate_is_table(job->world, job->options))
        return evaluate_open_table(job->world, &job->dataset, job->options, error);
    return evaluate_open_data(job->world, &job->dataset, job->options->data, error);
}

/* Whether the samples are such as the model has been made for. */
static Status check_data(const Job *job, Error *error) {
    DatasetInfo info = *dataset_info(job->dataset);
    info.path = job->options->data;
    if (job->options->label_names) info.labels = 0; /* the names of the table are not the model's */
    return model_check_data(&job->model.config, job->model.tokenizer, &info, job->options->model, error);
}

/* Open data, model and predictions. Collective. */
static Status open_job(Job *job, Error *error) {
    const EvaluateOptions *options = job->options;
    bool predicts = options->predictions && job->world->rank == 0;
    if (predicts && !file_probe(options->predictions, error)) /* before the long work */
        file_check_replaced(options->predictions, "row\t", "a file of predictions", error);
    if (world_agree(job->world, error, true)) return error->status;
    if (open_data(job, error) || check_labels(job, error) || choose_sharing(job, error) ||
        model_open(&job->model, job->world, options->model, NULL, false, 0, error))
        return error->status;
    const ModelConfig *config = &job->model.config;
    size_t rows = batch_rows_max(config->positions);
    if (check_data(job, error) == STATUS_OK) {
        batch_create(&job->batch, rows, rows, error);
        gpt2_create(&job->gpt2, config, &job->model.layout, rows, rows, false, error);
        job->metrics = memory_allocate(1, sizeof *job->metrics, error);
    }
    if (error->status == STATUS_OK && predicts) predictions_begin(job, error);
    if (world_agree(job->world, error, true)) return error->status;
    return evaluate_warn_longer(job->world, job->dataset, config->positions, error);
}

static void close_job(Job *job, Error *error) {
    predictions_end(job, error);
    gpt2_destroy(job->gpt2);
    batch_destroy(&job->batch);
    model_close(&job->model);
    dataset_close(job->dataset);
    memory_free(job->metrics);
}

/* Collective. */
static Status run_job(Job *job, int threads, Error *error) {
    const EvaluateOptions *options = job->options;
    const DatasetInfo *info = dataset_info(job->dataset);
    const ModelConfig *config = &job->model.config;
    log_info("linnet %s: %d rank%s x %d thread%s; %s on %s, %" PRId64 " samples", LINNET_VERSION, job->world->size,
             job->world->size > 1 ? "s" : "", threads, threads > 1 ? "s" : "", options->model, options->data,
             info->samples);
    const Evaluator evaluator = {.world = job->world,
                                 .gpt2 = job->gpt2,
                                 .parameters = &job->model.parameters,
                                 .batch = &job->batch,
                                 .labels = config->labels,
                                 .rule = {.pooling = config->pooling,
                                          .pad = config->pad_token >= 0 ? config->pad_token : info->end_of_text,
                                          .end_of_text = info->end_of_text,
                                          .positions = config->positions}};
    const LogitsSink sink = {predictions_take, job};
    double start = clock_now();
    world_phase(job->world, RUN_EVALUATION, 0);
    if (evaluate_run(&evaluator, job->dataset, options->batch_size, job->metrics, options->predictions ? &sink : NULL,
                     error))
        return error->status;
    double seconds = clock_now() - start;
    world_phase(job->world, RUN_SAVE, 0);
    predictions_end(job, error);
    if (job->world->rank == 0 && error->status == STATUS_OK && !label_names(job))
        printf("%s: %" PRId64 " samples without labels, %.1f samples/s; the predictions are in %s\n", options->data,
               info->samples, (double)info->samples / seconds, options->predictions);
    if (job->world->rank == 0 && error->status == STATUS_OK && label_names(job)) {
        Scores scores = metrics_scores(job->metrics);
        score_table_print(options->data, job->metrics, &scores, info->label_names, (double)info->samples / seconds);
        score_table_warn(options->data, job->metrics);
    }
    return world_agree(job->world, error, true);
}

Status evaluate_file(World *world, const EvaluateOptions *options, Error *error) {
    Job job = {.world = world, .options = options};
    heartbeat_limit(world, (double)options->rank_timeout);
    world_phase(world, RUN_LOAD, 0);
    int threads;
    if (!threads_choose(world, options->threads, &threads, error) && !open_job(&job, error))
        run_job(&job, threads, error);
    close_job(&job, error);
    return error->status;
}
