#ifndef LINNET_KERNELS_LOSS_H
#define LINNET_KERNELS_LOSS_H
/** Cross-entropy over labels (PyTorch's CrossEntropyLoss, with Trainer's label smoothing). Not collective; cannot
 *  fail. */
#include <stddef.h>
#include <stdint.h>

/** With s = smoothing (Transformers' LabelSmoother) and weight = 1 / samples of the update:
 *
 *     losses[b]  = (1 − s) · −log p[label] + s · mean over labels of −log p
 *     dlogits[b] = weight · d losses[b] / d logits[b]
 *
 *  losses [n] in float64, written; dlogits [n, labels] written, may be NULL; logits [n, labels];
 *  targets [n]. Computed in float64, rounded once. Serial: n is at most a global batch. */
void loss_forward_backward(double *losses, float *dlogits, const float *logits, const int32_t *targets, size_t n,
                           size_t labels, double smoothing, double weight);

/** probabilities [labels] = softmax(logits [labels]), in float64. */
void loss_softmax(double *probabilities, const float *logits, size_t labels);
#endif
