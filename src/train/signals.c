#include "linnet/signals.h"
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t pending = 0; /* the one way a signal handler can tell the program */

static void remember(int signal_number) {
    if (!pending) pending = signal_number;
}

void signals_install(void) {
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    pending = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags =
        SA_RESTART | (int)SA_RESETHAND; /* the second SIGINT finds the default action, which ends the process */
    sigaction(SIGINT, &action, NULL);
}

int signals_pending(void) {
    return pending;
}
