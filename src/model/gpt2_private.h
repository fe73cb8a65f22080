#ifndef LINNET_MODEL_GPT2_PRIVATE_H
#define LINNET_MODEL_GPT2_PRIVATE_H
/** The memory that the forward pass (gpt2.c) and the backward pass (gpt2_backward.c) share. Shapes: M rows, B samples,
 *  C width, I inner width, H heads. In the last block only the B pooled rows go through what follows the attention. */
#include "linnet/kernels/attention.h"
#include "linnet/kernels/dropout.h"
#include "linnet/kernels/linear.h"
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

struct Gpt2 {
    const ModelConfig *config;      /* borrowed */
    const ParameterLayout *layout;  /* borrowed */
    const ParameterLayout *learned; /* of gradients; borrowed, NULL in inference */
    int lowest;                     /* the backward pass ends here: gpt2_lowest_layer() */
    Profile *profile;               /* borrowed, may be NULL */
    Block *blocks;                  /* [layers]; those below `lowest` have its arrays, and in inference all the same */
    float *pool;                    /* the allocation that all arrays are taken from */
    float *query;                   /* [B, C] the last block's queries */
    float *pooled_ln1;              /* [B, C] the rows of ln1's output that they are computed from */
    float *pooled_input;            /* [B, C] the pooled rows of the stream before the last block */
    float *normalized;              /* [M, C] a LayerNorm's output */
    float *gelu;                    /* [M, I] */
    float *branch;                  /* [M, C] a branch's output, before it is added to the stream */
    float *output;                  /* [B, C] the stream after the last block */
    float *final;                   /* [B, C] after the final LayerNorm */
    float *final_mean, *final_rstd; /* [B] */
    float *logits;                  /* [B, labels] */
    float *attention_scratch;
    LinearWork products; /* how linear layers are computed, and their scratch */
    float *dstream;      /* [M, C] gradient of the stream   (these six: training alone) */
    float *dbranch;      /* [M, C] in the place of branch, which the forward pass alone uses */
    float *dattended;    /* [M, C] */
    float *dqkv;         /* [M, 3C] in the place of gelu and dinner, whose use is over by then */
    float *dinner;       /* [M, I] in the place of gelu, whose last use is the weight's gradient computed before it */
    float *dpooled;      /* [B, C] */
    float *norm_scratch; /* for layernorm_backward */
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

/** Floating-point operations of its forward pass: two products of head width for each key that a query attends to. The
 *  backward pass has five such products, since it computes the scores again. */
double gpt2_attention_operations(const AttentionShape *shape);

/** Fill *dropout for a site and return it; NULL where nothing is dropped. */
const Dropout *gpt2_dropout(const Gpt2 *gpt2, const DropoutRule *rule, int layer, DropoutSite site, Dropout *dropout);

/** gpt2->normalized = LayerNorm `weight` (LN1_WEIGHT or LN2_WEIGHT) of a block over `rows` rows. */
void gpt2_normalize(Gpt2 *gpt2, float *dense, int layer, LayerTensor weight, size_t rows);

/** A tensor of a layer, in an array laid out like the parameters. */
float *gpt2_tensor(const Gpt2 *gpt2, float *dense, int layer, LayerTensor which);

static inline bool gpt2_is_last(const Gpt2 *gpt2, int layer) {
    return layer == gpt2->config->layers - 1;
}
#endif
