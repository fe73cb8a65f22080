/* Lines of answers: order of labels, thresholds, what overflows. */
#include "linnet/predict/answer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *const NAMES_OF_LABELS[] = {"bad", "a\tb", "good", "\"so\""};
static const double PROBABILITIES[] = {0.25, 0.125, 0.5, 0.125};
static const Answer ANSWER = {4, NAMES_OF_LABELS, 2, PROBABILITIES, PROBLEM_SINGLE_LABEL};
static const Subject TEXT = {.text = "x\ty", .size = 3};

static void assert_line(const AnswerStyle *style, const Answer *answer, const Subject *subject, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    answer_print(stream, style, answer, subject);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_lines(void **state) {
    (void)state;
    assert_line(&(AnswerStyle){0}, &ANSWER, &TEXT, "good\t0.5000\tx\\ty\n");
    assert_line(&(AnswerStyle){0}, &ANSWER, &(Subject){.row = 7}, "good\t0.5000\t7\n");
    assert_line(&(AnswerStyle){0}, &ANSWER, &(Subject){.text = "", .size = 0}, "good\t0.5000\t\n");
    assert_line(&(AnswerStyle){.top_k = 2}, &ANSWER, &TEXT, "good\t0.5000\tbad\t0.2500\tx\\ty\n");
    /* Equal ones in the model's order; more than there are. */
    assert_line(&(AnswerStyle){.top_k = 9}, &ANSWER, &(Subject){.row = 0},
                "good\t0.5000\tbad\t0.2500\ta\\tb\t0.1250\t\"so\"\t0.1250\t0\n");
}

static void test_json(void **state) {
    (void)state;
    assert_line(&(AnswerStyle){.json = true}, &ANSWER, &TEXT,
                "{\"text\":\"x\\ty\",\"label\":\"good\",\"probabilities\":"
                "{\"bad\":0.25,\"a\\tb\":0.125,\"good\":0.5,\"\\\"so\\\"\":0.125}}\n");
    assert_line(&(AnswerStyle){.json = true, .top_k = 2}, &ANSWER, &(Subject){.row = 3},
                "{\"row\":3,\"label\":\"good\",\"probabilities\":{\"good\":0.5,\"bad\":0.25}}\n");
}

/** A probability that is the threshold is named. */
static void test_threshold(void **state) {
    (void)state;
    assert_line(&(AnswerStyle){.threshold = 0.5}, &ANSWER, &TEXT, "good\t0.5000\tx\\ty\n");
    assert_line(&(AnswerStyle){.threshold = nextafter(0.5, 1)}, &ANSWER, &TEXT, "-\t0.5000\tx\\ty\n");
    assert_line(&(AnswerStyle){.threshold = 0.25, .top_k = 3}, &ANSWER, &TEXT,
                "good\t0.5000\tbad\t0.2500\t-\t0.1250\tx\\ty\n");
    assert_line(&(AnswerStyle){.threshold = 0.5, .json = true, .top_k = 1}, &ANSWER, &TEXT,
                "{\"text\":\"x\\ty\",\"label\":\"good\",\"probabilities\":{\"good\":0.5}}\n");
    assert_line(&(AnswerStyle){.threshold = 0.75, .json = true, .top_k = 1}, &ANSWER, &TEXT,
                "{\"text\":\"x\\ty\",\"label\":null,\"probabilities\":{\"good\":0.5}}\n");
}

static void test_overflow(void **state) {
    (void)state;
    static const double none[] = {NAN, NAN, NAN, NAN};
    const Answer answer = {4, NAMES_OF_LABELS, -1, none, PROBLEM_SINGLE_LABEL};
    assert_line(&(AnswerStyle){.threshold = 0.5}, &answer, &TEXT, "null\tnull\tx\\ty\n");
    assert_line(&(AnswerStyle){.top_k = 2}, &answer, &TEXT, "null\tnull\tnull\tnull\tx\\ty\n");
    assert_line(&(AnswerStyle){.json = true, .top_k = 2}, &answer, &TEXT,
                "{\"text\":\"x\\ty\",\"label\":null,\"probabilities\":{\"bad\":null,\"a\\tb\":null}}\n");
}

/** Of several labels those from the threshold on, 0.5 where none is given. */
static void test_several_labels(void **state) {
    (void)state;
    static const double probabilities[] = {0.75, 0.5, 0.0625, 0.875}, none[] = {0, 0, 0, 0};
    const Answer answer = {4, NAMES_OF_LABELS, 0, probabilities, PROBLEM_MULTI_LABEL};
    const Answer empty = {4, NAMES_OF_LABELS, 0, none, PROBLEM_MULTI_LABEL};
    char expected[200];
    snprintf(expected, sizeof expected, "%s,a\\tb,%s\t0.7500,0.5000,0.8750\tx\\ty\n", NAMES_OF_LABELS[0],
             NAMES_OF_LABELS[3]);
    assert_line(&(AnswerStyle){0}, &answer, &TEXT, expected);
    snprintf(expected, sizeof expected, "%s\t0.8750\tx\\ty\n", NAMES_OF_LABELS[3]);
    assert_line(&(AnswerStyle){.threshold = 0.8}, &answer, &TEXT, expected);
    assert_line(&(AnswerStyle){0}, &empty, &TEXT, "-\t-\tx\\ty\n");
    assert_line(&(AnswerStyle){.json = true, .threshold = 0.8, .top_k = 1}, &answer, &TEXT,
                "{\"text\":\"x\\ty\",\"labels\":[\"\\\"so\\\"\"],\"probabilities\":{\"\\\"so\\\"\":0.875}}\n");
}

/** As the fewest digits of float32, with the names of the targets in JSON. */
static void test_numbers(void **state) {
    (void)state;
    static const double values[] = {(double)0.1f, -2, 1e9, 0}, none[] = {NAN, NAN, NAN, NAN};
    const Answer answer = {2, NAMES_OF_LABELS, 0, values, PROBLEM_REGRESSION};
    const Answer lost = {2, NAMES_OF_LABELS, -1, none, PROBLEM_REGRESSION};
    char expected[200];
    assert_line(&(AnswerStyle){0}, &answer, &TEXT, "0.1\t-2\tx\\ty\n");
    assert_line(&(AnswerStyle){0}, &lost, &TEXT, "null\tnull\tx\\ty\n");
    snprintf(expected, sizeof expected, "{\"text\":\"x\\ty\",\"values\":{\"%s\":0.1,\"a\\tb\":-2}}\n",
             NAMES_OF_LABELS[0]);
    assert_line(&(AnswerStyle){.json = true}, &answer, &TEXT, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),    cmocka_unit_test(test_json),           cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_overflow), cmocka_unit_test(test_several_labels), cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
