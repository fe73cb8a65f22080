/* Linked into every unit test program: CMOCKA_TEST_FILTER names the cases to run, with the wildcards * and ?. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

__attribute__((constructor)) static void set_filter(void) {
    const char *pattern = getenv("CMOCKA_TEST_FILTER");
    if (pattern) cmocka_set_test_filter(pattern);
}
