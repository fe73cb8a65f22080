/* Duplicates: texts as they are compared, sets of 5-grams, MinHash, and groups against a comparison of all pairs. */
#include "text/duplicates.h"
#include "text/shingles.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(TextList *list, const char *text) {
    Error error = {0};
    assert_int_equal(text_list_add(list, text, strlen(text), &error), STATUS_OK);
}

static void test_texts_as_they_are_compared(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"  A  b\n C ", "a b c"},
        {"\u00C4\u00D7\u00E4 \u03A9\u03C9 \u040F\u0410\u044F", "\u00E4\u00D7\u00E4 \u03C9\u03C9 \u045F\u0430\u044F"},
        {"see http://a.b/C?d, HTTPS://x and www.Y.z", "see \x01 \x01 and \x01"},
        {"@Ann: hi (@b_9)", "\x02: hi (\x02)"},
        {"me@home.org, a.www.b", "me@home.org, a.\x01"},
        {"http:// @ www.", "http:// @ www."},
        {"@Ann  http://A", "@ann http://a"}, /* nothing else */
        {"\xFF Q\xC3", "\xFF q\xC3"},
    };
    TextList list = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        add(&list, CASES[i][0]);
        const size_t size = list.starts[i + 1] - list.starts[i];
        if (size != strlen(CASES[i][1]) || memcmp(list.bytes + list.starts[i], CASES[i][1], size) != 0)
            fail_msg("\"%s\" became \"%.*s\"", CASES[i][0], (int)size, list.bytes + list.starts[i]);
    }
    text_list_free(&list);
}

static double similarity(const TextList *list, int64_t a, int64_t b) {
    Error error = {0};
    Shingles sets[2] = {{0}};
    assert_int_equal(shingles_take(&sets[0], list, a, &error), STATUS_OK);
    assert_int_equal(shingles_take(&sets[1], list, b, &error), STATUS_OK);
    const double result = shingles_similarity(&sets[0], &sets[1]);
    for (int i = 0; i < 2; i++) shingles_free(&sets[i]);
    return result;
}

static void test_similarity(void **state) {
    (void)state;
    TextList list = {0};
    static const char *const TEXTS[] = {"abcdef",
                                        "abcdefg",
                                        "abcdefabcdef",
                                        "ab",
                                        "abc",
                                        "",
                                        "\u00E4\u00F6\u00FC\u00DF\u00E9x",
                                        "\u00E4\u00F6\u00FC\u00DF\u00E9y"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) add(&list, TEXTS[i]);
    assert_true(similarity(&list, 0, 0) == 1);
    assert_true(similarity(&list, 0, 1) == 2.0 / 3);
    assert_true(similarity(&list, 0, 2) == 2.0 / 6); /* abcde bcdef cdefa defab efabc fabcd */
    assert_true(similarity(&list, 3, 4) == 0);
    assert_true(similarity(&list, 5, 5) == 1);
    assert_true(similarity(&list, 6, 7) == 1.0 / 3); /* characters, not bytes */
    text_list_free(&list);
}

enum { WORDS = 40, TEXTS = 400, BANDS = 4000 };

static void random_text(char *text, size_t room, unsigned *seed, int words) {
    size_t at = 0;
    for (int i = 0; i < words; i++) at += (size_t)snprintf(text + at, room - at, "w%d ", rand_r(seed) % WORDS * 7919);
}

/* The share of bands in which two texts have the same key is similarity^rows: within five standard deviations of a
 * binomial distribution. */
static void test_minhash(void **state) {
    (void)state;
    unsigned seed = 1;
    TextList list = {0};
    char text[512];
    random_text(text, sizeof text, &seed, 20);
    add(&list, text);
    for (int i = 1; i < 8; i++) {
        text[11 * i] = '#';
        add(&list, text);
    }
    for (int64_t other = 1; other < list.count; other++) {
        const double s = similarity(&list, 0, other);
        for (int rows = 2; rows <= MINHASH_ROWS; rows += 3) {
            int same = 0;
            for (int first = 0; first < BANDS; first += MINHASH_BANDS) {
                uint64_t keys[2][MINHASH_BANDS];
                minhash_keys(keys[0], &list, 0, first, rows);
                minhash_keys(keys[1], &list, other, first, rows);
                for (int band = 0; band < MINHASH_BANDS; band++) same += keys[0][band] == keys[1][band];
            }
            const double expected = pow(s, rows), deviation = sqrt(expected * (1 - expected) / BANDS);
            if (fabs((double)same / BANDS - expected) > 5 * deviation)
                fail_msg("similarity %g, %d rows: expected %g, got %g", s, rows, expected, (double)same / BANDS);
        }
    }
    text_list_free(&list);
}

/* Groups by comparing all pairs. */
static void groups_ref(int64_t *group, const TextList *list, double threshold) {
    for (int64_t i = 0; i < list->count; i++) group[i] = i;
    for (int64_t i = 0; i < list->count; i++)
        for (int64_t j = 0; j < i; j++) {
            const int64_t a = group[i], b = group[j];
            if (a == b || similarity(list, i, j) < threshold) continue;
            for (int64_t k = 0; k < list->count; k++)
                if (group[k] == (a > b ? a : b)) group[k] = a < b ? a : b;
        }
}

static void test_groups_are_those_of_all_pairs(void **state) {
    (void)state;
    static const double THRESHOLDS[] = {0.5, 0.65, 0.8, 0.9, 0.97, 1};
    TextList list = {0};
    unsigned seed = 2;
    char text[512] = "";
    for (int i = 0; i < TEXTS; i++) {
        if (i % 4 == 0) random_text(text, sizeof text, &seed, 1 + rand_r(&seed) % 12);
        if (i % 4 > 1) text[(size_t)rand_r(&seed) % strlen(text)] = (char)('a' + rand_r(&seed) % 26);
        add(&list, text);
    }
    for (size_t t = 0; t < sizeof THRESHOLDS / sizeof *THRESHOLDS; t++) {
        Error error = {0};
        Duplicates found;
        int64_t expected[TEXTS], groups = 0;
        groups_ref(expected, &list, THRESHOLDS[t]);
        assert_int_equal(duplicates_find(&found, &list, THRESHOLDS[t], &error), STATUS_OK);
        for (int i = 0; i < TEXTS; i++) {
            assert_int_equal(found.group[i], expected[i]);
            groups += expected[i] == i;
        }
        assert_int_equal(found.groups, groups);
        assert_int_equal(found.groups + found.equal + found.near, TEXTS);
        duplicates_free(&found);
    }
    text_list_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_as_they_are_compared),
        cmocka_unit_test(test_similarity),
        cmocka_unit_test(test_minhash),
        cmocka_unit_test(test_groups_are_those_of_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
