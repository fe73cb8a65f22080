#ifndef LINNET_KERNELS_LOSS_H
#define LINNET_KERNELS_LOSS_H
/** Cross-entropy over labels: PyTorch's CrossEntropyLoss with class weights and label smoothing, and the focal loss.
 *  Serial: n is at most a global batch. Not collective; cannot fail. */
#include <stddef.h>
#include <stdint.h>

/** How the loss of a sample is computed. Of zeros it is the cross-entropy. */
typedef struct {
    double smoothing;      /**< s, from 0 to 1 */
    double gamma;          /**< γ ≥ 0 of the focal loss (arXiv:1708.02002); not together with smoothing */
    const double *weights; /**< w [labels], each finite and ≥ 0; borrowed; NULL: all are 1 */
} LossRule;

/** With p the softmax of a sample's logits:
 *
 *     losses[b]  = (1 − s) · w[target] · −log p[target] + s · mean over labels k of w[k] · −log p[k]
 *                  or, where γ > 0,  w[target] · (1 − p[target])^γ · −log p[target]
 *     dlogits[b] = scale · d losses[b] / d logits[b]
 *
 *  The loss of an update is their sum divided by the sum of w[target] over its samples, as torch.nn.functional
 *  .cross_entropy(weight=w, label_smoothing=s, reduction="mean") has it; scale is 1 / that sum. Without weights, smoothing
 *  is that of Transformers' LabelSmoother.
 *  losses [n]             written
 *  dlogits [n, labels]    written; NULL: not wanted
 *  logits [n, labels], targets [n]   borrowed
 *  Computed in float64 in the order of the labels; dlogits is rounded once. */
void loss_forward_backward(double *losses, float *dlogits, const float *logits, const int32_t *targets, size_t n,
                           size_t labels, const LossRule *rule, double scale);

/** probabilities [labels] = softmax(logits [labels]), computed in float64. As in PyTorch all are NaN where a logit is NaN
 *  or +infinity, or all are -infinity; that NaN has no sign, so that it is printed as "nan". */
void loss_softmax(double *probabilities, const float *logits, size_t labels);
#endif
