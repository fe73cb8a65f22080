/* score_table.h: the table of an evaluation, character by character. */
#include "linnet/core/memory.h"
#include "linnet/evaluate/score_table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/** What score_table_print() writes to standard output. */
static void capture(char *text, size_t size, const Metrics *metrics, char *const *names, bool auroc) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    Scores scores = metrics_scores(metrics);
    scores.ece = 0.125;
    if (auroc) scores.auroc = 0.75;
    score_table_print("a model on some data", metrics, &scores, names, 12.34);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/** Two of three right: the truth 0 0 1, predicted 0 1 1. */
static Metrics *three_samples(void) {
    Error error = {0};
    Metrics *metrics = memory_allocate(1, sizeof *metrics, &error);
    assert_non_null(metrics);
    const float zero[] = {1.0F, 0.0F}, one[] = {0.0F, 1.0F};
    metrics_clear(metrics, 2);
    metrics_add(metrics, zero, 0, 0.25);
    metrics_add(metrics, one, 0, 1.0);
    metrics_add(metrics, one, 1, 0.25);
    return metrics;
}

static void test_table_is_as_written(void **state) {
    (void)state;
    char text[2048], *names[] = {"bad", "good"};
    Metrics *metrics = three_samples();
    capture(text, sizeof text, metrics, names, true);
    assert_string_equal(text, "a model on some data\n"
                              "  samples   3\n"
                              "  accuracy  0.6667\n"
                              "  macro F1  0.6667\n"
                              "  MCC       0.5000\n"
                              "  AUROC     0.7500\n"
                              "  ECE       0.1250\n"
                              "  loss      0.5000\n"
                              "  speed     12.3 samples/s\n"
                              "  truth \\ predicted\n"
                              "                         bad          good\n"
                              "           bad             1             1\n"
                              "          good             0             1\n"
                              "                precision [95 % CI]      recall [95 % CI]         "
                              "F1 [95 % CI]              support\n"
                              "           bad  1.0000 [0.2065, 1.0000]  0.5000 [0.0945, 0.9055]  "
                              "0.6667 [0.1727, 0.9504]         2\n"
                              "          good  0.5000 [0.0945, 0.9055]  1.0000 [0.2065, 1.0000]  "
                              "0.6667 [0.1727, 0.9504]         1\n"
                              "     macro avg  0.7500                   0.7500                   "
                              "0.6667 [0.1332, 1.0000]         3\n"
                              "  weighted avg  0.8333                   0.6667                   "
                              "0.6667                          3\n"
                              "      accuracy                                                    "
                              "0.6667 [0.2077, 0.9385]         3\n");
    memory_free(metrics);
}

/** 1,000 columns could not be read: the cells off the diagonal by their size, then by their place. */
static void test_many_labels_have_no_matrix(void **state) {
    (void)state;
    enum { LABELS = METRICS_LABELS_MAX };
    static char text[1 << 18], names[LABELS][16];
    char *pointers[LABELS];
    Error error = {0};
    Metrics *metrics = memory_allocate(1, sizeof *metrics, &error);
    assert_non_null(metrics);
    metrics_clear(metrics, LABELS);
    for (int i = 0; i < LABELS; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        pointers[i] = names[i];
        metrics->confusion[i * LABELS + i] = 1000;
        metrics->confusion[i * LABELS + (i + 1) % LABELS] = i % 5;
        metrics->samples += 1000 + i % 5;
    }
    capture(text, sizeof text, metrics, pointers, false);
    assert_null(strstr(text, "truth \\ predicted"));
    const char *list = strstr(text, "  most frequent confusions\n"
                                    "         truth     predicted   samples\n"
                                    "            c4            c5         4\n"
                                    "            c9           c10         4\n");
    assert_non_null(list);
    assert_null(strstr(list, "         3\n")); /* 200 cells have 4 */
    int lines = 0;
    for (const char *c = text; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 9 + 2 + 20 + 1 + LABELS + 3);
    memory_free(metrics);
}

/** A name's width is its characters, not its bytes. */
static void test_names_in_utf8_line_up(void **state) {
    (void)state;
    char text[2048], *names[] = {"négatif", "très positif"};
    Metrics *metrics = three_samples();
    capture(text, sizeof text, metrics, names, true);
    assert_non_null(strstr(text, "\n                     négatif  très positif\n"
                                 "       négatif             1             1\n"
                                 "  très positif             0             1\n"));
    memory_free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_as_written),
        cmocka_unit_test(test_many_labels_have_no_matrix),
        cmocka_unit_test(test_names_in_utf8_line_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
