/* Classifying texts in batches. See predictor.h. */
#include "linnet/predict/predictor.h"
#include "linnet/core/integers.h"
#include "linnet/core/limits.h"
#include "linnet/core/memory.h"
#include "linnet/data/beginnings.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/kernels/linear.h"
#include "linnet/kernels/loss.h"
#include "linnet/kernels/target_loss.h"
#include "linnet/model/adapter.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/model_folder.h"
#include "linnet/model/model_paths.h"
#include "linnet/tokenizer/tokenizer.h"
#include <math.h>
#include <omp.h>
#include <string.h>

struct Predictor {
    ModelFolder *folder;
    const ModelConfig *config;
    ModelConfig adapted; /**< the configuration with an adapter */
    ParameterLayout layout;
    Parameters parameters;
    float *copy; /**< of the dense parameters; NULL where they are used in place */
    Adapter *adapter;
    float *adapter_values;
    Tokenizer *tokenizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule rule;
    PredictCounts counts;
    int32_t max_length; /**< of a text, in tokens */
    int32_t *ids;       /**< [ids_room] of the texts of a call, one after the other */
    size_t ids_room;
    int64_t *starts; /**< [texts_room + 1] where each text starts in ids, and the end of the last one */
    int64_t *order;  /**< [texts_room] in which texts run */
    size_t texts_room;
};

/* Where answers go, in the order of the texts, and who watches. */
typedef struct {
    int32_t *best;         /* [count] */
    double *probabilities; /* [count, labels] */
    const PredictWatch *watch;
} Answers;

/* The values are used where they are in the file if they can be, else copied. */
static Status load_parameters(Predictor *p, Error *error) {
    bool in_place;
    if (parameters_layout(&p->layout, p->config, error) || model_folder_embeddings(p->folder, &p->parameters, error) ||
        model_folder_check_embeddings(p->folder, &p->parameters, 0, 1, error) ||
        model_folder_use_in_place(p->folder, &p->layout, !p->adapter, &p->parameters, &in_place, error) || in_place)
        return error->status;
    if (memory_check(p->layout.dense * sizeof(float), "the model's parameters", error)) return error->status;
    p->copy = p->parameters.dense = memory_allocate(p->layout.dense, sizeof(float), error);
    if (!p->copy) return error->status;
    memory_prefault(p->copy, p->layout.dense * sizeof(float));
    return model_folder_read(p->folder, &p->layout, 0, p->layout.tensors, p->copy, error);
}

/* The adapter's values, which are few, are always a copy. */
static Status load_adapter(Predictor *p, const ModelPaths *paths, Error *error) {
    AdapterFolder *folder = NULL;
    if (!model_folder_load_config(&p->adapted, paths->base, error) &&
        !adapter_folder_open(&folder, &p->adapter, paths->adapter, &p->adapted, error)) {
        p->config = &p->adapted;
        p->adapter_values = memory_allocate(p->adapter->layout.dense, sizeof *p->adapter_values, error);
        if (p->adapter_values) adapter_folder_read(folder, p->adapter, p->adapter_values, error);
        p->parameters.adapter = p->adapter;
        p->parameters.adapter_values = p->adapter_values;
    }
    adapter_folder_close(folder);
    return error->status;
}

static Status load_model(Predictor *p, const ModelPaths *paths, Error *error) {
    const char *model = paths->base;
    if (model_folder_open(&p->folder, model, paths->adapter ? HEAD_ANY : HEAD_FITTING, error)) return error->status;
    if (!paths->adapter && !model_folder_has_head(p->folder))
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", model);
    p->config = model_folder_config(p->folder);
    if (paths->adapter && load_adapter(p, paths, error)) return error->status;
    if (p->config->labels > METRICS_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s has %d labels: linnet works with at most %d",
                         paths->adapter ? paths->adapter : model, p->config->labels, METRICS_LABELS_MAX);
    if (load_parameters(p, error) || tokenizer_create(&p->tokenizer, paths->tokenizer, error)) return error->status;
    if (tokenizer_vocabulary(p->tokenizer) > p->config->vocabulary)
        return error_set(error, STATUS_INPUT,
                         "%s: its tokenizer has %d tokens, its model only %d: enlarge the model with "
                         "resize_token_embeddings()",
                         paths->tokenizer, tokenizer_vocabulary(p->tokenizer), p->config->vocabulary);
    return STATUS_OK;
}

