/* Texts in batches: the answers of each text alone, to the bit and in order; and the text of an error. */
#include "linnet/core/memory.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/model_new.h"
#include "linnet/predict/predictor.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

enum { TEXTS = 300, LABELS = 3, LONGEST = 120 };

static const char *const NAMES_OF_LABELS[LABELS] = {"negative", "neutral", "positive"};
static char letters[2 * TEXTS + LONGEST];
static PredictText texts[TEXTS];
static double alone[TEXTS][LABELS];
static int32_t alone_best[TEXTS];

static Predictor *open_with(int64_t batch_size) {
    Predictor *predictor = NULL;
    Error error = {0};
    if (predictor_open(&predictor, in_folder("model"), NULL, batch_size, &error)) fail_msg("%s", error.message);
    return predictor;
}

/* A model of 48 positions; texts of 0 to 119 bytes, so that some are longer than the model reads and a few batches of
 * 1,024 rows are needed; each text by itself. */
static int make_model(void **state) {
    const NewModel model = {.tokenizer = "tests/golden/tokenizer_small",
                            .label_names = NAMES_OF_LABELS,
                            .labels = LABELS,
                            .layers = 2,
                            .width = 48,
                            .heads = 3,
                            .positions = 48,
                            .seed = 5};
    Error error = {0};
    size_t failed;
    if (make_folder(state) || model_new_folder(in_folder("model"), &model, &error)) return -1;
    for (size_t i = 0; i < sizeof letters; i++) letters[i] = "etaoin shrdlu\0"[i * i % 31 % 14];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = (PredictText){.text = letters + 2 * i, .size = i * 37 % LONGEST};
    Predictor *predictor = open_with(1);
    for (size_t i = 0; i < TEXTS; i++)
        if (predictor_classify_all(predictor, &texts[i], 1, &alone_best[i], alone[i], NULL, &failed, &error)) return -1;
    predictor_close(predictor);
    return 0;
}

static void test_answers_add_up(void **state) {
    (void)state;
    size_t differing = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        double sum = 0, most = 0;
        for (size_t k = 0; k < LABELS; k++) {
            sum += alone[i][k];
            most = fmax(most, alone[i][k]);
        }
        assert_true(fabs(sum - 1) < 1e-12); /* of three float64 */
        assert_true(alone[i][alone_best[i]] == most);
        differing += memcmp(alone[i], alone[(i + 1) % TEXTS], sizeof alone[i]) != 0;
    }
    assert_true(differing > TEXTS / 2); /* else answers in the wrong order would not be noticed */
}

static void assert_same_bits(int64_t batch_size, size_t first, size_t count) {
    Predictor *predictor = open_with(batch_size);
    static double probabilities[TEXTS][LABELS];
    static int32_t best[TEXTS];
    Error error = {0};
    size_t failed;
    for (int time = 0; time < 2; time++) { /* the second time the arrays have grown */
        memset(probabilities, 0, sizeof probabilities);
        predictor_classify_all(predictor, texts + first, count, best, probabilities[0], NULL, &failed, &error);
        assert_int_equal(error.status, STATUS_OK);
        assert_int_equal(failed, count);
        assert_memory_equal(best, alone_best + first, count * sizeof *best);
        if (linear_batch_invariant(false))
            assert_memory_equal(probabilities, alone[first], count * sizeof *probabilities);
    }
    assert_int_equal(predictor_counts(predictor).texts, 2 * count);
    predictor_close(predictor);
}

static void test_a_batch_has_the_bits_of_its_texts(void **state) {
    (void)state;
    static const int64_t SIZES[] = {1, 2, 7, 32, 100000};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) assert_same_bits(SIZES[i], 0, TEXTS);
    assert_same_bits(32, 17, 33);
    assert_same_bits(32, 5, 1);
    assert_same_bits(32, 5, 0);
}

static bool stop_behind(void *context, int64_t answered) {
    int64_t *calls = context;
    assert_true(answered > 0 && answered < TEXTS);
    return ++*calls < 3;
}

static void test_a_watch_stops_between_batches(void **state) {
    (void)state;
    Predictor *predictor = open_with(7);
    static double probabilities[TEXTS][LABELS];
    static int32_t best[TEXTS];
    int64_t calls = 0;
    size_t failed;
    Error error = {0};
    predictor_classify_all(predictor, texts, TEXTS, best, probabilities[0], &(PredictWatch){stop_behind, &calls},
                           &failed, &error);
    assert_int_equal(error.status, STATUS_STOPPED);
    assert_int_equal(calls, 3);
    predictor_close(predictor);
}

static void test_the_text_of_an_error(void **state) {
    (void)state;
    static const size_t BAD[] = {0, 6, 9};
    for (size_t i = 0; i < 3; i++) {
        Predictor *predictor = open_with(4);
        PredictText given[10];
        double probabilities[10][LABELS] = {{0}};
        int32_t best[10] = {0};
        size_t failed;
        Error error = {0};
        memcpy(given, texts, sizeof given);
        given[BAD[i]] = (PredictText){.text = "caf\xe9", .size = 4};
        predictor_classify_all(predictor, given, 10, best, probabilities[0], NULL, &failed, &error);
        assert_int_equal(error.status, STATUS_INPUT);
        assert_int_equal(failed, BAD[i]);
        assert_names(error.message, NAMES("byte 4", "0xE9", "UTF-8"));
        for (size_t t = 0; t < 10; t++) assert_true(probabilities[t][0] == 0);
        predictor_close(predictor);
    }
}

static void test_truncated_texts_are_counted(void **state) {
    (void)state;
    Predictor *predictor = open_with(32);
    const PredictText given[] = {{.text = letters, .size = 3},
                                 {.text = letters, .size = 119},
                                 {.text = letters, .size = 118}}; /* a token has few bytes here */
    double probabilities[3][LABELS];
    int32_t best[3];
    size_t failed;
    Error error = {0};
    predictor_classify_all(predictor, given, 3, best, probabilities[0], NULL, &failed, &error);
    assert_int_equal(error.status, STATUS_OK);
    assert_int_equal(predictor_counts(predictor).texts, 3);
    assert_int_equal(predictor_counts(predictor).truncated, 2);
    predictor_close(predictor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_add_up),
        cmocka_unit_test(test_a_batch_has_the_bits_of_its_texts),
        cmocka_unit_test(test_a_watch_stops_between_batches),
        cmocka_unit_test(test_the_text_of_an_error),
        cmocka_unit_test(test_truncated_texts_are_counted),
    };
    return cmocka_run_group_tests(tests, make_model, remove_folder);
}
