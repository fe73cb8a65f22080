/* The build fingerprint: this build, and how others differ. */
#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/kernels/isa.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_here(void **state) {
    (void)state;
    BuildFingerprint fingerprint;
    char text[BUILD_FINGERPRINT_TEXT];
    build_fingerprint_here(&fingerprint, false, "ordered");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const char *text_of = (const char *)&fingerprint + BUILD_FINGERPRINT_PART[i].offset;
        const bool none = text_of == fingerprint.openblas && strcmp(fingerprint.products, "blas") != 0;
        assert_int_equal(*text_of == '\0', none);
    }
    assert_string_equal(fingerprint.kernels, isa_name());
    assert_false(build_fingerprint_differs(&fingerprint, &fingerprint, text));
    assert_string_equal(text, "");
}

static void test_differences(void **state) {
    (void)state;
    const BuildFingerprint there = {
        .kernels = "base", .arithmetic = "unfused", .products = "blas", .openblas = "OpenBLAS 0.3.21 Zen"};
    const BuildFingerprint here = {.kernels = "avx2",
                                   .arithmetic = "fused",
                                   .products = "own",
                                   .openblas = "OpenBLAS 0.3.21 Zen",
                                   .compiler = "12.2"};
    char text[BUILD_FINGERPRINT_TEXT];
    assert_true(build_fingerprint_differs(&there, &here, text));
    assert_string_equal(text, "kernels base (unfused), not avx2 (fused); products blas, not own");
}

/** No bit depends on which of the fused sets it is, on the C library, or on the compiler. */
static void test_no_difference(void **state) {
    (void)state;
    const BuildFingerprint there = {
        .kernels = "avx512", .arithmetic = "fused", .products = "own", .libc = "2.36", .compiler = "12.2"};
    const BuildFingerprint here = {
        .kernels = "avx2", .arithmetic = "fused", .products = "own", .libc = "2.41", .compiler = "14.2"};
    char text[BUILD_FINGERPRINT_TEXT];
    assert_false(build_fingerprint_differs(&there, &here, text));
}

/** What is not known cannot differ: a checkpoint of before it was recorded warns of nothing. */
static void test_unknown(void **state) {
    (void)state;
    BuildFingerprint nothing = {0}, here;
    char text[BUILD_FINGERPRINT_TEXT];
    build_fingerprint_here(&here, false, "ordered");
    assert_false(build_fingerprint_differs(&nothing, &here, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_no_difference),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
