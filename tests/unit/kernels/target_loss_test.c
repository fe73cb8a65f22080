/* Binary cross-entropy and squared error: PyTorch's figures, gradients and extreme logits. */
#include "linnet/kernels/target_loss.h"
#include "unit/ops_support.h"

static const float LOGITS[9] = {1.5f, -0.25f, 0.5f, -2.0f, 3.0f, 0.125f, 10.0f, -20.0f, 5.0f};
static const float FLAGS[9] = {1, 0, 1, 0, 0, 1, 0, 1, 1};
static const float NUMBERS[9] = {1.25f, 0, -0.5f, 2, 0.125f, 1, 0, 1, 1};

static void rows_of(const float *targets, const float *rows[3]) {
    for (size_t b = 0; b < 3; b++) rows[b] = targets + 3 * b;
}

/** The mean over the labels of torch.nn.functional.binary_cross_entropy_with_logits(reduction="none") and of mse_loss()
 *  in float64, and the gradient of 0.25 · their sum, PyTorch 2.13.0. */
static void test_pytorch_figures(void **state) {
    (void)state;
    static const struct {
        Problem problem;
        const float *targets;
        double losses[3];
        float gradients[9];
    } cases[] = {{PROBLEM_MULTI_LABEL,
                  FLAGS,
                  {0.4171432273472342, 1.2693714659779614, 10.002253583149828},
                  {-0.015202127f, 0.0364852916f, -0.0314617224f, 0.00993357684f, 0.0793811772f, -0.0390658856f,
                   0.0833295502f, -0.0833333332f, -0.000557737577f}},
                 {PROBLEM_REGRESSION,
                  NUMBERS,
                  {0.375, 8.34375, 185.66666666666666},
                  {0.0416666667f, -0.0416666667f, 0.166666667f, -0.666666667f, 0.479166667f, -0.145833333f, 1.66666667f,
                   -3.5f, 0.666666667f}}};
    for (size_t i = 0; i < 2; i++) {
        const float *rows[3];
        double losses[3];
        float dlogits[9];
        rows_of(cases[i].targets, rows);
        target_loss(cases[i].problem, losses, dlogits, LOGITS, rows, 3, 3, 0.25);
        for (size_t b = 0; b < 3; b++) /* some ten roundings in float64 */
            assert_true(fabs(losses[b] - cases[i].losses[b]) < 4e-15 * cases[i].losses[b]);
        assert_near(dlogits, cases[i].gradients, 9, 0.0, 2.0 * FLOAT_EPSILON); /* rounded once; nine digits printed */
    }
}

/** Central differences over ±2^−10, which the logits bear exactly: h² / 6 · third derivative ≤ 4e-8. */
static void test_gradient(void **state) {
    (void)state;
    for (Problem problem = PROBLEM_MULTI_LABEL; problem <= PROBLEM_REGRESSION; problem++) {
        const float *rows[3];
        float logits[9], dlogits[9];
        double up[3], down[3], unused[3];
        rows_of(problem == PROBLEM_MULTI_LABEL ? FLAGS : NUMBERS, rows);
        target_loss(problem, unused, dlogits, LOGITS, rows, 3, 3, 1.0);
        for (size_t i = 0; i < 9; i++) {
            memcpy(logits, LOGITS, sizeof logits);
            logits[i] = LOGITS[i] + 0x1p-10f;
            target_loss(problem, up, NULL, logits, rows, 3, 3, 1.0);
            logits[i] = LOGITS[i] - 0x1p-10f;
            target_loss(problem, down, NULL, logits, rows, 3, 3, 1.0);
            const double slope = (up[i / 3] - down[i / 3]) / 0x1p-9;
            /* and the rounding of dlogits, of which the largest is 14 */
            assert_true(fabs(slope - (double)dlogits[i]) < 1e-7 + FLOAT_EPSILON * fabs((double)dlogits[i]));
        }
    }
}

/** A loss that is far below the rounding of 1 keeps its digits: log1p(e^−50), as torch.float64 has it. */
static void test_extremes(void **state) {
    (void)state;
    static const float zero = 0, one = 1;
    const float *rows[1] = {&one};
    double loss;
    float gradient;
    target_loss(PROBLEM_MULTI_LABEL, &loss, &gradient, &(float){50.0f}, rows, 1, 1, 1.0);
    assert_true(fabs(loss - 1.928749847963918e-22) < 1e-36);
    target_loss(PROBLEM_MULTI_LABEL, &loss, &gradient, &(float){-3e38f}, rows, 1, 1, 1.0);
    assert_true(loss == (double)3e38f && gradient == -1.0f);
    rows[0] = &zero;
    target_loss(PROBLEM_MULTI_LABEL, &loss, &gradient, &(float){-3e38f}, rows, 1, 1, 1.0);
    assert_true(loss == 0.0 && gradient == 0.0f);
    target_loss(PROBLEM_REGRESSION, &loss, &gradient, &(float){-3e38f}, rows, 1, 1, 1.0);
    assert_true(isfinite(loss) && loss > 8e76);
    for (Problem problem = PROBLEM_MULTI_LABEL; problem <= PROBLEM_REGRESSION; problem++) {
        target_loss(problem, &loss, &gradient, &(float){NAN}, rows, 1, 1, 1.0);
        assert_true(isnan(loss) && isnan(gradient));
    }
}

static void test_outputs(void **state) {
    (void)state;
    static const double sigmoids[9] = {0.8175744761936437,  0.43782349911420193,    0.6224593312018546,
                                       0.11920292202211755, 0.9525741268224334,     0.5312093733737563,
                                       0.9999546021312976,  2.0611536181902037e-09, 0.9933071490757153};
    double outputs[9];
    target_outputs(PROBLEM_MULTI_LABEL, outputs, LOGITS, 9);
    for (size_t k = 0; k < 9; k++) assert_true(fabs(outputs[k] - sigmoids[k]) < 4e-15 * sigmoids[k]);
    target_outputs(PROBLEM_REGRESSION, outputs, LOGITS, 9);
    for (size_t k = 0; k < 9; k++) assert_true(outputs[k] == (double)LOGITS[k]);
    target_outputs(PROBLEM_MULTI_LABEL, outputs, (const float[]){0, -INFINITY, INFINITY, -NAN}, 4);
    assert_true(outputs[0] == 0.5 && outputs[1] == 0.0 && outputs[2] == 1.0);
    assert_true(isnan(outputs[3]) && !signbit(outputs[3]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch_figures),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
