/* Run the readers without a fuzzer on their seeds (tests/fuzz/seeds) and on inputs that once found a fault
 * (tests/fuzz/found). A reader that fails ends the program. */
#include "fuzz/readers.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Run a reader on each file of tests/fuzz/KIND/READER and on its first half; returns the number of files. */
static int feed_folder(const FuzzReader *reader, const char *kind) {
    char folder[256];
    int fed = 0;
    snprintf(folder, sizeof folder, "tests/fuzz/%s/%s", kind, reader->name);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        Error error = {0};
        char *bytes = NULL;
        size_t size = 0;
        if (entry->d_name[0] == '.') continue;
        char *path = file_join(folder, entry->d_name, &error);
        assert_int_equal(file_read(path, &bytes, &size, &error), STATUS_OK);
        print_message("%s\n", path);
        reader->feed((const uint8_t *)bytes, size);
        reader->feed((const uint8_t *)bytes, size / 2);
        memory_free(bytes);
        memory_free(path);
        fed++;
    }
    if (entries) closedir(entries);
    return fed;
}

static void test_readers_accept_or_refuse_seeds_and_finds(void **state) {
    (void)state;
    for (const FuzzReader *reader = fuzz_readers; reader->name; reader++) {
        assert_true(feed_folder(reader, "seeds") > 0);
        feed_folder(reader, "found");
        reader->feed((const uint8_t *)"", 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_accept_or_refuse_seeds_and_finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
