/* AdamW: PyTorch's figures, and the fast kernels against the reference. */
#include "linnet/kernels/adamw.h"
#include "unit/ops_support.h"

/** torch.optim.AdamW(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay, foreach=False) after three steps in
 *  float32, PyTorch 2.13.0 on a CPU. */
static const float START[7] = {0.5f, -1.25f, 3e-3f, 2.0f, -0.75f, 1e-4f, 0.1f};
static const float GRADIENTS[3][7] = {{0.1f, -0.2f, 3e-4f, -1.5f, 0.0f, 1e-6f, 2.5f},
                                      {-0.3f, 0.05f, 2e-4f, 0.7f, 0.0f, -3e-6f, -2.0f},
                                      {0.02f, 0.6f, -1e-4f, -0.1f, 1e-3f, 2e-6f, 0.5f}};
static const float DECAYED[7] = {0.499640226f,  -1.2479589f,      -0.00204435503f, 2.00299287f,
                                 -0.751232564f, -0.000933566072f, 0.0975917503f};
static const float NOT_DECAYED[7] = {0.499670208f,  -1.24803388f,     -0.00204429356f, 2.00311303f,
                                     -0.751277626f, -0.000933619624f, 0.0975976735f};
static const float MEAN[7] = {-0.0168999992f,  0.0483000018f,  3.23000022e-05f, -0.0685000047f,
                              0.000100000005f, 1.0999984e-08f, 0.0724999979f};
static const float SQUARE[7] = {0.000100290024f, 0.000402417587f, 1.39780104e-10f, 0.00274501229f,
                                1.00000019e-09f, 1.39890024e-14f, 0.0104835071f};

/** A few roundings a step, in another order perhaps: relative to the values that were added up. */
static void check_pytorch(double decay, const float *expected) {
    float p[7], m[7] = {0}, v[7] = {0};
    memcpy(p, START, sizeof p);
    for (int64_t step = 1; step <= 3; step++) {
        AdamW adamw = {2e-3, 0.9, 0.999, 1e-8, decay, step, 1.0f};
        adamw_update(p, m, v, GRADIENTS[step - 1], 7, &adamw);
    }
    for (size_t i = 0; i < 7; i++) {
        double added = fabs((double)START[i]) + 3 * 2e-3; /* no step is longer than the rate */
        assert_near(p + i, expected + i, 1, 6.0 * FLOAT_EPSILON * added, 0.0);
        assert_near(m + i, MEAN + i, 1, 6.0 * FLOAT_EPSILON * fabs((double)GRADIENTS[1][i]), 4.0 * FLOAT_EPSILON);
    }
    assert_near(v, SQUARE, 7, 0.0, 8.0 * FLOAT_EPSILON); /* all terms positive */
}

static void test_pytorch_figures_once(void) {
    check_pytorch(0.01, DECAYED);
    check_pytorch(0.0, NOT_DECAYED);
}
TEST_EVERY_ISA(test_pytorch_figures)

/** The order of the header to the bit, on every CPU. */
static void test_reference_bits_once(void) {
    size_t n = 1003;
    float *p = floats_random(n, 1.0, 1), *m = floats_random(n, 0.1, 2), *v = floats_random(n, 0.01, 3);
    float *g = floats_random(n, 1.0, 4);
    for (size_t i = 0; i < n; i++) v[i] *= v[i];
    float *p_ref = floats_copy(p, n), *m_ref = floats_copy(m, n), *v_ref = floats_copy(v, n);
    for (int64_t step = 1; step <= 4; step++) {
        AdamW adamw = {3e-4, 0.9, 0.98, 1e-6, 0.1, step, 0.37f};
        adamw_update(p, m, v, g, n, &adamw);
        adamw_update_ref(p_ref, m_ref, v_ref, g, n, &adamw);
    }
    assert_same_bits(p, p_ref, n);
    assert_same_bits(m, m_ref, n);
    assert_same_bits(v, v_ref, n);
    AdamW adamw = {3e-4, 0.9, 0.98, 1e-6, 0.1, 5, 0.37f};
    adamw_update(p, m, v, g, n, &adamw); /* in one run … */
    for (size_t i = 0; i < n; i += 13)   /* … or in many */
        adamw_update(p_ref + i, m_ref + i, v_ref + i, g + i, n - i < 13 ? n - i : 13, &adamw);
    assert_same_bits(p, p_ref, n);
    float *all[] = {p, m, v, g, p_ref, m_ref, v_ref};
    for (size_t i = 0; i < 7; i++) free(all[i]);
}
TEST_EVERY_ISA(test_reference_bits)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch_figures),
        cmocka_unit_test(test_reference_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
