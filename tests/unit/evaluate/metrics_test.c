/* metrics.h: scores, and sums that do not depend on the order. */
#include "linnet/evaluate/metrics.h"
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_UNIT 0x1p-32 /* what a loss is a multiple of */

static void add(Metrics *metrics, int32_t label, int32_t predicted, double loss) {
    float logits[METRICS_LABELS_MAX] = {0};
    logits[predicted] = 1;
    metrics_add(metrics, logits, label, loss);
}

static Metrics *make(int32_t labels) {
    Metrics *metrics = malloc(sizeof *metrics);
    assert_non_null(metrics);
    metrics_clear(metrics, labels);
    return metrics;
}

/** Truth 0 0 0 1 1 2, prediction 0 0 1 1 2 2: by hand, label 0 has 2tp = 4 of 4 + 0 + 1 = 5, label 1 has 2 of 2 +
 *  1 + 1 = 4, label 2 has 2 of 2 + 1 + 0 = 3. */
static void test_scores_a_small_set(void **state) {
    (void)state;
    static const int32_t truth[] = {0, 0, 0, 1, 1, 2}, predicted[] = {0, 0, 1, 1, 2, 2};
    static const double losses[] = {0.5, 0.25, 1.5, 0.125, 2, 0.25};
    Metrics *metrics = make(3);
    for (size_t i = 0; i < 6; i++) add(metrics, truth[i], predicted[i], losses[i]);
    Scores scores = metrics_scores(metrics);
    assert_int_equal(metrics->samples, 6);
    assert_int_equal(metrics->confusion[0 * 3 + 1], 1);
    assert_int_equal(metrics->confusion[1 * 3 + 2], 1);
    assert_int_equal(metrics->confusion[1 * 3 + 0], 0);
    assert_true(scores.loss == 4.625 / 6); /* the losses are multiples of 2^-32 */
    assert_true(scores.accuracy == 4.0 / 6);
    /* two roundings of sums near 2 and one of the quotient */
    assert_true(fabs(scores.f1 - (4.0 / 5 + 2.0 / 4 + 2.0 / 3) / 3) <= 2 * DBL_EPSILON);
    free(metrics);
}

/** Label 2 occurs nowhere and does not count; label 1 occurs as a prediction only and counts as 0. */
static void test_means_f1_over_the_labels_that_occur(void **state) {
    (void)state;
    Metrics *metrics = make(3);
    add(metrics, 0, 0, 1);
    add(metrics, 0, 1, 1);
    assert_true(fabs(metrics_scores(metrics).f1 - (2.0 / 3 + 0) / 2) <= DBL_EPSILON);
    metrics_clear(metrics, 3);
    add(metrics, 1, 1, 1);
    assert_true(metrics_scores(metrics).f1 == 1);
    free(metrics);
}

static void test_predicts_the_first_of_equal_logits(void **state) {
    (void)state;
    static const float logits[] = {-1, 3, 3};
    Metrics *metrics = make(3);
    metrics_add(metrics, logits, 2, 0);
    assert_int_equal(metrics->confusion[2 * 3 + 1], 1);
    free(metrics);
}

static void test_sums_losses_without_order(void **state) {
    (void)state;
    enum { SAMPLES = 1000 };
    Metrics *forward = make(2), *backward = make(2);
    double exact = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double loss = fabs(sin(i)) * pow(10, i % 7 - 3);
        exact += loss;
        add(forward, 0, 0, loss);
    }
    for (int i = SAMPLES - 1; i >= 0; i--) add(backward, 0, 0, fabs(sin(i)) * pow(10, i % 7 - 3));
    double loss = metrics_scores(forward).loss;
    assert_true(metrics_scores(backward).loss == loss);
    /* each loss is rounded to the nearest unit; `exact` itself is 1000 additions of float64 */
    assert_true(fabs(loss - exact / SAMPLES) <= ONE_UNIT / 2 + SAMPLES * DBL_EPSILON * exact / SAMPLES);
    free(backward);
    free(forward);
}

/** The mean of these losses, [count], in this order and in the opposite one, which must give the same. */
static double mean_of(const double *losses, size_t count) {
    Metrics *forward = make(2), *backward = make(2);
    for (size_t i = 0; i < count; i++) {
        add(forward, 0, 0, losses[i]);
        add(backward, 0, 0, losses[count - 1 - i]);
    }
    double mean = metrics_scores(forward).loss, other = metrics_scores(backward).loss;
    assert_memory_equal(&mean, &other, sizeof mean);
    free(forward);
    free(backward);
    return mean;
}

/** As torch.tensor(losses).mean() in float64. */
static void test_loss_that_is_not_finite_stays_so(void **state) {
    (void)state;
    assert_true(isnan(mean_of((const double[]){0.5, NAN, 1.0}, 3)));
    assert_true(isnan(mean_of((const double[]){INFINITY, -NAN}, 2)));
    assert_false(signbit(mean_of((const double[]){-NAN}, 1))); /* printed as "nan" */
    assert_true(mean_of((const double[]){0.5, INFINITY, 1.0}, 3) == INFINITY);
}

