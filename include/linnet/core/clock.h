#ifndef LINNET_CORE_CLOCK_H
#define LINNET_CORE_CLOCK_H
/** A clock that never goes back, for waiting and measuring. */

/** Seconds since a fixed moment of this run of the system. May be called in signal handlers. Not collective. */
double clock_now(void);

#endif
