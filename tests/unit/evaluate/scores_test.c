/* probability_table.h, ranking.h, calibration.h and score_list.h against scikit-learn. */
#include "linnet/core/memory.h"
#include "linnet/evaluate/probability_table.h"
#include "linnet/evaluate/score_list.h"
#include "linnet/kernels/loss.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SINGLE_METRICS = METRIC_F1_MICRO /* those of a single label */ };
enum { LABELS_MAX = 4, SAMPLES_MAX = 64, SCORES_MAX = SINGLE_METRICS + CLASS_METRIC_COUNT * LABELS_MAX };

typedef struct {
    int32_t labels;
    int64_t samples;
    int32_t truth[SAMPLES_MAX];
    float logits[SAMPLES_MAX * LABELS_MAX]; /* [samples, labels] */
    struct {
        const char *name;
        double value;
    } scores[SCORES_MAX];
} Golden;

#include "unit/evaluate/scores_golden.h"

enum { CASES = sizeof GOLDEN / sizeof *GOLDEN };

/* A few dozen roundings of numbers up to 1; scikit-learn adds up the areas of trapezoids. */
#define ROUNDING 1e-13
/* metrics.h rounds each loss to a multiple of 2^-32. */
#define LOSS_UNIT 0x1p-32

static char *const NAMES_OF_LABELS[] = {"label 0", "label 1", "label 2", "label 3"};

/* The list that linnet makes of a case, whose samples come in pieces of `piece`. */
static void evaluate(const Golden *golden, int64_t piece, ScoreList *list) {
    Error error = {0};
    ProbabilityTable table;
    Metrics *metrics = memory_allocate(1, sizeof *metrics, &error);
    assert_int_equal(probability_table_create(&table, golden->samples, golden->labels, &error), STATUS_OK);
    metrics_clear(metrics, golden->labels);
    probability_table_clear(&table);
    for (int64_t i = 0; i < golden->samples; i++) {
        double loss;
        const float *row = golden->logits + i * golden->labels;
        loss_forward_backward(&loss, NULL, row, &golden->truth[i], 1, (size_t)golden->labels, &(LossRule){0}, 1);
        metrics_add(metrics, row, golden->truth[i], loss);
    }
    for (int64_t first = 0; first < golden->samples; first += piece) {
        double logits[SAMPLES_MAX * LABELS_MAX], truth[SAMPLES_MAX];
        const int64_t count = golden->samples - first < piece ? golden->samples - first : piece;
        for (int64_t i = 0; i < count; i++) truth[i] = golden->truth[first + i];
        for (int64_t i = 0; i < count * golden->labels; i++)
            logits[i] = (double)golden->logits[first * golden->labels + i];
        probability_table_add(&table, count, logits, truth);
    }
    Scores scores = metrics_scores(metrics);
    probability_table_scores(&table, &scores);
    score_list_make(list, &scores, metrics, NAMES_OF_LABELS);
    probability_table_free(&table);
    memory_free(metrics);
}

static void test_scores_are_those_of_scikit_learn(void **state) {
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        ScoreList list;
        evaluate(&GOLDEN[c], GOLDEN[c].samples, &list);
        const size_t count = SINGLE_METRICS + (size_t)GOLDEN[c].labels * CLASS_METRIC_COUNT;
        assert_int_equal(list.count, count);
        for (size_t i = 0; i < count; i++) {
            const double expected = GOLDEN[c].scores[i].value, tolerance = i == 0 ? LOSS_UNIT : ROUNDING;
            assert_string_equal(list.scores[i].name, GOLDEN[c].scores[i].name);
            if (isnan(expected) ? !isnan(list.scores[i].value) : !(fabs(list.scores[i].value - expected) <= tolerance))
                fail_msg("case %zu: %s: %.17g, expected %.17g", c, list.scores[i].name, list.scores[i].value, expected);
        }
    }
}

