/* The tokenizer against the ids of Hugging Face tokenizers, and damaged vocabularies. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "linnet/text/records.h"
#include "linnet/tokenizer/decode.h"
#include "linnet/tokenizer/tokenizer.h"
#include "tokenizer/pretokenize.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static void write_file(const char *name, const char *text) {
    Error error = {0};
    assert_int_equal(file_replace(in_folder(name), text, strlen(text), &error), STATUS_OK);
}

static void remove_file(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

/* A vocabulary of the single bytes (ids 0…255 in the order of their characters) and `more` after them;
 * `without` leaves one byte out. */
static void write_vocabulary(const char *more, int without) {
    char text[8192] = "{";
    size_t used = 1;
    int id = 0;
    for (uint32_t character = 0x21; id < 256; character++) {
        if (character == 0x7F) character = 0xA1;
        if (character == 0xAD) continue;
        char token[5] = "";
        utf8_write(token, character);
        const char *escape = character == '"' || character == '\\' ? "\\" : "";
        if (id++ == without) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s%s\": %d, ", escape, token, id - 1);
    }
    snprintf(text + used, sizeof text - used, "%s}", more);
    write_file("vocab.json", text);
}

#define MORE_TOKENS "\"he\": 256, \"ll\": 257, \"hell\": 258, \"hello\": 259, \"Ġw\": 260"
#define MORE MORE_TOKENS ", \"<|endoftext|>\": 300"
#define MERGES "#version: 0.2\nh e\nl l\nhe ll\nhell o\nĠ w\n"

static Tokenizer *open_small(void) {
    Error error = {0};
    Tokenizer *tokenizer = NULL;
    write_vocabulary(MORE, -1);
    write_file("merges.txt", MERGES);
    assert_int_equal(tokenizer_create(&tokenizer, folder, &error), STATUS_OK);
    return tokenizer;
}

/* The ids as `1 2 3`. */
static const char *encode(Tokenizer *tokenizer, const char *text, size_t size) {
    static char out[4096];
    Error error = {0};
    const int32_t *ids;
    size_t count, used = 0;
    out[0] = 0;
    assert_int_equal(tokenizer_encode(tokenizer, text, size, &ids, &count, &error), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%" PRId32, i ? " " : "", ids[i]);
    return out;
}

static const char *encode_text(Tokenizer *tokenizer, const char *text) {
    return encode(tokenizer, text, strlen(text));
}

static void test_words_are_merged_by_rank(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    assert_int_equal(tokenizer_vocabulary(tokenizer), 301);
    assert_int_equal(tokenizer_end_of_text(tokenizer), 300);
    for (int round = 0; round < 2; round++) { /* the second time from the cache */
        assert_string_equal(encode_text(tokenizer, "hello"), "259");
        assert_string_equal(encode_text(tokenizer, "hello wa"), "259 260 64");
        assert_string_equal(encode_text(tokenizer, "helll"), "258 75");
        assert_string_equal(encode_text(tokenizer, "a  w"), "64 220 260");
        assert_string_equal(encode_text(tokenizer, "hellohellohellohellohello"), "259 259 259 259 259");
        assert_string_equal(encode_text(tokenizer, ""), "");
        assert_string_equal(encode(tokenizer, "a\0b", 3), "64 188 65");
        assert_string_equal(encode_text(tokenizer, "he's"), "256 6 82");
    }
    tokenizer_destroy(tokenizer);
}

static void test_end_of_text_is_special(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    assert_string_equal(encode_text(tokenizer, "<|endoftext|>"), "300");
    assert_string_equal(encode_text(tokenizer, "a<|endoftext|><|endoftext|> w"), "64 300 300 260");
    assert_string_equal(encode_text(tokenizer, "a <|endoftext|>"), "64 220 300");
    assert_string_equal(encode_text(tokenizer, "<|<|endoftext|>"), "27 91 300");
    tokenizer_destroy(tokenizer);
}

static void test_samples_are_not_empty_nor_too_long(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    Error error = {0};
    const int32_t *ids;
    size_t count;
    bool truncated = true;
    assert_int_equal(tokenizer_encode_sample(tokenizer, "", 0, 1, &ids, &count, &truncated, &error), STATUS_OK);
    assert_true(count == 1 && ids[0] == 300 && !truncated);
    assert_int_equal(tokenizer_encode_sample(tokenizer, "abc", 3, 3, &ids, &count, &truncated, &error), STATUS_OK);
    assert_true(count == 3 && !truncated);
    assert_int_equal(tokenizer_encode_sample(tokenizer, "abc", 3, 2, &ids, &count, &truncated, &error), STATUS_OK);
    assert_true(count == 2 && ids[1] == 65 && truncated);
    tokenizer_destroy(tokenizer);
}

static void test_text_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    static const char *const texts[] = {"ab\xFF", "abcdefghij\xC3", "\xED\xA0\x80",
                                        "a\x80",  "\xE0\x80\x80",   "\xF8\x88\x80\x80"};
    static const int places[] = {3, 11, 1, 2, 1, 1};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        Error error = {0};
        const int32_t *ids;
        size_t count;
        char expected[32];
        snprintf(expected, sizeof expected, "byte %d of the text", places[i]);
        assert_int_equal(tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), &ids, &count, &error), STATUS_INPUT);
        assert_memory_equal(error.message, expected, strlen(expected));
    }
    assert_string_equal(encode_text(tokenizer, "hello"), "259"); /* it still works */
    tokenizer_destroy(tokenizer);
}

