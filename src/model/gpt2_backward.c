/* GPT-2's backward pass: from the gradient of the logits to those of each bucket and of the embeddings. gpt2.h has the
 * contract. */
#include "linnet/kernels/gelu.h"
#include "linnet/kernels/layernorm.h"
#include "linnet/kernels/residual.h"
#include "linnet/kernels/vector.h"
#include "model/gpt2_adapter.h"
#include <string.h>

static float *parameter(const Pass *pass, int layer, LayerTensor which) {
    return gpt2_tensor(pass->gpt2, pass->parameters->dense, layer, which);
}

/* Where the gradient of a tensor goes; NULL where it does not learn. */
static float *gradient_at(const Pass *pass, size_t index) {
    const ParameterTensor *tensor = &pass->gpt2->learned->tensor[index];
    return tensor->count > 0 ? pass->gradients + tensor->offset : NULL;
}

static float *gradient(const Pass *pass, int layer, LayerTensor which) {
    if (pass->parameters->adapter) return NULL;
    return gradient_at(pass, parameters_layer(pass->gpt2->learned, layer, which));
}

void gpt2_scatter_pooled(float *out, const float *x, const Batch *batch, size_t width) {
    for (size_t b = 0; b < batch->samples; b++) {
        float *row = out + (size_t)batch->pooled[b] * width;
        vector_add(row, row, x + b * width, width);
    }
}

/* Whether the gradient of a linear layer, or of its adapter, needs the layer's inputs. */
static bool needs_input(const Pass *pass, int layer, LayerTensor weight, AdaptedLinear which) {
    const Adapter *adapter = pass->parameters->adapter;
    return adapter ? adapter_has(adapter, layer, which) : gradient(pass, layer, weight) != NULL;
}

/* One linear layer: the gradients of its weight and of its bias, the tensor behind that, or of its adapter, if these
 * learn, and then of its input, which may overwrite x. */
static void backward_linear(const Pass *pass, int layer, LayerTensor weight, AdaptedLinear which, float *dx,
                            const float *x, const float *dy, const Rows *rows, size_t in, size_t out) {
    LinearShape shape = {in, out, out, in, out};
    float *dweight = gradient(pass, layer, weight);
    if (dweight)
        linear_backward_weight(dweight, gradient(pass, layer, weight + 1), x, dy, &rows->segments, &shape,
                               pass->accumulate, &pass->gpt2->products);
    const bool adapted = gpt2_adapter_backward(pass, layer, which, x, dy, rows);
    linear_backward_input(dx, dy, parameter(pass, layer, weight), rows->count, &shape, &pass->gpt2->products);
    if (adapted) gpt2_adapter_add_input(pass, layer, which, dx, rows, in);
}

/* Through the MLP and the attention's projection. dstream [rows, C] holds the gradient of the stream after the block,
 * and then that of the stream before the projection is added; gpt2->dattended gets the gradient of the heads'
 * outputs. */
static void backward_rest(const Pass *pass, int layer, float *dstream) {
    Gpt2 *gpt2 = pass->gpt2;
    Block *block = &gpt2->blocks[layer];
    size_t c = (size_t)gpt2->config->width, inner = (size_t)gpt2->config->inner;
    Rows rows = gpt2_rows_after_attention(gpt2, pass->batch, layer);
    size_t n = rows.count;
    Dropout dropout;
    residual_backward(gpt2->dbranch, dstream, rows.positions, rows.samples, n, c,
                      gpt2_dropout(gpt2, pass->rule, layer, DROPOUT_MLP_OUTPUT, &dropout));
    if (needs_input(pass, layer, OUT_WEIGHT, ADAPTED_OUT)) gelu_forward(gpt2->gelu, block->fc, n * inner);
    backward_linear(pass, layer, OUT_WEIGHT, ADAPTED_OUT, gpt2->dinner, gpt2->gelu, gpt2->dbranch, &rows, inner, c);
    gelu_backward(gpt2->dinner, gpt2->dinner, block->fc, n * inner);
    if (needs_input(pass, layer, FC_WEIGHT, ADAPTED_FC))
        gpt2_normalize(gpt2, pass->parameters->dense, layer, LN2_WEIGHT, n);
    backward_linear(pass, layer, FC_WEIGHT, ADAPTED_FC, gpt2->dbranch, gpt2->normalized, gpt2->dinner, &rows, c, inner);
    layernorm_backward(dstream, gradient(pass, layer, LN2_WEIGHT), gradient(pass, layer, LN2_BIAS), gpt2->dbranch,
                       block->middle, block->mean2, block->rstd2, parameter(pass, layer, LN2_WEIGHT), &rows.segments, c,
                       pass->accumulate, gpt2->norm_scratch);
    residual_backward(gpt2->dbranch, dstream, rows.positions, rows.samples, n, c,
                      gpt2_dropout(gpt2, pass->rule, layer, DROPOUT_ATTENTION_OUTPUT, &dropout));
    backward_linear(pass, layer, PROJ_WEIGHT, ADAPTED_PROJ, gpt2->dattended, block->attended, gpt2->dbranch, &rows, c,
                    c);
}

