/* Scores of several labels and of numbers: figures of scikit-learn and SciPy, and the order of samples. */
#include "linnet/evaluate/score_list.h"
#include "linnet/evaluate/target_scores.h"
#include "unit/ops_support.h"

enum { VALUES_MAX = 160, LABELS_MAX = 4 };

typedef struct {
    size_t samples, labels;
    float logits[VALUES_MAX], targets[VALUES_MAX];
    MultiLabelScores scores;
    LabelScores each[LABELS_MAX];
} MultiGolden;

typedef struct {
    size_t samples, labels;
    float logits[VALUES_MAX], targets[VALUES_MAX];
    RegressionScores scores;
    RegressionScores each[LABELS_MAX];
} RegressionGolden;

#include "unit/evaluate/target_scores_golden.h"

/* Both sides sum some hundred float64, in other orders. */
static void assert_score(double actual, double expected) {
    if (isnan(expected))
        assert_true(isnan(actual));
    else
        assert_true(fabs(actual - expected) <= 1e-13 * fmax(1.0, fabs(expected)));
}

static void assert_multi(const MultiLabelScores *actual, const MultiLabelScores *expected) {
    assert_score(actual->accuracy, expected->accuracy);
    assert_score(actual->f1_micro, expected->f1_micro);
    assert_score(actual->f1_macro, expected->f1_macro);
    assert_score(actual->average_precision, expected->average_precision);
}

static void test_multi_label(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof MULTI / sizeof *MULTI; i++) {
        const MultiGolden *g = &MULTI[i];
        MultiLabelScores scores;
        LabelScores each[LABELS_MAX];
        Error error = {0};
        assert_int_equal(multi_label_scores(&scores, each, g->logits, g->targets, g->samples, g->labels, &error), 0);
        assert_multi(&scores, &g->scores);
        for (size_t k = 0; k < g->labels; k++) {
            assert_int_equal(each[k].support, g->each[k].support);
            assert_int_equal(each[k].predicted, g->each[k].predicted);
            assert_int_equal(each[k].hits, g->each[k].hits);
            assert_score(each[k].precision, g->each[k].precision);
            assert_score(each[k].recall, g->each[k].recall);
            assert_score(each[k].f1, g->each[k].f1);
            assert_score(each[k].average_precision, g->each[k].average_precision);
        }
    }
}

static void assert_regression(const RegressionScores *actual, const RegressionScores *expected) {
    assert_score(actual->mse, expected->mse);
    assert_score(actual->rmse, expected->rmse);
    assert_score(actual->mae, expected->mae);
    assert_score(actual->pearson, expected->pearson);
    assert_score(actual->spearman, expected->spearman);
    assert_score(actual->r2, expected->r2);
}

static void test_regression(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REGRESSION / sizeof *REGRESSION; i++) {
        const RegressionGolden *g = &REGRESSION[i];
        RegressionScores scores, each[LABELS_MAX];
        Error error = {0};
        assert_int_equal(regression_scores(&scores, each, g->logits, g->targets, g->samples, g->labels, &error), 0);
        assert_regression(&scores, &g->scores);
        for (size_t k = 0; k < g->labels; k++) assert_regression(&each[k], &g->each[k]);
    }
}

/** One sample has errors, but neither correlations nor a variance to explain. */
static void test_one_number(void **state) {
    (void)state;
    RegressionScores scores, each[1];
    Error error = {0};
    assert_int_equal(regression_scores(&scores, each, &(float){2.0f}, &(float){0.5f}, 1, 1, &error), 0);
    assert_true(scores.mse == 2.25 && scores.rmse == 1.5 && scores.mae == 1.5);
    assert_true(isnan(scores.pearson) && isnan(scores.spearman) && isnan(scores.r2));
}

/* The scores of the list over all samples, in their order. */
static void assert_overall(const ScoreList *list, const char *const *names, const double *values, size_t count) {
    assert_int_equal(list->overall, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(list->scores[i].name, names[i]);
        assert_true(list->scores[i].value == values[i]);
    }
}

/** With several labels a sample the list has their own scores, and those of each label. */
static void test_list_of_several_labels(void **state) {
    (void)state;
    static Metrics metrics;
    ScoreList list;
    const Scores scores = {.problem = PROBLEM_MULTI_LABEL, .loss = 1, .multi_label = {2, 3, 4, 5}};
    metrics_clear(&metrics, 2);
    metrics.per_label[1] = (LabelScores){.support = 6, .precision = 0.25, .recall = 0.5, .f1 = 0.75};
    score_list_make(&list, &scores, &metrics, (char *[]){"a", "b"});
    assert_overall(&list, (const char *const[]){"loss", "accuracy", "f1", "f1_micro", "average_precision"},
                   (const double[]){1, 2, 4, 3, 5}, 5);
    assert_int_equal(list.for_people, 5);
    assert_int_equal(list.count, 5 + 2 * CLASS_METRIC_COUNT);
    assert_true(score_list_find(&list, "recall_b")->value == 0.5 && score_list_find(&list, "support_b")->value == 6);
    score_list_names(&list, PROBLEM_MULTI_LABEL, SCORE_CLASSES_MAX + 1, NULL);
    assert_int_equal(list.count, 5);
}

/** The loss of regression is its squared error, also where it is tiny; no target has scores in the list. */
static void test_list_of_numbers(void **state) {
    (void)state;
    static Metrics metrics;
    ScoreList list;
    metrics_clear(&metrics, 1);
    metrics.problem = PROBLEM_REGRESSION;
    metrics.regression = (RegressionScores){1e-20, 1e-10, 2, 3, 4, 5};
    metrics_add_loss(&metrics, 1e-20);
    const Scores scores = metrics_scores(&metrics);
    score_list_make(&list, &scores, &metrics, (char *[]){"a"});
    assert_overall(&list, (const char *const[]){"loss", "mse", "rmse", "mae", "pearson", "spearmanr", "r2"},
                   (const double[]){1e-20, 1e-20, 1e-10, 2, 3, 4, 5}, 7);
    assert_int_equal(list.count, 7);
    metrics_add_loss(&metrics, INFINITY);
    assert_true(isinf(metrics_scores(&metrics).loss));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multi_label),     cmocka_unit_test(test_regression),
        cmocka_unit_test(test_one_number),      cmocka_unit_test(test_list_of_several_labels),
        cmocka_unit_test(test_list_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
