/* Cross-entropy and softmax over the labels. loss.h has the contract. */
#include "linnet/kernels/loss.h"
#include "linnet/core/elementary.h"
#include <math.h>

/* log Σ elementary_exp(logits), without overflow. NaN if a logit is. GCC 12.2 for aarch64 fails on a loop of fmax(). */
static double log_sum_exp(const float *logits, size_t labels) {
    double largest = logits[0], sum = 0.0;
    for (size_t k = 1; k < labels; k++)
        if (logits[k] > largest) largest = logits[k];
    for (size_t k = 0; k < labels; k++) sum += elementary_exp(logits[k] - largest);
    return largest + elementary_log(sum);
}

void loss_softmax(double *probabilities, const float *logits, size_t labels) {
    double total = log_sum_exp(logits, labels);
    for (size_t k = 0; k < labels; k++) probabilities[k] = isnan(total) ? NAN : elementary_exp(logits[k] - total);
}

void loss_forward_backward(double *losses, float *dlogits, const float *logits, const int32_t *targets, size_t n,
                           size_t labels, double smoothing, double weight) {
    double even = smoothing / (double)labels;
    for (size_t b = 0; b < n; b++) {
        const float *row = logits + b * labels;
        size_t target = (size_t)targets[b];
        double total = log_sum_exp(row, labels), sum = 0.0;
        for (size_t k = 0; k < labels; k++) sum += total - row[k];
        losses[b] = (1.0 - smoothing) * (total - row[target]);
        if (even > 0.0) losses[b] += even * sum; /* the sum is infinite where one logit is -infinity */
        if (!dlogits) continue;
        for (size_t k = 0; k < labels; k++) {
            double wanted = (k == target ? 1.0 - smoothing : 0.0) + even;
            dlogits[b * labels + k] = (float)(weight * (elementary_exp(row[k] - total) - wanted));
        }
    }
}
