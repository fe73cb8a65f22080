/* Count the results of an evaluation, and its scores. */
#include "linnet/evaluate/metrics.h"
#include "linnet/evaluate/class_scores.h"
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#define DIGIT_BITS 32      /* a loss of 1 has as many bits behind the point, so that it is 1 in the second digit */
#define LOSS_BOUND 0x1p150 /* what float32 logits give is far below; the highest digit has room for 2^31 times this */

void metrics_clear(Metrics *metrics, int32_t labels) {
    assert(labels >= 0 && labels <= METRICS_LABELS_MAX);
    memset(metrics, 0, offsetof(Metrics, confusion));
    memset(metrics->confusion, 0, (size_t)labels * (size_t)labels * sizeof *metrics->confusion);
    metrics->labels = labels;
}

int32_t metrics_predicted(const float *logits, int32_t labels) {
    int32_t largest = 0;
    for (int32_t i = 1; i < labels && !isnan(logits[largest]); i++)
        if (logits[i] > logits[largest] || isnan(logits[i])) largest = i;
    return largest;
}

/** Every operation but round() is exact. */
static void add_loss(Metrics *metrics, double loss) {
    if (isnan(loss)) {
        metrics->nan_losses++;
    } else if (fabs(loss) >= LOSS_BOUND) {
        metrics->infinite_losses++;
    } else {
        double units = round(ldexp(loss, DIGIT_BITS));
        for (int i = METRICS_DIGITS - 1; i >= 0; i--) {
            double digit = trunc(ldexp(units, -DIGIT_BITS * i));
            metrics->loss[i] += (int64_t)digit;
            units -= ldexp(digit, DIGIT_BITS * i);
        }
    }
}

/* What the samples weigh together; of a language model its predictions. */
static double total_weight(const Metrics *metrics) {
    if (metrics->labels == 0) return (double)metrics->predictions;
    if (!metrics->class_weights) return (double)metrics->samples;
    double sum = 0.0;
    for (int32_t i = 0; i < metrics->labels; i++)
        sum += metrics->class_weights[i] * (double)class_scores(metrics, i).support;
    return sum;
}

static double mean_loss(const Metrics *metrics) {
    if (metrics->nan_losses > 0) return NAN;
    if (metrics->infinite_losses > 0) return INFINITY;
    double sum = 0.0;
    for (int i = METRICS_DIGITS - 1; i >= 0; i--) sum += ldexp((double)metrics->loss[i], DIGIT_BITS * (i - 1));
    const double weight = total_weight(metrics);
    return weight > 0.0 ? sum / weight : NAN; /* without the sign that 0 / 0 may have */
}

void metrics_add(Metrics *metrics, const float *logits, int32_t label, double loss) {
    int32_t predicted = metrics_predicted(logits, metrics->labels);
    metrics->samples++;
    metrics->confusion[label * metrics->labels + predicted]++;
    add_loss(metrics, metrics->class_weights ? metrics->class_weights[label] * loss : loss);
}

void metrics_add_loss(Metrics *metrics, double loss) {
    metrics->samples++;
    add_loss(metrics, loss);
}

void metrics_add_text(Metrics *metrics, int64_t predictions, double loss) {
    metrics->samples++;
    metrics->predictions += predictions;
    add_loss(metrics, loss);
}

/** 2tp + fp + fn of a label is its count as truth plus its count as prediction. */
static int64_t label_occurrences(const Metrics *metrics, int32_t label) {
    int64_t sum = 0;
    for (int32_t other = 0; other < metrics->labels; other++)
        sum +=
            metrics->confusion[label * metrics->labels + other] + metrics->confusion[other * metrics->labels + label];
    return sum;
}

Scores metrics_scores(const Metrics *metrics) {
    Scores scores = {.auroc = NAN, .auroc_weighted = NAN, .ece = NAN};
    if (metrics->samples == 0) return scores;
    scores.problem = metrics->problem;
    scores.loss = mean_loss(metrics);
    if (problem_has_targets(metrics->problem)) {
        /* The sum of losses has a fixed resolution, which may be coarse for squares of small numbers. */
        if (metrics->problem == PROBLEM_REGRESSION && isfinite(scores.loss)) scores.loss = metrics->regression.mse;
        scores.multi_label = metrics->multi_label;
        scores.regression = metrics->regression;
        return scores;
    }
    int64_t right = 0, occurring = 0;
    double f1_sum = 0;
    for (int32_t label = 0; label < metrics->labels; label++) {
        int64_t hits = metrics->confusion[label * metrics->labels + label];
        int64_t occurrences = label_occurrences(metrics, label);
        right += hits;
        if (occurrences == 0) continue;
        occurring++;
        f1_sum += 2 * (double)hits / (double)occurrences;
    }
    double samples = (double)metrics->samples;
    if (metrics->labels == 0) return scores;
    scores.accuracy = (double)right / samples;
    scores.f1 = f1_sum / (double)occurring;
    const OverallScores overall = overall_scores(metrics);
    scores.precision = overall.precision;
    scores.recall = overall.recall;
    scores.precision_weighted = overall.precision_weighted;
    scores.recall_weighted = overall.recall_weighted;
    scores.f1_weighted = overall.f1_weighted;
    scores.mcc = overall.mcc;
    return scores;
}
