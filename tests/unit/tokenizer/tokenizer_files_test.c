/* A tokenizer's files read, completed and saved. That the made ones are those of Transformers: tests/e2e/tokenizer_files_test.py. */
#include "linnet/tokenizer/tokenizer_files.h"
#include "unit/model_files.h"

static const char GIVEN[] = "tests/golden/tokenizer_small"; /* vocab.json, merges.txt */
enum { POSITIONS = 64 };

static TokenizerFiles read_fine(const char *path, int32_t pad) {
    TokenizerFiles files;
    Error error = {0};
    tokenizer_files_read(&files, path, pad, POSITIONS, &error);
    assert_fine(&error);
    return files;
}

/** Read, save to `to`, and read that. */
static TokenizerFiles save_fine(const TokenizerFiles *files, const char *to) {
    Error error = {0};
    file_make_folder(to, &error);
    tokenizer_files_save(files, to, &error);
    assert_fine(&error);
    return read_fine(to, -1);
}

static void assert_same_files(const TokenizerFiles *left, const TokenizerFiles *right) {
    for (size_t i = 0; i < TOKENIZER_FILES; i++) {
        assert_int_equal(left->file[i].size, right->file[i].size);
        if (left->file[i].text) assert_string_equal(left->file[i].text, right->file[i].text);
    }
}

/** What is complete is saved as it is, by a model of more positions too. */
static void test_completes_once(void **state) {
    (void)state;
    TokenizerFiles made = read_fine(GIVEN, -1), again = save_fine(&made, in_folder("once")), larger;
    Error error = {0};
    for (size_t i = 0; i < TOKENIZER_FILES; i++)
        assert_int_equal(made.file[i].text != NULL, i != TOKENIZER_ADDED && i != TOKENIZER_CHAT);
    assert_same_files(&made, &again);
    tokenizer_files_read(&larger, in_folder("once"), -1, 2 * POSITIONS, &error);
    assert_fine(&error);
    assert_same_files(&made, &larger);
    tokenizer_files_free(&made);
    tokenizer_files_free(&again);
    tokenizer_files_free(&larger);
}

/** The same tokenizer in any form: made files say the same as those that they were made of. */
static void test_forms_are_one_tokenizer(void **state) {
    (void)state;
    TokenizerFiles made = read_fine(GIVEN, -1), kept = made, again;
    TokenizerSpec before = {0}, after = {0};
    Error error = {0};
    kept.file[TOKENIZER_VOCABULARY].text = kept.file[TOKENIZER_MERGES].text = kept.file[TOKENIZER_SPECIAL].text = NULL;
    again = save_fine(&kept, in_folder("alone")); /* tokenizer.json and tokenizer_config.json */
    tokenizer_spec_read(&before, GIVEN, &error);
    tokenizer_spec_read(&after, in_folder("alone"), &error);
    assert_fine(&error);
    assert_string_equal(before.digest, after.digest);
    assert_string_equal(made.file[TOKENIZER_SPECIAL].text, again.file[TOKENIZER_SPECIAL].text);
    tokenizer_spec_free(&before);
    tokenizer_spec_free(&after);
    tokenizer_files_free(&made);
    tokenizer_files_free(&again);
}

static void test_pad_token(void **state) {
    (void)state;
    AddedToken added[] = {{.id = 5}, {.id = 9}};
    TokenizerSpec spec = {.added = added, .added_count = 2, .end_of_text = 9, .special[SPECIAL_PAD] = 7};
    assert_int_equal(tokenizer_pad(&spec, 5), 7); /* its own */
    spec.special[SPECIAL_PAD] = -1;
    assert_int_equal(tokenizer_pad(&spec, 5), 5); /* the model's */
    assert_int_equal(tokenizer_pad(&spec, 4), 9); /* which would change ids as an added token */
    assert_int_equal(tokenizer_pad(&spec, -1), 9);
}

/** Each file that is there is saved, also those that say nothing about ids. */
static void test_keeps_other_files(void **state) {
    (void)state;
    TokenizerFiles made = read_fine(GIVEN, -1), saved = save_fine(&made, in_folder("chat")), again;
    write_text(in_folder("chat/chat_template.jinja"), "{{ messages }}");
    write_text(in_folder("chat/added_tokens.json"), "{}");
    again = read_fine(in_folder("chat"), -1);
    assert_string_equal(again.file[TOKENIZER_CHAT].text, "{{ messages }}");
    assert_string_equal(again.file[TOKENIZER_ADDED].text, "{}");
    tokenizer_files_free(&made);
    tokenizer_files_free(&saved);
    tokenizer_files_free(&again);
}

static void test_refuses_what_is_no_tokenizer(void **state) {
    (void)state;
    TokenizerFiles files;
    Error none = {0}, damaged = {0}, error = {0};
    file_make_folder(in_folder("none"), &error);
    file_make_folder(in_folder("damaged"), &error);
    assert_fine(&error);
    assert_int_equal(tokenizer_files_read(&files, in_folder("none"), -1, POSITIONS, &none), STATUS_INPUT);
    write_text(in_folder("damaged/tokenizer.json"), "[]");
    assert_int_equal(tokenizer_files_read(&files, in_folder("damaged"), -1, POSITIONS, &damaged), STATUS_INPUT);
    assert_names(damaged.message, NAMES("damaged/tokenizer.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completes_once),
        cmocka_unit_test(test_forms_are_one_tokenizer),
        cmocka_unit_test(test_pad_token),
        cmocka_unit_test(test_keeps_other_files),
        cmocka_unit_test(test_refuses_what_is_no_tokenizer),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
