#ifndef LINNET_CORE_SIGNALS_H
#define LINNET_CORE_SIGNALS_H
/** Stop signals: SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 ask a run to save and stop at the next update, which is the first
 *  for one that comes while the run still loads. A second one ends the process at once, as that signal does by itself;
 *  what was saved before stays. Of SIGTERM, SIGUSR1 and SIGUSR2 those that come within SIGNALS_ONE seconds of the first
 *  are taken for the same wish: a launcher and a batch script may both pass one on. Not collective: the trainer agrees
 *  on the flag over all ranks. */
#include <stdbool.h>

#define SIGNALS_ONE 1 /**< seconds */

/** Install the handlers (with SA_RESTART) and forget a signal that came before. Also has a write beyond a limit on a
 *  file's size fail, as on a full disk, in place of ending the process (SIGXFSZ). */
void signals_install(void);
/** The first signal that asked to stop, or 0. */
int signals_pending(void);

#endif
