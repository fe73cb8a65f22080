/* SHA-256 against the published digests, and digests of files. */
#include "linnet/core/digest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

/* The examples of FIPS 180-4 (NIST, "SHA256.pdf" and the long-message vector), and the digest of no bytes. */
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void test_matches_the_published_digests(void **state) {
    (void)state;
    char text[DIGEST_TEXT];
    Error error = {0};
    Digest *digest = NULL;
    assert_int_equal(digest_create(&digest, &error), STATUS_OK);
    digest_finish(digest, text);
    assert_string_equal(text, OF_NOTHING);
    digest_destroy(digest);

    assert_int_equal(digest_create(&digest, &error), STATUS_OK);
    digest_add(digest, "a", 1);
    digest_add(digest, NULL, 0);
    digest_add(digest, "bc", 2);
    digest_finish(digest, text);
    assert_string_equal(text, OF_ABC);
    digest_destroy(digest);
    digest_destroy(NULL);
}

static void test_digests_a_file_in_pieces(void **state) {
    (void)state;
    char path[] = "/tmp/linnet-digest-XXXXXX", text[DIGEST_TEXT];
    Error error = {0};
    const int file = mkstemp(path);
    assert_true(file >= 0);
    static char block[1000];
    memset(block, 'a', sizeof block);
    for (int i = 0; i < 1000; i++) assert_int_equal(write(file, block, sizeof block), sizeof block);
    close(file);
    assert_int_equal(digest_file(path, text, &error), STATUS_OK);
    assert_string_equal(text, OF_MILLION_A);

    /* Longer than one piece (1 MiB): the same digest as of all bytes at once. */
    FILE *append = fopen(path, "a");
    assert_non_null(append);
    for (int i = 0; i < 1500; i++) fwrite(block, 1, sizeof block, append);
    fclose(append);
    Digest *digest = NULL;
    char expected[DIGEST_TEXT];
    assert_int_equal(digest_create(&digest, &error), STATUS_OK);
    for (int i = 0; i < 2500; i++) digest_add(digest, block, sizeof block);
    digest_finish(digest, expected);
    digest_destroy(digest);
    assert_int_equal(digest_file(path, text, &error), STATUS_OK);
    assert_string_equal(text, expected);
    unlink(path);
}

static void test_names_the_file_it_cannot_read(void **state) {
    (void)state;
    char text[DIGEST_TEXT];
    Error missing = {0}, folder = {0};
    assert_int_equal(digest_file("/tmp/linnet-no-such-file", text, &missing), STATUS_INPUT);
    assert_names(missing.message, NAMES("/tmp/linnet-no-such-file: ", "No such file"));
    assert_int_equal(digest_file("/tmp", text, &folder), STATUS_INPUT);
    assert_names(folder.message, NAMES("/tmp: ", "folder"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_the_published_digests),
        cmocka_unit_test(test_digests_a_file_in_pieces),
        cmocka_unit_test(test_names_the_file_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