/* A folder's identity, which does not depend on the files that it is kept in. */
static const char *identity(void) {
    static char digest[DIGEST_TEXT];
    Error error = {0};
    TokenizerSpec spec;
    assert_int_equal(tokenizer_spec_read(&spec, folder, &error), STATUS_OK);
    memcpy(digest, spec.digest, DIGEST_TEXT);
    tokenizer_spec_free(&spec);
    return digest;
}

static void test_identity_is_of_behaviour(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    char kept[DIGEST_TEXT];
    snprintf(kept, sizeof kept, "%s", tokenizer_digest(tokenizer));
    tokenizer_destroy(tokenizer);
    assert_string_equal(identity(), kept);
    write_file("merges.txt", "h e\r\nl l\r\nhell o\r\nhe ll\nhell o\nĠ w"); /* the later of equal merges counts */
    assert_string_equal(identity(), kept);
    write_vocabulary("\"<|endoftext|>\": 300, \"zz\": 299, " MORE_TOKENS, -1); /* a token that no merge makes */
    assert_string_equal(identity(), kept);
    write_file("tokenizer_config.json", "{\"pad_token\": \"<|endoftext|>\", \"model_max_length\": 9}");
    assert_string_equal(identity(), kept);
    write_file("tokenizer_config.json", "{\"truncation_side\": \"left\"}");
    assert_string_not_equal(identity(), kept);
    write_file("tokenizer_config.json", "{\"pad_token\": \"[PAD]\"}");
    assert_string_not_equal(identity(), kept);
    remove_file("tokenizer_config.json");
    write_file("merges.txt", "l l\nh e\nhe ll\nhell o\nĠ w\n");
    assert_string_not_equal(identity(), kept);
}

