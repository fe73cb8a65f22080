/* Rounding float32 to bf16, and back. */
#include "linnet/kernels/bf16.h"
#include "unit/ops_support.h"
#include <math.h>

enum { COUNT = 70007 }; /* no multiple of any vector */

/** Every kind of float: all exponents and signs, ties, subnormals, infinities, NaNs. */
static float kind(size_t i) {
    uint32_t bits = (uint32_t)(i * 0x9E3779B1U);
    if (i % 7 == 0) bits = (bits & 0xffff0000U) | 0x8000U; /* halfway */
    if (i % 101 == 0) bits |= 0x7f800000U;                 /* NaN or infinity */
    if (i % 103 == 0) bits &= 0x807fffffU;                 /* subnormal */
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void test_round_once(void) {
    static float x[COUNT];
    static uint16_t out[COUNT], expected[COUNT];
    for (size_t i = 0; i < COUNT; i++) x[i] = kind(i);
    bf16_from_floats(out, x, COUNT);
    bf16_from_floats_ref(expected, x, COUNT);
    for (size_t i = 0; i < COUNT; i++) assert_true(out[i] == expected[i]);
}
TEST_EVERY_ISA(test_round)

/** All 65,536 numbers there are come back as they were, and lie where arithmetic says. */
static void test_back_once(void) {
    static uint16_t all[1 << 16], again[1 << 16];
    static float wide[1 << 16];
    for (size_t i = 0; i < 1 << 16; i++) all[i] = (uint16_t)i;
    floats_from_bf16(wide, all, 1 << 16);
    bf16_from_floats(again, wide, 1 << 16);
    for (size_t i = 0; i < 1 << 16; i++) {
        if (isnan(wide[i]))
            assert_true((again[i] & 0x7fffU) > 0x7f80U);
        else
            assert_int_equal(again[i], all[i]);
    }
    assert_true(wide[0x3f80] == 1.0F && wide[0xc049] == -3.140625F && wide[0x0001] == 0x1p-133F);
    assert_true(isinf(wide[0x7f80]));
}
TEST_EVERY_ISA(test_back)

/** Known values: ties go to the even neighbour, the largest float to infinity. */
static void test_known_once(void) {
    const float x[] = {1.0F, 1.00390625F, 1.01171875F, -1.00390625F, 0x1.fffffep127F, 0.1F};
    const uint16_t known[] = {0x3f80, 0x3f80, 0x3f82, 0xbf80, 0x7f80, 0x3dcd};
    uint16_t out[6];
    bf16_from_floats(out, x, 6);
    for (size_t i = 0; i < 6; i++) assert_int_equal(out[i], known[i]);
}
TEST_EVERY_ISA(test_known)

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_back),
                                       cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
