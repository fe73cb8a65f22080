/* Scores of regression. See target_scores.h. */
#include "linnet/core/memory.h"
#include "linnet/evaluate/target_scores.h"
#include <math.h>
#include <stdlib.h>

/* A value and its place among the samples. */
typedef struct {
    double value;
    size_t sample;
} Placed;

/* The predictions and targets of one target, and room for ranking them. */
typedef struct {
    double *predicted, *truth; /* [samples] */
    Placed *placed;            /* [samples] */
    size_t samples;
} Column;

static int compare_rising(const void *left, const void *right) {
    const double a = ((const Placed *)left)->value, b = ((const Placed *)right)->value;
    return (a > b) - (a < b);
}

/* Replace values by their ranks, from 1; equal ones share the mean of theirs. */
static void rank(double *values, Placed *placed, size_t samples) {
    for (size_t i = 0; i < samples; i++) placed[i] = (Placed){values[i], i};
    qsort(placed, samples, sizeof *placed, compare_rising);
    for (size_t i = 0, next; i < samples; i = next) {
        for (next = i; next < samples && placed[next].value == placed[i].value;) next++;
        for (size_t j = i; j < next; j++) values[placed[j].sample] = 0.5 * (double)(i + 1 + next);
    }
}

static double mean(const double *values, size_t samples) {
    double sum = 0.0;
    for (size_t i = 0; i < samples; i++) sum += values[i];
    return sum / (double)samples;
}

/* Pearson's correlation; NaN where one of the two does not vary. Rounding may pass by 1. */
static double correlation(const double *a, const double *b, size_t samples) {
    const double mean_a = mean(a, samples), mean_b = mean(b, samples);
    double product = 0.0, square_a = 0.0, square_b = 0.0;
    for (size_t i = 0; i < samples; i++) {
        const double x = a[i] - mean_a, y = b[i] - mean_b;
        product += x * y;
        square_a += x * x;
        square_b += y * y;
    }
    if (!(square_a > 0.0) || !(square_b > 0.0)) return NAN;
    return fmax(-1.0, fmin(1.0, product / (sqrt(square_a) * sqrt(square_b))));
}

static double determination(const Column *column, double squares) {
    const double center = mean(column->truth, column->samples);
    double variation = 0.0;
    if (column->samples < 2) return NAN;
    for (size_t i = 0; i < column->samples; i++) {
        const double distance = column->truth[i] - center;
        variation += distance * distance;
    }
    if (variation > 0.0) return 1.0 - squares / variation;
    return squares > 0.0 ? 0.0 : 1.0;
}

static RegressionScores score_target(const Column *column) {
    double squares = 0.0, distances = 0.0;
    for (size_t i = 0; i < column->samples; i++) {
        const double distance = column->predicted[i] - column->truth[i];
        squares += distance * distance;
        distances += fabs(distance);
    }
    RegressionScores scores = {.mse = squares / (double)column->samples,
                               .mae = distances / (double)column->samples,
                               .pearson = correlation(column->predicted, column->truth, column->samples),
                               .r2 = determination(column, squares)};
    scores.rmse = sqrt(scores.mse);
    rank(column->predicted, column->placed, column->samples);
    rank(column->truth, column->placed, column->samples);
    scores.spearman = correlation(column->predicted, column->truth, column->samples);
    return scores;
}

static void add_share(RegressionScores *scores, const RegressionScores *of, double share) {
    scores->mse += share * of->mse;
    scores->rmse += share * of->rmse;
    scores->mae += share * of->mae;
    scores->pearson += share * of->pearson;
    scores->spearman += share * of->spearman;
    scores->r2 += share * of->r2;
}

Status regression_scores(RegressionScores *scores, RegressionScores *per_target, const float *logits,
                         const float *targets, size_t samples, size_t labels, Error *error) {
    const Column column = {.predicted = memory_allocate(samples, sizeof(double), error),
                           .truth = memory_allocate(samples, sizeof(double), error),
                           .placed = memory_allocate(samples, sizeof(Placed), error),
                           .samples = samples};
    *scores = (RegressionScores){0};
    for (size_t k = 0; k < labels && !error->status; k++) {
        for (size_t i = 0; i < samples; i++) {
            column.predicted[i] = (double)logits[i * labels + k];
            column.truth[i] = (double)targets[i * labels + k];
        }
        per_target[k] = score_target(&column);
        add_share(scores, &per_target[k], 1.0 / (double)labels);
    }
    memory_free(column.predicted);
    memory_free(column.truth);
    memory_free(column.placed);
    return error->status;
}
