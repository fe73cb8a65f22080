/* Handlers of stop signals. See signals.h. */
#include "linnet/core/signals.h"
#include "linnet/core/clock.h"
#include "linnet/core/progress.h"
#include <errno.h>
#include <signal.h>
#include <stddef.h>

static const int STOPS[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
enum { STOPS_COUNT = sizeof STOPS / sizeof *STOPS };

static volatile sig_atomic_t pending = 0; /* set by the handler */
static double first;                      /* its time; the handler blocks all stop signals */

static void remember(int number) {
    const int kept = errno;
    if (!pending) {
        first = clock_now();
        pending = number;
    } else if (number == SIGINT || clock_now() - first >= SIGNALS_ONE) {
        progress_clear();
        signal(number, SIG_DFL); /* ends the process when this handler returns */
        raise(number);
    }
    errno = kept;
}

void signals_install(void) {
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < STOPS_COUNT; i++) sigaddset(&action.sa_mask, STOPS[i]);
    pending = 0;
    for (size_t i = 0; i < STOPS_COUNT; i++) {
        struct sigaction before;
        const bool ignored = STOPS[i] == SIGHUP && !sigaction(SIGHUP, NULL, &before) && before.sa_handler == SIG_IGN;
        if (!ignored) sigaction(STOPS[i], &action, NULL); /* nohup means it */
    }
}

int signals_pending(void) {
    return pending;
}
