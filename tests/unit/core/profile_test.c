/* profile.h: regions nest, each is charged with its own time, and the trace is JSON. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/profile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void sleep_milliseconds(long milliseconds) {
    struct timespec wait = {0, milliseconds * 1000000};
    nanosleep(&wait, NULL);
}

static Profile *nested(void) {
    Error error = {0};
    Profile *profile = NULL;
    assert_int_equal(profile_create(&profile, &error), STATUS_OK);
    profile_enter(profile, REGION_FORWARD);
    sleep_milliseconds(20);
    profile_enter(profile, REGION_ATTENTION);
    sleep_milliseconds(60);
    profile_leave(profile, 5.0);
    profile_leave(profile, 7.0);
    return profile;
}

static void test_inner_time_is_not_counted_outside(void **state) {
    (void)state;
    Profile *profile = nested();
    double outer = profile_seconds(profile, REGION_FORWARD), inner = profile_seconds(profile, REGION_ATTENTION);
    /* A sleep takes at least its time; it may take longer. */
    assert_true(outer >= 0.020 && inner >= 0.060);
    assert_true(outer + inner <= profile_elapsed(profile));
    assert_true(profile_seconds(profile, REGION_SAVE) == 0.0);
    profile_destroy(profile);
}

static void test_operations_are_summed_by_region(void **state) {
    (void)state;
    Profile *profile = nested();
    profile_enter(profile, REGION_FORWARD);
    profile_leave(profile, 11.0);
    assert_true(profile_operations(profile, REGION_FORWARD) == 18.0);
    assert_true(profile_operations(profile, REGION_ATTENTION) == 5.0);
    profile_destroy(profile);
}

static void test_evaluation_is_charged_with_its_passes(void **state) {
    (void)state;
    Profile *profile = nested();
    double before = profile_seconds(profile, REGION_FORWARD);
    profile_enter(profile, REGION_EVALUATION);
    profile_enter(profile, REGION_FORWARD);
    sleep_milliseconds(10);
    profile_leave(profile, 11.0);
    profile_leave(profile, 0.0);
    assert_true(profile_seconds(profile, REGION_FORWARD) == before);
    assert_true(profile_seconds(profile, REGION_EVALUATION) >= 0.010);
    assert_true(profile_operations(profile, REGION_FORWARD) == 7.0);
    assert_true(profile_operations(profile, REGION_EVALUATION) == 11.0);
    profile_destroy(profile);
}

static void test_null_profile_is_allowed(void **state) {
    (void)state;
    profile_enter(NULL, REGION_DATA);
    profile_leave(NULL, 1.0);
    profile_destroy(NULL);
}

static void test_trace_holds_every_stretch(void **state) {
    (void)state;
    Error error = {0};
    char folder[] = "/tmp/linnet-profile-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = file_join(folder, "trace.json", &error);
    Profile *profile = nested();
    assert_int_equal(profile_save_trace(profile, 3, path, &error), STATUS_OK);
    cJSON *tree = NULL;
    assert_int_equal(json_load(&tree, path, &error), STATUS_OK);
    const cJSON *events = cJSON_GetObjectItem(tree, "traceEvents");
    assert_int_equal(cJSON_GetArraySize(events), 2);
    /* The inner visit ends first, so it is written first. */
    const cJSON *inner = cJSON_GetArrayItem(events, 0), *outer = cJSON_GetArrayItem(events, 1);
    assert_string_equal(cJSON_GetObjectItem(inner, "name")->valuestring, "attention");
    assert_string_equal(cJSON_GetObjectItem(outer, "name")->valuestring, "forward");
    assert_int_equal(cJSON_GetObjectItem(outer, "pid")->valueint, 3);
    assert_true(cJSON_GetObjectItem(inner, "ts")->valuedouble > cJSON_GetObjectItem(outer, "ts")->valuedouble);
    assert_true(cJSON_GetObjectItem(inner, "dur")->valuedouble < cJSON_GetObjectItem(outer, "dur")->valuedouble);
    cJSON_Delete(tree);
    profile_destroy(profile);
    memory_free(path);
    file_remove(folder, &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_time_is_not_counted_outside),
        cmocka_unit_test(test_operations_are_summed_by_region),
        cmocka_unit_test(test_evaluation_is_charged_with_its_passes),
        cmocka_unit_test(test_null_profile_is_allowed),
        cmocka_unit_test(test_trace_holds_every_stretch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
