/* Classifying single texts. See predictor.h. */
#include "linnet/evaluate/predictor.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/model_folder.h"
#include "linnet/tokenizer/tokenizer.h"
#include <inttypes.h>
#include <omp.h>
#include <string.h>

struct Predictor {
    ModelFolder *folder;
    const ModelConfig *config;
    ParameterLayout layout;
    Parameters parameters;
    Tokenizer *tokenizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule rule;
    int64_t texts, truncated; /**< classified, and how many of them were longer than what is read */
    int32_t max_length;       /**< of a text, in tokens */
};

static Status load_parameters(Predictor *p, Error *error) {
    if (parameters_layout(&p->layout, p->config, error) ||
        memory_check(p->layout.dense * sizeof(float), "the model's parameters", error))
        return error->status;
    p->parameters.dense = memory_allocate(p->layout.dense, sizeof(float), error);
    if (!p->parameters.dense) return error->status;
    if (model_folder_embeddings(p->folder, &p->parameters, error) ||
        model_folder_check_embeddings(p->folder, &p->parameters, 0, 1, error))
        return error->status;
    return model_folder_read(p->folder, &p->layout, 0, p->layout.tensors, p->parameters.dense, error);
}

static Status load_model(Predictor *p, const char *model, Error *error) {
    if (model_folder_open(&p->folder, model, false, error)) return error->status;
    if (!model_folder_has_head(p->folder))
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", model);
    p->config = model_folder_config(p->folder);
    if (p->config->labels > METRICS_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s has %d labels: linnet works with at most %d", model,
                         p->config->labels, METRICS_LABELS_MAX);
    if (load_parameters(p, error) || tokenizer_create(&p->tokenizer, model, error)) return error->status;
    if (tokenizer_vocabulary(p->tokenizer) > p->config->vocabulary)
        return error_set(error, STATUS_INPUT,
                         "%s: its tokenizer has %d tokens, its model only %d: enlarge the model with "
                         "resize_token_embeddings()",
                         model, tokenizer_vocabulary(p->tokenizer), p->config->vocabulary);
    return STATUS_OK;
}

Status predictor_open(Predictor **predictor, const char *model, Error *error) {
    Predictor *p = memory_allocate(1, sizeof *p, error);
    if (!p) return error->status;
    if (limits_threads(omp_get_max_threads(), error) || load_model(p, model, error)) goto cleanup;
    const int32_t end_of_text = tokenizer_end_of_text(p->tokenizer);
    const size_t rows = batch_rows_max(p->config->positions);
    p->rule = (BatchRule){.pooling = p->config->pooling,
                          .pad = p->config->pad_token >= 0 ? p->config->pad_token : end_of_text,
                          .end_of_text = end_of_text,
                          .positions = p->config->positions};
    p->max_length = tokenizer_max_length(p->tokenizer, 0, p->config->positions);
    if (p->max_length > p->config->positions) p->max_length = p->config->positions;
    if (batch_create(&p->batch, rows, 1, error) || gpt2_create(&p->gpt2, p->config, &p->layout, rows, 1, false, error))
        goto cleanup;
    *predictor = p;
    return STATUS_OK;
cleanup:
    predictor_close(p);
    return error->status;
}

void predictor_close(Predictor *predictor) {
    if (!predictor) return;
    gpt2_destroy(predictor->gpt2);
    batch_destroy(&predictor->batch);
    tokenizer_destroy(predictor->tokenizer);
    parameters_layout_free(&predictor->layout);
    memory_free(predictor->parameters.dense);
    model_folder_close(predictor->folder);
    memory_free(predictor);
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

void predictor_classify_ids(Predictor *predictor, const int32_t *ids, size_t count, Prediction *prediction) {
    const ModelConfig *config = predictor->config;
    batch_clear(&predictor->batch);
    batch_add(&predictor->batch, &predictor->rule, ids, count, 0, 0);
    const float *logits = gpt2_forward(predictor->gpt2, &predictor->parameters, &predictor->batch, NULL);
    *prediction = (Prediction){.labels = config->labels, .label_names = config->label_names};
    loss_softmax(prediction->probabilities, logits, (size_t)config->labels);
    prediction->best = metrics_predicted(logits, config->labels);
}

Status predictor_classify(Predictor *predictor, const char *text, size_t size, Prediction *prediction, Error *error) {
    const int32_t *ids;
    size_t length;
    bool truncated;
    if (tokenizer_encode_sample(predictor->tokenizer, text, size, predictor->max_length, &ids, &length, &truncated,
                                error))
        return error->status;
    predictor->texts++;
    predictor->truncated += truncated;
    predictor_classify_ids(predictor, ids, length, prediction);
    return STATUS_OK;
}

void predictor_warn_truncated(const Predictor *predictor) {
    const bool all = predictor->max_length == predictor->config->positions;
    if (predictor->truncated > 0)
        log_warning("%" PRId64 " of %" PRId64 " texts were truncated to %d tokens, %s", predictor->truncated,
                    predictor->texts, predictor->max_length,
                    all ? "the most that the model reads" : "the tokenizer's model_max_length");
}
