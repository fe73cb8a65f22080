/* The lock of a folder: it excludes other runs, names their process, and waits for them. */
#include "linnet/core/file.h"
#include "linnet/core/lock.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static int lock_errno; /* errno of locking; 0: the system's own */

/* Replaces the C library's function: few machines have a file system without locks. */
int fcntl(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (command == F_OFD_SETLK && lock_errno) {
        errno = lock_errno;
        return -1;
    }
    return (int)syscall(SYS_fcntl, file, command, argument);
}

static int open_folder(void **state) {
    setenv("LINNET_LOCK_TIMEOUT", "0", 1);
    return make_folder(state);
}

static const char *lock_path(void) {
    static char path[64];
    snprintf(path, sizeof path, "%s/" LOCK_NAME, folder);
    return path;
}

static Lock taken(void) {
    Lock lock;
    Error error = {0};
    assert_int_equal(lock_take(&lock, folder, &error), STATUS_OK);
    assert_true(lock.held);
    return lock;
}

static void assert_refused(Status status, const char *what) {
    Lock lock;
    Error error = {0};
    assert_int_equal(lock_take(&lock, folder, &error), status);
    assert_false(lock.held);
    assert_names(error.message, NAMES(what));
}

static void test_excludes_others_until_given_back(void **state) {
    (void)state;
    Lock lock = taken();
    char mine[32];
    snprintf(mine, sizeof mine, "process %ld on ", (long)getpid());
    assert_refused(STATUS_INPUT, mine);
    assert_refused(STATUS_INPUT, folder); /* a refused attempt leaves the lock */
    lock_release(&lock);
    assert_false(lock.held);
    lock = taken();
    lock_release(&lock);
    lock_release(&lock);
}

static void test_says_who_holds_it(void **state) {
    (void)state;
    char *text, expected[400], host[256] = "";
    Error error = {0};
    gethostname(host, sizeof host - 1);
    setenv("SLURM_JOB_ID", "1234567", 1);
    Lock lock = taken();
    unsetenv("SLURM_JOB_ID");
    assert_int_equal(file_read(lock_path(), &text, NULL, &error), STATUS_OK);
    snprintf(expected, sizeof expected, "process %ld on %s, job 1234567\n", (long)getpid(), host);
    assert_string_equal(text, expected);
    memory_free(text);
    lock_release(&lock);
}

/* Another process wrote the file's text: only its first line is shown. */
static void test_shows_no_more_than_a_line(void **state) {
    (void)state;
    Lock lock = taken();
    static const char text[] = "holder\x1b[2J\nmore";
    assert_int_equal(pwrite(lock.file, text, sizeof text, 0), sizeof text);
    assert_refused(STATUS_INPUT, "holder");
    assert_int_equal(ftruncate(lock.file, 0), 0);
    assert_refused(STATUS_INPUT, "another run");
    lock_release(&lock);
}

static void test_lock_ends_with_its_process(void **state) {
    (void)state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        Lock lock;
        Error error = {0};
        byte = lock_take(&lock, folder, &error) == STATUS_OK && lock.held ? 'y' : 'n';
        if (write(ready[1], &byte, 1) == 1)
            for (;;) pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_refused(STATUS_INPUT, "another run");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    Lock lock = taken();
    lock_release(&lock);
    close(ready[0]);
    close(ready[1]);
}

static void test_folder_without_locks_is_used(void **state) {
    (void)state;
    static const int unknown[] = {ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        Lock lock;
        Error error = {0};
        lock_errno = unknown[i];
        assert_int_equal(lock_take(&lock, folder, &error), STATUS_OK);
        assert_false(lock.held);
        lock_release(&lock);
    }
    lock_errno = EIO;
    assert_refused(STATUS_FAILURE, strerror(EIO));
    lock_errno = 0;
}

static void test_signal_ends_waiting(void **state) {
    (void)state;
    setenv("LINNET_LOCK_TIMEOUT", "1000000", 1);
    Lock lock = taken();
    signals_install();
    raise(SIGUSR1);
    assert_refused(STATUS_STOPPED, "signal");
    signals_install(); /* forgets the signal */
    lock_release(&lock);
}

/* A link could lead to a file outside the folder, which would be overwritten. */
static void test_links_are_not_followed(void **state) {
    (void)state;
    char target[64];
    Error error = {0};
    snprintf(target, sizeof target, "%s/precious", folder);
    assert_int_equal(file_replace(target, "text", 4, &error), STATUS_OK);
    assert_int_equal(symlink(target, lock_path()), 0);
    assert_refused(STATUS_INPUT, LOCK_NAME);
    char *text;
    assert_int_equal(file_read(target, &text, NULL, &error), STATUS_OK);
    assert_string_equal(text, "text");
    memory_free(text);
}

/* Asking takes no lock, and makes no file. */
static void test_whether_it_is_held(void **state) {
    (void)state;
    assert_false(lock_is_held(folder));
    assert_false(file_exists(lock_path()));
    Lock lock = taken();
    assert_true(lock_is_held(folder));
    assert_true(lock_is_held(folder));
    lock_release(&lock);
    assert_false(lock_is_held(folder));
    lock = taken();
    lock_release(&lock);
    assert_false(lock_is_held("/no/such/folder"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_excludes_others_until_given_back), TEST(test_says_who_holds_it),
        TEST(test_shows_no_more_than_a_line),        TEST(test_lock_ends_with_its_process),
        TEST(test_folder_without_locks_is_used),     TEST(test_signal_ends_waiting),
        TEST(test_links_are_not_followed),           TEST(test_whether_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
