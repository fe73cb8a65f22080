/* Cross-entropy: PyTorch's figures, gradients and extreme logits. */
#include "linnet/kernels/loss.h"
#include "unit/ops_support.h"

static const float LOGITS[9] = {1.5f, -0.25f, 0.5f, -2.0f, 3.0f, 0.125f, 10.0f, -20.0f, 5.0f};
static const int32_t TARGETS[3] = {2, 0, 1};

/** torch.nn.functional.cross_entropy(logits, targets, label_smoothing=s) in float64 and the gradient of 0.25 · its
 *  sum, PyTorch 2.13.0. */
static void test_pytorch_figures(void **state) {
    (void)state;
    static const double smoothing[2] = {0.0, 0.1};
    static const double losses[2][3] = {{1.432855466878769, 5.0612400432320452, 30.006715348489212},
                                        {1.4245221335454357, 4.8237400432320454, 28.17338201515588}};
    static const float gradients[2][9] = {{0.162163559f, 0.0281798012f, -0.19034336f, -0.248415576f, 0.235149357f,
                                           0.0132662189f, 0.248326787f, -0.25f, 0.00167321273f},
                                          {0.153830226f, 0.0198464678f, -0.173676694f, -0.231748909f, 0.226816024f,
                                           0.0049328856f, 0.239993454f, -0.233333333f, -0.0066601206f}};
    for (size_t k = 0; k < 2; k++) {
        double actual[3];
        float dlogits[9];
        loss_forward_backward(actual, dlogits, LOGITS, TARGETS, 3, 3, smoothing[k], 0.25);
        for (size_t b = 0; b < 3; b++) /* some ten roundings in float64 */
            assert_true(fabs(actual[b] - losses[k][b]) < 4e-15 * losses[k][b]);
        assert_near(dlogits, gradients[k], 9, 0.0, 2.0 * FLOAT_EPSILON); /* rounded once; nine digits printed */
    }
}

/** Central differences over ±2^−10, which the logits bear exactly: h² / 6 · third derivative ≤ 4e-8. */
static void test_gradient(void **state) {
    (void)state;
    float logits[9], dlogits[9];
    double up[3], down[3], unused[3];
    loss_forward_backward(unused, dlogits, LOGITS, TARGETS, 3, 3, 0.05, 1.0);
    for (size_t i = 0; i < 9; i++) {
        memcpy(logits, LOGITS, sizeof logits);
        logits[i] = LOGITS[i] + 0x1p-10f;
        loss_forward_backward(up, NULL, logits, TARGETS, 3, 3, 0.05, 1.0);
        logits[i] = LOGITS[i] - 0x1p-10f;
        loss_forward_backward(down, NULL, logits, TARGETS, 3, 3, 0.05, 1.0);
        double slope = (up[i / 3] - down[i / 3]) / 0x1p-9;
        assert_true(fabs(slope - dlogits[i]) < 2e-7); /* and 6e-8 for the rounding of dlogits */
    }
}

static void test_extremes(void **state) {
    (void)state;
    static const float far[2] = {3e38f, -3e38f};
    static const int32_t targets[2] = {0, 1};
    double loss, probabilities[3], sum = 0.0;
    float dlogits[2];
    loss_forward_backward(&loss, dlogits, far, &targets[0], 1, 2, 0.0, 1.0);
    assert_true(loss == 0.0 && dlogits[0] == 0.0f && dlogits[1] == 0.0f);
    loss_forward_backward(&loss, dlogits, far, &targets[1], 1, 2, 0.0, 1.0);
    assert_true(isfinite(loss) && loss > 5e38 && dlogits[0] == 1.0f && dlogits[1] == -1.0f);
    loss_softmax(probabilities, LOGITS + 6, 3);
    for (size_t k = 0; k < 3; k++) sum += probabilities[k];
    assert_true(fabs(sum - 1.0) < 1e-15 && probabilities[0] > 0.99);
    assert_true(fabs(probabilities[2] / probabilities[0] - exp(-5.0)) < 1e-16);
    float bad[2] = {NAN, 1.0f};
    loss_forward_backward(&loss, dlogits, bad, &targets[0], 1, 2, 0.0, 1.0);
    assert_true(isnan(loss) && isnan(dlogits[0]));
    bad[0] = 1.0f;
    bad[1] = NAN;
    loss_forward_backward(&loss, dlogits, bad, &targets[0], 1, 2, 0.0, 1.0);
    assert_true(isnan(loss) && isnan(dlogits[0]));
}

/** torch.tensor([...]).softmax(0) gives these, and torch.nn.functional.cross_entropy() the losses. */
static void test_softmax_without_finite_logits(void **state) {
    (void)state;
    static const struct {
        float logits[2];
        double probability, loss; /* of label 0; NaN stands for NaN */
    } cases[] = {{{NAN, 1}, NAN, NAN},
                 {{1, NAN}, NAN, NAN},
                 {{INFINITY, 1}, NAN, NAN},
                 {{1, INFINITY}, NAN, NAN},
                 {{-INFINITY, 1}, 0, INFINITY},
                 {{1, -INFINITY}, 1, 0},
                 {{-INFINITY, -INFINITY}, NAN, NAN}};
    static const int32_t target = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double probabilities[2], loss;
        loss_softmax(probabilities, cases[i].logits, 2);
        loss_forward_backward(&loss, NULL, cases[i].logits, &target, 1, 2, 0.0, 1.0);
        if (isnan(cases[i].probability))
            for (size_t k = 0; k < 2; k++) assert_true(isnan(probabilities[k]) && !signbit(probabilities[k]));
        else
            assert_true(probabilities[0] == cases[i].probability);
        assert_true(isnan(cases[i].loss) ? isnan(loss) : loss == cases[i].loss);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch_figures),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_softmax_without_finite_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
