/* class_weights: what is taken, how it is kept as text, and the weights that it stands for. */
#include "linnet/settings/class_weights.h"
#include "unit/settings_support.h"

static char *names[] = {"negative", "neutral", "positive"};
static const DatasetInfo DATA = {.path = "train.h5", .samples = 90, .labels = 3, .label_names = names};

static Settings load_weights(const char *value) {
    char text[512];
    snprintf(text, sizeof text, "%s,\n\"class_weights\": %s}", REQUIRED, value);
    return load_good(text);
}

static void expect_weights(const char *value, const int64_t *counts, const double *expected) {
    Settings settings = load_weights(value);
    Error error = {0};
    double weights[3];
    if (class_weights_read(weights, &settings, &DATA, counts, &error)) fail_msg("%s", error.message);
    for (size_t i = 0; i < 3; i++) assert_true(weights[i] == expected[i]);
    settings_free(&settings);
}

static void test_lists_and_objects(void **state) {
    (void)state;
    expect_weights("[1, 2.5, 0]", NULL, (double[]){1, 2.5, 0});
    expect_weights("[0.1, 1e300, 5e-324]", NULL, (double[]){0.1, 1e300, 5e-324});
    expect_weights("[0.30000000000000004, 0.3333333333333333, 1]", NULL,
                   (double[]){0.30000000000000004, 0.3333333333333333, 1});
    expect_weights("{\"positive\": 2}", NULL, (double[]){1, 1, 2}); /* scikit-learn: 1 for the others */
    expect_weights("{\"positive\": 0, \"negative\": 0}", NULL, (double[]){0, 1, 0});
}

/** sklearn.utils.class_weight.compute_class_weight("balanced", ...) of scikit-learn 1.9.1, to the bit. */
static void test_balanced(void **state) {
    (void)state;
    DatasetInfo skewed = DATA;
    skewed.samples = 100023;
    Settings settings = load_weights("\"balanced\"");
    Error error = {0};
    double weights[3];
    assert_true(class_weights_are_balanced(&settings));
    expect_weights("\"balanced\"", (int64_t[]){24, 44, 22}, (double[]){1.25, 0.6818181818181818, 1.3636363636363635});
    assert_int_equal(class_weights_read(weights, &settings, &skewed, (int64_t[]){7, 100003, 13}, &error), STATUS_OK);
    assert_true(weights[0] == 4763.0 && weights[1] == 0.33339999800006 && weights[2] == 2564.6923076923076);
    settings_free(&settings);
}

static void test_values_of_the_command_line(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"--class_weights=balanced", "\"balanced\""},
                                           {"--class_weights=[1, 2, 1]", "[1,2,1]"},
                                           {"--class_weights=[\"1\",\".5\",\"2\"]", "[1,0.5,2]"}, /* as 1 .5 2 */
                                           {"class_weights={\"neutral\": 2}", "{\"neutral\":2}"},
                                           {"class_weights=None", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Settings settings;
        Error error;
        if (LOAD(&settings, REQUIRED "}", &error, cases[i][0], NULL)) fail_msg("%s", error.message);
        if (cases[i][1])
            assert_string_equal(settings.class_weights, cases[i][1]);
        else
            assert_null(settings.class_weights);
        settings_free(&settings);
    }
}

/** The resolved text gives the same weights back. */
static void test_resolved_text(void **state) {
    (void)state;
    static const char *const values[] = {"[0.1,0.3333333333333333,1e+300]", "{\"a b\":0.5}", "\"balanced\""};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        Settings settings = load_weights(values[i]), again;
        Error error = {0};
        char *text = settings_text(&settings, &error);
        assert_string_equal(settings.class_weights, values[i]);
        assert_int_equal(settings_parse(&again, text, "text", &error), STATUS_OK);
        assert_string_equal(again.class_weights, values[i]);
        memory_free(text);
        settings_free(&again);
        settings_free(&settings);
    }
}

static void test_refuses_other_values(void **state) {
    (void)state;
    static const char *const cases[] = {"\"even\"", "[]",   "{}",     "[1,-1,1]",        "[0,0,0]", "[0,-0]",
                                        "[1,null]", "true", "[[1]]",  "[1,\"2\"]",       "2",       "{\"neutral\":-1}",
                                        "[true]",   "\"\"", "[null]", "{\"neutral\":[]}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s,\n\"class_weights\": %s}", REQUIRED, cases[i]);
        EXPECT_REFUSAL(text, NULL, "FILE:2: class_weights: ", "a list of numbers", "balanced", "got ");
    }
    EXPECT_REFUSAL(REQUIRED ",\n\"class_weights\": [1, 1e999]}", NULL, "FILE:2: class_weights: ", "a list of numbers");
    EXPECT_REFUSAL(REQUIRED "}", "class_weights={\"neutral\":1,\"neutral\":2}", "class_weights: ", "got ");
    EXPECT_REFUSAL(REQUIRED ",\n\"focal_gamma\": 2, \"label_smoothing_factor\": 0.1}", NULL,
                   "FILE:2: focal_gamma: ", "label_smoothing_factor");
}

/** A message says where the weights were given. */
static void test_refuses_what_does_not_fit_the_data(void **state) {
    (void)state;
    static const struct {
        const char *value, *words[3];
    } cases[] = {{"[1, 2]", {"expected 3 weights", "\"negative\", \"neutral\", \"positive\"", "got 2"}},
                 {"[1, 2, 3, 4]", {"expected 3 weights", "train.h5", "got 4"}},
                 {"{\"neutrl\": 2}", {"\"neutrl\"", "did you mean \"neutral\"?", "train.h5"}},
                 {"{\"great\": 2}", {"\"great\"", "\"negative\"", "train.h5"}},
                 {"{\"neutral\": 0, \"negative\": 0, \"positive\": 0}", {"above 0", "train.h5", "class_weights"}},
                 {"\"balanced\"", {"none of \"neutral\"", "train.h5", "a list"}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Settings settings = load_weights(cases[i].value);
        Error error = {0};
        double weights[3];
        char place[160];
        snprintf(place, sizeof place, "%s:2: class_weights: ", path);
        assert_int_equal(class_weights_read(weights, &settings, &DATA, (int64_t[]){80, 0, 10}, &error), STATUS_INPUT);
        assert_names(error.message, NAMES(place, cases[i].words[0], cases[i].words[1], cases[i].words[2]));
        settings_free(&settings);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(test_lists_and_objects),          SETTINGS_TEST(test_balanced),
        SETTINGS_TEST(test_values_of_the_command_line), SETTINGS_TEST(test_resolved_text),
        SETTINGS_TEST(test_refuses_other_values),       SETTINGS_TEST(test_refuses_what_does_not_fit_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
