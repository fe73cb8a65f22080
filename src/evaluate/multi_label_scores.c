/* Scores of multi-label classification. See target_scores.h. */
#include "linnet/core/memory.h"
#include "linnet/evaluate/target_scores.h"
#include "linnet/kernels/target_loss.h"
#include <stdbool.h>
#include <stdlib.h>

/* A sample as one label sees it. */
typedef struct {
    float logit;
    bool applies;
} Ranked;

static int compare_falling(const void *left, const void *right) {
    const float a = ((const Ranked *)left)->logit, b = ((const Ranked *)right)->logit;
    return (a < b) - (a > b);
}

/* Samples of equal logits stand or fall together, so that their order does not matter. */
static double average_precision(Ranked *ranked, size_t samples, int64_t support) {
    double sum = 0.0;
    int64_t hits = 0;
    if (support == 0) return 0.0;
    qsort(ranked, samples, sizeof *ranked, compare_falling);
    for (size_t i = 0, next; i < samples; i = next) {
        int64_t more = 0;
        for (next = i; next < samples && ranked[next].logit == ranked[i].logit; next++) more += ranked[next].applies;
        hits += more;
        sum += (double)more / (double)support * ((double)hits / (double)next);
    }
    return sum;
}

static double ratio(int64_t part, int64_t all) {
    return all > 0 ? (double)part / (double)all : 0.0;
}

static bool is_predicted(float logit) {
    return target_sigmoid(logit) >= MULTI_LABEL_THRESHOLD;
}

static void score_label(LabelScores *of, Ranked *ranked, size_t samples) {
    *of = (LabelScores){0};
    for (size_t i = 0; i < samples; i++) {
        const bool predicted = is_predicted(ranked[i].logit);
        of->support += ranked[i].applies;
        of->predicted += predicted;
        of->hits += predicted && ranked[i].applies;
    }
    of->precision = ratio(of->hits, of->predicted);
    of->recall = ratio(of->hits, of->support);
    of->f1 = ratio(2 * of->hits, of->support + of->predicted);
    of->average_precision = average_precision(ranked, samples, of->support);
}

static double subset_accuracy(const float *logits, const float *targets, size_t samples, size_t labels) {
    int64_t right = 0;
    for (size_t i = 0; i < samples; i++) {
        size_t k = 0;
        while (k < labels && is_predicted(logits[i * labels + k]) == (targets[i * labels + k] > 0.0F)) k++;
        right += k == labels;
    }
    return ratio(right, (int64_t)samples);
}

Status multi_label_scores(MultiLabelScores *scores, LabelScores *per_label, const float *logits, const float *targets,
                          size_t samples, size_t labels, Error *error) {
    int64_t hits = 0, occurrences = 0;
    Ranked *ranked = memory_allocate(samples, sizeof *ranked, error);
    if (!ranked) return error->status;
    *scores = (MultiLabelScores){.accuracy = subset_accuracy(logits, targets, samples, labels)};
    for (size_t k = 0; k < labels; k++) {
        LabelScores *of = &per_label[k];
        for (size_t i = 0; i < samples; i++)
            ranked[i] = (Ranked){logits[i * labels + k], targets[i * labels + k] > 0.0F};
        score_label(of, ranked, samples);
        hits += of->hits;
        occurrences += of->support + of->predicted;
        scores->f1_macro += of->f1 / (double)labels;
        scores->average_precision += of->average_precision / (double)labels;
    }
    scores->f1_micro = ratio(2 * hits, occurrences);
    memory_free(ranked);
    return STATUS_OK;
}
