#ifndef LINNET_SIGNALS_H
#define LINNET_SIGNALS_H
/** Stop signals: SIGTERM, SIGINT and SIGUSR1 ask a run to save and stop at the next update. A second SIGINT, by
 *  hand, ends the process at once. Not collective: the trainer agrees on the flag over all ranks. */
#include <stdbool.h>

/** Install the handlers (with SA_RESTART) and forget a signal that came before. */
void signals_install(void);
/** The first signal that asked to stop, or 0. */
int signals_pending(void);

#endif
