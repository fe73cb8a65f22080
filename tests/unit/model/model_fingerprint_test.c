/* model_fingerprint(): what tells a model from another one. */
#include "linnet/model/model_folder.h"
#include "unit/model_files.h"

enum { WEIGHTS = 3 << 20 };

static unsigned char weights[WEIGHTS];

static void write_model(const char *config) {
    for (size_t i = 0; i < WEIGHTS; i++) weights[i] = (unsigned char)(i * 2654435761u >> 13);
    write_text(in_folder("config.json"), config);
    write_bytes(in_folder("model.safetensors"), weights, WEIGHTS);
}

static void test_it_follows_the_bytes(void **state) {
    (void)state;
    char first[DIGEST_TEXT], again[DIGEST_TEXT];
    write_model("{}");
    model_fingerprint(folder, false, first);
    assert_int_equal(strlen(first), 64);
    write_text(in_folder("vocab.json"), "{}"); /* a checkpoint beside it, a log: not the model */
    write_text(in_folder("optimizer.safetensors"), "x");
    model_fingerprint(folder, false, again);
    assert_string_equal(first, again);
    for (size_t i = 0; i < WEIGHTS; i++) weights[i] ^= 1; /* every weight, as training does */
    write_bytes(in_folder("model.safetensors"), weights, WEIGHTS);
    model_fingerprint(folder, false, again);
    assert_string_not_equal(first, again);
    write_model("{} ");
    model_fingerprint(folder, false, again);
    assert_string_not_equal(first, again);
    write_model("{}");
    write_bytes(in_folder("model.safetensors"), weights, WEIGHTS - 1);
    model_fingerprint(folder, false, again);
    assert_string_not_equal(first, again);
}

static void test_nothing_to_read(void **state) {
    (void)state;
    char digest[DIGEST_TEXT];
    model_fingerprint(in_folder("missing"), false, digest);
    assert_string_equal(digest, "");
    model_fingerprint(folder, false, digest);
    assert_string_equal(digest, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_it_follows_the_bytes),
        TEST(test_nothing_to_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
