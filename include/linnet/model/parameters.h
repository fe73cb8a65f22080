#ifndef LINNET_MODEL_PARAMETERS_H
#define LINNET_MODEL_PARAMETERS_H
/** Where each of GPT-2's parameters is stored.
 *
 *  The token and the position embedding are separate arrays, since an update changes few of their rows. All other
 *  parameters are *dense*: one array of float32 cut into *buckets*, one for each layer and one for the final LayerNorm
 *  and the head. The backward pass finishes a layer at a time, and the reduction of a bucket starts as soon as its
 *  layer is finished (as in PyTorch's DistributedDataParallel). Parameters, gradients and moments have the same layout,
 *  so one offset serves all three.
 *
 *  A language model has no head: its output layer is the token embedding, whose gradient has no zero rows. There the
 *  token embedding is dense, too, in a bucket of its own before those of the layers: the first that a forward pass
 *  reads, and the last that a backward pass finishes.
 *
 *  Buckets start at multiples of PARAMETERS_BLOCK floats, tensors at multiples of 16 floats (64 bytes). The gaps
 *  between them are zero and stay zero. Work whose result must not depend on the number of ranks or threads (norms,
 *  shards) is cut by these blocks. Not collective. */
#include "linnet/core/error.h"
#include "linnet/model/model_config.h"
#include <stdbool.h>
#include <stddef.h>

#define PARAMETERS_BLOCK 16384 /**< floats (64 KiB) */
#define LAYER_TENSORS 12

/** A layer's tensors, in the order in which they lie in its bucket. */
typedef enum {
    LN1_WEIGHT,
    LN1_BIAS,
    ATTN_WEIGHT,
    ATTN_BIAS,
    PROJ_WEIGHT,
    PROJ_BIAS,
    LN2_WEIGHT,
    LN2_BIAS,
    FC_WEIGHT,
    FC_BIAS,
    OUT_WEIGHT,
    OUT_BIAS
} LayerTensor;

typedef struct {
    char name[64]; /**< as Transformers names it: transformer.h.0.ln_1.weight */
    int dimensions;
    int64_t shape[2];
    size_t offset; /**< floats from the start of the dense array; 0 for embeddings that are not dense */
    size_t count;  /**< floats */
    bool decay;    /**< weight decay applies: to all but biases and LayerNorm, as in Trainer */
    bool head;     /**< score.weight */
    int depth;     /**< below the head: 0 for what follows the last layer, layers − l for layer l, layers + 1 for the
                        embeddings */
} ParameterTensor;

typedef struct {
    int layers;
    bool language;                   /**< the token embedding is dense, in bucket 0, and there is no score */
    size_t buckets;                  /**< layers + 1 + language; the last one holds ln_f and score */
    size_t *bucket_starts;           /**< [buckets + 1] floats, multiples of PARAMETERS_BLOCK */
    size_t dense;                    /**< floats of all buckets: bucket_starts[buckets] */
    size_t sparse;                   /**< floats of the embeddings that are not dense */
    size_t tensors;                  /**< 12 · layers + 3 of a classifier and of a language model */
    ParameterTensor *tensor;         /**< [tensors] ascending by offset */
    ParameterTensor token, position; /**< the embeddings: transformer.wte.weight, transformer.wpe.weight; of a language
                                          model the token embedding is tensor[0] as well */
} ParameterLayout;

/** STATUS_INPUT when the sizes overflow memory. Freed with parameters_layout_free(); nothing to free on failure. */
Status parameters_layout(ParameterLayout *layout, const ModelConfig *config, Error *error);
void parameters_layout_free(ParameterLayout *layout);

/** The bucket of a layer. */
size_t parameters_bucket(const ParameterLayout *layout, int layer);

/** A layout of other tensors than a model's, bucket by bucket: room for `tensors` of them, the next tensor of the bucket
 *  under way, and its end. The name is `prefix` and `name`; `columns` of 0 makes one axis; what else is known about the
 *  tensor the caller sets. NULL and false where a size overflows memory. The embeddings stay zero. */
Status parameters_layout_begin(ParameterLayout *layout, int layers, size_t tensors, Error *error);
ParameterTensor *parameters_layout_add(ParameterLayout *layout, const char *prefix, const char *name, int64_t rows,
                                       int64_t columns);
bool parameters_layout_end_bucket(ParameterLayout *layout, size_t bucket);

/** What of a model does not learn in training (PyTorch: requires_grad = False). Zero: everything learns, as it must of a
 *  language model. */
typedef struct {
    int layers;      /**< the lowest so many layers, from layer 0 on; at most all of them */
    bool embeddings; /**< the token and the position embedding */
} Frozen;

/** The layout of what learns of a model, which gradients and moments have: all buckets and tensors of `layout`, but
 *  those that are frozen are empty (count 0; an embedding has 0 rows). What learns is the end of the dense array: its
 *  offsets count from parameters_first_learned(). As parameters_layout() otherwise. */
Status parameters_learned(ParameterLayout *learned, const ParameterLayout *layout, const Frozen *frozen, Error *error);

/** Where what learns begins in the dense array of `layout`, in floats. */
size_t parameters_first_learned(const ParameterLayout *layout, const Frozen *frozen);

/** Rows of the token embedding that an update can touch at most if it has `rows` rows: 0 where it is dense. */
size_t parameters_token_rows(const ParameterLayout *layout, size_t rows);

/** Floats of all tensors and embeddings, without gaps: what PyTorch counts as a model's parameters. */
size_t parameters_count(const ParameterLayout *layout);

/** Whether the layout has a model's tensors, of which some may be empty, and not an adapter's. */
bool parameters_are_of_model(const ParameterLayout *layout);

/** Indices in layout->tensor; a language model has no score. */
size_t parameters_layer(const ParameterLayout *layout, int layer, LayerTensor which);
size_t parameters_final_weight(const ParameterLayout *layout);
size_t parameters_final_bias(const ParameterLayout *layout);
size_t parameters_score(const ParameterLayout *layout);

/** Must return only when the bucket's values may be read. */
typedef void (*ParametersReady)(void *context, size_t bucket);

/** A model's values, borrowed. The embeddings may be a copy-on-write mapping of the model file (not aligned to 64
 *  bytes; rows that nothing reads or writes stay on disk), or memory. The dense values of an update may still be
 *  arriving from other ranks when the next forward pass starts: it waits for a bucket before it reads it. */
typedef struct {
    float *dense;                  /**< [layout.dense] */
    float *token;                  /**< [vocabulary, width]; of a language model in `dense` */
    float *position;               /**< [positions, width] */
    const struct Adapter *adapter; /**< NULL: none (adapter.h) */
    float *adapter_values; /**< [adapter->layout.dense] with an adapter: A and B of its linear layers, and the head,
                                which stands in for that in `dense` */
    ParametersReady ready; /**< NULL: all values have arrived */
    void *ready_context;   /**< borrowed */
} Parameters;

/** Wait until a bucket may be read. Returns at once if it was awaited before since the last update. */
void parameters_await(const Parameters *parameters, size_t bucket);
#endif
