#ifndef LINNET_TESTS_GPT2_REFERENCE_H
#define LINNET_TESTS_GPT2_REFERENCE_H
/** GPT-2 with a classification head in float64, written down as Transformers' modeling_gpt2.py has it: one sample
 *  at a time, every row through every layer, with padded_end the complete text padded to n_positions under an
 *  attention mask. Nothing is saved or fused here. Parameters are float64 copies, so that one of them can be moved
 *  by a tiny step. After cmocka.h. */
#include "linnet/data/batch.h"
#include "linnet/kernels/dropout.h"
#include "linnet/model/adapter.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/parameters.h"
#include <math.h>

enum { REFERENCE_ROWS = 32, REFERENCE_WIDTH = 64, REFERENCE_LABELS = 8 };

typedef struct {
    const ModelConfig *config;
    const ParameterLayout *layout;
    double *dense, *token, *position; /* shaped as Parameters */
    const DropoutRule *rule;          /* NULL = none */
    const Adapter *adapter;           /* NULL = none */
    double *adapted;                  /* [adapter->layout.dense] */
} ReferenceModel;

/** A text on its way through the reference. */
typedef struct {
    const ReferenceModel *model;
    size_t rows, text; /* rows in all; those that are text, which alone are keys */
    uint64_t sample;   /* identity, for dropout */
} ReferenceText;

typedef double ReferenceRow[REFERENCE_WIDTH];

static inline double reference_drop(const ReferenceText *text, DropoutSite site, int layer, size_t column,
                                    size_t position, int head) {
    const ModelConfig *config = text->model->config;
    const DropoutRule *rule = text->model->rule;
    if (rule == NULL) return 1.0;
    double p = site == DROPOUT_EMBEDDING   ? config->embedding_dropout
               : site == DROPOUT_ATTENTION ? config->attention_dropout
                                           : config->residual_dropout;
    if (rule->override >= 0.0) p = rule->override;
    if (p == 0.0) return 1.0;
    Dropout dropout = dropout_make(p, rule->seed, rule->update, layer, site);
    /* Whether it is kept is what the generator says; the factor itself is 1 / (1 − p), not rounded to float32. */
    return dropout_factor_ref(&dropout, column, text->sample, (int32_t)position, head) > 0.0F ? 1.0 / (1.0 - p) : 0.0;
}

static inline const double *reference_tensor(const ReferenceModel *model, int layer, LayerTensor which) {
    return model->dense + model->layout->tensor[parameters_layer(model->layout, layer, which)].offset;
}

static inline void reference_norm(double *out, const double *x, const double *gamma, const double *beta,
                                  const ModelConfig *config) {
    double mean = 0.0, variance = 0.0;
    for (int i = 0; i < config->width; i++) mean += x[i] / config->width;
    for (int i = 0; i < config->width; i++) variance += (x[i] - mean) * (x[i] - mean) / config->width;
    for (int i = 0; i < config->width; i++)
        out[i] = (x[i] - mean) / sqrt(variance + config->epsilon) * gamma[i] + beta[i];
}

/** Conv1D: y = x · weight [in, out] + bias. */
static inline void reference_linear(double *y, const double *x, const double *weight, const double *bias, size_t in,
                                    size_t out) {
    for (size_t o = 0; o < out; o++) {
        y[o] = bias[o];
        for (size_t i = 0; i < in; i++) y[o] += x[i] * weight[i * out + o];
    }
}

/** y += scaling · (dropout(x) · Aᵀ) · Bᵀ in row `row`, if the linear layer has an adapter. */
static inline void reference_adapt(double *y, const double *x, const ReferenceText *text, int layer,
                                   AdaptedLinear which, size_t row) {
    const Adapter *adapter = text->model->adapter;
    const DropoutRule *rule = text->model->rule;
    if (!adapter || !adapter_has(adapter, layer, which)) return;
    const ParameterTensor *down = &adapter->layout.tensor[adapter->places[layer * ADAPTED_LINEARS + (int)which]];
    const double *a = text->model->adapted + down[0].offset, *b = text->model->adapted + down[1].offset;
    const size_t rank = (size_t)down->shape[0], in = (size_t)down->shape[1], out = (size_t)down[1].shape[0];
    const double p = adapter->config.dropout;
    for (size_t k = 0; k < rank; k++) {
        double hidden = 0.0;
        for (size_t i = 0; i < in; i++) {
            Dropout dropout = dropout_make(p, rule ? rule->seed : 0, rule ? rule->update : 0, layer,
                                           (DropoutSite)((int)DROPOUT_ADAPTER + (int)which));
            const bool kept = !rule || dropout_factor_ref(&dropout, i, text->sample, (int32_t)row, 0) > 0.0F;
            hidden += kept ? x[i] * a[k * in + i] / (rule ? 1.0 - p : 1.0) : 0.0;
        }
        for (size_t o = 0; o < out; o++) y[o] += (double)adapter->scaling * hidden * b[o * rank + k];
    }
}

