/* hub_cache.h: which folder is read. The layout is that of huggingface_hub's "Understand caching". */
#include "linnet/core/hub_cache.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"

static void make(const char *name) {
    Error error = {0};
    assert_int_equal(file_make_folder(in_folder(name), &error), STATUS_OK);
}

static void write_text(const char *name, const char *text) {
    Error error = {0};
    assert_int_equal(file_replace(in_folder(name), text, strlen(text), &error), STATUS_OK);
}

static void assert_reads(const char *name, const char *wanted) {
    char room[PATH_MAX];
    Error error = {0};
    assert_string_equal(hub_cache_resolve(in_folder(name), room, &error), in_folder(wanted));
    assert_int_equal(error.status, STATUS_OK);
}

static void assert_refused(const char *name, const char *word) {
    char room[PATH_MAX];
    Error error = {0};
    assert_string_equal(hub_cache_resolve(in_folder(name), room, &error), in_folder(name));
    assert_int_equal(error.status, STATUS_INPUT);
    assert_non_null(strstr(error.message, in_folder(name)));
    assert_non_null(strstr(error.message, word));
}

static void test_main_is_taken(void **state) {
    (void)state;
    make("m/blobs");
    make("m/snapshots/aaa");
    make("m/snapshots/bbb");
    make("m/refs");
    write_text("m/refs/main", "bbb");
    assert_reads("m", "m/snapshots/bbb");
    write_text("m/refs/main", "aaa\n");
    assert_reads("m", "m/snapshots/aaa");
}

static void test_only_snapshot_without_main(void **state) {
    (void)state;
    make("one/blobs");
    make("one/snapshots");
    assert_refused("one", "0 snapshots");
    make("one/snapshots/ccc");
    assert_reads("one", "one/snapshots/ccc");
    make("one/snapshots/ddd");
    assert_refused("one", "2 snapshots");
}

static void test_main_without_its_snapshot(void **state) {
    (void)state;
    make("lost/blobs");
    make("lost/snapshots/aaa");
    make("lost/refs");
    write_text("lost/refs/main", "eee");
    assert_refused("lost", "snapshots/eee");
    static const char *const bad[] = {"", "\n", "..", "../../m/snapshots/aaa", "aaa/.."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("lost/refs/main", bad[i]);
        assert_refused("lost", "refs/main: expected");
    }
}

static void test_other_paths_stay(void **state) {
    (void)state;
    make("model/snapshots");
    make("model/blobs");
    write_text("model/config.json", "{}");
    make("runs/snapshots/aaa");
    assert_reads("model", "model");
    assert_reads("runs", "runs");
    assert_reads("missing", "missing");
    assert_reads("model/config.json", "model/config.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_main_is_taken),
        cmocka_unit_test(test_only_snapshot_without_main),
        cmocka_unit_test(test_main_without_its_snapshot),
        cmocka_unit_test(test_other_paths_stay),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
