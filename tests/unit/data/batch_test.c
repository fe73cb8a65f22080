/* Packing samples into a batch: both kinds of pooling, truncation, reduction units. */
#include "linnet/data/batch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define END 50256

static const BatchRule LAST = {.pooling = POOLING_LAST_TOKEN, .pad = END, .end_of_text = END, .positions = 8};
static const BatchRule PADDED = {.pooling = POOLING_PADDED_END, .pad = END, .end_of_text = END, .positions = 8};
static const int32_t IDS[10] = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

static Batch batch_new(void) {
    Error error = {0};
    Batch batch;
    assert_int_equal(batch_create(&batch, 40, 5, &error), STATUS_OK);
    return batch;
}

#define assert_values(actual, ...)                                                                                     \
    do {                                                                                                               \
        const int32_t expected_[] = {__VA_ARGS__};                                                                     \
        for (size_t i_ = 0; i_ < sizeof expected_ / sizeof *expected_; i_++)                                           \
            assert_int_equal((actual)[i_], expected_[i_]);                                                             \
    } while (0)

/* The example of the header. */
static void test_packs_three_samples(void **state) {
    (void)state;
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &LAST, IDS, 4, 2, 100);
    batch_add(&batch, &LAST, IDS + 4, 1, 0, (uint64_t)1 << 40);
    batch_add(&batch, &LAST, IDS + 5, 3, 1, 7);
    assert_int_equal(batch.tokens, 8);
    assert_int_equal(batch.samples, 3);
    assert_int_equal(batch.text_tokens, 8);
    assert_values(batch.ids, 11, 12, 13, 14, 15, 16, 17, 18);
    assert_values(batch.positions, 0, 1, 2, 3, 0, 0, 1, 2);
    assert_values(batch.key_counts, 1, 2, 3, 4, 1, 1, 2, 3);
    assert_values(batch.cu_seqlens, 0, 4, 5, 8);
    assert_values(batch.pooled, 3, 4, 7);
    assert_values(batch.labels, 2, 0, 1);
    assert_values(batch.pooled_positions, 3, 0, 2);
    assert_values(batch.pooled_key_counts, 4, 1, 3);
    assert_values(batch.pooled_cu_seqlens, 0, 1, 2, 3, 4, 5);
    static const uint64_t rows[8] = {100, 100, 100, 100, (uint64_t)1 << 40, 7, 7, 7};
    assert_memory_equal(batch.row_samples, rows, sizeof rows);
    static const uint64_t samples[3] = {100, (uint64_t)1 << 40, 7};
    assert_memory_equal(batch.sample_ids, samples, sizeof samples);
    Segments one = batch_row_segments(&batch);
    assert_true(one.count == 1 && segments_rows(&one) == 8);
    batch_clear(&batch); /* the old samples are gone */
    batch_add(&batch, &LAST, IDS, 2, 1, 3);
    assert_int_equal(batch.tokens, 2);
    assert_int_equal(batch.text_tokens, 2);
    assert_values(batch.cu_seqlens, 0, 2);
    batch_destroy(&batch);
}

/* A text gets one more row, which attends to the text and not to itself; a text that fills all positions gets none. */
static void test_padded_end_adds_a_row(void **state) {
    (void)state;
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &PADDED, IDS, 3, 0, 1);
    batch_add(&batch, &PADDED, IDS, 8, 1, 2);
    batch_add(&batch, &PADDED, IDS, 7, 2, 3);
    assert_int_equal(batch_rows(&PADDED, 3), 4);
    assert_int_equal(batch_rows(&PADDED, 7), 8);
    assert_int_equal(batch_rows(&PADDED, 8), 8);
    assert_int_equal(batch_rows(&PADDED, 9), 8);
    assert_int_equal(batch.tokens, 20);
    assert_int_equal(batch.text_tokens, 18);
    assert_values(batch.cu_seqlens, 0, 4, 12, 20);
    assert_values(batch.ids, 11, 12, 13, END, 11);
    assert_values(batch.positions, 0, 1, 2, 7, 0);
    assert_values(batch.key_counts, 1, 2, 3, 3, 1);
    assert_values(batch.pooled, 3, 11, 19);
    assert_values(batch.pooled_positions, 7, 7, 7);
    assert_values(batch.pooled_key_counts, 3, 8, 7);
    batch_destroy(&batch);
}

