/* Stop signals: the first one is remembered, a second one ends the process. */
#include "linnet/core/signals.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_remembers_each_stop_signal(void **state) {
    (void)state;
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        signals_install();
        assert_int_equal(signals_pending(), 0);
        raise(stops[i]);
        assert_int_equal(signals_pending(), stops[i]);
    }
}

/** A program that nohup starts has it ignored. */
static void test_leaves_an_ignored_hangup(void **state) {
    (void)state;
    signal(SIGHUP, SIG_IGN);
    signals_install();
    raise(SIGHUP);
    assert_int_equal(signals_pending(), 0);
    signal(SIGHUP, SIG_DFL);
}

static void test_keeps_the_first_of_several(void **state) {
    (void)state;
    signals_install();
    raise(SIGUSR1);
    raise(SIGTERM);
    raise(SIGTERM);
    raise(SIGUSR2);
    assert_int_equal(signals_pending(), SIGUSR1);
}

/* Exit code of a child that raises a signal `count` times, so many microseconds apart, and then exits with 7; minus the
 * signal that ended it. */
static int child_after(int number, int count, unsigned apart) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signals_install();
        for (int i = 0; i < count; i++) {
            raise(number);
            usleep(apart);
        }
        _exit(7);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_second_interrupt_ends_the_process(void **state) {
    (void)state;
    assert_int_equal(child_after(SIGINT, 1, 0), 7);
    assert_int_equal(child_after(SIGINT, 2, 0), -SIGINT);
}

/* A second signal soon after the first is the same request, one that comes later is another. */
static void test_second_of_any_ends_the_process(void **state) {
    (void)state;
    static const int stops[] = {SIGTERM, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) assert_int_equal(child_after(stops[i], 3, 0), 7);
    assert_int_equal(child_after(SIGUSR1, 2, SIGNALS_ONE * 1100000), -SIGUSR1);
    assert_int_equal(child_after(SIGTERM, 2, SIGNALS_ONE * 1100000), -SIGTERM);
}

/* A read that a signal interrupts continues: the child's byte arrives after its signal. */
static void test_system_calls_are_restarted(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    signals_install();
    pid_t parent = getpid(), child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        usleep(50000); /* until the parent waits in read(); too early, the test proves less and still passes */
        kill(parent, SIGTERM);
        usleep(50000);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(signals_pending(), SIGTERM);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers_each_stop_signal),     cmocka_unit_test(test_leaves_an_ignored_hangup),
        cmocka_unit_test(test_keeps_the_first_of_several),     cmocka_unit_test(test_second_interrupt_ends_the_process),
        cmocka_unit_test(test_second_of_any_ends_the_process), cmocka_unit_test(test_system_calls_are_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
