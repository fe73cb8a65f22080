/* The head of a language model: against its references, finite differences, threads and extreme logits. */
#include "linnet/core/elementary.h"
#include "linnet/kernels/language_head.h"
#include "unit/ops_support.h"

typedef struct {
    size_t rows, width, vocabulary;
    bool accumulate;
} Case;

/* Fewer rows than a block, one, several and a part of one; vocabularies that are no multiple of any vector or tile. */
static const Case CASES[] = {{1, 1, 2, false},    {7, 5, 61, true},       {128, 16, 257, false},
                             {129, 24, 97, true}, {300, 33, 1030, false}, {20, 48, 5003, true}};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES, FINITE_CASE = 1 };

typedef struct {
    float *x, *token, *dx, *dtoken, *logits;
    double *losses;
    int32_t *targets;
    LinearWork work;
    LanguageHead head;
} Arrays;

static Arrays arrays_make(const Case *c) {
    const size_t threads = 3;
    Arrays a = {.x = floats_random(c->rows * c->width, 1.0, 1),
                .token = floats_random(c->vocabulary * c->width, 1.0, 2),
                .dx = floats_new(c->rows * c->width),
                .dtoken = floats_random(c->vocabulary * c->width, 0.1, 3),
                .logits = floats_new(language_head_logits(c->rows, c->vocabulary)),
                .losses = calloc(c->rows, sizeof(double)),
                .targets = calloc(c->rows, sizeof(int32_t)),
                .work = {.scratch = floats_new(language_head_scratch(c->rows, c->width, c->vocabulary, threads)),
                         .threads = (int)threads}};
    /* Every fifth row predicts nothing. */
    for (size_t r = 0; r < c->rows; r++)
        a.targets[r] = r % 5 == 4 ? -1 : (int32_t)((r * 2654435761u + 7) % c->vocabulary);
    return a;
}

static LanguageHead head_of(const Arrays *a, const Case *c) {
    return (LanguageHead){a->token, c->vocabulary, c->width, a->logits, &a->work};
}

