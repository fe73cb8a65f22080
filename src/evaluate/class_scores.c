/* Scores of each class and their confidence intervals. */
#include "linnet/evaluate/class_scores.h"
#include <math.h>

#define QUANTILE 1.959963984540054 /* of the standard normal distribution at 0.975 */

static double within(double value) {
    return fmin(fmax(value, 0.0), 1.0);
}

Interval interval_wilson(int64_t hits, int64_t count) {
    if (count == 0) return (Interval){0, 0, 1};
    const double n = (double)count, share = (double)hits / n, square = QUANTILE * QUANTILE / n;
    const double center = (share + square / 2) / (1 + square);
    const double half = sqrt(square * (share * (1 - share) + square / 4)) / (1 + square);
    /* At the ends the bound is the share itself, which rounding may miss. */
    return (Interval){share, hits == 0 ? 0 : within(center - half), hits == count ? 1 : within(center + half)};
}

/* Of a class: true positives, and how often it is the truth and the prediction. */
typedef struct {
    int64_t hits, truth, predicted;
} Counts;

static Counts count_class(const Metrics *metrics, int32_t label) {
    Counts counts = {.hits = metrics->confusion[label * metrics->labels + label]};
    for (int32_t other = 0; other < metrics->labels; other++) {
        counts.truth += metrics->confusion[label * metrics->labels + other];
        counts.predicted += metrics->confusion[other * metrics->labels + label];
    }
    return counts;
}

/* F1 of a proportion tp/(tp+fp+fn). */
static double f1_of(double proportion) {
    return 2 * proportion / (1 + proportion);
}

ClassScores class_scores(const Metrics *metrics, int32_t label) {
    const Counts c = count_class(metrics, label);
    const int64_t occurrences = c.truth + c.predicted;
    const Interval union_of = interval_wilson(c.hits, occurrences - c.hits);
    return (ClassScores){.support = c.truth,
                         .precision = interval_wilson(c.hits, c.predicted),
                         .recall = interval_wilson(c.hits, c.truth),
                         .f1 = {.value = occurrences > 0 ? 2 * (double)c.hits / (double)occurrences : 0,
                                .low = f1_of(union_of.low),
                                .high = f1_of(union_of.high)}};
}

/* What the delta method needs of a class: F1, and F1 / (truth + predicted). */
typedef struct {
    double f1, per_count;
} Slope;

/* The variance of the sum of the classes' F1 over the multinomial distribution of the cells. With F = 2 tp / D and
 * D = 2tp + fp + fn of each class, the sum's derivative is 2 (1 − F) / D by a hit of the class and −(F / D + G / E) by
 * a sample of it that is taken for another one with G, E. The sum does not change if all cells grow in proportion, so
 * the mean of the derivatives is 0 and the variance the sum of their squares over the samples. */
static double variance_of_sum(const Metrics *metrics) {
    Slope slope[METRICS_LABELS_MAX];
    double variance = 0;
    for (int32_t k = 0; k < metrics->labels; k++) {
        const Counts c = count_class(metrics, k);
        const double occurrences = (double)(c.truth + c.predicted);
        slope[k] = (Slope){0};
        if (c.truth + c.predicted == 0) continue;
        slope[k].f1 = 2 * (double)c.hits / occurrences;
        slope[k].per_count = slope[k].f1 / occurrences;
        const double derivative = 2 * (1 - slope[k].f1) / occurrences;
        variance += (double)c.hits * derivative * derivative;
    }
    for (int32_t truth = 0; truth < metrics->labels; truth++)
        for (int32_t taken = 0; taken < metrics->labels; taken++) {
            const double derivative = slope[truth].per_count + slope[taken].per_count;
            if (taken != truth)
                variance += (double)metrics->confusion[truth * metrics->labels + taken] * derivative * derivative;
        }
    return variance;
}

/* The means that are weighted by support. */
static void weigh(OverallScores *scores, const Metrics *metrics) {
    for (int32_t k = 0; k < metrics->labels; k++) {
        const ClassScores of = class_scores(metrics, k);
        const double share = (double)of.support / (double)metrics->samples;
        scores->precision_weighted += share * of.precision.value;
        scores->recall_weighted += share * of.recall.value;
        scores->f1_weighted += share * of.f1.value;
    }
}

/* The covariances are exact integers in float64 up to 2^26 samples. */
static double matthews(const Metrics *metrics) {
    const double samples = (double)metrics->samples;
    double right = 0, both = 0, truth = 0, predicted = 0;
    for (int32_t k = 0; k < metrics->labels; k++) {
        const Counts c = count_class(metrics, k);
        right += (double)c.hits;
        both += (double)c.truth * (double)c.predicted;
        truth += (double)c.truth * (double)c.truth;
        predicted += (double)c.predicted * (double)c.predicted;
    }
    const double squares = (samples * samples - truth) * (samples * samples - predicted);
    return squares > 0 ? (right * samples - both) / sqrt(squares) : 0;
}

OverallScores overall_scores(const Metrics *metrics) {
    OverallScores scores = {.f1 = {0, 0, 1}};
    int64_t right = 0;
    double classes = 0, low = 0, high = 0, f1 = 0;
    for (int32_t k = 0; k < metrics->labels; k++) {
        const ClassScores of = class_scores(metrics, k);
        const Counts c = count_class(metrics, k);
        right += c.hits;
        if (c.truth + c.predicted == 0) continue;
        classes++;
        scores.precision += of.precision.value;
        scores.recall += of.recall.value;
        f1 += of.f1.value;
        low += of.f1.low;
        high += of.f1.high;
    }
    scores.accuracy = interval_wilson(right, metrics->samples);
    if (classes == 0) return scores;
    weigh(&scores, metrics);
    scores.mcc = matthews(metrics);
    scores.precision /= classes;
    scores.recall /= classes;
    const double mean = f1 / classes, half = QUANTILE * sqrt(variance_of_sum(metrics)) / classes;
    scores.f1 = half > 0 ? (Interval){mean, within(mean - half), within(mean + half)}
                         : (Interval){mean, low / classes, high / classes};
    return scores;
}
