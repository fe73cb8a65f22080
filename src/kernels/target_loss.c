/* Binary cross-entropy and squared error. target_loss.h has the contract. */
#include "linnet/kernels/target_loss.h"
#include "linnet/core/elementary.h"
#include <math.h>

/* log(1 + x) for x from 0 to 1: the quotient corrects the rounding of 1 + x, so that a small x is not lost (Higham,
 * Accuracy and Stability of Numerical Algorithms, 1.14.1). */
static double log_of_one_and(double x) {
    const double sum = 1.0 + x;
    return sum == 1.0 ? x : elementary_log(sum) * (x / (sum - 1.0));
}

double target_sigmoid(float logit) {
    const double small = elementary_exp(-fabs((double)logit)); /* at most 1 */
    if (isnan(small)) return NAN;
    return logit >= 0.0F ? 1.0 / (1.0 + small) : small / (1.0 + small);
}

static double cross_entropy(double logit, double target) {
    return (logit > 0.0 ? logit : 0.0) - logit * target + log_of_one_and(elementary_exp(-fabs(logit)));
}

/* The loss of one logit, and its derivative in *slope. */
static double loss_of(Problem problem, float logit, float target, double *slope) {
    if (problem == PROBLEM_MULTI_LABEL) {
        *slope = target_sigmoid(logit) - (double)target;
        return cross_entropy((double)logit, (double)target);
    }
    const double difference = (double)logit - (double)target;
    *slope = 2.0 * difference;
    return difference * difference;
}

void target_loss(Problem problem, double *losses, float *dlogits, const float *logits, const float *const *targets,
                 size_t n, size_t labels, double weight) {
    const double share = weight / (double)labels;
    for (size_t b = 0; b < n; b++) {
        double sum = 0.0, slope;
        for (size_t k = 0; k < labels; k++) {
            sum += loss_of(problem, logits[b * labels + k], targets[b][k], &slope);
            if (dlogits) dlogits[b * labels + k] = (float)(share * slope);
        }
        losses[b] = sum / (double)labels;
    }
}

void target_outputs(Problem problem, double *outputs, const float *logits, size_t labels) {
    for (size_t k = 0; k < labels; k++) {
        const double value = problem == PROBLEM_MULTI_LABEL ? target_sigmoid(logits[k]) : (double)logits[k];
        outputs[k] = isnan(value) ? NAN : value;
    }
}
