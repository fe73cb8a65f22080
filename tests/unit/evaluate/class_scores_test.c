/* class_scores.h against scikit-learn and statsmodels. */
#include "linnet/evaluate/class_scores.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LABELS_MAX = 4 };

typedef struct {
    int32_t labels;
    int64_t confusion[LABELS_MAX * LABELS_MAX]; /* [true x labels + predicted] */
    ClassScores classes[LABELS_MAX];
    OverallScores overall;
} Golden;

#include "unit/evaluate/class_scores_golden.h"

enum { CASES = sizeof GOLDEN / sizeof *GOLDEN };

/* A few roundings of numbers up to 1. */
#define ROUNDING 1e-14
/* The derivatives of the golden interval are central differences over a millionth: the error is 1e-12 of them. */
#define DIFFERENCES 1e-10

static void expect_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g, expected %.17g", value, expected);
}

static void expect_interval(const Interval *is, const Interval *expected, double tolerance) {
    expect_near(is->value, expected->value, ROUNDING);
    expect_near(is->low, expected->low, tolerance);
    expect_near(is->high, expected->high, tolerance);
}

static Metrics *metrics_of(const Golden *golden) {
    Metrics *metrics = malloc(sizeof *metrics);
    assert_non_null(metrics);
    metrics_clear(metrics, golden->labels);
    for (int i = 0; i < golden->labels * golden->labels; i++) {
        metrics->confusion[i] = golden->confusion[i];
        metrics->samples += golden->confusion[i];
    }
    return metrics;
}

static void test_classes_are_those_of_scikit_learn(void **state) {
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        Metrics *metrics = metrics_of(&GOLDEN[c]);
        for (int32_t k = 0; k < metrics->labels; k++) {
            const ClassScores is = class_scores(metrics, k), *expected = &GOLDEN[c].classes[k];
            assert_int_equal(is.support, expected->support);
            expect_interval(&is.precision, &expected->precision, ROUNDING);
            expect_interval(&is.recall, &expected->recall, ROUNDING);
            expect_interval(&is.f1, &expected->f1, ROUNDING);
        }
        free(metrics);
    }
}

static void test_means_are_those_of_scikit_learn(void **state) {
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        Metrics *metrics = metrics_of(&GOLDEN[c]);
        const OverallScores is = overall_scores(metrics), *expected = &GOLDEN[c].overall;
        expect_interval(&is.accuracy, &expected->accuracy, ROUNDING);
        expect_interval(&is.f1, &expected->f1, DIFFERENCES);
        expect_near(is.precision, expected->precision, ROUNDING);
        expect_near(is.recall, expected->recall, ROUNDING);
        expect_near(is.f1.value, metrics_scores(metrics).f1, ROUNDING);
        expect_near(is.accuracy.value, metrics_scores(metrics).accuracy, 0);
        free(metrics);
    }
}

/** The bounds of Wilson (1927) at the ends are exact, and never outside of 0 to 1. */
static void test_ends_are_exact(void **state) {
    (void)state;
    for (int64_t count = 1; count < 200000; count = count * 7 + 3) {
        assert_true(interval_wilson(0, count).low == 0);
        assert_true(interval_wilson(count, count).high == 1);
        assert_true(interval_wilson(count, count).low > 0 && interval_wilson(0, count).high < 1);
    }
}

static void test_nothing_is_known_of_nothing(void **state) {
    (void)state;
    Metrics *metrics = malloc(sizeof *metrics);
    assert_non_null(metrics);
    metrics_clear(metrics, METRICS_LABELS_MAX);
    const OverallScores overall = overall_scores(metrics);
    const ClassScores of = class_scores(metrics, METRICS_LABELS_MAX - 1);
    const Interval unknown = {0, 0, 1}, *const all[] = {&overall.accuracy, &overall.f1, &of.precision, &of.recall,
                                                        &of.f1};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect_interval(all[i], &unknown, 0);
    assert_int_equal(of.support, 0);
    free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_are_those_of_scikit_learn),
        cmocka_unit_test(test_means_are_those_of_scikit_learn),
        cmocka_unit_test(test_ends_are_exact),
        cmocka_unit_test(test_nothing_is_known_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
