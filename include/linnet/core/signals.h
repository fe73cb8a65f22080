#ifndef LINNET_CORE_SIGNALS_H
#define LINNET_CORE_SIGNALS_H
/** Stop signals: SIGTERM, SIGINT, SIGUSR1, SIGUSR2, and SIGHUP unless the process was started with it ignored (nohup),
 *  ask a run to save and stop at its next update (the first one, while the run still loads). A second one ends the
 *  process at once, as the signal does without a handler; earlier checkpoints stay. A second one other than SIGINT
 *  within SIGNALS_ONE seconds counts as the same request, because a launcher and a batch script may both pass one on.
 *  Not collective: the trainer agrees on the request over all ranks. */
#include <stdbool.h>

#define SIGNALS_ONE 1 /**< seconds */

/** Install the handlers (with SA_RESTART) and forget an earlier signal. */
void signals_install(void);
/** The first signal that asked to stop, or 0. */
int signals_pending(void);

#endif
