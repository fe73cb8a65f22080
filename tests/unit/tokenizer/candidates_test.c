/* Lists of tokens that are to be added. The right values are the definition's: the first item in the list. */
#include "tokenizer/candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static Candidate token(const char *text, const char *name, int64_t id) {
    return (Candidate){.text = text, .name = name, .id = id};
}

static void push(Candidates *list, Candidate candidate) {
    Error error = {0};
    assert_int_equal(candidates_push(list, candidate, &error), STATUS_OK);
}

/** The place of the first item with this text; −1: there is none. */
static int place(Candidates *list, const char *text) {
    Error error = {0};
    const Candidate *found = candidates_find_text(list, text, &error);
    assert_int_equal(error.status, STATUS_OK);
    return found ? (int)(found - list->items) : -1;
}

static int place_by(Candidates *list, CandidateKey key, Candidate wanted) {
    Error error = {0};
    const Candidate *found = candidates_find(list, key, &wanted, &error);
    return found ? (int)(found - list->items) : -1;
}

static void test_finds_the_first(void **state) {
    (void)state;
    Candidates list = {0};
    assert_int_equal(place(&list, "a"), -1);
    push(&list, token("a", "x", 5));
    push(&list, token(NULL, "y", UNSET));
    assert_int_equal(place(&list, "a"), 0);
    push(&list, token("a", "z", 7));
    push(&list, token("b", NULL, 6));
    assert_int_equal(place(&list, "a"), 0);
    assert_int_equal(place(&list, "b"), 3);
    assert_int_equal(place(&list, "c"), -1);
    assert_int_equal(place_by(&list, BY_NAME, token(NULL, "y", UNSET)), 1);
    assert_int_equal(place_by(&list, BY_NAME, token("a", NULL, 5)), -1);
    assert_int_equal(place_by(&list, BY_ID, token(NULL, NULL, 6)), 3);
    assert_int_equal(place_by(&list, BY_ID, token("a", "x", UNSET)), -1);
    assert_int_equal(list.highest, 7);
    candidates_free(&list);
}

/** Flags other than `special` are part of a token's look; `normalized` counts as set or not. */
static void test_looks(void **state) {
    (void)state;
    Candidates list = {0};
    Candidate other = token("a", NULL, 1);
    other.lstrip = true;
    push(&list, token("a", NULL, 0));
    push(&list, other);
    assert_int_equal(place_by(&list, BY_LOOK, other), 1);
    other.special = true;
    other.normalized = UNSET;
    assert_int_equal(place_by(&list, BY_LOOK, other), 1);
    other.normalized = 1;
    assert_int_equal(place_by(&list, BY_LOOK, other), -1);
    candidates_free(&list);
}

static void test_replaces(void **state) {
    (void)state;
    Candidates list = {0};
    push(&list, token("a", NULL, 2));
    push(&list, token("b", NULL, 1));
    assert_int_equal(place(&list, "a"), 0);
    candidates_replace(&list, &list.items[0], token("c", NULL, 2));
    assert_int_equal(place(&list, "a"), -1);
    assert_int_equal(place(&list, "c"), 0);
    assert_int_equal(place_by(&list, BY_ID, token(NULL, NULL, 2)), 0);
    push(&list, token("c", NULL, 3));
    assert_int_equal(place(&list, "c"), 0);
    candidates_replace(&list, &list.items[0], token("d", NULL, 2));
    assert_int_equal(place(&list, "c"), 2); /* the repeat is the first now */
    candidates_sort(&list);
    assert_int_equal(place(&list, "b"), 0);
    assert_int_equal(place(&list, "d"), 1);
    candidates_clear(&list);
    assert_int_equal(place(&list, "d"), -1);
    candidates_free(&list);
}

/** 200,000 tokens, of which half are replaced: seconds, where a search along the list would take hours. */
static void test_many(void **state) {
    (void)state;
    enum { COUNT = 200000, ROOM = 16 };
    static char texts[2 * COUNT][ROOM];
    Candidates list = {0};
    for (int i = 0; i < 2 * COUNT; i++) snprintf(texts[i], ROOM, "<%d>", i);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(place(&list, texts[i]), -1);
        push(&list, token(texts[i], NULL, i));
    }
    for (int i = 0; i < COUNT; i += 2) {
        assert_int_equal(place(&list, texts[i]), i);
        candidates_replace(&list, &list.items[i], token(texts[COUNT + i], NULL, i));
        assert_int_equal(place(&list, texts[i]), -1);
        assert_int_equal(place(&list, texts[COUNT + i]), i);
    }
    candidates_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_first),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