Status predictor_open(Predictor **predictor, const char *model, const char *adapter, int64_t batch_size, Error *error) {
    ModelPaths paths = {0};
    Predictor *p = memory_allocate(1, sizeof *p, error);
    if (!p) return error->status;
    if (limits_threads(omp_get_max_threads(), error) || model_paths_find(&paths, model, adapter, error) ||
        load_model(p, &paths, error))
        goto cleanup;
    const int32_t end_of_text = tokenizer_end_of_text(p->tokenizer);
    const size_t rows = batch_rows_max(p->config->positions);
    p->rule = (BatchRule){.pooling = p->config->pooling,
                          .pad = p->config->pad_token >= 0 ? p->config->pad_token : end_of_text,
                          .end_of_text = end_of_text,
                          .positions = p->config->positions,
                          .share = linear_batch_invariant(false)};
    p->max_length = tokenizer_max_length(p->tokenizer, 0, p->config->positions);
    if (p->max_length > p->config->positions) p->max_length = p->config->positions;
    const size_t samples = size_min(rows, (size_t)batch_size); /* each has a row at least */
    if (batch_create(&p->batch, rows, samples, error) ||
        gpt2_create(&p->gpt2, p->config, &p->layout, NULL, false, rows, samples, error) ||
        (p->adapter && gpt2_make_adapter_room(p->gpt2, p->adapter->config.rank, error)))
        goto cleanup;
    *predictor = p;
    p = NULL;
cleanup:
    model_paths_free(&paths);
    predictor_close(p);
    return error->status;
}

void predictor_close(Predictor *predictor) {
    if (!predictor) return;
    gpt2_destroy(predictor->gpt2);
    batch_destroy(&predictor->batch);
    tokenizer_destroy(predictor->tokenizer);
    parameters_layout_free(&predictor->layout);
    model_config_free(&predictor->adapted);
    adapter_destroy(predictor->adapter);
    memory_free(predictor->adapter_values);
    memory_free(predictor->copy);
    memory_free(predictor->ids);
    memory_free(predictor->starts);
    memory_free(predictor->order);
    model_folder_close(predictor->folder);
    memory_free(predictor);
}

Status predictor_takes_pairs(const Predictor *predictor, Error *error) {
    return tokenizer_takes_pairs(predictor->tokenizer, error);
}

Status predictor_check_data(const Predictor *predictor, Dataset *data, Error *error) {
    const DatasetInfo *info = dataset_info(data);
    const int32_t positions = predictor->config->positions;
    int64_t longer;
    if (strcmp(tokenizer_digest(predictor->tokenizer), info->tokenizer_digest) != 0)
        return error_set(error, STATUS_INPUT,
                         "%s was prepared with another tokenizer than the model's: prepare it again", info->path);
    if (dataset_verify(data, 0, info->samples, error) ||
        dataset_longer(data, 0, info->samples, positions, &longer, error))
        return error->status;
    dataset_warn_longer(info, longer, positions);
    return STATUS_OK;
}

size_t predictor_batch_size(const Predictor *predictor) {
    return predictor->batch.sample_capacity;
}

Problem predictor_problem(const Predictor *predictor) {
    return predictor->config->problem;
}

Status predictor_require_probabilities(const Predictor *predictor, const char *option, Error *error) {
    if (predictor_problem(predictor) != PROBLEM_REGRESSION) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: the model is for regression: its numbers have no probabilities", option);
}

int32_t predictor_labels(const Predictor *predictor) {
    return predictor->config->labels;
}

char *const *predictor_label_names(const Predictor *predictor) {
    return predictor->config->label_names;
}

/* What the logits of a text say; returns `best`. */
static int32_t read_logits(const Predictor *p, const float *logits, double *probabilities) {
    const size_t labels = (size_t)p->config->labels;
    if (!problem_has_targets(p->config->problem)) {
        loss_softmax(probabilities, logits, labels);
        return isnan(probabilities[0]) ? -1 : metrics_predicted(logits, p->config->labels);
    }
    bool finite = true;
    target_outputs(p->config->problem, probabilities, logits, labels);
    for (size_t k = 0; k < labels; k++) finite = finite && isfinite(probabilities[k]);
    for (size_t k = 0; k < labels && !finite; k++) probabilities[k] = NAN;
    return finite ? 0 : -1;
}

/* Run the batch; its samples are numbered by their places among the answers. */
static void run_batch(Predictor *p, const Answers *answers) {
    const size_t labels = (size_t)p->config->labels;
    if (p->batch.samples == 0) return;
    const float *logits = gpt2_forward(p->gpt2, &p->parameters, &p->batch, NULL);
    for (size_t b = 0; b < p->batch.samples; b++) {
        const size_t place = (size_t)p->batch.sample_ids[b];
        answers->best[place] = read_logits(p, logits + b * labels, answers->probabilities + place * labels);
    }
    batch_clear(&p->batch);
}

