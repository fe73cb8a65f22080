#ifndef LINNET_MODEL_GPT2_PRIVATE_H
#define LINNET_MODEL_GPT2_PRIVATE_H
/** The memory that the forward pass (gpt2.c) and the backward pass (gpt2_backward.c) share. Shapes: M rows, B samples,
 *  C width, I inner width, H heads. In the last block of a classifier only the B pooled rows go through what follows the
 *  attention; of a language model all rows do. F final rows: B or M. */
#include "linnet/kernels/attention.h"
#include "linnet/kernels/dropout.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/adapter.h"
#include "linnet/model/gpt2.h"

/** The activations of one block that the backward pass needs. It computes the outputs of LayerNorm and GELU again,
 *  which is cheaper than keeping them. */
typedef struct {
    float *input;         /* [M, C] the stream before the block */
    float *mean1, *rstd1; /* [M] */
    float *qkv;           /* [M, 3C]; in the last block [M, 2C]: keys and values only */
    float *lse;           /* [M, H] */
    float *attended;      /* [M, C] the heads' outputs, one after the other */
    float *middle;        /* [M, C] the stream between attention and MLP */
    float *mean2, *rstd2; /* [M] */
    float *fc;            /* [M, I] before GELU */
} Block;

/** Working memory of adapters, shared by all linear layers. R the rank that there is room for, W the widest input or
 *  output of a linear layer. */
typedef struct {
    float *pool;
    float *input;            /* [M, W] dropout(x), training alone */
    float *hidden, *dhidden; /* [M, R] scaling · dropout(x) · Aᵀ, and scaling · dy · B: training alone */
    float *pooled, *dpooled; /* [B, R] the pooled rows of the last block's queries, likewise */
    float *branch;           /* [M, W] what an adapter adds to y, and to the gradient of x */
    float *scratch;          /* for products */
} AdapterWork;

struct Gpt2 {
    const ModelConfig *config;      /* borrowed */
    const ParameterLayout *layout;  /* borrowed */
    const ParameterLayout *learned; /* of gradients; borrowed, NULL in inference */
    int lowest;                     /* the backward pass ends here: gpt2_lowest_layer() */
    bool checkpointing;             /* all blocks have the same arrays but `input` */
    Profile *profile;               /* borrowed, may be NULL */
    Block *blocks;                  /* [layers]; those below `lowest` have its arrays, and in inference all the same */
    size_t rows, samples;           /* M and B at most */
    float *pool;                    /* the allocation that all arrays are taken from */
    float *query;                   /* [B, C] the last block's queries */
    float *pooled_ln1;              /* [B, C] the rows of ln1's output that they are computed from */
    float *pooled_input;            /* [B, C] the pooled rows of the stream before the last block */
    float *normalized;              /* [M, C] a LayerNorm's output */
    float *gelu;                    /* [M, I] */
    float *branch;                  /* [M, C] a branch's output, before it is added to the stream */
    float *output;                  /* [F, C] the stream after the last block */
    float *final;                   /* [F, C] after the final LayerNorm */
    float *final_mean, *final_rstd; /* [F] */
    float *logits;                  /* [B, labels]; of a language model those of a block of rows */
    double *row_losses;             /* [M]          (these three: a language model alone) */
    int32_t *targets;               /* [M] the token that each row predicts; −1: none */
    int32_t *token_links;           /* [vocabulary + M] scratch of embedding_index_add(), for training */
    float *attention_scratch;
    LinearWork products; /* how linear layers are computed, and their scratch */
    float *dstream;      /* [M, C] gradient of the stream   (these six: training alone) */
    float *dbranch;      /* [M, C] in the place of branch, which the forward pass alone uses */
    float *dattended;    /* [M, C] */
    float *dqkv;         /* [M, 3C] in the place of gelu and dinner, whose use is over by then */
    float *dinner;       /* [M, I] in the place of gelu, whose last use is the weight's gradient computed before it */
    float *dpooled;      /* [B, C] */
    float *norm_scratch; /* for layernorm_backward */
    AdapterWork adapter; /* all NULL without adapters */
};

