/* What the next start makes of a final model that did not get to its place. Killed at every step of that, with real
 * models: tests/fault/final_model_test.py. */
#include "linnet/checkpoint/final_model.h"
#include "unit/model_files.h"

/** A file in OUTPUT/. */
static void put(const char *name, const char *text) {
    write_text(in_folder(name), text);
}

static void assert_holds(const char *name, const char *text) {
    char *found = NULL;
    Error error = {0};
    if (!text) {
        assert_false(file_exists(in_folder(name)));
        return;
    }
    assert_int_equal(file_read(in_folder(name), &found, NULL, &error), STATUS_OK);
    assert_string_equal(found, text);
    memory_free(found);
}

static void make_model_new(void) {
    Error error = {0};
    file_make_folder(in_folder("model.new"), &error);
    assert_fine(&error);
}

static void recover(void) {
    Error error = {0};
    final_model_recover(folder, &error);
    assert_fine(&error);
    assert_false(file_exists(in_folder("model.new")) || file_exists(in_folder("model.tmp")));
}

static void test_nothing_is_left(void **state) {
    (void)state;
    put("config.json", "a model");
    recover();
    assert_holds("config.json", "a model");
}

static void test_unfinished_one_goes(void **state) {
    (void)state;
    Error error = {0};
    put("config.json", "old");
    file_make_folder(in_folder("model.tmp"), &error);
    put("model.tmp/config.json", "half a mod");
    recover();
    assert_holds("config.json", "old");
}

static void test_complete_one_takes_its_place(void **state) {
    (void)state;
    put("config.json", "old");
    put("model.safetensors", "old");
    put("model.safetensors.index.json", "old");
    put("vocab.json", "old");
    put("merges.txt", "old");
    put("tokenizer.json", "old");
    put("special_tokens_map.json", "old");
    put("linnet_state.json", "old");
    put("metrics.jsonl", "the log");
    make_model_new();
    put("model.new/config.json", "new");
    put("model.new/model.safetensors", "new");
    put("model.new/tokenizer.json", "new");
    recover();
    assert_holds("config.json", "new");
    assert_holds("model.safetensors", "new");
    assert_holds("model.safetensors.index.json", NULL);
    assert_holds("vocab.json", NULL);
    assert_holds("merges.txt", NULL);
    assert_holds("tokenizer.json", "new");
    assert_holds("special_tokens_map.json", NULL);
    assert_holds("linnet_state.json", NULL);
    assert_holds("metrics.jsonl", "the log");
}

/** What was moved already is the new model's, and no old file. */
static void test_goes_on_in_the_middle(void **state) {
    (void)state;
    put("model.safetensors", "new");
    put("vocab.json", "new");
    make_model_new();
    put("model.new/merges.txt", "new");
    put("model.new/config.json", "new");
    recover();
    assert_holds("config.json", "new");
    assert_holds("model.safetensors", "new");
    assert_holds("vocab.json", "new");
    assert_holds("merges.txt", "new");
    make_model_new(); /* all that is left when only its own folder was still to go */
    recover();
    assert_holds("config.json", "new");
    assert_holds("vocab.json", "new");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_left),
        TEST(test_unfinished_one_goes),
        TEST(test_complete_one_takes_its_place),
        TEST(test_goes_on_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