/* The gradients of the attention's linear layer, from gpt2->dqkv and, in the last block of a classifier, `dquery`. */
static void backward_attention_weight(const Pass *pass, int layer, const float *dquery, const LinearShape *query,
                                      const LinearShape *rest) {
    Gpt2 *gpt2 = pass->gpt2;
    const bool last = gpt2_is_pooled(gpt2, layer);
    const size_t skipped = last ? query->out : 0;
    float *dweight = gradient(pass, layer, ATTN_WEIGHT), *dbias = gradient(pass, layer, ATTN_BIAS);
    Segments rows = batch_row_segments(pass->batch), pooled = batch_sample_segments(pass->batch);
    if (!dweight) return;
    if (last)
        linear_backward_weight(dweight, dbias, gpt2->pooled_ln1, dquery, &pooled, query, pass->accumulate,
                               &gpt2->products);
    linear_backward_weight(dweight + skipped, dbias + skipped, gpt2->normalized, gpt2->dqkv, &rows, rest,
                           pass->accumulate, &gpt2->products);
}

/* Through the attention and its linear layer: from gpt2->dattended to the gradient of ln1's output in gpt2->dbranch
 * [M, C]. In the last block of a classifier only the pooled rows have queries: their linear layer has the weight's first
 * C columns. */
static void backward_attention(const Pass *pass, int layer) {
    Gpt2 *gpt2 = pass->gpt2;
    Block *block = &gpt2->blocks[layer];
    const size_t c = (size_t)gpt2->config->width, m = pass->batch->tokens, b = pass->batch->samples;
    const bool last = gpt2_is_pooled(gpt2, layer);
    const size_t skipped = last ? c : 0, columns = 3 * c - skipped;
    const float *keys = block->qkv + columns - 2 * c;
    float *dkeys = gpt2->dqkv + columns - 2 * c, *dquery = gpt2->dqkv + (last ? 2 * m * c : 0);
    float *weight = parameter(pass, layer, ATTN_WEIGHT);
    LinearShape query = {c, c, 3 * c, c, c}, rest = {c, columns, 3 * c, c, columns};
    AttentionShape shape = gpt2_attention_shape(gpt2, pass->batch, layer);
    Dropout dropout;
    profile_enter(gpt2->profile, REGION_ATTENTION);
    attention_backward(dquery, dkeys, dkeys + c, gpt2->dattended, block->attended, block->lse,
                       last ? gpt2->query : block->qkv, last ? c : columns, keys, keys + c, columns, &shape,
                       gpt2_dropout(gpt2, pass->rule, layer, DROPOUT_ATTENTION, &dropout), gpt2->attention_scratch);
    profile_leave(gpt2->profile, 2.5 * gpt2_attention_operations(&shape));
    if (needs_input(pass, layer, ATTN_WEIGHT, ADAPTED_ATTN))
        gpt2_normalize(gpt2, pass->parameters->dense, layer, LN1_WEIGHT, m);
    backward_attention_weight(pass, layer, dquery, &query, &rest);
    const Rows rows = gpt2_all_rows(pass->batch);
    const bool adapted = last ? gpt2_adapter_backward_last(pass, gpt2->normalized, dquery, gpt2->dqkv)
                              : gpt2_adapter_backward(pass, layer, ADAPTED_ATTN, gpt2->normalized, gpt2->dqkv, &rows);
    linear_backward_input(gpt2->dbranch, gpt2->dqkv, weight + skipped, m, &rest, &gpt2->products);
    if (last) {
        linear_backward_input(gpt2->dattended, dquery, weight, b, &query, &gpt2->products);
        gpt2_scatter_pooled(gpt2->dbranch, gpt2->dattended, pass->batch, c);
    }
    if (adapted) gpt2_adapter_add_input(pass, layer, ADAPTED_ATTN, gpt2->dbranch, &rows, c);
}

