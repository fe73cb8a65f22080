#ifndef LINNET_MODEL_GPT2_H
#define LINNET_MODEL_GPT2_H
/** GPT-2 with a classification head, forward and backward over packed samples: `GPT2ForSequenceClassification` of
 *  Transformers to the last detail (docs/numerics.md), with two savings that change nothing: no padding, and in
 *  the last block only the pooled rows have a query, a projection and an MLP.
 *
 *  A Gpt2 holds the working memory of one micro-batch (activations kept for the backward pass) and no parameters.
 *  Its memory is only touched as far as the largest micro-batch that was run. It calls OpenMP kernels and is not
 *  itself for use by two threads at once. Nothing here is collective. */
#include "linnet/core/error.h"
#include "linnet/core/profile.h"
#include "linnet/data/batch.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"

typedef struct Gpt2 Gpt2;

/** The gradient of a micro-batch, its units' summed along the tree; added up over the micro-batches of a unit by the
 *  caller's choice of `accumulate`. */
typedef struct {
    float *dense;    /**< [layout.dense], laid out like the parameters; owned by whoever made it */
    float *residual; /**< [M, width] the gradient of token + position embedding, a row a token; borrowed from the
                          Gpt2 until its next forward pass: to be summed by token and by position */
} Gradients;

/** What dropout needs to know; NULL where there is none (evaluation). */
typedef struct {
    uint64_t seed;
    int64_t update;  /**< number of the update, from 0 */
    double override; /**< every dropout's probability; negative = the model's own */
} DropoutRule;

/** Called by gpt2_backward() as soon as a bucket of gradients.dense is final: layout.buckets − 1 first, bucket 0
 *  last. */
typedef void (*BucketDone)(void *context, size_t bucket);

/** `training` = false keeps one layer's activations in place of all. */
Status gpt2_create(Gpt2 **gpt2, const ModelConfig *config, const ParameterLayout *layout, size_t token_capacity,
                   size_t sample_capacity, bool training, Error *error);
void gpt2_destroy(Gpt2 *gpt2);

/** Charge both passes to `profile` (borrowed; NULL: to nobody). */
void gpt2_set_profile(Gpt2 *gpt2, Profile *profile);

/** Have `poll` called, by the calling thread and many times a pass, while passes compute, also within their parallel
 *  regions; NULL: nobody. */
void gpt2_set_poll(Gpt2 *gpt2, void (*poll)(void *context), void *context);

/** Multiply in bf16 from now on (see linear.h); false at first. */
void gpt2_set_bf16(Gpt2 *gpt2, bool bf16);

/** Floating-point operations of the matrix products of a forward pass over `tokens` rows and `samples` samples (a
 *  backward pass does twice as many). */
double gpt2_operations(const ModelConfig *config, size_t tokens, size_t samples);

/** Bytes that gpt2_create() reserves for `tokens` rows and `samples` samples (its memory when all of it is used). */
size_t gpt2_bytes(const ModelConfig *config, size_t tokens, size_t samples, bool training);

/** logits [B, labels] of a batch, borrowed until the next call. Awaits each bucket of the parameters before it reads it
 *  (parameters_await()). */
const float *gpt2_forward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout);

/** The gradients of the batch last run forward (same batch, parameters and dropout) from dlogits [B, labels]:
 *  written to gradients->dense, or, of a batch of one unit, added to it when `accumulate`; gradients->residual set.
 *  done (may be NULL) is called with `context`. */
void gpt2_backward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout,
                   const float *dlogits, Gradients *gradients, bool accumulate, BucketDone done, void *context);

#endif
