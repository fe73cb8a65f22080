/* Cross-entropy: PyTorch's figures, gradients and extreme logits. */
#include "linnet/kernels/loss.h"
#include "unit/ops_support.h"
#include <stdbool.h>

/* Losses and the gradient of their sum divided by the sum of their labels' weights. */
typedef struct {
    size_t n, labels;
    double smoothing, gamma;
    bool weighted;
    double weights[5];
    float logits[18];
    int32_t targets[6];
    double losses[6], mean, gradient[18];
} Golden;

#include "unit/kernels/loss_golden.h"

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
        loss_forward_backward(actual, dlogits, LOGITS, TARGETS, 3, 3, &(LossRule){.smoothing = smoothing[k]}, 0.25);
        for (size_t b = 0; b < 3; b++) /* some ten roundings in float64 */
            assert_true(fabs(actual[b] - losses[k][b]) < 4e-15 * losses[k][b]);
        assert_near(dlogits, gradients[k], 9, 0.0, 2.0 * FLOAT_EPSILON); /* rounded once; nine digits printed */
    }
}

/** Weights, smoothing and focal factor, also where p is 1 or 0 in float64. */
static void test_golden_figures(void **state) {
    (void)state;
    /* Some twenty roundings in float64; those of γ · log(1 − p), which is up to 200 here, count 200 times. */
    const double close = 1e-13;
    for (const Golden *g = GOLDEN; g < GOLDEN + sizeof GOLDEN / sizeof *GOLDEN; g++) {
        const LossRule rule = {g->smoothing, g->gamma, g->weighted ? g->weights : NULL};
        double losses[6], sum = 0.0, total = 0.0;
        float dlogits[18], gradient[18];
        for (size_t b = 0; b < g->n; b++) total += g->weighted ? g->weights[g->targets[b]] : 1.0;
        loss_forward_backward(losses, dlogits, g->logits, g->targets, g->n, g->labels, &rule, 1.0 / total);
        for (size_t b = 0; b < g->n; b++) {
            assert_true(fabs(losses[b] - g->losses[b]) <= close * g->losses[b]);
            sum += losses[b];
        }
        assert_true(fabs(sum / total - g->mean) <= close * g->mean);
        for (size_t i = 0; i < g->n * g->labels; i++) gradient[i] = (float)g->gradient[i];
        /* each side is rounded once; in the subnormal range of float32 by its smallest number */
        assert_near(dlogits, gradient, g->n * g->labels, 0x1p-149, 2.0 * FLOAT_EPSILON);
    }
}

/** Weights that are all 1, or all 2, change nothing but the factor. */
static void test_equal_weights(void **state) {
    (void)state;
    static const double ones[3] = {1.0, 1.0, 1.0}, twos[3] = {2.0, 2.0, 2.0};
    static const double *const weights[2] = {ones, twos};
    static const LossRule rules[] = {{0.0, 0.0, NULL}, {0.25, 0.0, NULL}, {0.0, 2.0, NULL}};
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        double plain[3], weighted[3];
        float expected[9], dlogits[9];
        loss_forward_backward(plain, expected, LOGITS, TARGETS, 3, 3, &rules[r], 0.25);
        for (size_t w = 0; w < 2; w++) {
            const double factor = (double)(w + 1);
            const LossRule rule = {rules[r].smoothing, rules[r].gamma, weights[w]};
            loss_forward_backward(weighted, dlogits, LOGITS, TARGETS, 3, 3, &rule, 0.25 / factor);
            for (size_t b = 0; b < 3; b++) assert_true(weighted[b] == factor * plain[b]);
            assert_near(dlogits, expected, 9, 0.0, 2.0 * FLOAT_EPSILON); /* the sum of smoothed weights is rounded */
        }
    }
}

/** Central differences over ±2^−10, which the logits bear exactly: h² / 6 · third derivative ≤ 4e-8 for cross-entropy,
 *  and no more than 20 times that for the focal losses here. */
static void test_gradient(void **state) {
    (void)state;
    static const double weights[3] = {0.5, 2.0, 1.25};
    static const struct {
        LossRule rule;
        double close;
    } cases[] = {{{.smoothing = 0.05}, 2e-7}, /* and 6e-8 for the rounding of dlogits */
                 {{.smoothing = 0.05, .weights = weights}, 4e-7},
                 {{.gamma = 2.0}, 2e-6},
                 {{.gamma = 2.0, .weights = weights}, 4e-6},
                 {{.gamma = 0.5, .weights = weights}, 4e-6}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const LossRule *rule = &cases[c].rule;
        float logits[9], dlogits[9];
        double up[3], down[3], unused[3];
        loss_forward_backward(unused, dlogits, LOGITS, TARGETS, 3, 3, rule, 1.0);
        for (size_t i = 0; i < 9; i++) {
            memcpy(logits, LOGITS, sizeof logits);
            logits[i] = LOGITS[i] + 0x1p-10f;
            loss_forward_backward(up, NULL, logits, TARGETS, 3, 3, rule, 1.0);
            logits[i] = LOGITS[i] - 0x1p-10f;
            loss_forward_backward(down, NULL, logits, TARGETS, 3, 3, rule, 1.0);
            double slope = (up[i / 3] - down[i / 3]) / 0x1p-9;
            assert_true(fabs(slope - dlogits[i]) < cases[c].close);
        }
    }
}

static void test_extremes(void **state) {
    (void)state;
    static const float far[2] = {3e38f, -3e38f};
    static const int32_t targets[2] = {0, 1};
    static const LossRule rules[] = {{.smoothing = 0.0}, {.gamma = 2.0}, {.gamma = 0.5}};
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        const LossRule *rule = &rules[r];
        double loss;
        float dlogits[2], bad[2] = {NAN, 1.0f};
        loss_forward_backward(&loss, dlogits, far, &targets[0], 1, 2, rule, 1.0);
        assert_true(loss == 0.0 && dlogits[0] == 0.0f && dlogits[1] == 0.0f);
        loss_forward_backward(&loss, dlogits, far, &targets[1], 1, 2, rule, 1.0);
        assert_true(isfinite(loss) && loss > 5e38 && dlogits[0] == 1.0f && dlogits[1] == -1.0f);
        loss_forward_backward(&loss, dlogits, bad, &targets[0], 1, 2, rule, 1.0);
        assert_true(isnan(loss) && isnan(dlogits[0]));
        bad[0] = 1.0f;
        bad[1] = NAN;
        loss_forward_backward(&loss, dlogits, bad, &targets[0], 1, 2, rule, 1.0);
        assert_true(isnan(loss) && isnan(dlogits[0]));
    }
}

static void test_softmax(void **state) {
    (void)state;
    double probabilities[3], sum = 0.0;
    loss_softmax(probabilities, LOGITS + 6, 3);
    for (size_t k = 0; k < 3; k++) sum += probabilities[k];
    assert_true(fabs(sum - 1.0) < 1e-15 && probabilities[0] > 0.99);
    assert_true(fabs(probabilities[2] / probabilities[0] - exp(-5.0)) < 1e-16);
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
        loss_forward_backward(&loss, NULL, cases[i].logits, &target, 1, 2, &(LossRule){0}, 1.0);
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
        cmocka_unit_test(test_golden_figures),
        cmocka_unit_test(test_equal_weights),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_without_finite_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
