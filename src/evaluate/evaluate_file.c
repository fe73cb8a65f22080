/* Evaluate a model folder on a token file or a table: what linnet evaluate does. */
#include "linnet/evaluate/evaluate_file.h"
#include "evaluate/evaluate_table.h"
#include "linnet/comm/broadcast_files.h"
#include "linnet/comm/threads.h"
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/evaluate/perplexity.h"
#include "linnet/evaluate/predictions_file.h"
#include "linnet/evaluate/score_json.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/model.h"
#include <inttypes.h>
#include <stdio.h>

typedef struct {
    World *world;                   /* borrowed */
    const EvaluateOptions *options; /* borrowed */
    bool language;                  /* the model is a language model */
    Dataset *dataset;
    Model model;
    Batch batch;
    Gpt2 *gpt2;
    Metrics *metrics;
    ProbabilityTable probabilities; /* rank 0 */
    PredictionsFile predictions;    /* begun on rank 0, if the options name a file */
} Job;

/* The names of the samples' labels; NULL where they have none. */
static char *const *label_names(const Job *job) {
    const DatasetInfo *info = dataset_info(job->dataset);
    return info->labels > 0 ? info->label_names : NULL;
}

static ModelSource model_source(const Job *job) {
    return (ModelSource){.path = job->options->model,
                         .adapter = job->options->adapter,
                         .head = job->language ? HEAD_LANGUAGE : HEAD_FITTING};
}

/* Whether the ranks of a node share the model. Collective. */
static Status choose_sharing(Job *job, Error *error) {
    ParameterLayout layout = {0};
    Adapter *adapter;
    const ModelSource source = model_source(job);
    model_layout(&source, &layout, &adapter, error);
    size_t bytes = (layout.dense + (adapter ? adapter->layout.dense : 0)) * sizeof(float);
    adapter_destroy(adapter);
    memory_check(bytes, "the model's parameters", error);
    parameters_layout_free(&layout);
    if (world_agree(job->world, error, true) == STATUS_OK) shared_choose(job->world, bytes);
    return error->status;
}

/* Whether the model is a language model, as none with an adapter is; then a token file is expected, and nothing is labelled. Collective. */
static Status find_kind(Job *job, Error *error) {
    const EvaluateOptions *options = job->options;
    ModelPaths paths = {0};
    ModelConfig config = {0};
    if (!model_paths_find(&paths, options->model, options->adapter, error) && !paths.adapter &&
        !model_folder_load_config(&config, paths.base, error))
        job->language = model_config_is_language(&config);
    model_config_free(&config);
    model_paths_free(&paths);
    world_broadcast(job->world, &job->language, sizeof job->language);
    if (job->language && options->predictions)
        error_set(error, STATUS_INPUT, "--predictions: %s is a language model, which predicts no labels: leave it out",
                  options->model);
    if (world_agree(job->world, error, true)) return error->status;
    if (job->language && evaluate_is_table(job->world, options))
        error_set(error, STATUS_INPUT,
                  "%s: expected a token file, since %s is a language model: make one by linnet prepare --pack N",
                  options->data, options->model);
    return world_agree(job->world, error, true);
}

/* Samples without labels have no scores of a classifier: there is something to do only if the predictions are wanted.
 * Collective. */
static Status check_samples(const Job *job, Error *error) {
    const bool unlabelled = !job->language && !label_names(job);
    if (job->language) dataset_require_predictions(job->dataset, error);
    if (unlabelled && job->options->json)
        error_set(error, STATUS_INPUT, "--json: %s has no labels, so there are no scores: leave --json out",
                  job->options->data);
    if (unlabelled && !job->options->predictions)
        error_set(error, STATUS_INPUT, "%s has no labels, so there are no scores: add --predictions FILE.tsv",
                  job->options->data);
    return world_agree(job->world, error, true);
}

/* Collective. */
static Status open_data(Job *job, Error *error) {
    if (evaluate_is_table(job->world, job->options))
        return evaluate_open_table(job->world, &job->dataset, job->options, error);
    if (job->options->label_names)
        error_set(error, STATUS_INPUT,
                  "--labels: %s is a token file, which names its labels itself: leave --labels out",
                  job->options->data);
    if (world_agree(job->world, error, true)) return error->status;
    return evaluate_open_data(job->world, &job->dataset, job->options->data, error);
}

/* Open data and model, whose files are read once for all ranks. Collective. */
static Status load(Job *job, Error *error) {
    const EvaluateOptions *options = job->options;
    if (!model_broadcast(job->world, options->model, options->adapter, error) && !find_kind(job, error) &&
        !broadcast_files(job->world, options->data, NULL, error) && !open_data(job, error) &&
        !check_samples(job, error) && !choose_sharing(job, error)) {
        const ModelSource source = model_source(job);
        model_open_source(&job->model, job->world, &source, NULL, 0, error);
    }
    broadcast_files_end();
    return error->status;
}