/* Ids beyond 16 bits, in merges, in the cache and of added tokens, whose ids follow the vocabulary's largest. */
static void test_ids_beyond_16_bits(void **state) {
    (void)state;
    Error error = {0};
    Tokenizer *tokenizer = NULL;
    write_vocabulary("\"he\": 70000, \"ll\": 70001, \"hell\": 2000000000, \"hello\": 65536, \"Ġw\": 65535, "
                     "\"<|endoftext|>\": 2000000001",
                     -1);
    write_file("merges.txt", MERGES);
    write_file("tokenizer_config.json", "{\"pad_token\": \"[PAD]\"}");
    assert_int_equal(tokenizer_create(&tokenizer, folder, &error), STATUS_OK);
    for (int round = 0; round < 2; round++) { /* the second time from the cache */
        assert_string_equal(encode_text(tokenizer, "hello hell w[PAD]<|endoftext|>"),
                            "65536 220 2000000000 65535 2000000002 2000000001");
        assert_string_equal(encode_text(tokenizer, "aaaaaaaaaaaaaaa"), "64 64 64 64 64 64 64 64 64 64 64 64 64 64 64");
    }
    assert_int_equal(tokenizer_vocabulary(tokenizer), 2000000003);
    tokenizer_destroy(tokenizer);
    remove_file("tokenizer_config.json");
}

static void assert_refused(const char *const *names) {
    Error error = {0};
    Tokenizer *tokenizer = NULL;
    assert_int_equal(tokenizer_create(&tokenizer, folder, &error), STATUS_INPUT);
    assert_null(tokenizer);
    assert_memory_equal(error.message, folder, strlen(folder));
    assert_names(error.message, names);
}

static void test_damaged_vocabulary_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *more, *names[4];
    } cases[] = {
        {"\"he\": 2147483647, \"<|endoftext|>\": 1", {"vocab.json:", "id", "`he`"}},
        {"\"he\": 0, \"<|endoftext|>\": 300", {"vocab.json: ", "`he`", "id 0"}},
        {"\"he\": -1, \"<|endoftext|>\": 1", {"vocab.json:", "id", "`he`"}},
        {"\"he\": 1.5, \"<|endoftext|>\": 1", {"vocab.json:", "id", "`he`"}},
        {"\"he\": \"1\", \"<|endoftext|>\": 1", {"vocab.json:", "id", "`he`"}},
        {"\"he\": 256, \"he\": 257, \"<|endoftext|>\": 300", {"vocab.json: ", "`he`", "twice"}},
        {"\"\": 256, \"<|endoftext|>\": 300", {"vocab.json:", "expected a text"}},
        {"\"he\" 256", {"vocab.json:1"}},
    };
    write_file("merges.txt", MERGES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_vocabulary(cases[i].more, -1);
        assert_refused(cases[i].names);
    }
    write_file("vocab.json", "[1, 2]");
    assert_refused(NAMES("vocab.json: ", "JSON object"));
    for (int byte = 0; byte < 256; byte++) { /* each one missing in turn */
        write_vocabulary(MORE, byte);
        assert_refused(NAMES("vocab.json: ", "byte 0x"));
    }
}

static void test_damaged_merges_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *names[4];
    } cases[] = {
        {"#version: 0.2\nh e\nl\n", {"merges.txt:3: ", "two tokens"}},
        {"h e\n\nl l\n", {"merges.txt:2: ", "two tokens"}},
        {"h e l\n", {"merges.txt:1: ", "two tokens"}},
        {"h  e\n", {"merges.txt:1: ", "two tokens"}},
        {" e\n", {"merges.txt:1: ", "two tokens"}},
        {"h e\r\nzz e", {"merges.txt:2: ", "`zz`", "vocabulary"}},
        {"h e\nh zz\n", {"merges.txt:2: ", "`zz`", "vocabulary"}},
        {"h e\ne h\n", {"merges.txt:2: ", "`eh`", "vocabulary"}},
    };
    write_vocabulary(MORE, -1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("merges.txt", cases[i].text);
        assert_refused(cases[i].names);
    }
}

static void test_missing_files_are_named(void **state) {
    (void)state;
    tokenizer_destroy(open_small());
    remove_file("merges.txt");
    assert_refused(NAMES("merges.txt"));
    remove_file("vocab.json");
    assert_refused(NAMES("no tokenizer", "tokenizer.json", "vocab.json"));
}

