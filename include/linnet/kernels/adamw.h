#ifndef LINNET_KERNELS_ADAMW_H
#define LINNET_KERNELS_ADAMW_H
/** One step of AdamW (arXiv:1711.05101, algorithm 2, as torch.optim.AdamW computes it). Not collective; cannot
 *  fail. */
#include <stddef.h>
#include <stdint.h>

/** What is the same for every element of an update. */
typedef struct {
    double rate; /**< learning rate of this update */
    double beta1, beta2, epsilon;
    double decay;     /**< weight decay of these elements, 0 for biases and LayerNorm */
    int64_t step;     /**< from 1: bias correction */
    float grad_scale; /**< gradient clipping's factor, at most 1 */
} AdamW;

/** p, m, v [n] read and written; g [n] borrowed. In PyTorch's order:
 *
 *     g ← g · grad_scale
 *     p ← p · (1 − rate · decay)
 *     m ← m + (g − m)(1 − beta1)
 *     v ← beta2 · v + (1 − beta2) g²
 *     p ← p − (rate / (1 − beta1^step)) · m / (√v / √(1 − beta2^step) + epsilon)
 *
 *  Element-wise in float32, coefficients from float64. Serial (the caller cuts work into runs for its threads). */
void adamw_update(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw);
void adamw_update_ref(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw);
#endif
