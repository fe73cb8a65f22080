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

static double weight_of(const LossRule *rule, size_t label) {
    return rule->weights ? rule->weights[label] : 1.0;
}

/* The loss of a sample, and its gradient in `gradient` [labels] unless that is NULL. */
static double cross_entropy(float *gradient, const float *row, size_t target, size_t labels, const LossRule *rule,
                            double scale) {
    const double total = log_sum_exp(row, labels), even = rule->smoothing / (double)labels;
    const double own = (1.0 - rule->smoothing) * weight_of(rule, target);
    double sum = 0.0, all = 0.0, loss = own * (total - row[target]);
    for (size_t k = 0; k < labels; k++) {
        sum += weight_of(rule, k) * (total - row[k]);
        all += weight_of(rule, k);
    }
    if (even > 0.0) loss += even * sum; /* the sum is infinite where one logit is -infinity */
    const double mass = rule->weights ? own + even * all : 1.0;
    for (size_t k = 0; gradient && k < labels; k++) {
        const double wanted = (k == target ? own : 0.0) + even * weight_of(rule, k);
        gradient[k] = (float)(scale * (mass * elementary_exp(row[k] - total) - wanted));
    }
    return loss;
}

/* −log(1 − q) / q, which is 1 at q = 0. Below 2^-10, where 1 − q has lost digits of q, by its series 1 + q/2 + q²/3 + …,
 * whose next term is below 1e-18. */
static double log_quotient(double q, double minus_log) {
    double sum = 0.0;
    if (q > 0x1p-10) return minus_log / q;
    for (int n = 6; n >= 1; n--) sum = sum * q + 1.0 / n;
    return sum;
}

/* Likewise. With q = 1 − p[target], the sum of the other probabilities, the gradient of q^γ · −log(1 − q) is
 * q^γ · (1 + γ · p[target] · −log(1 − q) / q) times that of cross-entropy: finite also where q is 0 and γ below 1. */
static double focal(float *gradient, const float *row, size_t target, size_t labels, const LossRule *rule,
                    double scale) {
    const double total = log_sum_exp(row, labels), p = elementary_exp(row[target] - total);
    double q = 0.0;
    for (size_t k = 0; k < labels; k++)
        if (k != target) q += elementary_exp(row[k] - total);
    const double quotient = log_quotient(q, total - row[target]);
    const double focus = weight_of(rule, target) * elementary_exp(rule->gamma * elementary_log(q));
    const double slope = focus * (1.0 + (p > 0.0 ? rule->gamma * p * quotient : 0.0));
    for (size_t k = 0; gradient && k < labels; k++)
        gradient[k] = (float)(scale * slope * (k == target ? -q : elementary_exp(row[k] - total)));
    return focus * (q * quotient);
}

void loss_forward_backward(double *losses, float *dlogits, const float *logits, const int32_t *targets, size_t n,
                           size_t labels, const LossRule *rule, double scale) {
    for (size_t b = 0; b < n; b++)
        losses[b] = (rule->gamma > 0.0 ? focal : cross_entropy)(
            dlogits ? dlogits + b * labels : NULL, logits + b * labels, (size_t)targets[b], labels, rule, scale);
}
