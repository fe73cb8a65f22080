#ifndef LINNET_CORE_CLOCK_H
#define LINNET_CORE_CLOCK_H
/** Time that only goes forward, for waiting and measuring. */

/** Seconds since some moment, the same one as long as the system runs. Safe in signal handlers; not collective. */
double clock_now(void);

#endif