/* Room for `count` texts. */
static Status make_text_room(Predictor *p, size_t count, Error *error) {
    if (p->starts && count <= p->texts_room) return STATUS_OK;
    int64_t *starts = memory_resize(p->starts, 0, count + 1, sizeof *starts, error);
    if (starts) p->starts = starts;
    int64_t *order = memory_resize(p->order, 0, count, sizeof *order, error);
    if (order) p->order = order;
    if (starts && order) p->texts_room = count;
    return error->status;
}

/* Run `count` texts of tokens, in the order in which they share most rows. */
static Status run_texts(Predictor *p, const int32_t *ids, const int64_t *starts, int64_t count, const Answers *answers,
                        Error *error) {
    const PredictWatch *watch = answers->watch;
    if (make_text_room(p, (size_t)count, error) || beginnings_order(p->order, ids, starts, count, error))
        return error->status;
    batch_clear(&p->batch);
    for (int64_t place = 0; place < count; place++) {
        const int64_t text = p->order[place], start = starts[text];
        const size_t length = (size_t)(starts[text + 1] - start);
        if (!batch_fits(&p->batch, &p->rule, ids + start, length)) {
            run_batch(p, answers);
            if (watch && !watch->go_on(watch->context, place)) return error_set(error, STATUS_STOPPED, "stopped");
        }
        batch_add(&p->batch, &p->rule, ids + start, length, 0, (uint64_t)text);
    }
    run_batch(p, answers);
    return model_folder_check_unchanged(p->folder, error);
}

Status predictor_classify_samples(Predictor *predictor, const Samples *samples, int32_t *best, double *probabilities,
                                  const PredictWatch *watch, Error *error) {
    const Answers answers = {best, probabilities, watch};
    return run_texts(predictor, samples->ids, samples->starts, samples->count, &answers, error);
}

/* Room for `more` ids after the first `used`. */
static Status make_room(Predictor *p, size_t used, size_t more, Error *error) {
    if (used + more <= p->ids_room) return STATUS_OK;
    int32_t *ids = memory_resize(p->ids, used * sizeof *ids, used + more, 2 * sizeof *ids, error);
    if (!ids) return error->status;
    p->ids = ids;
    p->ids_room = 2 * (used + more);
    return STATUS_OK;
}

static Status encode(Predictor *p, const PredictText *text, const int32_t **ids, size_t *count, bool *truncated,
                     Error *error) {
    if (text->pair)
        return tokenizer_encode_pair(p->tokenizer, text->text, text->size, text->pair, text->pair_size, p->max_length,
                                     ids, count, truncated, error);
    return tokenizer_encode_sample(p->tokenizer, text->text, text->size, p->max_length, ids, count, truncated, error);
}

static Status tokenize(Predictor *p, const PredictText *texts, size_t count, size_t *failed, Error *error) {
    const int32_t *ids;
    size_t length;
    bool truncated;
    int64_t all_truncated = 0;
    p->starts[0] = 0;
    for (size_t i = 0; i < count; i++) {
        if (encode(p, &texts[i], &ids, &length, &truncated, error)) {
            if (error->status == STATUS_INPUT) *failed = i;
            return error->status;
        }
        const size_t start = (size_t)p->starts[i];
        if (make_room(p, start, length, error)) return error->status;
        memcpy(p->ids + start, ids, length * sizeof *ids);
        p->starts[i + 1] = p->starts[i] + (int64_t)length;
        all_truncated += truncated;
    }
    p->counts.texts += (int64_t)count;
    p->counts.truncated += all_truncated;
    return STATUS_OK;
}

Status predictor_classify_all(Predictor *predictor, const PredictText *texts, size_t count, int32_t *best,
                              double *probabilities, const PredictWatch *watch, size_t *failed, Error *error) {
    const Answers answers = {best, probabilities, watch};
    *failed = count;
    if (make_text_room(predictor, count, error) || tokenize(predictor, texts, count, failed, error))
        return error->status;
    return run_texts(predictor, predictor->ids, predictor->starts, (int64_t)count, &answers, error);
}

PredictCounts predictor_counts(const Predictor *predictor) {
    return predictor->counts;
}

void predictor_warn_truncated(const Predictor *predictor, const PredictCounts *counts) {
    tokenizer_warn_truncated(counts->truncated, counts->texts, predictor->max_length, predictor->config->positions);
}