/* The rightmost token that is not the pad; of only pads the first, as Transformers' argmax gives it. */
static void test_last_token_skips_pads(void **state) {
    (void)state;
    static const int32_t ends[4] = {5, END, 6, END}, pads[3] = {END, END, END};
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &LAST, ends, 4, 0, 1);
    batch_add(&batch, &LAST, pads, 3, 0, 2);
    assert_int_equal(batch.tokens, 7); /* the pads stay rows of the text */
    assert_values(batch.pooled, 2, 4);
    assert_values(batch.pooled_positions, 2, 0);
    assert_values(batch.pooled_key_counts, 3, 1);
    batch_destroy(&batch);
}

/* Tokens past the last position are dropped before the pooled token is chosen. */
static void test_long_texts_are_truncated(void **state) {
    (void)state;
    int32_t ids[10];
    memcpy(ids, IDS, sizeof ids);
    ids[7] = END;
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &LAST, ids, 10, 0, 1);
    batch_add(&batch, &PADDED, ids, 10, 0, 2);
    assert_int_equal(batch_rows(&LAST, 10), 8);
    assert_int_equal(batch.tokens, 16);
    assert_int_equal(batch.text_tokens, 16);
    assert_values(batch.pooled, 6, 15);
    batch_destroy(&batch);
}

static void test_no_memory_is_an_error(void **state) {
    (void)state;
    Error error = {0};
    Batch batch;
    assert_int_equal(batch_create(&batch, SIZE_MAX / 2, 5, &error), STATUS_FAILURE);
    assert_null(batch.labels); /* the arrays are freed */
    batch_destroy(&batch);
    batch_destroy(NULL);
}

static void test_units_are_segments(void **state) {
    (void)state;
    Batch batch = batch_new();
    for (int twice = 0; twice < 2; twice++) {
        batch_clear(&batch);
        batch_add(&batch, &LAST, IDS, 4, 0, 0);
        batch_add(&batch, &LAST, IDS, 1, 0, 1);
        batch_next_unit(&batch);
        batch_add(&batch, &LAST, IDS, 3, 0, 2);
        batch_next_unit(&batch);
        batch_add(&batch, &LAST, IDS, 2, 0, 3);
        batch_add(&batch, &LAST, IDS, 5, 0, 4);
        Segments rows = batch_row_segments(&batch), samples = batch_sample_segments(&batch);
        static const size_t row_starts[] = {0, 5, 8, 15}, sample_starts[] = {0, 2, 3, 5};
        assert_true(rows.count == 3 && samples.count == 3);
        assert_memory_equal(rows.starts, row_starts, sizeof row_starts);
        assert_memory_equal(samples.starts, sample_starts, sizeof sample_starts);
    }
    batch_destroy(&batch);
}

static const BatchRule SHARE = {
    .pooling = POOLING_LAST_TOKEN, .pad = END, .end_of_text = END, .positions = 8, .share = true};
static const BatchRule SHARE_PADDED = {
    .pooling = POOLING_PADDED_END, .pad = END, .end_of_text = END, .positions = 8, .share = true};

