/* Count the results of an evaluation, and its scores. */
#include "linnet/evaluate/metrics.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define LOSS_UNIT 4294967296.0    /* 2^32 units make a loss of 1 */
#define LOSS_LARGEST 2147483648.0 /* 2^31 */

void metrics_clear(Metrics *metrics, int32_t labels) {
    assert(labels > 0 && labels <= METRICS_LABELS_MAX);
    memset(metrics, 0, sizeof *metrics);
    metrics->labels = labels;
}

static int32_t first_largest(const float *logits, int32_t labels) {
    int32_t largest = 0;
    for (int32_t i = 1; i < labels; i++)
        if (logits[i] > logits[largest]) largest = i;
    return largest;
}

/** The low 32 bits have a sum of their own, so that even 2^31 samples of the largest loss do not overflow. */
static void add_loss(Metrics *metrics, double loss) {
    if (!isfinite(loss) || loss >= LOSS_LARGEST) {
        metrics->loss_high += (int64_t)LOSS_LARGEST;
        return;
    }
    int64_t units = llround(loss * LOSS_UNIT);
    int64_t low = units & INT64_C(0xffffffff);
    metrics->loss_low += low;
    metrics->loss_high += (units - low) / (int64_t)LOSS_UNIT;
}

void metrics_add(Metrics *metrics, const float *logits, int32_t label, double loss) {
    int32_t predicted = first_largest(logits, metrics->labels);
    metrics->samples++;
    metrics->confusion[label * metrics->labels + predicted]++;
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
    Scores scores = {0};
    if (metrics->samples == 0) return scores;
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
    scores.loss = ((double)metrics->loss_high + (double)metrics->loss_low / LOSS_UNIT) / samples;
    scores.accuracy = (double)right / samples;
    scores.f1 = f1_sum / (double)occurring;
    return scores;
}