static void backward_block(const Pass *pass, int layer) {
    Gpt2 *gpt2 = pass->gpt2;
    Block *block = &gpt2->blocks[layer];
    size_t c = (size_t)gpt2->config->width, m = pass->batch->tokens;
    Segments segments = batch_row_segments(pass->batch);
    if (gpt2->checkpointing && !gpt2_is_last(gpt2, layer)) /* the last one's activations are still there */
        gpt2_repeat_block(gpt2, pass->parameters, pass->batch, layer, pass->rule);
    backward_rest(pass, layer, gpt2_is_pooled(gpt2, layer) ? gpt2->dpooled : gpt2->dstream);
    backward_attention(pass, layer);
    if (gpt2_is_pooled(gpt2, layer)) {
        memset(gpt2->dstream, 0, m * c * sizeof *gpt2->dstream);
        gpt2_scatter_pooled(gpt2->dstream, gpt2->dpooled, pass->batch, c);
    }
    layernorm_backward(gpt2->dstream, gradient(pass, layer, LN1_WEIGHT), gradient(pass, layer, LN1_BIAS), gpt2->dbranch,
                       block->input, block->mean1, block->rstd1, parameter(pass, layer, LN1_WEIGHT), &segments, c,
                       pass->accumulate, gpt2->norm_scratch);
}

/* The classifier's head: gpt2->dbranch gets the gradient of the pooled rows after the final LayerNorm. */
static void backward_head(const Pass *pass, const float *dlogits) {
    Gpt2 *gpt2 = pass->gpt2;
    size_t c = (size_t)gpt2->config->width, b = pass->batch->samples, labels = (size_t)gpt2->config->labels;
    const float *score = gpt2_score(gpt2, pass->parameters);
    LinearShape shape = {labels, c, c, labels, c}; /* score is [labels, C], as in the forward pass */
    Segments segments = batch_sample_segments(pass->batch);
    linear_backward_weight(gradient_at(pass, parameters_score(gpt2->learned)), NULL, dlogits, gpt2->final, &segments,
                           &shape, pass->accumulate, &gpt2->products);
    linear_forward(gpt2->dbranch, dlogits, score, NULL, b, &shape, &gpt2->products);
}

/* The final LayerNorm, which an adapter leaves as it is: gpt2->dpooled, or of a language model gpt2->dstream, gets the
 * gradient of its input. */
static void backward_final(const Pass *pass) {
    Gpt2 *gpt2 = pass->gpt2;
    const ParameterLayout *layout = gpt2->layout;
    const bool language = gpt2->config->language, adapted = pass->parameters->adapter != NULL;
    size_t c = (size_t)gpt2->config->width, rows = gpt2_final_rows(gpt2, pass->batch);
    const float *weight = pass->parameters->dense + layout->tensor[parameters_final_weight(layout)].offset;
    Segments segments = language ? batch_row_segments(pass->batch) : batch_sample_segments(pass->batch);
    float *dinput = language ? gpt2->dstream : gpt2->dpooled;
    memset(dinput, 0, rows * c * sizeof *dinput);
    layernorm_backward(dinput, adapted ? NULL : gradient_at(pass, parameters_final_weight(layout)),
                       adapted ? NULL : gradient_at(pass, parameters_final_bias(layout)), gpt2->dbranch, gpt2->output,
                       gpt2->final_mean, gpt2->final_rstd, weight, &segments, c, pass->accumulate, gpt2->norm_scratch);
}

void gpt2_backward_blocks(const Pass *pass, BucketDone done, void *context) {
    Gpt2 *gpt2 = pass->gpt2;
    const Batch *batch = pass->batch;
    Dropout dropout;
    backward_final(pass);
    if (done) done(context, gpt2->layout->buckets - 1);
    for (int l = gpt2->config->layers - 1; l >= 0; l--) {
        if (l >= gpt2->lowest) backward_block(pass, l);
        if (done) done(context, parameters_bucket(gpt2->layout, l));
    }
    if (gpt2->learned->token.count > 0) /* the dropout of the embeddings, in place */
        residual_backward(gpt2->dstream, gpt2->dstream, batch->positions, batch->row_samples, batch->tokens,
                          (size_t)gpt2->config->width, gpt2_dropout(gpt2, pass->rule, 0, DROPOUT_EMBEDDING, &dropout));
}

void gpt2_backward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule,
                   const float *dlogits, Gradients *gradients, bool accumulate, BucketDone done, void *context) {
    const Pass pass = {gpt2, parameters, gradients->dense, batch, rule, accumulate};
    profile_enter(gpt2->profile, REGION_BACKWARD);
    backward_head(&pass, dlogits);
    gpt2_backward_blocks(&pass, done, context);
    double operations = gpt2_backward_operations(gpt2->config, gpt2->learned, batch->tokens, batch->samples);
    if (gpt2->checkpointing) operations += gpt2_repeated_operations(gpt2->config, gpt2->learned, batch->tokens);
    profile_leave(gpt2->profile, operations);
    gradients->residual = gpt2->learned->token.count > 0 ? gpt2->dstream : NULL;
}
