#ifndef LINNET_MODEL_GPT2_H
#define LINNET_MODEL_GPT2_H
/** GPT-2 with a classification head or as a language model, forward and backward over packed samples. It computes what
 *  `GPT2ForSequenceClassification` or, where the configuration says so, `GPT2LMHeadModel` of Transformers does
 *  (docs/explanation/numerics.md). Three savings do not change the result: there is no padding; in the last block of a
 *  classifier only the pooled rows have a query, a projection and an MLP; and of a language model's logits only those of
 *  a block of rows exist at once (language_head.h).
 *
 *  A Gpt2 holds the working memory of one micro-batch, with the activations for the backward pass, and no parameters.
 *  Of its memory, only what the largest micro-batch so far needed has been written. The kernels use OpenMP threads; two
 *  threads must not use the same Gpt2 at once. Shapes: M rows (tokens), B samples, C width. Not collective. */
#include "linnet/core/error.h"
#include "linnet/core/profile.h"
#include "linnet/data/batch.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"

typedef struct Gpt2 Gpt2;

/** The gradient of a micro-batch: the sums of its reduction units, added along the tree (segments.h). For a unit that
 *  has several micro-batches the caller lets gpt2_backward() `accumulate`. */
typedef struct {
    float *dense;    /**< [learned.dense]; the caller's */
    float *residual; /**< [M, C] the gradient of token + position embedding, one row for each token, to be summed by
                          position and, but for a language model, by token; borrowed from the Gpt2 until its next forward
                          pass. NULL where the embeddings do not learn */
} Gradients;

/** The dropout of an update; a NULL pointer means none (evaluation). */
typedef struct {
    uint64_t seed;
    int64_t update;  /**< number of the update, from 0 */
    double override; /**< the probability at every site; negative: those of the model's configuration */
} DropoutRule;

/** Called by gpt2_backward() as soon as a bucket of gradients.dense is final: layout.buckets − 1 first, bucket 0
 *  last; also for those in which nothing learns. */
typedef void (*BucketDone)(void *context, size_t bucket);

/** Allocate for micro-batches of at most `token_capacity` rows and `sample_capacity` samples. `learned` is the layout of
 *  what learns (parameters_learned()), NULL for inference. Activations are kept of the layers that the backward pass goes
 *  through, from gpt2_lowest_layer() on. With `checkpointing` only their inputs are: the backward pass computes the others
 *  again, to the same bits (gradient checkpointing, arXiv:1604.06174, a segment a layer as in Transformers). Config and
 *  layouts are borrowed. Ends with gpt2_destroy(). */
Status gpt2_create(Gpt2 **gpt2, const ModelConfig *config, const ParameterLayout *layout,
                   const ParameterLayout *learned, bool checkpointing, size_t token_capacity, size_t sample_capacity,
                   Error *error);
void gpt2_destroy(Gpt2 *gpt2);

/** Room for adapters of at most this rank: from then on gpt2_forward() and gpt2_backward() take parameters that have
 *  one. Once for a Gpt2. */
Status gpt2_make_adapter_room(Gpt2 *gpt2, int32_t rank, Error *error);

/** Bytes that gpt2_make_adapter_room() allocates for a Gpt2 of gpt2_bytes() with the same arguments. */
size_t gpt2_adapter_bytes(const ModelConfig *config, int32_t rank, size_t tokens, size_t samples, bool training);

/** Record the time and operations of both passes in `profile` (borrowed; NULL: nowhere). */
void gpt2_set_profile(Gpt2 *gpt2, Profile *profile);

/** The calling thread calls `poll` many times during a pass, also inside parallel regions; NULL: nothing is called. */
void gpt2_set_poll(Gpt2 *gpt2, void (*poll)(void *context), void *context);

/** Whether products are computed in bf16 from now on (linear.h); false at first. */
void gpt2_set_bf16(Gpt2 *gpt2, bool bf16);

/** The layer at which a backward pass ends: the lowest one with something that learns in it or below it; the number of
 *  layers where only what follows them learns. */
int gpt2_lowest_layer(const ParameterLayout *learned);

/** Floating-point operations of the linear layers in a forward pass over `tokens` rows and `samples` samples. */
double gpt2_operations(const ModelConfig *config, size_t tokens, size_t samples);

/** The same of a backward pass: twice as many where everything learns. Those of adapters, which are few, are left out. */
double gpt2_backward_operations(const ModelConfig *config, const ParameterLayout *learned, size_t tokens,
                                size_t samples);

/** Operations of the linear layers of a forward pass that a backward pass with `checkpointing` repeats: those of the
 *  layers that it goes through but the last one, without each layer's last product. */
double gpt2_repeated_operations(const ModelConfig *config, const ParameterLayout *learned, size_t tokens);

/** Bytes that gpt2_create() allocates for `tokens` rows and `samples` samples; `learned` and `checkpointing` likewise. */
size_t gpt2_bytes(const ModelConfig *config, const ParameterLayout *learned, bool checkpointing, size_t tokens,
                  size_t samples);

enum { GPT2_MODULE_TEXT = 80 };

/** Where NaN or infinity came up in the last forward pass, with these arguments: the first module whose output is not
 *  finite, as Transformers names it ("transformer.h.3.attn.c_attn"), or "the layers below transformer.h.3" if these keep
 *  no activations. False if all outputs are finite. Needs a Gpt2 made for training and no backward pass since. */
bool gpt2_find_not_finite(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout,
                          char module[GPT2_MODULE_TEXT]);

/** Of a classifier: returns the logits [B, labels] of a batch, borrowed until the next call. Waits for each bucket of
 *  the parameters before it reads it (parameters_await()). */
const float *gpt2_forward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout);

/** The gradients of the batch of the last forward pass, with the same parameters and dropout, from dlogits [B, labels].
 *  Writes gradients->dense, or adds to it when `accumulate` (only for a batch of one unit); sets gradients->residual.
 *  Nothing is computed that no gradient of what learns needs. `done` (NULL: nothing is called) gets `context`. */
void gpt2_backward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout,
                   const float *dlogits, Gradients *gradients, bool accumulate, BucketDone done, void *context);

/** The passes of a language model, for batches without shared rows. Each row but the last of a text predicts the token
 *  of the next one: a text of T rows has T − 1 predictions. First the blocks: */
void gpt2_language_forward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout);

/** The losses [B] of the last forward pass: for each text the sum of its predictions' cross-entropy, in float64. */
void gpt2_language_loss(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, double *losses);

/** These losses, and the gradients of weight · their sum; else as gpt2_backward(). The batch has one unit: the token
 *  embedding's gradient as output layer and that of its rows as input are added before units are. */
void gpt2_language_backward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *dropout,
                            double weight, double *losses, Gradients *gradients, bool accumulate, BucketDone done,
                            void *context);
#endif