/* The ids of Hugging Face tokenizers for every text of a cases file: lines {"text": …, "ids": […]}. */
static void check_cases(const char *tokenizer_folder, const char *cases, int at_least) {
    static const char *const column[] = {"text"};
    Error error = {0};
    Tokenizer *tokenizer = NULL;
    Records *records = NULL;
    FILE *file = fopen(cases, "r");
    char *line = NULL;
    size_t room = 0;
    int checked = 0;
    assert_non_null(file);
    assert_int_equal(tokenizer_create(&tokenizer, tokenizer_folder, &error), STATUS_OK);
    assert_int_equal(records_open(&records, cases, &(TableOptions){0}, column, 1, false, &error), STATUS_OK);
    for (ssize_t length; (length = getline(&line, &room, file)) > 0; checked++) {
        Field field;
        bool more;
        const int32_t *ids;
        size_t count, i = 0;
        cJSON *tree = cJSON_ParseWithLength(
            line, (size_t)length); /* only the ids: cJSON ends a text at a zero byte, records.h does not */
        const cJSON *expected = cJSON_GetObjectItem(tree, "ids"), *id;
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_true(more);
        assert_int_equal(tokenizer_encode(tokenizer, field.text, field.size, &ids, &count, &error), STATUS_OK);
        bool equal = count == (size_t)cJSON_GetArraySize(expected);
        cJSON_ArrayForEach(id, expected) equal = equal && ids[i++] == (int32_t)id->valuedouble;
        if (!equal) fail_msg("%s:%d: other ids", cases, checked + 1);
        cJSON_Delete(tree);
    }
    assert_true(checked >= at_least);
    free(line);
    fclose(file);
    records_close(records);
    tokenizer_destroy(tokenizer);
}

static void test_ids_equal_the_small_golden(void **state) {
    (void)state;
    check_cases("tests/golden/tokenizer_small", "tests/golden/tokenizer_small/cases.jsonl", 200);
}

static void test_ids_equal_the_shared_golden(void **state) {
    (void)state;
    if (!file_exists("../shared/golden/tokenizer.jsonl") || !file_is_folder("../shared/data/gpt2-tokenizer")) {
        printf("# because there is no GPT-2 vocabulary in ../shared/data, or no tokenizer.jsonl in ../shared/golden\n");
        skip();
    }
    check_cases("../shared/data/gpt2-tokenizer", "../shared/golden/tokenizer.jsonl", 2000);
}

/* Whether neighbour + code point is one word. */
static bool joins(Pretokenizer *pretokenizer, char neighbour, uint32_t code_point) {
    char text[5] = {neighbour};
    Error error = {0};
    size_t size = 1 + utf8_write(text + 1, code_point), end;
    assert_int_equal(pretokenizer_next(pretokenizer, text, size, 0, &end, &error), STATUS_OK);
    return end == size;
}

/* Every code point has the class of Hugging Face's engine, whatever class the installed PCRE2 gives it. */
static void test_classes_hold_for_all_code_points(void **state) {
    (void)state;
    static const char *const names[4] = {"letters", "numbers", "signs", "spaces"};
    static const char neighbours[3] = {'a', '1', '!'};
    Error error = {0};
    Pretokenizer *pretokenizer = NULL;
    int64_t counts[4] = {0};
    uint64_t hashes[4];
    for (int i = 0; i < 4; i++) hashes[i] = UINT64_C(0xCBF29CE484222325);
    assert_int_equal(pretokenizer_create(&pretokenizer, &error), STATUS_OK);
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c == 0xD800) c = 0xE000; /* surrogates are not characters */
        int class = 0;
        while (class < 3 && !joins(pretokenizer, neighbours[class], c)) class ++;
        counts[class]++;
        for (int shift = 0; shift < 32; shift += 8)
            hashes[class] = (hashes[class] ^ (c >> shift & 0xFF)) * UINT64_C(0x100000001B3);
    }
    pretokenizer_destroy(pretokenizer);
    cJSON *tree = NULL;
    assert_int_equal(json_load(&tree, "tests/golden/tokenizer_small/classes.json", &error), STATUS_OK);
    for (int i = 0; i < 4; i++) {
        const cJSON *expected = cJSON_GetObjectItem(tree, names[i]);
        char hash[17];
        snprintf(hash, sizeof hash, "%016" PRIx64, hashes[i]);
        assert_int_equal(counts[i], (int64_t)cJSON_GetObjectItem(expected, "count")->valuedouble);
        assert_string_equal(hash, cJSON_GetObjectItem(expected, "fnv")->valuestring);
    }
    cJSON_Delete(tree);
}

