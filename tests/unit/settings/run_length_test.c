/* run_length.h: samples and updates of a run, as Trainer counts them. */
#include "linnet/settings/run_length.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static Settings some_settings(void) {
    return (Settings){.num_train_epochs = 3,
                      .max_steps = -1,
                      .per_device_train_batch_size = 4,
                      .gradient_accumulation_steps = 2,
                      .logging_steps = 0.1,
                      .eval_steps = 7,
                      .save_steps = 0.5,
                      .eval_strategy = STRATEGY_STEPS,
                      .save_strategy = STRATEGY_EPOCH};
}

static void test_counts_updates(void **state) {
    (void)state;
    Settings settings = some_settings();
    RunLength length = run_length(&settings, 3, 100);
    assert_int_equal(length.global_batch, 24);
    assert_int_equal(length.units, 3);
    assert_int_equal(length.steps_per_epoch, 5);
    assert_int_equal(length.total, 15);
    assert_int_equal(length.log_every, 2); /* a tenth, rounded up */
    assert_int_equal(length.eval_every, 7);
    assert_int_equal(length.save_every, 0);
    settings.num_train_epochs = 0.5;
    assert_int_equal(run_length(&settings, 3, 100).total, 3);
    settings.max_steps = 40;
    assert_int_equal(run_length(&settings, 3, 100).total, 40);
}

/** Neither a global batch nor its units have more than there is, even if the product of the settings overflows. */
static void test_is_bounded_by_the_samples(void **state) {
    (void)state;
    Settings settings = some_settings();
    settings.global_batch_size = 1000;
    settings.reduction_units = 64;
    RunLength length = run_length(&settings, 8, 50);
    assert_int_equal(length.global_batch, 50);
    assert_int_equal(length.units, 50);
    assert_int_equal(length.steps_per_epoch, 1);
    settings.global_batch_size = 0;
    settings.per_device_train_batch_size = settings.gradient_accumulation_steps = INT64_C(1) << 31;
    assert_int_equal(run_length(&settings, 8, 50).global_batch, 50);
    assert_int_equal(run_length_units(&settings, 8, 3), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_updates),
        cmocka_unit_test(test_is_bounded_by_the_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
