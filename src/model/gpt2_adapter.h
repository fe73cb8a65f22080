#ifndef LINNET_MODEL_GPT2_ADAPTER_H
#define LINNET_MODEL_GPT2_ADAPTER_H
/** One adapted linear layer, which the forward pass (gpt2_adapter.c) and the backward pass (gpt2_adapter_backward.c) of
 *  the adapters share. */
#include "model/gpt2_private.h"

typedef struct {
    const float *down; /* A [rank, in] */
    const float *up;   /* B [out, rank] */
    size_t rank, in, out;
    float scaling;
} LinearAdapter;

/** The gradients of a linear layer's adapter, for its inputs x [rows, in] and the gradient dy [rows, out] of its outputs.
 *  gpt2->adapter.branch [rows, in] then has what gpt2_adapter_add_input() adds. False where it has no adapter. */
bool gpt2_adapter_backward(const Pass *pass, int layer, AdaptedLinear which, const float *x, const float *dy,
                           const Rows *rows);

/** The same for the last block's attention: dquery [B, C] of the pooled rows, dkeys [M, 2C] of keys and values. */
bool gpt2_adapter_backward_last(const Pass *pass, const float *x, const float *dquery, const float *dkeys);

/** dx [rows, in] += the gradient of the inputs through the adapter. */
void gpt2_adapter_add_input(const Pass *pass, int layer, AdaptedLinear which, float *dx, const Rows *rows, size_t in);

/** Fill *linear; false where the linear layer has no adapter. */
bool gpt2_find_adapter(const Gpt2 *gpt2, const Parameters *parameters, int layer, AdaptedLinear which,
                       LinearAdapter *linear);

/** How its products are computed. */
LinearWork gpt2_adapter_products(const Gpt2 *gpt2);

/** Fill *dropout for its inputs and return it; NULL where nothing is dropped. */
const Dropout *gpt2_adapter_dropout(const Parameters *parameters, const DropoutRule *rule, int layer,
                                    AdaptedLinear which, Dropout *dropout);

/** dropout(x) [rows, in]: in gpt2->adapter.input, or x itself where nothing is dropped. */
const float *gpt2_adapter_input(Gpt2 *gpt2, const LinearAdapter *linear, const float *x, const Rows *rows,
                                const Dropout *dropout);

/** gpt2->adapter.hidden [rows, rank] = scaling · input · Aᵀ */
void gpt2_adapter_hidden(Gpt2 *gpt2, const LinearAdapter *linear, const float *input, size_t rows);
#endif
