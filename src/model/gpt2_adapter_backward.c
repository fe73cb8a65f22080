/* The backward pass of adapters. With h = scaling · dropout(x) · Aᵀ and y += h · Bᵀ:
 *
 *     dB = dyᵀ · h      dh = scaling · dy · B      dA = dhᵀ · dropout(x)      dx += dropout(dh · A)
 *
 * h is computed again, which is cheaper than keeping it. */
#include "linnet/kernels/residual.h"
#include "linnet/kernels/vector.h"
#include "model/gpt2_adapter.h"

/* Where the gradients of a linear layer's adapter go. */
typedef struct {
    float *down, *up;
} AdapterGradients;

static AdapterGradients gradients_of(const Pass *pass, int layer, AdaptedLinear which) {
    const Adapter *adapter = pass->parameters->adapter;
    return (AdapterGradients){pass->gradients + adapter_down(adapter, layer, which),
                              pass->gradients + adapter_up(adapter, layer, which)};
}

/* dB and dh of `columns` outputs from `first` on, for hidden [rows, rank] and dy [rows, columns]. */
static void backward_up(const Pass *pass, const LinearAdapter *linear, float *dup, float *dhidden, const float *hidden,
                        const float *dy, const Segments *segments, size_t first, size_t columns) {
    const LinearWork work = gpt2_adapter_products(pass->gpt2);
    const size_t r = linear->rank, rows = segments_rows(segments);
    const LinearShape shape = {columns, r, r, columns, r};
    linear_backward_weight(dup + first * r, NULL, dy, hidden, segments, &shape, pass->accumulate, &work);
    linear_forward(dhidden, dy, linear->up + first * r, NULL, rows, &shape, &work);
    vector_scale(dhidden, dhidden, linear->scaling, rows * r);
}

/* dA, and dh · A in gpt2->adapter.branch. */
static void backward_down(const Pass *pass, const LinearAdapter *linear, float *ddown, const float *input,
                          const Segments *segments) {
    AdapterWork *adapter = &pass->gpt2->adapter;
    const LinearWork work = gpt2_adapter_products(pass->gpt2);
    const size_t r = linear->rank, in = linear->in;
    const LinearShape shape = {r, in, in, r, in};
    linear_backward_weight(ddown, NULL, adapter->dhidden, input, segments, &shape, pass->accumulate, &work);
    linear_forward(adapter->branch, adapter->dhidden, linear->down, NULL, segments_rows(segments), &shape, &work);
}

bool gpt2_adapter_backward(const Pass *pass, int layer, AdaptedLinear which, const float *x, const float *dy,
                           const Rows *rows) {
    Gpt2 *gpt2 = pass->gpt2;
    LinearAdapter linear;
    Dropout dropout;
    if (!gpt2_find_adapter(gpt2, pass->parameters, layer, which, &linear)) return false;
    const AdapterGradients gradients = gradients_of(pass, layer, which);
    const float *input = gpt2_adapter_input(gpt2, &linear, x, rows,
                                            gpt2_adapter_dropout(pass->parameters, pass->rule, layer, which, &dropout));
    gpt2_adapter_hidden(gpt2, &linear, input, rows->count);
    backward_up(pass, &linear, gradients.up, gpt2->adapter.dhidden, gpt2->adapter.hidden, dy, &rows->segments, 0,
                linear.out);
    backward_down(pass, &linear, gradients.down, input, &rows->segments);
    return true;
}

bool gpt2_adapter_backward_last(const Pass *pass, const float *x, const float *dquery, const float *dkeys) {
    Gpt2 *gpt2 = pass->gpt2;
    AdapterWork *adapter = &gpt2->adapter;
    const int layer = gpt2->config->layers - 1;
    const size_t c = (size_t)gpt2->config->width;
    const Rows rows = gpt2_all_rows(pass->batch);
    const Segments pooled = batch_sample_segments(pass->batch);
    LinearAdapter linear;
    Dropout dropout;
    if (!gpt2_find_adapter(gpt2, pass->parameters, layer, ADAPTED_ATTN, &linear)) return false;
    const AdapterGradients gradients = gradients_of(pass, layer, ADAPTED_ATTN);
    const float *input = gpt2_adapter_input(
        gpt2, &linear, x, &rows, gpt2_adapter_dropout(pass->parameters, pass->rule, layer, ADAPTED_ATTN, &dropout));
    gpt2_adapter_hidden(gpt2, &linear, input, rows.count);
    gpt2_gather_pooled(adapter->pooled, adapter->hidden, pass->batch, linear.rank);
    backward_up(pass, &linear, gradients.up, adapter->dpooled, adapter->pooled, dquery, &pooled, 0, c);
    backward_up(pass, &linear, gradients.up, adapter->dhidden, adapter->hidden, dkeys, &rows.segments, c, 2 * c);
    gpt2_scatter_pooled(adapter->dhidden, adapter->dpooled, pass->batch, linear.rank);
    backward_down(pass, &linear, gradients.down, input, &rows.segments);
    return true;
}

void gpt2_adapter_add_input(const Pass *pass, int layer, AdaptedLinear which, float *dx, const Rows *rows, size_t in) {
    Dropout dropout;
    residual_forward(dx, dx, pass->gpt2->adapter.branch, rows->positions, rows->samples, rows->count, in,
                     gpt2_adapter_dropout(pass->parameters, pass->rule, layer, which, &dropout));
}