/** Bit by bit. */
static void test_pieces_do_not_matter(void **state) {
    (void)state;
    for (int64_t piece = 1; piece <= 7; piece += 3) {
        ScoreList whole, list;
        evaluate(&GOLDEN[0], GOLDEN[0].samples, &whole);
        evaluate(&GOLDEN[0], piece, &list);
        for (size_t i = 0; i < list.count; i++) assert_true(list.scores[i].value == whole.scores[i].value);
    }
}

static void test_order_does_not_matter_to_the_area(void **state) {
    (void)state;
    RankedSample samples[100], reversed[100];
    for (int i = 0; i < 100; i++)
        reversed[99 - i] = samples[i] = (RankedSample){.score = i * 37 % 11, .positive = i % 3 == 0};
    assert_true(auroc(samples, 100) == auroc(reversed, 100));
    assert_true(isnan(auroc(NULL, 0)));
    assert_true(isnan(auroc((RankedSample[]){{1, true}, {2, true}}, 2)));
}

/** Overflowing logits have no probabilities: the area is not defined, the calibration is that of the other samples. */
static void test_values_that_are_not_numbers(void **state) {
    (void)state;
    Error error = {0};
    ProbabilityTable table;
    assert_int_equal(probability_table_create(&table, 3, 2, &error), STATUS_OK);
    assert_int_equal(probability_table_bytes(&table), 3 * (8 + 2 + 16)); /* as the header says, of two labels */
    probability_table_clear(&table);
    probability_table_add(&table, 3, (const double[]){0, 0, NAN, 1, 0, 0}, (const double[]){0, 1, 1});
    Scores scores = {0};
    probability_table_scores(&table, &scores);
    assert_true(isnan(scores.auroc) && isnan(scores.auroc_weighted));
    assert_true(scores.ece == 0); /* half are right, of a probability of a half */
    probability_table_free(&table);
}

static void test_too_many_probabilities_are_not_kept(void **state) {
    (void)state;
    Error error = {0};
    ProbabilityTable table;
    assert_true(probability_table_fits((int64_t)1 << 28, 2));
    assert_false(probability_table_fits(((int64_t)1 << 28) / 3 + 1, 3));
    assert_int_equal(probability_table_create(&table, (int64_t)1 << 40, 3, &error), STATUS_OK);
    assert_null(table.probabilities);
    probability_table_clear(&table);
    probability_table_add(&table, 1, (const double[]){2, 0, 0}, (const double[]){0});
    Scores scores = {0};
    probability_table_scores(&table, &scores);
    assert_true(isnan(scores.auroc) && scores.ece > 0);
    probability_table_free(&table);
}

/** The score of a class never takes the name of another one, and names of any length and number are no harm. */
static void test_names_of_classes(void **state) {
    (void)state;
    static char longest[300], *names[SCORE_CLASSES_MAX + 1];
    ScoreList list;
    memset(longest, 'x', sizeof longest - 1);
    score_list_names(&list, PROBLEM_SINGLE_LABEL, 3, (char *[]){"weighted", "a", longest});
    assert_int_equal(list.count, SINGLE_METRICS + 1 + 4); /* support_weighted, and all of a */
    assert_non_null(score_list_find(&list, "support_weighted"));
    assert_ptr_equal(score_list_find(&list, "f1_weighted"), &list.scores[METRIC_F1_WEIGHTED]);
    assert_null(score_list_find(&list, "f1_b"));
    for (int i = 0; i <= SCORE_CLASSES_MAX; i++) names[i] = i % 2 ? "a" : "b";
    score_list_names(&list, PROBLEM_SINGLE_LABEL, SCORE_CLASSES_MAX, names);
    assert_int_equal(list.count, SINGLE_METRICS + 2 * CLASS_METRIC_COUNT);
    score_list_names(&list, PROBLEM_SINGLE_LABEL, SCORE_CLASSES_MAX + 1, names);
    assert_int_equal(list.count, SINGLE_METRICS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_those_of_scikit_learn),    cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_order_does_not_matter_to_the_area),   cmocka_unit_test(test_values_that_are_not_numbers),
        cmocka_unit_test(test_too_many_probabilities_are_not_kept), cmocka_unit_test(test_names_of_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
