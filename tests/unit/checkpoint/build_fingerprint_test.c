#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/kernels/isa.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_here(void **state) {
    (void)state;
    Origin origin;
    char text[ORIGIN_TEXT];
    origin_here(&origin, false, "ordered");
    for (size_t i = 0; i < ORIGIN_PARTS; i++) assert_true(*((const char *)&origin + ORIGIN_PART[i].offset) != '\0');
    assert_string_equal(origin.kernels, isa_name());
    assert_false(origin_differs(&origin, &origin, text));
    assert_string_equal(text, "");
}

static void test_differences(void **state) {
    (void)state;
    const Origin there = {.kernels = "avx512", .libc = "2.36", .openblas = "OpenBLAS 0.3.21 Zen"};
    const Origin here = {.kernels = "avx2", .libc = "2.41", .openblas = "OpenBLAS 0.3.21 Zen", .compiler = "12.2"};
    char text[ORIGIN_TEXT];
    assert_true(origin_differs(&there, &here, text));
    assert_string_equal(text, "kernels avx512, not avx2; libc 2.36, not 2.41");
}

/** What is not known cannot differ: a checkpoint of before it was recorded warns of nothing. */
static void test_unknown(void **state) {
    (void)state;
    Origin nothing = {0}, here;
    char text[ORIGIN_TEXT];
    origin_here(&here, false, "ordered");
    assert_false(origin_differs(&nothing, &here, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
