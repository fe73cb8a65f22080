#ifndef LINNET_KERNELS_TARGET_LOSS_H
#define LINNET_KERNELS_TARGET_LOSS_H
/** The losses of samples with a target for each label (problem_has_targets()): PyTorch's BCEWithLogitsLoss and MSELoss,
 *  as GPT2ForSequenceClassification calls them. Serial, as loss.h. Not collective; cannot fail. */
#include "linnet/data/problem.h"
#include <stddef.h>

/** With x a logit, t its target and weight = 1 / samples of the update:
 *
 *     multi label  losses[b] = mean over labels of max(x, 0) − x·t + log(1 + e^−|x|), the binary cross-entropy
 *     regression   losses[b] = mean over labels of (x − t)²
 *     dlogits[b] = weight · d losses[b] / d logits[b]
 *
 *  The mean over samples is PyTorch's mean over all elements.
 *  losses [n]             written
 *  dlogits [n, labels]    written; NULL: not wanted
 *  logits [n, labels], targets [n] each [labels]   borrowed
 *  Computed in float64 in the order of the labels; dlogits is rounded once. */
void target_loss(Problem problem, double *losses, float *dlogits, const float *logits, const float *const *targets,
                 size_t n, size_t labels, double weight);

/** 1 / (1 + e^−logit) in float64, without overflow. */
double target_sigmoid(float logit);

/** What a model tells of a text: outputs [labels] = the sigmoid of each logit [labels], or with regression the logits
 *  themselves. NaN where a logit is NaN, without a sign. */
void target_outputs(Problem problem, double *outputs, const float *logits, size_t labels);

#endif
