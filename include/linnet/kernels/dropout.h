#ifndef LINNET_KERNELS_DROPOUT_H
#define LINNET_KERNELS_DROPOUT_H
/** Dropout masks (Srivastava et al. 2014; inverted scaling, as PyTorch) from a counter-based generator: whether an
 *  element is kept is a pure function of seed, update, sample, layer, site and place. It does not depend on rank,
 *  thread, packing or history, and the backward pass draws the same bits again in place of storing them.
 *
 *  One Philox4x32-10 block serves four neighbouring elements of a row:
 *    key     = { seed, update }
 *    counter = { column / 4 | layer << 16, position | site << 16 | head << 20, sample low, sample high }
 *  and element `column` is kept when word column % 4 is >= threshold = round(p · 2^32). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { DROPOUT_EMBEDDING, DROPOUT_ATTENTION, DROPOUT_ATTENTION_OUTPUT, DROPOUT_MLP_OUTPUT } DropoutSite;

typedef struct {
    uint32_t threshold; /**< 0 = keep all */
    float scale;        /**< 1 / (1 − p) */
    uint32_t key[2];
    uint32_t layer;
    DropoutSite site;
} Dropout;

/** The dropout of one site in one update; p in [0, 1). */
Dropout dropout_make(double p, uint64_t seed, int64_t update, int layer, DropoutSite site);

/** The factor of one element: scale where kept, 0 where dropped; 1 when dropout is NULL. */
float dropout_factor_ref(const Dropout *dropout, size_t column, uint64_t sample, int32_t position, int head);

/** factors [count] of one row: scale where kept, 0 where dropped. `sample` identifies the text in the whole data
 *  set, position its row's position in the text, head the attention head (0 elsewhere). The plain reference of
 *  what every kernel applies. */
void dropout_row_ref(float *factors, size_t count, const Dropout *dropout, uint64_t sample, int32_t position, int head);

#endif
