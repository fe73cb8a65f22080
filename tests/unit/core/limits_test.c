/* Looking at limits: each in a child of its own, since a limit that was lowered stays. */
#include "linnet/core/limits.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define LIMITED_MEMORY 0 /* the sanitizer's own memory is far above any limit */
#else
#define LIMITED_MEMORY 1
#endif

typedef Status Check(Error *error);

/* Whether the check fails in one line that holds `word`, with `resource` limited to `soft` and `hard`. */
static bool fails_with(Check *check, int resource, rlim_t soft, rlim_t hard, const char *word) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit low = {soft, hard};
        Error error = {0};
        if (setrlimit((__rlimit_resource_t)resource, &low)) _exit(3);
        const Status found = check(&error);
        _exit(found == STATUS_OK ? 0 : found == STATUS_FAILURE && strstr(error.message, word) ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

/* Whether a process can limit its memory here: qemu-user passes such a limit over, which would be its own. */
static bool limits_memory(int resource) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1 << 20, 1 << 20};
        if (setrlimit((__rlimit_resource_t)resource, &limit) || getrlimit((__rlimit_resource_t)resource, &limit))
            _exit(3);
        _exit(limit.rlim_cur != 1 << 20);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static Status room(Error *error) {
    return limits_room((size_t)256 << 20, "the library", error);
}

static Status threads(Error *error) {
    return limits_threads(64, error);
}

static void test_memory(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(room(&error), STATUS_OK);
    assert_int_equal(threads(&error), STATUS_OK);
    if (!LIMITED_MEMORY || !limits_memory(RLIMIT_AS)) return;
    assert_true(fails_with(room, RLIMIT_AS, 200 << 20, 200 << 20, "the library needs 268 MB"));
    assert_true(fails_with(threads, RLIMIT_AS, 200 << 20, 200 << 20, "cannot start 63 more threads, only "));
}

/* A soft limit is raised where the hard one permits it. */
static void test_start(void **state) {
    (void)state;
    assert_false(fails_with(limits_start, RLIMIT_STACK, 256 << 10, 64 << 20, ""));
    if (limits_memory(RLIMIT_STACK))
        assert_true(fails_with(limits_start, RLIMIT_STACK, 256 << 10, 256 << 10, "ulimit -s"));
    assert_false(fails_with(limits_start, RLIMIT_NOFILE, 5, 100, ""));
    assert_true(fails_with(limits_start, RLIMIT_NOFILE, 5, 5, "linnet needs 16 (ulimit -n)"));
    assert_true(fails_with(limits_mpi, RLIMIT_NOFILE, 20, 20, "MPI needs 40 (ulimit -n)"));
    assert_false(fails_with(limits_mpi, RLIMIT_NOFILE, 20, 100, ""));
    assert_true(fails_with(limits_mpi, RLIMIT_FSIZE, 50 << 10, 50 << 10, "ulimit -f"));
}

static Status write_much(Error *error) {
    static const char block[100];
    if (limits_start(error)) return error->status;
    const int file = fileno(tmpfile());
    return write(file, block, sizeof block) < 0 ? error_set(error, STATUS_FAILURE, "too large") : STATUS_OK;
}

static void test_a_limit_on_files_ends_nothing(void **state) {
    (void)state;
    assert_true(fails_with(write_much, RLIMIT_FSIZE, 0, 0, "too large"));
    assert_false(fails_with(write_much, RLIMIT_FSIZE, 1000, 1000, ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_a_limit_on_files_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
