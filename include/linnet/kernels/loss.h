#ifndef LINNET_KERNELS_LOSS_H
#define LINNET_KERNELS_LOSS_H
/** Cross-entropy over labels: PyTorch's CrossEntropyLoss, with Trainer's label smoothing. Serial: n is at most a global
 *  batch. Not collective; cannot fail. */
#include <stddef.h>
#include <stdint.h>

/** With s = smoothing (Transformers' LabelSmoother) and weight = 1 / samples of the update:
 *
 *     losses[b]  = (1 − s) · −log p[target] + s · mean over labels of −log p
 *     dlogits[b] = weight · d losses[b] / d logits[b]
 *
 *  losses [n]             written
 *  dlogits [n, labels]    written; NULL: not wanted
 *  logits [n, labels], targets [n]   borrowed
 *  Computed in float64 in the order of the labels; dlogits is rounded once. */
void loss_forward_backward(double *losses, float *dlogits, const float *logits, const int32_t *targets, size_t n,
                           size_t labels, double smoothing, double weight);

/** probabilities [labels] = softmax(logits [labels]), computed in float64. As in PyTorch all are NaN where a logit is NaN
 *  or +infinity, or all are -infinity; that NaN has no sign, so that it is printed as "nan". */
void loss_softmax(double *probabilities, const float *logits, size_t labels);
#endif
