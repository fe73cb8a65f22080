/* Learning rate schedules against those of Transformers. */
#include "linnet/core/memory.h"
#include "linnet/optim/schedule.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/** A run's rates by other schedules, or with options. */
typedef struct {
    const char *kind, *options;
    int64_t total;
    const char *warmup_steps;
    double rates[UPDATES_MAX];
} Golden;
#include "schedule_golden.h"

static Schedule make(ScheduleKind kind, double warmup_steps, int64_t total) {
    Settings settings = {.learning_rate = PEAK,
                         .lr_scheduler_type = kind,
                         .warmup_steps = warmup_steps,
                         .schedule = {.num_cycles = 0.5}};
    return schedule_make(&settings, total);
}

/** Settings with a schedule as the command line gives it. */
static Status load(Settings *settings, const char *kind, const char *options, const char *warmup, Error *error) {
    char text[4][256];
    const char *overrides[7] = {"model_name_or_path=m", "train_file=t", "output_dir=o"};
    snprintf(text[0], sizeof *text, "lr_scheduler_type=%s", kind);
    snprintf(text[1], sizeof *text, "lr_scheduler_kwargs=%s", options);
    snprintf(text[2], sizeof *text, "warmup_steps=%s", warmup);
    snprintf(text[3], sizeof *text, "learning_rate=%.17g", PEAK);
    for (size_t i = 0; i < 4; i++) overrides[3 + i] = text[i];
    return settings_load(settings, NULL, overrides, 7, error);
}

static void test_gives_the_rates_of_all_schedules(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof GOLDEN / sizeof *GOLDEN; i++) {
        const Golden *golden = &GOLDEN[i];
        Settings settings;
        Error error = {0};
        if (load(&settings, golden->kind, golden->options, golden->warmup_steps, &error)) fail_msg("%s", error.message);
        Schedule schedule = schedule_make(&settings, golden->total);
        settings_free(&settings);
        /* A few roundings of numbers up to 1, among them those of cos() and of a power with a fraction. */
        for (int64_t step = 0; step < golden->total; step++)
            if (fabs(schedule_rate(&schedule, step) - golden->rates[step]) > PEAK * 8 * 0x1p-52)
                fail_msg("%s %s, update %d: %.17g, not %.17g", golden->kind, golden->options, (int)step,
                         schedule_rate(&schedule, step), golden->rates[step]);
    }
}

static void test_refuses_options(void **state) {
    (void)state;
    static const struct {
        const char *kind, *options, *names[3];
    } WRONG[] = {
        {"linear", "{\"power\": 2}", {"lr_scheduler_kwargs", "power", "no options"}},
        {"polynomial", "{\"num_cycles\": 2}", {"num_cycles", "lr_end, power", "polynomial"}},
        {"polynomial", "{\"lr_end\": 1}", {"lr_end", "below learning_rate", "0.0003"}},
        {"cosine_with_restarts", "{\"num_cycles\": 1.5}", {"num_cycles", "an integer of at least 1", "1.5"}},
        {"cosine_with_min_lr", "{}", {"min_lr", "min_lr_rate", "needs"}},
        {"cosine_with_min_lr", "{\"min_lr\": 1e-6, \"min_lr_rate\": 0.1}", {"min_lr", "min_lr_rate", "one of them"}},
        {"warmup_stable_decay", "{}", {"warmup_stable_decay", "needs", "num_decay_steps"}},
        {"warmup_stable_decay",
         "{\"num_decay_steps\": 3, \"decay_type\": \"square\"}",
         {"decay_type", "1-sqrt", "square"}},
        {"warmup_stable_decay", "{\"num_decay_steps\": -3}", {"num_decay_steps", "at least 0", "-3"}},
        {"cosine", "[1]", {"lr_scheduler_kwargs", "an object", "[1]"}},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        Settings settings;
        Error error = {0};
        assert_int_equal(load(&settings, WRONG[i].kind, WRONG[i].options, "0", &error), STATUS_INPUT);
        for (size_t k = 0; k < 3; k++)
            if (!strstr(error.message, WRONG[i].names[k])) fail_msg("no %s in: %s", WRONG[i].names[k], error.message);
    }
}

/** The resolved text gives the same options. */
static void test_options_are_kept(void **state) {
    (void)state;
    Settings settings, again;
    Error error = {0};
    assert_int_equal(load(&settings, "polynomial", "\"{\\\"power\\\": 2.5}\"", "0", &error), STATUS_OK); /* as a text */
    assert_true(settings.schedule.power == 2.5);
    char *text = settings_text(&settings, &error);
    assert_non_null(strstr(text, "\"lr_scheduler_kwargs\": {\"power\":2.5}"));
    assert_int_equal(settings_parse(&again, text, "again", &error), STATUS_OK);
    assert_true(again.schedule.power == 2.5 && again.schedule.lr_end == 1e-7);
    memory_free(text);
    settings_free(&settings);
    settings_free(&again);
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

/** The peaks of 2 layers: powers of ½ are exact. */
static void test_peaks_of_tensors(void **state) {
    (void)state;
    const ModelConfig config = {
        .vocabulary = 9, .positions = 8, .width = 16, .layers = 2, .heads = 2, .inner = 32, .labels = 3};
    Settings settings = {.learning_rate = 1e-3, .head_learning_rate = -1, .layerwise_lr_decay = 0.5};
    ParameterLayout layout;
    Error error = {0};
    assert_int_equal(parameters_layout(&layout, &config, &error), STATUS_OK);
    const ParameterTensor *score = &layout.tensor[parameters_score(&layout)];
    assert_true(schedule_peak(&settings, score) == 1e-3);
    assert_true(schedule_peak(&settings, &layout.tensor[parameters_final_bias(&layout)]) == 1e-3);
    assert_true(schedule_peak(&settings, &layout.tensor[parameters_layer(&layout, 1, OUT_BIAS)]) == 1e-3 / 2);
    assert_true(schedule_peak(&settings, &layout.tensor[parameters_layer(&layout, 0, LN1_WEIGHT)]) == 1e-3 / 4);
    assert_true(schedule_peak(&settings, &layout.token) == 1e-3 / 8);
    assert_true(schedule_peak(&settings, &layout.position) == 1e-3 / 8);
    settings.head_learning_rate = 0;
    assert_true(schedule_peak(&settings, score) == 0);
    assert_true(schedule_peak(&settings, &layout.tensor[parameters_final_bias(&layout)]) == 1e-3);
    parameters_layout_free(&layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_rates_of_transformers),
        cmocka_unit_test(test_gives_the_rates_of_all_schedules),
        cmocka_unit_test(test_refuses_options),
        cmocka_unit_test(test_options_are_kept),
        cmocka_unit_test(test_rounds_a_share_up_and_a_fraction_down),
        cmocka_unit_test(test_ends_at_zero_and_stays_there),
        cmocka_unit_test(test_holds_when_the_run_is_all_warmup),
        cmocka_unit_test(test_peaks_of_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