/** Rows that are computed together, with what identifies them for dropout. */
typedef struct {
    size_t count;
    const int32_t *positions;
    const uint64_t *samples;
    Segments segments; /* by unit; borrowed from the batch */
} Rows;

/** The rows after the attention of a block: all, or in the last block the pooled ones. */
Rows gpt2_rows_after_attention(const Gpt2 *gpt2, const Batch *batch, int layer);

/** The attention of a block. Its arrays are borrowed from the batch. */
AttentionShape gpt2_attention_shape(const Gpt2 *gpt2, const Batch *batch, int layer);

/** The final rows: those that the final LayerNorm and the head see. */
static inline size_t gpt2_final_rows(const Gpt2 *gpt2, const Batch *batch) {
    return gpt2->config->language ? batch->tokens : batch->samples;
}

/** The embeddings, all blocks and the final LayerNorm: gpt2->final [F, C]. Waits for each bucket. */
void gpt2_forward_blocks(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule);

/** What all steps of one backward pass share. */
typedef struct {
    Gpt2 *gpt2;
    const Parameters *parameters;
    float *gradients; /* [learned.dense] */
    const Batch *batch;
    const DropoutRule *rule;
    bool accumulate;
} Pass;

/** From the gradient of gpt2->final, in gpt2->dbranch [F, C], to gpt2->dstream [M, C], the gradient of token + position
 *  embedding. Calls `done` for the buckets of the final LayerNorm and of the layers. */
void gpt2_backward_blocks(const Pass *pass, BucketDone done, void *context);

/** Floating-point operations of its forward pass: two products of head width for each key that a query attends to. The
 *  backward pass has five such products, since it computes the scores again. */
double gpt2_attention_operations(const AttentionShape *shape);

/** Fill *dropout for a site and return it; NULL where nothing is dropped. */
const Dropout *gpt2_dropout(const Gpt2 *gpt2, const DropoutRule *rule, int layer, DropoutSite site, Dropout *dropout);

/** gpt2->normalized = LayerNorm `weight` (LN1_WEIGHT or LN2_WEIGHT) of a block over `rows` rows. */
void gpt2_normalize(Gpt2 *gpt2, float *dense, int layer, LayerTensor weight, size_t rows);

/** y [rows, out] += what the adapter of a linear layer, if there is one, adds for its inputs x [rows, in]. */
void gpt2_adapt(Gpt2 *gpt2, const Parameters *parameters, int layer, AdaptedLinear which, float *y, const float *x,
                const Rows *rows, const DropoutRule *rule);

/** The same for the last block's attention, whose queries [B, C] are those of the pooled rows alone, and whose keys and
 *  values [M, 2C] those of all rows of x [M, C]. */
void gpt2_adapt_last(Gpt2 *gpt2, const Parameters *parameters, float *query, float *keys, const float *x,
                     const Batch *batch, const DropoutRule *rule);

/** The head [labels, C]: the adapter's, or the model's own. */
const float *gpt2_score(const Gpt2 *gpt2, const Parameters *parameters);

/** All rows of a batch. */
Rows gpt2_all_rows(const Batch *batch);

/** out[b] = x[pooled[b]] */
void gpt2_gather_pooled(float *out, const float *x, const Batch *batch, size_t width);
/** out[pooled[b]] += x[b] */
void gpt2_scatter_pooled(float *out, const float *x, const Batch *batch, size_t width);

/** A tensor of a layer, in an array laid out like the parameters. */
float *gpt2_tensor(const Gpt2 *gpt2, float *dense, int layer, LayerTensor which);

/** With checkpointing: compute the activations of a block again from its input, with the arguments of the forward
 *  pass. */
void gpt2_repeat_block(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, int layer,
                       const DropoutRule *rule);

static inline bool gpt2_is_last(const Gpt2 *gpt2, int layer) {
    return layer == gpt2->config->layers - 1;
}

/** Whether only the pooled rows of a block have a query, a projection and an MLP. */
static inline bool gpt2_is_pooled(const Gpt2 *gpt2, int layer) {
    return gpt2_is_last(gpt2, layer) && !gpt2->config->language;
}
#endif
