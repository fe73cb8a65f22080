/* The first bytes of files, as their formats' specifications give them. */
#include "linnet/core/file_kind.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *bytes;
    size_t size;
    FileKind kind;
} CASES[] = {
#define CASE(bytes, kind)                                                                                              \
    { bytes, sizeof(bytes) - 1, kind }
    CASE("", FILE_KIND_EMPTY),
    CASE(((const char[65]){0}), FILE_KIND_ZEROS),
    CASE("\0\0\0\0\0\0\0\0", FILE_KIND_OTHER), /* a text of that */
    CASE("text,sentiment\n", FILE_KIND_OTHER),
    CASE("{\"a\": 1}", FILE_KIND_OTHER),
    CASE("\xEF\xBB\xBFtext,label\n", FILE_KIND_OTHER), /* UTF-8 with its mark is text */
    CASE("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", FILE_KIND_GIT_LFS),
    CASE("version,text\n", FILE_KIND_OTHER),
    CASE("\x1F\x8B\x08\0", FILE_KIND_GZIP),
    CASE("BZh91AY", FILE_KIND_BZIP2),
    CASE("\xFD"
         "7zXZ\0\0",
         FILE_KIND_XZ),
    CASE("\x28\xB5\x2F\xFD\0", FILE_KIND_ZSTD),
    CASE("PK\x03\x04\x14\0\0\0\0\0[Content_Types].xml", FILE_KIND_EXCEL),
    CASE("PK\x03\x04\0\0\0\0\0\0archive/data.pkl", FILE_KIND_TORCH),
    CASE("PK\x03\x04\0\0\0\0\0\0table.csv", FILE_KIND_ZIP),
    CASE("\x80\x02}q", FILE_KIND_TORCH),
    CASE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FILE_KIND_EXCEL),
    CASE("\x80\x04\x95\x10", FILE_KIND_PICKLE),
    CASE("7z\xBC\xAF\x27\x1C", FILE_KIND_7Z),
    CASE("ORC\x0A\x0B", FILE_KIND_ORC),
    CASE("ORCID,text\n1,a\n", FILE_KIND_OTHER), /* the name of a column */
    CASE("PAR1,BZh,GGUF\n1,2,3\n", FILE_KIND_OTHER),
    CASE("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", FILE_KIND_OTHER),
    CASE("\xFF\xFF\xFF\xFF\x10\0", FILE_KIND_ARROW_STREAM),
    CASE("\x89PNG\r\n\x1A\n", FILE_KIND_IMAGE),
    CASE("{\\rtf1\\ansi", FILE_KIND_RTF),
    CASE("PAR1\x15\x04", FILE_KIND_PARQUET),
    CASE("ARROW1\0\0", FILE_KIND_ARROW),
    CASE("\x89HDF\r\n\x1A\n", FILE_KIND_HDF5),
    CASE("SQLite format 3\0", FILE_KIND_SQLITE),
    CASE("\x93NUMPY\x01\0", FILE_KIND_NUMPY),
    CASE("GGUF\x03\0", FILE_KIND_GGUF),
    CASE("%PDF-1.7", FILE_KIND_PDF),
    CASE("\n <!DOCTYPE html><html>", FILE_KIND_HTML),
    CASE("<HTML>", FILE_KIND_HTML),
    CASE("\xFF\xFEt\0e\0", FILE_KIND_UTF16),
    CASE("\xFE\xFF\0t\0e", FILE_KIND_UTF16),
    CASE("t\0e\0x\0t\0,\0l\0", FILE_KIND_UTF16),
    CASE("\0t\0e\0x\0t\0,\0l", FILE_KIND_UTF16),
    CASE("a text\0with a zero byte\n", FILE_KIND_OTHER),
    CASE("\0\0\0\0\0\0\0\0\0\0", FILE_KIND_OTHER),
};

static void test_first_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (file_kind(CASES[i].bytes, CASES[i].size) != CASES[i].kind)
            fail_msg("case %zu: kind %d, not %d", i, file_kind(CASES[i].bytes, CASES[i].size), CASES[i].kind);
}

/* A table of each kind is refused with a line that says what it is. */
static void test_tables_are_refused(void **state) {
    (void)state;
    for (int kind = FILE_KIND_OTHER + 1; kind < FILE_KIND_COUNT; kind++) {
        Error error = {0};
        assert_int_equal(file_kind_refuse_table("t.csv", (FileKind)kind, &error), STATUS_INPUT);
        assert_memory_equal(error.message, "t.csv: is ", strlen("t.csv: is "));
        assert_non_null(strstr(error.message, file_kind_name((FileKind)kind)));
    }
}

/* No kind but text lacks a name. */
static void test_names(void **state) {
    (void)state;
    for (FileKind kind = FILE_KIND_OTHER; kind < FILE_KIND_COUNT; kind++)
        assert_int_equal(kind == FILE_KIND_OTHER, !*file_kind_name(kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_bytes), cmocka_unit_test(test_tables_are_refused),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