/* The example of the header. */
static void test_shares_a_beginning(void **state) {
    (void)state;
    static const int32_t xyz[] = {1, 2, 3}, xyw[] = {1, 2, 4};
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &SHARE, xyz, 3, 0, 10);
    batch_add(&batch, &SHARE, xyw, 3, 0, 11);
    batch_add(&batch, &SHARE, xyw, 3, 0, 12);
    assert_int_equal(batch.tokens, 4);
    assert_int_equal(batch.samples, 3);
    assert_int_equal(batch.text_tokens, 9);
    assert_int_equal(batch.shared_rows, 5);
    assert_values(batch.ids, 1, 2, 3, 4);
    assert_values(batch.positions, 0, 1, 2, 2);
    assert_values(batch.key_counts, 1, 2, 3, 3);
    assert_values(batch.cu_seqlens, 0, 3, 4, 4);
    assert_values(batch.key_rows, 0, 1, 2, 0, 1, 3, 0, 1, 3);
    assert_values(batch.cu_keys, 0, 3, 6, 9);
    assert_values(batch.pooled, 2, 3, 3);
    assert_values(batch.pooled_key_counts, 3, 3, 3);
    batch_destroy(&batch);
}

/* The added row belongs to its sample alone, also where it looks like a token of the next one: the text below has the
 * end-of-text token at the added row's very position. A longer text shares a shorter one's rows, and the other way
 * round. */
static void test_shares_no_added_row(void **state) {
    (void)state;
    static const int32_t seven[] = {1, 2, 3, 4, 5, 6, 7}, eight[] = {1, 2, 3, 4, 5, 6, 7, END};
    Batch batch = batch_new();
    batch_clear(&batch);
    batch_add(&batch, &SHARE_PADDED, seven, 7, 0, 10);
    batch_add(&batch, &SHARE_PADDED, eight, 8, 0, 11);
    batch_add(&batch, &SHARE_PADDED, eight, 2, 0, 12);
    assert_int_equal(batch.tokens, 8 + 1 + 1);
    assert_values(batch.cu_seqlens, 0, 8, 9, 10);
    assert_values(batch.key_rows, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 8, 0, 1, 9);
    assert_values(batch.positions, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7);
    assert_values(batch.key_counts, 1, 2, 3, 4, 5, 6, 7, 7, 8, 2);
    assert_values(batch.pooled, 7, 8, 9);
    batch_destroy(&batch);
}

static void test_what_fits(void **state) {
    (void)state;
    Error error = {0};
    Batch batch;
    assert_int_equal(batch_create(&batch, 8, 100, &error), STATUS_OK);
    batch_clear(&batch);
    assert_true(batch_fits(&batch, &SHARE, IDS, 8) && batch_fits(&batch, &LAST, IDS, 8));
    batch_add(&batch, &SHARE, IDS, 7, 0, 0);
    assert_true(batch_fits(&batch, &SHARE, IDS, 8)); /* one more row */
    assert_false(batch_fits(&batch, &LAST, IDS, 8));
    assert_true(batch_fits(&batch, &LAST, IDS, 1));
    assert_false(batch_fits(&batch, &SHARE, IDS + 1, 2));
    size_t samples = 1;
    for (; batch_fits(&batch, &SHARE, IDS, 8); samples++) batch_add(&batch, &SHARE, IDS, 8, 0, samples);
    assert_int_equal(samples, 1 + (BATCH_KEYS * 8 - 7) / 8); /* key_rows is full */
    batch_destroy(&batch);
    assert_int_equal(batch_create(&batch, 8, 2, &error), STATUS_OK);
    batch_clear(&batch);
    batch_add(&batch, &SHARE, IDS, 1, 0, 0);
    batch_add(&batch, &SHARE, IDS, 1, 0, 0);
    assert_false(batch_fits(&batch, &SHARE, IDS, 1)); /* two samples */
    batch_destroy(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_a_beginning),
        cmocka_unit_test(test_shares_no_added_row),
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_units_are_segments),
        cmocka_unit_test(test_packs_three_samples),
        cmocka_unit_test(test_padded_end_adds_a_row),
        cmocka_unit_test(test_last_token_skips_pads),
        cmocka_unit_test(test_long_texts_are_truncated),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
