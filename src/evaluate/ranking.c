/* The area under the ROC curve, by ranks. */
#include "linnet/evaluate/ranking.h"
#include <math.h>
#include <stdlib.h>

static int compare_scores(const void *left, const void *right) {
    const double a = ((const RankedSample *)left)->score, b = ((const RankedSample *)right)->score;
    return (a > b) - (a < b);
}

double auroc(RankedSample *samples, int64_t count) {
    int64_t positives = 0, negatives = 0;
    uint64_t twice =
        0; /* 2 for each pair in the right order, 1 for each of equal scores: at most 2^63 for 2^32 samples */
    if (count > 0) qsort(samples, (size_t)count, sizeof *samples, compare_scores);
    for (int64_t first = 0, next; first < count; first = next) {
        int64_t equal_positives = 0;
        for (next = first; next < count && samples[next].score == samples[first].score; next++)
            equal_positives += samples[next].positive;
        const int64_t equal_negatives = next - first - equal_positives;
        twice += (uint64_t)equal_positives * (uint64_t)(2 * negatives + equal_negatives);
        positives += equal_positives;
        negatives += equal_negatives;
    }
    if (positives == 0 || negatives == 0) return NAN;
    return (double)twice / (2.0 * (double)positives * (double)negatives);
}
