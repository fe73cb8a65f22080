/* The nearest known name of a mistyped word. */
#include "linnet/core/nearest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const NAMES[] = {"train", "evaluate", "learning_rate", "seed", "bf16"};

static const char *nearest(const char *word) {
    const char *name = nearest_name(word, NAMES, sizeof NAMES / sizeof *NAMES);
    return name ? name : "(none)";
}

static void test_finds_mistyped_names(void **state) {
    (void)state;
    assert_string_equal(nearest("train"), "train");
    assert_string_equal(nearest("tran"), "train");        /* a byte missing */
    assert_string_equal(nearest("trainn"), "train");      /* a byte too many */
    assert_string_equal(nearest("trein"), "train");       /* another byte */
    assert_string_equal(nearest("trian"), "train");       /* neighbours swapped: one change, not two */
    assert_string_equal(nearest("eavluaet"), "evaluate"); /* two swaps in eight bytes */
    assert_string_equal(nearest("LEARNING_RATE"), "learning_rate");
    assert_string_equal(nearest("fp16"), "(none)"); /* two changes in four bytes are too many */
}

static void test_leaves_far_names_alone(void **state) {
    (void)state;
    assert_string_equal(nearest("colour"), "(none)");
    assert_string_equal(nearest("t"), "(none)");
    assert_string_equal(nearest(""), "(none)");
    assert_string_equal(nearest("sd"), "(none)");
    char word[NEAREST_WORD_MAX + 2];
    memset(word, 'e', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_string_equal(nearest(word), "(none)");
}

static void test_takes_the_first_of_equals(void **state) {
    (void)state;
    const char *const names[] = {"save_stepp", "save_stepz", "save_steps"};
    assert_string_equal(nearest_name("save_stepx", names, 3), "save_stepp");
    assert_string_equal(nearest_name("save_steps", names, 3), "save_steps");
    assert_null(nearest_name("save_steps", names, 0));
}

static void test_ignores_names_longer_than_a_word_may_be(void **state) {
    (void)state;
    char name[NEAREST_WORD_MAX + 2];
    memset(name, 'e', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *const names[] = {name};
    assert_null(nearest_name(name + 1, names, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_mistyped_names),
        cmocka_unit_test(test_leaves_far_names_alone),
        cmocka_unit_test(test_takes_the_first_of_equals),
        cmocka_unit_test(test_ignores_names_longer_than_a_word_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
