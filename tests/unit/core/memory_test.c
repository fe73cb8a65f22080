/* Allocation: alignment, zeros, overflow, short memory, and the memory that is available. */
#include "linnet/core/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* By default the address sanitizer ends the program where malloc would return NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static bool is_aligned(const void *block) {
    return (uintptr_t)block % MEMORY_ALIGNMENT == 0;
}

static void test_blocks_are_aligned_and_zero(void **state) {
    (void)state;
    Error error = {0};
    static const char zeros[5000];
    for (size_t size = 1; size <= sizeof zeros; size += 37) {
        char *block = memory_allocate(size, 1, &error);
        assert_non_null(block);
        assert_true(is_aligned(block));
        assert_memory_equal(block, zeros, size);
        memset(block, 0xAB, size); /* a new block must be zero also where it reuses freed memory */
        memory_free(block);
    }
}

static void test_empty_blocks_can_be_freed(void **state) {
    (void)state;
    Error error = {0};
    void *none = memory_allocate(0, 8, &error), *nothing = memory_allocate(8, 0, &error);
    assert_non_null(none);
    assert_non_null(nothing);
    memory_free(none);
    memory_free(nothing);
    memory_free(NULL);
}

static void test_overflow_is_an_error(void **state) {
    (void)state;
    const size_t counts[] = {SIZE_MAX, SIZE_MAX / 8 + 1, SIZE_MAX - 8};
    const size_t sizes[] = {2, 8, 1};
    for (size_t i = 0; i < 3; i++) {
        Error error = {0};
        assert_null(memory_allocate(counts[i], sizes[i], &error));
        assert_int_equal(error.status, STATUS_FAILURE);
        assert_non_null(strstr(error.message, "out of memory"));
    }
}

static void test_short_memory_is_an_error(void **state) {
    (void)state;
    Error error = {0};
    volatile size_t size = SIZE_MAX / 4; /* no address space has this much */
    assert_null(memory_allocate(size, 1, &error));
    assert_int_equal(error.status, STATUS_FAILURE);
    Error second = {0}, third = {0};
    char *block = memory_text("kept", &second);
    assert_null(memory_resize(block, 5, size, 1, &third));
    assert_int_equal(third.status, STATUS_FAILURE);
    assert_string_equal(block, "kept"); /* the old block stays valid */
    memory_free(block);
}

static void test_resize_keeps_the_start(void **state) {
    (void)state;
    Error error = {0};
    int *block = memory_resize(NULL, 0, 4, sizeof *block, &error);
    for (int i = 0; i < 4; i++) block[i] = i + 1;
    block = memory_resize(block, 3 * sizeof *block, 100, sizeof *block, &error);
    assert_true(is_aligned(block));
    for (int i = 0; i < 100; i++) assert_int_equal(block[i], i < 3 ? i + 1 : 0);
    block = memory_resize(block, 100 * sizeof *block, 2, sizeof *block, &error);
    assert_int_equal(block[0], 1);
    assert_int_equal(block[1], 2);
    memory_free(block);
    assert_int_equal(error.status, STATUS_OK);
}

static long resident_pages(void) {
    long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident;
}

static void test_large_blocks_are_not_resident(void **state) {
    (void)state;
    Error error = {0};
    const size_t bytes = (size_t)256 << 20;
    long before = resident_pages();
    char *block = memory_allocate(bytes, 1, &error);
    assert_non_null(block);
    block[bytes / 2] = 1;
    long grown = (resident_pages() - before) * sysconf(_SC_PAGESIZE);
    assert_true(grown < (long)(bytes / 4)); /* the sanitizer's shadow takes an eighth; untouched pages take nothing */
    memory_free(block);
}

static void test_available_memory(void **state) {
    (void)state;
    size_t left = memory_available(), all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    assert_true(left > 0);
    assert_true(left < all);
}

static void test_multiply(void **state) {
    (void)state;
    size_t product = 7;
    assert_true(memory_multiply(SIZE_MAX / 3, 3, &product));
    assert_int_equal(product, SIZE_MAX / 3 * 3);
    product = 7;
    assert_false(memory_multiply(SIZE_MAX / 3 + 1, 3, &product));
    assert_int_equal(product, 7);
    assert_true(memory_multiply(0, SIZE_MAX, &product));
    assert_int_equal(product, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_aligned_and_zero),
        cmocka_unit_test(test_empty_blocks_can_be_freed),
        cmocka_unit_test(test_overflow_is_an_error),
        cmocka_unit_test(test_short_memory_is_an_error),
        cmocka_unit_test(test_resize_keeps_the_start),
        cmocka_unit_test(test_large_blocks_are_not_resident),
        cmocka_unit_test(test_available_memory),
        cmocka_unit_test(test_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
