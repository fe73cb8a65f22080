/* The figures of the report, on tables small enough to count by hand. */
#include "linnet/core/memory.h"
#include "report/chart.h"
#include "report/figures.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 6, LABELS = 3 };

/* Rows of probabilities, the predicted label first by its size. Exact in binary, so that sums are. */
static uint16_t truth[SAMPLES] = {0, 1, 0, 2, 1, 0}, guess[SAMPLES] = {0, 0, 0, 1, 1, 2};
static float probabilities[SAMPLES * LABELS] = {
    0.875F, 0.0625F, 0.0625F, /* right, bin 13 (0.8667 to 0.9333) */
    0.875F, 0.0625F, 0.0625F, /* wrong, bin 13 */
    0.5F,   0.25F,   0.25F,   /* right, bin 7 (0.4667 to 0.5333) */
    0.0F,   1.0F,    0.0F,    /* wrong, the last bin: 1 belongs to it */
    NAN,    NAN,     NAN,     /* counts for no bin */
    0.25F,  0.25F,   0.5F,    /* wrong, bin 7 */
};

static RunPredictions predictions(void) {
    return (RunPredictions){
        .count = SAMPLES, .labels = LABELS, .truth = truth, .guess = guess, .probabilities = probabilities};
}

static void test_calibration(void **state) {
    (void)state;
    const RunPredictions p = predictions();
    const Calibration c = calibration_of(&p);
    assert_int_equal(c.samples, 5);
    assert_int_equal(c.count[13], 2);
    assert_int_equal(c.right[13], 1);
    assert_int_equal(c.count[7], 2);
    assert_int_equal(c.right[7], 1);
    assert_int_equal(c.count[14], 1);
    assert_int_equal(c.right[14], 0);
    assert_true(c.confidence[13] == 1.75 && c.confidence[7] == 1.0 && c.confidence[14] == 1.0);
    assert_true(c.confidence[0] == 0.0);
    /* (2 |1/2 − 7/8| + 2 |1/2 − 1/2| + 1 |0 − 1|) / 5 = 1.75 / 5; 0.35 is not exact, hence the tolerance */
    assert_true(fabs(calibration_error(&c) - 0.35) < 1e-15);
}

static void test_calibration_of_nothing(void **state) {
    (void)state;
    const RunPredictions none = {0};
    const Calibration c = calibration_of(&none);
    assert_int_equal(c.samples, 0);
    assert_true(isnan(calibration_error(&c)));
}

static void test_texts_to_show(void **state) {
    (void)state;
    const RunPredictions p = predictions();
    int64_t indices[SAMPLES];
    size_t count;
    most_confidently_wrong(&p, indices, 2, &count);
    assert_int_equal(count, 2);
    assert_int_equal(indices[0], 3);
    assert_int_equal(indices[1], 1);
    most_confidently_wrong(&p, indices, SAMPLES, &count);
    assert_int_equal(count, 3);
    assert_int_equal(indices[2], 5);
    hardest(&p, indices, 3, &count); /* margins 0.8125, 0.8125, 0.25, 1, not a number, 0.25 */
    assert_int_equal(count, 3);
    assert_int_equal(indices[0], 2);
    assert_int_equal(indices[1], 5);
    assert_int_equal(indices[2], 0);
}

static void test_largest_class(void **state) {
    (void)state;
    Error error = {0};
    Metrics *metrics = memory_allocate(1, sizeof *metrics, &error);
    assert_non_null(metrics);
    metrics_clear(metrics, LABELS);
    for (int i = 0; i < SAMPLES; i++) {
        metrics->samples++;
        metrics->confusion[truth[i] * LABELS + guess[i]]++;
    }
    double share;
    assert_int_equal(largest_class(metrics, &share), 0);
    assert_true(share == 0.5);
    memory_free(metrics);
}

static void test_spread(void **state) {
    (void)state;
    const double values[] = {1.0, 2.0, 3.0, 6.0};
    const Spread spread = spread_of(values, 4); /* squares 4 + 1 + 0 + 9 = 14, over 3 */
    assert_true(spread.mean == 3.0);
    assert_true(fabs(spread.deviation - 2.160246899469287) < 1e-15);
    assert_true(isnan(spread_of(values, 1).deviation));
}

static void test_ticks_cover_the_values(void **state) {
    (void)state;
    static const double ranges[][2] = {{0, 564}, {0.337, 0.6123}, {-3, 7}, {1e-7, 3e-5}, {5, 5}, {0, 0}, {20000, 1e7}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const Ticks ticks = ticks_cover(ranges[i][0], ranges[i][1]);
        assert_in_range(ticks.count, 3, 9);
        const double rounding = 1e-9 * ticks.step; /* of a product: far below a pixel */
        assert_true(tick_at(&ticks, 0) <= ranges[i][0] + rounding);
        assert_true(tick_at(&ticks, ticks.count - 1) >= ranges[i][1] - rounding);
    }
    static const double steps[][2] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {9, 2}, {12, 2}, {564, 100}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const Ticks ticks = ticks_cover_whole(steps[i][0]);
        assert_true(ticks.step == steps[i][1]);
        assert_true(tick_at(&ticks, ticks.count - 1) >= steps[i][0]);
    }
    const Ticks ticks = ticks_cover(0, 564);
    assert_true(ticks.step == 100.0 && ticks.count == 7 && tick_at(&ticks, 6) == 600.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibration),   cmocka_unit_test(test_calibration_of_nothing),
        cmocka_unit_test(test_texts_to_show), cmocka_unit_test(test_largest_class),
        cmocka_unit_test(test_spread),        cmocka_unit_test(test_ticks_cover_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