/** As torch.nn.CrossEntropyLoss(weight): by hand, (0.5 · 1.5 + 0.25 · 1.5 + 2 · 0.25) / (1.5 + 1.5 + 0.25). */
static void test_class_weights_weigh_losses(void **state) {
    (void)state;
    static const double weights[] = {1.5, 0.25, 0.75}, none[] = {0, 0, 1};
    Metrics *metrics = make(3);
    metrics->class_weights = weights;
    add(metrics, 0, 1, 0.5);
    add(metrics, 0, 2, 0.25);
    add(metrics, 1, 1, 2);
    assert_true(metrics_scores(metrics).loss == 1.625 / 3.25);
    assert_true(metrics_scores(metrics).accuracy == 1.0 / 3);
    metrics_clear(metrics, 3);
    metrics->class_weights = none;
    add(metrics, 0, 0, 0.5);
    const double loss = metrics_scores(metrics).loss;
    assert_true(isnan(loss) && !signbit(loss)); /* as in PyTorch: no sample has a weight */
    add(metrics, 2, 2, 0.5);
    assert_true(metrics_scores(metrics).loss == 0.5);
    metrics_clear(metrics, 3);
    assert_null(metrics->class_weights);
    free(metrics);
}

/** Multiples of 2^-32, whose sums float64 holds exactly. 6.8056473e38 is the loss of the logits ±FLT_MAX. */
static void test_large_losses_are_not_clipped(void **state) {
    (void)state;
    assert_true(mean_of((const double[]){0x1p31, 0x1p31, 0x1p33 + 1}, 3) == (0x1p32 + 0x1p33 + 1) / 3);
    assert_true(mean_of((const double[]){2.0 * FLT_MAX, 0.5, 2.0 * FLT_MAX}, 3) == 4.0 * FLT_MAX / 3);
    assert_true(mean_of((const double[]){0x1p100, 1.0, 0x1p64, ONE_UNIT}, 4) == (0x1p100 + 0x1p64) / 4);
    /* rounding may push a loss of nothing below 0 */
    assert_true(mean_of((const double[]){0x1p31 - 1, -ONE_UNIT}, 2) == (0x1p31 - 1 - ONE_UNIT) / 2);
}

/** torch.argmax() and numpy.argmax() give these: a NaN is the largest value, and the first of equals counts. */
static void test_predicts_as_argmax_does(void **state) {
    (void)state;
    static const struct {
        float logits[4];
        int32_t predicted;
    } cases[] = {{{1, NAN, 3, NAN}, 1},
                 {{NAN, INFINITY, 3, 4}, 0},
                 {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
                 {{-INFINITY, INFINITY, 2, INFINITY}, 1},
                 {{INFINITY, 1, 2, NAN}, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(metrics_predicted(cases[i].logits, 4), cases[i].predicted);
}

static void test_scores_nothing_as_zero(void **state) {
    (void)state;
    Metrics *metrics = make(METRICS_LABELS_MAX);
    Scores scores = metrics_scores(metrics);
    assert_true(scores.loss == 0 && scores.accuracy == 0 && scores.f1 == 0);
    add(metrics, METRICS_LABELS_MAX - 1, METRICS_LABELS_MAX - 1, 1);
    assert_true(metrics_scores(metrics).f1 == 1);
    free(metrics);
}

/** Texts of a language model: the loss is the mean over predictions. */
static void test_means_the_loss_over_predictions(void **state) {
    (void)state;
    Metrics *metrics = make(0);
    metrics_add_text(metrics, 3, 6.0);
    metrics_add_text(metrics, 0, 0.0); /* of one token */
    metrics_add_text(metrics, 1, 1.5);
    const Scores scores = metrics_scores(metrics);
    assert_int_equal(metrics->samples, 3);
    assert_int_equal(metrics->predictions, 4);
    assert_true(scores.loss == 1.875 && scores.accuracy == 0 && scores.f1 == 0);
    metrics_add_text(metrics, 2, NAN);
    assert_true(isnan(metrics_scores(metrics).loss));
    free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_a_small_set),
        cmocka_unit_test(test_means_f1_over_the_labels_that_occur),
        cmocka_unit_test(test_predicts_the_first_of_equal_logits),
        cmocka_unit_test(test_sums_losses_without_order),
        cmocka_unit_test(test_loss_that_is_not_finite_stays_so),
        cmocka_unit_test(test_class_weights_weigh_losses),
        cmocka_unit_test(test_large_losses_are_not_clipped),
        cmocka_unit_test(test_predicts_as_argmax_does),
        cmocka_unit_test(test_scores_nothing_as_zero),
        cmocka_unit_test(test_means_the_loss_over_predictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