/* A word of a million bytes: log-linear merging takes less than a second, quadratic merging a quarter of an hour. */
static void test_long_word_takes_no_quadratic_time(void **state) {
    (void)state;
    const size_t size = 1000000;
    const double limit = 30; /* seconds: a slow machine under a sanitizer still passes */
    Error error = {0};
    Tokenizer *tokenizer = open_small();
    char *text = memory_allocate(size, 1, &error);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++) text[i] = "hello"[i % 5];
    const int32_t *ids;
    size_t count;
    clock_t start = clock();
    assert_int_equal(tokenizer_encode(tokenizer, text, size, &ids, &count, &error), STATUS_OK);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < limit);
    assert_int_equal(count, size / 5);
    for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], 259);
    memory_free(text);
    tokenizer_destroy(tokenizer);
}

/* Every byte, added tokens, and characters of one to four bytes come back as they were. */
static void test_ids_are_decoded_to_the_text(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    static const char *const texts[] = {"", "hello world, he's  here\n\t", "a<|endoftext|> w",
                                        "\u00e9\u00e8 \u0120\u00ad \u4e16\u754c \U0001F600",
                                        "\x01\x7f \xc2\x80\xc2\xa0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Error error = {0};
        const int32_t *ids;
        char *text = NULL;
        size_t count, size;
        assert_int_equal(tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), &ids, &count, &error), STATUS_OK);
        assert_int_equal(tokenizer_decode(tokenizer_spec(tokenizer), ids, count, &text, &size, &error), STATUS_OK);
        assert_int_equal(size, strlen(texts[i]));
        assert_string_equal(text, texts[i]);
        memory_free(text);
    }
    Error error = {0};
    char *text = NULL;
    size_t size;
    const int32_t zero = 188, unknown = 299; /* the byte 0; an id in the gap before end-of-text */
    assert_int_equal(tokenizer_decode(tokenizer_spec(tokenizer), &zero, 1, &text, &size, &error), STATUS_OK);
    assert_int_equal(size, 1);
    assert_int_equal(text[0], 0);
    memory_free(text);
    assert_int_equal(tokenizer_decode(tokenizer_spec(tokenizer), &unknown, 1, &text, &size, &error), STATUS_INPUT);
    assert_string_equal(error.message, "the tokenizer has no token 299");
    tokenizer_destroy(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_merged_by_rank),
        cmocka_unit_test(test_end_of_text_is_special),
        cmocka_unit_test(test_samples_are_not_empty_nor_too_long),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_identity_is_of_behaviour),
        cmocka_unit_test(test_ids_beyond_16_bits),
        cmocka_unit_test(test_damaged_vocabulary_is_refused),
        cmocka_unit_test(test_damaged_merges_are_refused),
        cmocka_unit_test(test_missing_files_are_named),
        cmocka_unit_test(test_ids_equal_the_small_golden),
        cmocka_unit_test(test_ids_equal_the_shared_golden),
        cmocka_unit_test(test_classes_hold_for_all_code_points),
        cmocka_unit_test(test_ids_are_decoded_to_the_text),
        cmocka_unit_test(test_long_word_takes_no_quadratic_time),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