static void arrays_free(Arrays *a) {
    void *all[] = {a->x, a->token, a->dx, a->dtoken, a->logits, a->losses, a->targets, a->work.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/** Losses, and gradients relative to the largest of their array: float32 sums of up to 300 products, whose roundings
 *  are a few 1e-7 of it, and the exponential's relative error of 1.2e-7. */
static void check_case(const Case *c) {
    Arrays a = arrays_make(c), b = arrays_make(c);
    const LanguageHead fast = head_of(&a, c), plain = head_of(&b, c);
    double only[300];
    language_head_backward(a.losses, a.dx, a.dtoken, &fast, a.x, a.targets, c->rows, 0.25, c->accumulate);
    language_head_backward_ref(b.losses, b.dx, b.dtoken, &plain, b.x, b.targets, c->rows, 0.25, c->accumulate);
    for (size_t r = 0; r < c->rows; r++) {
        assert_true(fabs(a.losses[r] - b.losses[r]) <= 2e-6);
        assert_true(a.targets[r] >= 0 || a.losses[r] == 0.0);
    }
    assert_near(a.dx, b.dx, c->rows * c->width, 5e-7, 2e-6);
    assert_near(a.dtoken, b.dtoken, c->vocabulary * c->width, 2e-6, 2e-6);
    language_head_forward(only, &fast, a.x, a.targets, c->rows);
    assert_memory_equal(only, a.losses, c->rows * sizeof *only);
    language_head_forward_ref(only, &plain, b.x, b.targets, c->rows);
    assert_memory_equal(only, b.losses, c->rows * sizeof *only);
    arrays_free(&a);
    arrays_free(&b);
}

static void test_references_once(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) check_case(&CASES[i]);
}
TEST_EVERY_ISA(test_references)

static double sum_of_losses(Arrays *a, const Case *c) {
    const LanguageHead head = head_of(a, c);
    double sum = 0.0;
    language_head_forward_ref(a->losses, &head, a->x, a->targets, c->rows);
    for (size_t r = 0; r < c->rows; r++) sum += a->losses[r];
    return sum;
}

/** Central differences over ±2^−7 of one value: h² / 6 · third derivative is below 1e-5 for values up to 1; the logits
 *  of the reference are rounded to float32, 1e-7 / h = 1e-5. */
static void check_slope(Arrays *a, const Case *c, float *value, float gradient) {
    const float kept = *value;
    *value = kept + 0x1p-7f;
    const double above = sum_of_losses(a, c);
    *value = kept - 0x1p-7f;
    const double below = sum_of_losses(a, c);
    *value = kept;
    assert_true(fabs(0.5 * (above - below) / 0x1p-6 - gradient) < 5e-5);
}

static void test_finite_differences(void **state) {
    (void)state;
    const Case *c = &CASES[FINITE_CASE];
    Arrays a = arrays_make(c);
    const LanguageHead head = head_of(&a, c);
    language_head_backward(a.losses, a.dx, a.dtoken, &head, a.x, a.targets, c->rows, 0.5, false);
    for (size_t i = 0; i < c->rows * c->width; i++) check_slope(&a, c, a.x + i, a.dx[i]);
    for (size_t i = 0; i < c->vocabulary * c->width; i += 3) check_slope(&a, c, a.token + i, a.dtoken[i]);
    arrays_free(&a);
}

static void compute(float *out, const void *with) {
    const Case *c = with;
    Arrays a = arrays_make(c);
    const LanguageHead head = head_of(&a, c);
    language_head_backward(a.losses, a.dx, a.dtoken, &head, a.x, a.targets, c->rows, 0.25, c->accumulate);
    memcpy(out, a.dx, c->rows * c->width * sizeof *out);
    memcpy(out + c->rows * c->width, a.dtoken, c->vocabulary * c->width * sizeof *out);
    for (size_t r = 0; r < c->rows; r++) out[(c->rows + c->vocabulary) * c->width + r] = (float)a.losses[r];
    arrays_free(&a);
}

static void test_threads_once(void) {
    for (size_t i = 0; i < CASE_COUNT; i++)
        assert_threads_agree(compute, &CASES[i],
                             (CASES[i].rows + CASES[i].vocabulary) * CASES[i].width + CASES[i].rows);
}
TEST_EVERY_ISA(test_threads)

/** The rows of a batch in two calls, of which the second adds, have the bits of one call. */
static void test_rows_in_parts_once(void) {
    const Case *c = &CASES[4];
    Arrays a = arrays_make(c), b = arrays_make(c);
    const LanguageHead once = head_of(&a, c), parts = head_of(&b, c);
    const size_t first = 77, rest = c->rows - first;
    if (!linear_batch_invariant(false)) goto cleanup;
    language_head_backward(a.losses, a.dx, a.dtoken, &once, a.x, a.targets, c->rows, 0.25, false);
    language_head_backward(b.losses, b.dx, b.dtoken, &parts, b.x, b.targets, first, 0.25, false);
    language_head_backward(b.losses + first, b.dx + first * c->width, b.dtoken, &parts, b.x + first * c->width,
                           b.targets + first, rest, 0.25, true);
    assert_memory_equal(a.losses, b.losses, c->rows * sizeof(double));
    assert_same_bits(a.dx, b.dx, c->rows * c->width);
    assert_same_bits(a.dtoken, b.dtoken, c->vocabulary * c->width);
cleanup:
    arrays_free(&a);
    arrays_free(&b);
}
TEST_EVERY_ISA(test_rows_in_parts)

/* --- The loss by itself --- */

static void test_extremes_once(void) {
    enum { VOCABULARY = 37 };
    float logits[VOCABULARY];
    const int32_t target = 20;
    double loss;
    for (size_t k = 0; k < VOCABULARY; k++) logits[k] = k == 20 ? 3e38f : -3e38f;
    vocabulary_loss(&loss, logits, &target, 1, VOCABULARY, 1.0, true);
    assert_true(loss == 0.0 && logits[20] == 0.0f && logits[0] == 0.0f && logits[36] == 0.0f);
    for (size_t k = 0; k < VOCABULARY; k++) logits[k] = k == 3 ? 2e38f : -1e38f;
    vocabulary_loss(&loss, logits, &target, 1, VOCABULARY, 0.5, true);
    assert_true(loss > 2.9e38 && loss < 3.1e38 && logits[20] == -0.5f && logits[3] == 0.5f);
    static const float bad[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++)
        for (size_t place = 0; place < VOCABULARY; place++) {
            for (size_t k = 0; k < VOCABULARY; k++) logits[k] = 0.5f;
            logits[place] = bad[i];
            vocabulary_loss(&loss, logits, &target, 1, VOCABULARY, 1.0, false);
            assert_true(isnan(loss));
        }
}
TEST_EVERY_ISA(test_extremes)

/* --- Plain C with the same bits --- */

static float fused(float a, float b, float c) {
    return strcmp(isa_arithmetic(), "fused") == 0 ? fmaf(a, b, c) : a * b + c;
}

static float power_of_two(float x) {
    static const float coefficients[] = {0x1.5f3e52p-10f, 0x1.3b2d4cp-7f, 0x1.c6aee8p-5f,
                                         0x1.ebfbdcp-3f,  0x1.62e430p-1f, 1.0f};
    x = fminf(128.0f, fmaxf(-127.0f, x));
    float nearest = (x + 0x1.8p23f) - 0x1.8p23f, power = 0x1.41fbbcp-13f;
    for (size_t i = 0; i < 6; i++) power = fused(power, x - nearest, coefficients[i]);
    return nearest < -126.0f ? 0.0f : power * ldexpf(1.0f, (int)nearest);
}

/** Exponentials of 16 lanes in pieces of 1,024, halves upon halves. */
static double total_of(float *x, size_t n, float largest) {
    double total = 0.0;
    for (size_t first = 0; first < n; first += 1024) {
        float lanes[16] = {0};
        for (size_t k = first; k < n && k < first + 1024; k++) {
            x[k] = power_of_two((x[k] - largest) * 1.44269504f);
            lanes[k % 16] += x[k];
        }
        for (size_t half = 8; half > 0; half /= 2)
            for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
        total += (double)lanes[0];
    }
    return total;
}

static void test_portable_bits_once(void) {
    static const size_t sizes[] = {2, 15, 16, 17, 333, 1024, 1025, 5003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        float *logits = floats_random(n, 6.0, (uint32_t)i), *expected = floats_copy(logits, n), largest = logits[0];
        const int32_t target = (int32_t)n / 2;
        const float wanted = logits[target];
        double loss;
        vocabulary_loss(&loss, logits, &target, 1, n, 0.125, true);
        for (size_t k = 0; k < n; k++) largest = fmaxf(largest, expected[k]);
        const double total = total_of(expected, n, largest);
        const float own = (float)(0.125 * ((double)expected[target] / total - 1.0)), factor = (float)(0.125 / total);
        for (size_t k = 0; k < n; k++) expected[k] = (int32_t)k == target ? own : expected[k] * factor;
        assert_true(loss == ((double)largest - (double)wanted) + elementary_log(total));
        assert_same_bits(logits, expected, n);
        free(logits);
        free(expected);
    }
}
TEST_EVERY_ISA(test_portable_bits)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references), cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_threads),    cmocka_unit_test(test_rows_in_parts),
        cmocka_unit_test(test_extremes),   cmocka_unit_test(test_portable_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
