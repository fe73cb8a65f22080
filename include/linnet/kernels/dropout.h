#ifndef LINNET_KERNELS_DROPOUT_H
#define LINNET_KERNELS_DROPOUT_H
/** Dropout masks (Srivastava et al. 2014; inverted scaling, as in PyTorch) from the counter-based generator Philox
 *  (Salmon et al., SC 2011). Whether an element is kept is a pure function of seed, update, sample, layer, site,
 *  position, head and column. It does not depend on rank, thread, packing or history, so the backward pass draws the
 *  same mask again instead of storing it. Not collective; cannot fail.
 *
 *  One Philox4x32-10 block serves four neighbouring elements of a row:
 *    key     = { seed, update }
 *    counter = { column / 4 | layer << 16, position | site << 16 | head << 20, sample low, sample high }
 *  and element `column` is kept when word number column % 4 is at least threshold = round(p · 2^32). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** DROPOUT_ADAPTER and the three numbers behind it: the inputs of the adapters of a block's four linear layers. */
typedef enum {
    DROPOUT_EMBEDDING,
    DROPOUT_ATTENTION,
    DROPOUT_ATTENTION_OUTPUT,
    DROPOUT_MLP_OUTPUT,
    DROPOUT_ADAPTER,
    DROPOUT_SITES = DROPOUT_ADAPTER + 4
} DropoutSite;

typedef struct {
    uint32_t threshold; /**< round(p · 2^32); 0 keeps all */
    float scale;        /**< 1 / (1 − p) */
    uint32_t key[2];
    uint32_t layer;
    DropoutSite site;
} Dropout;

/** The dropout of one site in one update, with probability p in [0, 1) to drop an element. */
Dropout dropout_make(double p, uint64_t seed, int64_t update, int layer, DropoutSite site);

/** The factor of one element: scale where kept, 0 where dropped; 1 when dropout is NULL. */
float dropout_factor_ref(const Dropout *dropout, size_t column, uint64_t sample, int32_t position, int head);

/** factors [count] of one row: scale where kept, 0 where dropped. `sample` is the text's index in the token file,
 *  `position` the row's position in the text, `head` the attention head (0 at other sites). The reference of what every
 *  kernel applies. */
void dropout_row_ref(float *factors, size_t count, const Dropout *dropout, uint64_t sample, int32_t position, int head);
#endif
