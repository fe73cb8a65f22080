/* Learning rate schedules against those of Transformers. */
#include "linnet/optim/schedule.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PEAK 3e-4
#define UPDATES_MAX 13

/** A run's rates as Transformers 5.24 gives them: the AdamW group's `lr` before each optimizer step under
 *  get_scheduler(kind, optimizer, TrainingArguments(warmup_steps=…).get_warmup_steps(total), total), learning rate
 *  3e-4. */
typedef struct {
    ScheduleKind kind;
    int64_t total;
    double warmup_steps;
    int64_t warmup;
    double rates[UPDATES_MAX];
} Run;

static const Run RUNS[] = {
    {SCHEDULE_LINEAR,
     7,
     0,
     0,
     {0.00029999999999999997, 0.0002571428571428571, 0.00021428571428571427, 0.0001714285714285714,
      0.00012857142857142855, 8.5714285714285699e-05, 4.285714285714285e-05}},
    {SCHEDULE_LINEAR,
     13,
     3,
     3,
     {0, 9.9999999999999991e-05, 0.00019999999999999998, 0.00029999999999999997, 0.00027, 0.00023999999999999998,
      0.00020999999999999998, 0.00017999999999999998, 0.00014999999999999999, 0.00011999999999999999,
      8.9999999999999992e-05, 5.9999999999999995e-05, 2.9999999999999997e-05}},
    {SCHEDULE_LINEAR,
     11,
     0.25,
     3,
     {0, 9.9999999999999991e-05, 0.00019999999999999998, 0.00029999999999999997, 0.00026249999999999998,
      0.00022499999999999999, 0.00018749999999999998, 0.00014999999999999999, 0.0001125, 7.4999999999999993e-05,
      3.7499999999999997e-05}},
    {SCHEDULE_LINEAR,
     5,
     2.9,
     2,
     {0, 0.00014999999999999999, 0.00029999999999999997, 0.00019999999999999998, 9.9999999999999991e-05}},
    {SCHEDULE_LINEAR, 3, 5, 5, {0, 5.9999999999999995e-05, 0.00011999999999999999}},
    {SCHEDULE_COSINE,
     7,
     0,
     0,
     {0.00029999999999999997, 0.00028514533018536282, 0.00024352347027881003, 0.00018337814009344714,
      0.00011662185990655284, 5.6476529721189974e-05, 1.4854669814637143e-05}},
    {SCHEDULE_COSINE,
     13,
     3,
     3,
     {0, 9.9999999999999991e-05, 0.00019999999999999998, 0.00029999999999999997, 0.00029265847744427303,
      0.00027135254915624211, 0.00023816778784387094, 0.00019635254915624211, 0.00014999999999999999,
      0.00010364745084375789, 6.1832212156129036e-05, 2.8647450843757897e-05, 7.34152255572697e-06}},
    {SCHEDULE_COSINE,
     11,
     0.25,
     3,
     {0, 9.9999999999999991e-05, 0.00019999999999999998, 0.00029999999999999997, 0.000288581929876693,
      0.00025606601717798207, 0.00020740251485476345, 0.00014999999999999999, 9.2597485145236533e-05,
      4.3933982822017876e-05, 1.1418070123306989e-05}},
    {SCHEDULE_COSINE,
     5,
     2.9,
     2,
     {0, 0.00014999999999999999, 0.00029999999999999997, 0.00022499999999999999, 7.5000000000000021e-05}},
    {SCHEDULE_CONSTANT, 7, 0, 0, {PEAK, PEAK, PEAK, PEAK, PEAK, PEAK, PEAK}},
    {SCHEDULE_CONSTANT, 5, 2.9, 2, {PEAK, PEAK, PEAK, PEAK, PEAK}},
    {SCHEDULE_CONSTANT_WITH_WARMUP, 7, 0, 0, {PEAK, PEAK, PEAK, PEAK, PEAK, PEAK, PEAK}},
    {SCHEDULE_CONSTANT_WITH_WARMUP,
     11,
     0.25,
     3,
     {0, 9.9999999999999991e-05, 0.00019999999999999998, PEAK, PEAK, PEAK, PEAK, PEAK, PEAK, PEAK, PEAK}},
    {SCHEDULE_CONSTANT_WITH_WARMUP, 3, 5, 5, {0, 5.9999999999999995e-05, 0.00011999999999999999}},
};

static Schedule make(ScheduleKind kind, double warmup_steps, int64_t total) {
    Settings settings = {.learning_rate = PEAK, .lr_scheduler_type = kind, .warmup_steps = warmup_steps};
    return schedule_make(&settings, total);
}

static void test_gives_the_rates_of_transformers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; i++) {
        const Run *run = &RUNS[i];
        Schedule schedule = make(run->kind, run->warmup_steps, run->total);
        assert_int_equal(schedule.warmup, run->warmup);
        /* The same operations in the same order; only cos() of another C library may differ, in its last bit,
         * which is at most 2^-53 of a factor of 1. */
        double tolerance = run->kind == SCHEDULE_COSINE ? PEAK * 0x1p-52 : 0;
        for (int64_t step = 0; step < run->total; step++)
            assert_true(fabs(schedule_rate(&schedule, step) - run->rates[step]) <= tolerance);
    }
}

static void test_rounds_a_share_up_and_a_fraction_down(void **state) {
    (void)state;
    assert_int_equal(make(SCHEDULE_LINEAR, 0.1, 101).warmup, 11);
    assert_int_equal(make(SCHEDULE_LINEAR, 0.001, 3).warmup, 1);
    assert_int_equal(make(SCHEDULE_LINEAR, 0.5, 10).warmup, 5);
    assert_int_equal(make(SCHEDULE_LINEAR, 1, 10).warmup, 1);
    assert_int_equal(make(SCHEDULE_LINEAR, 10.99, 100).warmup, 10);
}

static void test_ends_at_zero_and_stays_there(void **state) {
    (void)state;
    Schedule linear = make(SCHEDULE_LINEAR, 3, 13), cosine = make(SCHEDULE_COSINE, 3, 13);
    assert_true(schedule_rate(&linear, 13) == 0);
    assert_true(schedule_rate(&linear, 20) == 0);
    assert_true(fabs(schedule_rate(&cosine, 13)) == 0);
}

static void test_holds_when_the_run_is_all_warmup(void **state) {
    (void)state;
    Schedule linear = make(SCHEDULE_LINEAR, 3, 3), cosine = make(SCHEDULE_COSINE, 3, 3);
    assert_true(schedule_rate(&linear, 2) == PEAK * (2.0 / 3.0));
    assert_true(schedule_rate(&linear, 3) == 0); /* max(1, total − warm-up) keeps Transformers from dividing by 0 */
    assert_true(schedule_rate(&cosine, 3) == PEAK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_rates_of_transformers),
        cmocka_unit_test(test_rounds_a_share_up_and_a_fraction_down),
        cmocka_unit_test(test_ends_at_zero_and_stays_there),
        cmocka_unit_test(test_holds_when_the_run_is_all_warmup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
