/* The adapters of GPT-2's linear layers in its forward pass (adapter.h), and their working memory. */
#include "model/gpt2_adapter.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/residual.h"
#include "linnet/kernels/vector.h"
#include <omp.h>
#include <string.h>

/* --- Working memory ----------------------------------------------------------------------------------------------- */

static size_t widest(const ModelConfig *config) {
    return size_max((size_t)config->inner, 3 * (size_t)config->width);
}

/* Place the arrays in `pool` (NULL: only count their floats). */
static size_t place(AdapterWork *work, float *pool, const ModelConfig *config, int32_t rank, size_t rows,
                    size_t samples, bool training) {
    const size_t r = (size_t)rank, wide = widest(config);
    const struct {
        float **array;
        size_t floats;
    } arrays[] = {
        {&work->hidden, rows * r},
        {&work->pooled, samples * r},
        {&work->branch, rows * wide},
        {&work->scratch, linear_scratch(size_max(rows, samples), r, wide, (size_t)omp_get_max_threads())},
        {&work->input, training ? rows * wide : 0},
        {&work->dhidden, training ? rows * r : 0},
        {&work->dpooled, training ? samples * r : 0},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        if (pool) *arrays[i].array = pool + used;
        used += (arrays[i].floats + 15) / 16 * 16;
    }
    return used;
}

size_t gpt2_adapter_bytes(const ModelConfig *config, int32_t rank, size_t tokens, size_t samples, bool training) {
    AdapterWork work;
    return place(&work, NULL, config, rank, tokens, samples, training) * sizeof(float);
}

Status gpt2_make_adapter_room(Gpt2 *gpt2, int32_t rank, Error *error) {
    AdapterWork *work = &gpt2->adapter;
    const size_t floats = place(work, NULL, gpt2->config, rank, gpt2->rows, gpt2->samples, gpt2->learned != NULL);
    work->pool = memory_allocate(floats, sizeof *work->pool, error);
    if (work->pool) place(work, work->pool, gpt2->config, rank, gpt2->rows, gpt2->samples, gpt2->learned != NULL);
    return error->status;
}

/* --- One linear layer --------------------------------------------------------------------------------------------- */

bool gpt2_find_adapter(const Gpt2 *gpt2, const Parameters *parameters, int layer, AdaptedLinear which,
                       LinearAdapter *linear) {
    const Adapter *adapter = parameters->adapter;
    const size_t c = (size_t)gpt2->config->width, inner = (size_t)gpt2->config->inner;
    if (!adapter || !adapter_has(adapter, layer, which)) return false;
    *linear = (LinearAdapter){
        .down = parameters->adapter_values + adapter_down(adapter, layer, which),
        .up = parameters->adapter_values + adapter_up(adapter, layer, which),
        .rank = (size_t)adapter->config.rank,
        .in = which == ADAPTED_OUT ? inner : c,
        .out = which == ADAPTED_ATTN ? 3 * c
               : which == ADAPTED_FC ? inner
                                     : c,
        .scaling = adapter->scaling,
    };
    return true;
}

LinearWork gpt2_adapter_products(const Gpt2 *gpt2) {
    LinearWork work = gpt2->products;
    work.scratch = gpt2->adapter.scratch;
    return work;
}

const Dropout *gpt2_adapter_dropout(const Parameters *parameters, const DropoutRule *rule, int layer,
                                    AdaptedLinear which, Dropout *dropout) {
    const double p = parameters->adapter->config.dropout;
    if (!rule || p == 0.0) return NULL;
    *dropout = dropout_make(p, rule->seed, rule->update, layer, (DropoutSite)((int)DROPOUT_ADAPTER + (int)which));
    return dropout;
}

const float *gpt2_adapter_input(Gpt2 *gpt2, const LinearAdapter *linear, const float *x, const Rows *rows,
                                const Dropout *dropout) {
    if (!dropout) return x;
    residual_backward(gpt2->adapter.input, x, rows->positions, rows->samples, rows->count, linear->in, dropout);
    return gpt2->adapter.input;
}

void gpt2_adapter_hidden(Gpt2 *gpt2, const LinearAdapter *linear, const float *input, size_t rows) {
    const LinearWork work = gpt2_adapter_products(gpt2);
    const size_t r = linear->rank, in = linear->in;
    linear_backward_input(gpt2->adapter.hidden, input, linear->down, rows, &(LinearShape){r, in, in, r, in}, &work);
    vector_scale(gpt2->adapter.hidden, gpt2->adapter.hidden, linear->scaling, rows * r);
}

/* y [rows, columns] += hidden [rows, rank] · Bᵀ, for the outputs from `first` on. */
static void add_outputs(Gpt2 *gpt2, const LinearAdapter *linear, float *y, const float *hidden, size_t rows,
                        size_t first, size_t columns) {
    const LinearWork work = gpt2_adapter_products(gpt2);
    const size_t r = linear->rank;
    linear_backward_input(gpt2->adapter.branch, hidden, linear->up + first * r, rows,
                          &(LinearShape){columns, r, r, columns, r}, &work);
    residual_forward(y, y, gpt2->adapter.branch, NULL, NULL, rows, columns, NULL);
}

void gpt2_adapt(Gpt2 *gpt2, const Parameters *parameters, int layer, AdaptedLinear which, float *y, const float *x,
                const Rows *rows, const DropoutRule *rule) {
    LinearAdapter linear;
    Dropout dropout;
    if (!gpt2_find_adapter(gpt2, parameters, layer, which, &linear)) return;
    const float *input =
        gpt2_adapter_input(gpt2, &linear, x, rows, gpt2_adapter_dropout(parameters, rule, layer, which, &dropout));
    gpt2_adapter_hidden(gpt2, &linear, input, rows->count);
    add_outputs(gpt2, &linear, y, gpt2->adapter.hidden, rows->count, 0, linear.out);
}

void gpt2_adapt_last(Gpt2 *gpt2, const Parameters *parameters, float *query, float *keys, const float *x,
                     const Batch *batch, const DropoutRule *rule) {
    const int layer = gpt2->config->layers - 1;
    const size_t c = (size_t)gpt2->config->width;
    const Rows rows = gpt2_all_rows(batch);
    LinearAdapter linear;
    Dropout dropout;
    if (!gpt2_find_adapter(gpt2, parameters, layer, ADAPTED_ATTN, &linear)) return;
    const float *input = gpt2_adapter_input(gpt2, &linear, x, &rows,
                                            gpt2_adapter_dropout(parameters, rule, layer, ADAPTED_ATTN, &dropout));
    gpt2_adapter_hidden(gpt2, &linear, input, rows.count);
    gpt2_gather_pooled(gpt2->adapter.pooled, gpt2->adapter.hidden, batch, linear.rank);
    add_outputs(gpt2, &linear, query, gpt2->adapter.pooled, batch->samples, 0, c);
    add_outputs(gpt2, &linear, keys, gpt2->adapter.hidden, rows.count, c, 2 * c);
}

const float *gpt2_score(const Gpt2 *gpt2, const Parameters *parameters) {
    const ParameterLayout *layout = gpt2->layout;
    return parameters->adapter ? parameters->adapter_values + adapter_score(parameters->adapter)
                               : parameters->dense + layout->tensor[parameters_score(layout)].offset;
}