/* Whether the samples are such as the model has been made for. Of a model that does not say what its labels are, the
 * data say it. */
static Status check_data(Job *job, Error *error) {
    DatasetInfo info = *dataset_info(job->dataset);
    info.path = job->options->data;
    if (job->options->label_names) info.labels = 0; /* the names of the table are not the model's */
    if (model_check_data(&job->model.config, job->model.tokenizer, &info, job->options->model, error))
        return error->status;
    if (info.labels > 0 && !job->language) job->model.config.problem = info.problem;
    return STATUS_OK;
}

/* Open data, model and predictions. Collective. */
static Status open_job(Job *job, Error *error) {
    const EvaluateOptions *options = job->options;
    bool predicts = options->predictions && job->world->rank == 0;
    if (predicts && !file_probe(options->predictions, error)) /* before the long work */
        file_check_replaced(options->predictions, "row\t", "a file of predictions", error);
    if (world_agree(job->world, error, true)) return error->status;
    if (load(job, error)) return error->status;
    const ModelConfig *config = &job->model.config;
    size_t rows = batch_rows_max(config->positions);
    if (check_data(job, error) == STATUS_OK) {
        batch_create(&job->batch, rows, rows, error);
        gpt2_create(&job->gpt2, config, &job->model.layout, NULL, false, rows, rows, error);
        if (job->model.adapter && !error->status)
            gpt2_make_adapter_room(job->gpt2, job->model.adapter->config.rank, error);
        job->metrics = memory_allocate(1, sizeof *job->metrics, error);
        if (job->world->rank == 0 && label_names(job) && !job->language && !problem_has_targets(config->problem))
            probability_table_create(&job->probabilities, dataset_info(job->dataset)->samples, config->labels, error);
        else
            job->probabilities.labels = config->labels;
    }
    job->predictions = (PredictionsFile){.path = options->predictions,
                                         .dataset = job->dataset,
                                         .problem = config->problem,
                                         .labels = config->labels,
                                         .label_names = label_names(job) ? label_names(job) : config->label_names};
    if (error->status == STATUS_OK && predicts) predictions_begin(&job->predictions, error);
    if (world_agree(job->world, error, true)) return error->status;
    return evaluate_warn_longer(job->world, job->dataset, config->positions, error);
}

static void close_job(Job *job, Error *error) {
    predictions_end(&job->predictions, error);
    gpt2_destroy(job->gpt2);
    batch_destroy(&job->batch);
    model_close(&job->model);
    dataset_close(job->dataset);
    memory_free(job->metrics);
    probability_table_free(&job->probabilities);
}

/* Rank 0. */
static void print_result(const Job *job, const Scores *scores, double seconds, Error *error) {
    const EvaluateOptions *options = job->options;
    const DatasetInfo *info = dataset_info(job->dataset);
    const double speed = (double)info->samples / seconds;
    if (!job->language && !label_names(job)) {
        printf("%s: %" PRId64 " samples without labels, %.1f samples/s; the predictions are in %s\n", options->data,
               info->samples, speed, options->predictions);
        return;
    }
    if (options->json)
        score_json_print(job->metrics, scores, info->label_names, seconds, error);
    else if (job->language)
        perplexity_print(options->data, job->metrics, scores, speed);
    else
        score_table_print(options->data, job->metrics, scores, info->label_names, speed);
    score_table_warn(options->data, job->metrics);
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
                                 .labels = job->language ? 0 : config->labels,
                                 .probabilities = &job->probabilities,
                                 .rule = {.pooling = job->language ? POOLING_LAST_TOKEN : config->pooling,
                                          .pad = config->pad_token >= 0 ? config->pad_token : info->end_of_text,
                                          .end_of_text = info->end_of_text,
                                          .positions = config->positions,
                                          .share = linear_batch_invariant(false) && !job->language}};
    const LogitsSink sink = {predictions_take, &job->predictions};
    Scores scores;
    double start = clock_now();
    world_phase(job->world, RUN_EVALUATION, 0);
    if (evaluate_run(&evaluator, job->dataset, options->batch_size, job->metrics, &scores,
                     options->predictions ? &sink : NULL, error))
        return error->status;
    double seconds = clock_now() - start;
    world_phase(job->world, RUN_SAVE, 0);
    predictions_end(&job->predictions, error);
    if (job->world->rank == 0 && error->status == STATUS_OK) print_result(job, &scores, seconds, error);
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