static inline double reference_gelu(double x) {
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

/** One query row of one head: out [d]. q, k and v lie side by side in a row of qkv. */
static inline void reference_head(double *out, const ReferenceText *text, int layer, int head, size_t row,
                                  double (*qkv)[3 * REFERENCE_WIDTH]) {
    const ModelConfig *config = text->model->config;
    size_t c = (size_t)config->width, d = c / (size_t)config->heads, from = (size_t)head * d;
    size_t keys = row + 1 < text->text ? row + 1 : text->text;
    double weights[REFERENCE_ROWS], sum = 0.0;
    for (size_t j = 0; j < keys; j++) {
        double score = 0.0;
        for (size_t i = 0; i < d; i++) score += qkv[row][from + i] * qkv[j][c + from + i];
        if (config->scale_weights) score /= sqrt((double)d);
        if (config->scale_by_inverse_layer) score /= (double)(layer + 1);
        weights[j] = exp(score);
        sum += weights[j];
    }
    for (size_t i = 0; i < d; i++) out[from + i] = 0.0;
    for (size_t j = 0; j < keys; j++) {
        double weight = weights[j] / sum * reference_drop(text, DROPOUT_ATTENTION, layer, j, row, head);
        for (size_t i = 0; i < d; i++) out[from + i] += weight * qkv[j][2 * c + from + i];
    }
}

static inline void reference_attention(const ReferenceText *text, int layer, ReferenceRow *stream) {
    static double qkv[REFERENCE_ROWS][3 * REFERENCE_WIDTH];
    const ReferenceModel *model = text->model;
    size_t c = (size_t)model->config->width;
    for (size_t r = 0; r < text->rows; r++) {
        ReferenceRow normed;
        reference_norm(normed, stream[r], reference_tensor(model, layer, LN1_WEIGHT),
                       reference_tensor(model, layer, LN1_BIAS), model->config);
        reference_linear(qkv[r], normed, reference_tensor(model, layer, ATTN_WEIGHT),
                         reference_tensor(model, layer, ATTN_BIAS), c, 3 * c);
        reference_adapt(qkv[r], normed, text, layer, ADAPTED_ATTN, r);
    }
    for (size_t r = 0; r < text->rows; r++) {
        ReferenceRow heads, out;
        for (int h = 0; h < model->config->heads; h++) reference_head(heads, text, layer, h, r, qkv);
        reference_linear(out, heads, reference_tensor(model, layer, PROJ_WEIGHT),
                         reference_tensor(model, layer, PROJ_BIAS), c, c);
        reference_adapt(out, heads, text, layer, ADAPTED_PROJ, r);
        for (size_t i = 0; i < c; i++)
            stream[r][i] += out[i] * reference_drop(text, DROPOUT_ATTENTION_OUTPUT, layer, i, r, 0);
    }
}

static inline void reference_mlp(const ReferenceText *text, int layer, ReferenceRow *stream) {
    const ReferenceModel *model = text->model;
    size_t c = (size_t)model->config->width, inner = (size_t)model->config->inner;
    for (size_t r = 0; r < text->rows; r++) {
        ReferenceRow normed, out;
        double hidden[4 * REFERENCE_WIDTH];
        reference_norm(normed, stream[r], reference_tensor(model, layer, LN2_WEIGHT),
                       reference_tensor(model, layer, LN2_BIAS), model->config);
        reference_linear(hidden, normed, reference_tensor(model, layer, FC_WEIGHT),
                         reference_tensor(model, layer, FC_BIAS), c, inner);
        reference_adapt(hidden, normed, text, layer, ADAPTED_FC, r);
        for (size_t i = 0; i < inner; i++) hidden[i] = reference_gelu(hidden[i]);
        reference_linear(out, hidden, reference_tensor(model, layer, OUT_WEIGHT),
                         reference_tensor(model, layer, OUT_BIAS), inner, c);
        reference_adapt(out, hidden, text, layer, ADAPTED_OUT, r);
        for (size_t i = 0; i < c; i++)
            stream[r][i] += out[i] * reference_drop(text, DROPOUT_MLP_OUTPUT, layer, i, r, 0);
    }
}

/** The row that the head reads. */
static inline size_t reference_pooled(const BatchRule *rule, const int32_t *ids, size_t length) {
    if (rule->pooling == POOLING_PADDED_END) return (size_t)rule->positions - 1;
    size_t pooled = 0; /* argmax over positions of (position where the token is not the pad), as Transformers */
    for (size_t i = 0; i < length; i++)
        if (ids[i] != rule->pad) pooled = i;
    return pooled;
}

/** The stream of one text behind all blocks. */
static inline void reference_stream(ReferenceRow *stream, const ReferenceModel *model, const BatchRule *rule,
                                    const int32_t *ids, size_t length, uint64_t sample) {
    size_t c = (size_t)model->config->width;
    ReferenceText text = {model, rule->pooling == POOLING_PADDED_END ? (size_t)rule->positions : length, length,
                          sample};
    for (size_t r = 0; r < text.rows; r++) {
        size_t id = (size_t)(r < length ? ids[r] : rule->end_of_text);
        for (size_t i = 0; i < c; i++)
            stream[r][i] = (model->token[id * c + i] + model->position[r * c + i]) *
                           reference_drop(&text, DROPOUT_EMBEDDING, 0, i, r, 0);
    }
    for (int l = 0; l < model->config->layers; l++) {
        reference_attention(&text, l, stream);
        reference_mlp(&text, l, stream);
    }
}

static inline void reference_final(double *final, const ReferenceModel *model, const double *row) {
    const ParameterLayout *layout = model->layout;
    reference_norm(final, row, model->dense + layout->tensor[parameters_final_weight(layout)].offset,
                   model->dense + layout->tensor[parameters_final_bias(layout)].offset, model->config);
}

/** logits [labels] of one text. */
static inline void reference_forward(double *logits, const ReferenceModel *model, const BatchRule *rule,
                                     const int32_t *ids, size_t length, uint64_t sample) {
    static ReferenceRow stream[REFERENCE_ROWS];
    size_t c = (size_t)model->config->width;
    const double *score = model->adapter ? model->adapted + adapter_score(model->adapter)
                                         : model->dense + model->layout->tensor[parameters_score(model->layout)].offset;
    ReferenceRow final;
    reference_stream(stream, model, rule, ids, length, sample);
    reference_final(final, model, stream[reference_pooled(rule, ids, length)]);
    for (int32_t k = 0; k < model->config->labels; k++) {
        logits[k] = 0.0;
        for (size_t i = 0; i < c; i++) logits[k] += final[i] * score[(size_t)k * c + i];
    }
}

/** −log softmax(logits)[label] */
static inline double reference_loss(const double *logits, int32_t labels, int32_t label) {
    double sum = 0.0;
    for (int32_t k = 0; k < labels; k++) sum += exp(logits[k] - logits[label]);
    return log(sum);
}

/** The loss of one text of a language model: the sum over its predictions. */
static inline double reference_language_loss(const ReferenceModel *model, const BatchRule *rule, const int32_t *ids,
                                             size_t length, uint64_t sample) {
    enum { VOCABULARY_MOST = 64 };
    static ReferenceRow stream[REFERENCE_ROWS];
    double logits[VOCABULARY_MOST], loss = 0.0;
    size_t c = (size_t)model->config->width;
    ReferenceRow final;
    reference_stream(stream, model, rule, ids, length, sample);
    for (size_t r = 0; r + 1 < length; r++) {
        reference_final(final, model, stream[r]);
        for (int32_t k = 0; k < model->config->vocabulary; k++) {
            logits[k] = 0.0;
            for (size_t i = 0; i < c; i++) logits[k] += final[i] * model->token[(size_t)k * c + i];
        }
        loss += reference_loss(logits, model->config->vocabulary, ids[r + 1]);
    }
    return loss;
}

#endif
