#ifndef LINNET_HEARTBEAT_HEARTBEAT_H
#define LINNET_HEARTBEAT_HEARTBEAT_H
/** The liveness watch: no run waits for a rank that is dead, stopped, or behind a cut link, however MPI waits.
 *
 *  A thread a rank, beside the one that computes, tells rank 0 every fraction of the limit that its process lives,
 *  over a TCP connection of its own; rank 0's thread tells the others the same. A rank that is busy for long (a large
 *  micro-batch, a slow disk) goes on telling so; one that ended, or is silent for longer than the limit, ends the run:
 *  one line with its rank, host, phase and what became of it, then MPI_Abort, and where that does not help (mpirun
 *  itself waits for ever on a cut link) an end to this host's launcher. When rank 0 is the one lost, rank 1 tells.
 *
 *  A process that was itself suspended (a batch system that stops whole jobs, a debugger on all ranks) gives everybody
 *  fresh time when it wakes up. Nothing here touches MPI messages or numbers: bits cannot change. */
#include "linnet/core/error.h"
#include <stdint.h>

typedef struct World World;
typedef struct Heartbeat Heartbeat;

/** Where a rank stands, for the line that tells of its end. */
typedef enum { RUN_START, RUN_LOAD, RUN_UPDATE, RUN_EVALUATION, RUN_SAVE, RUN_END } RunPhase;

/** Seconds of silence until heartbeat_limit() says otherwise; the default of the setting rank_timeout. */
#define HEARTBEAT_LIMIT_DEFAULT 5.0

/** Room for the text of a phase. */
#define HEARTBEAT_PHASE_TEXT 48

/** Before MPI_Init: end this process when the ranks have not met LINNET_START_TIMEOUT seconds (60; 0: never) later,
 *  since a host that is cut off then would hold the others for ever; or, where that is not 0 and a launcher has started
 *  the process, once it has been stopped for a little longer than HEARTBEAT_LIMIT_DEFAULT seconds: a child of it sees to
 *  that until heartbeat_guard_end(). Not collective. */
void heartbeat_guard_start(void);
/** The ranks are watched from here on. Not collective. */
void heartbeat_guard_end(void);

/** Start watching; *watch stays NULL for one rank. Where ranks cannot reach rank 0 by TCP a warning says so, and
 *  nobody is watched. Collective. */
Status heartbeat_start(Heartbeat **heartbeat, const World *world, Error *error);

/** Seconds of silence after which a rank is given up, rounded up to a millisecond; 0: never. NULL is fine, here and
 *  below. Not collective. */
void heartbeat_limit(Heartbeat *heartbeat, double seconds);

/** This rank enters a phase; `step` is the number of the update under way. Returns at once. Not collective. */
void heartbeat_phase(Heartbeat *heartbeat, RunPhase phase, int64_t step);

/** "while loading", "in update 12": where this rank stands. Not collective. */
void heartbeat_phase_text(const Heartbeat *heartbeat, char text[HEARTBEAT_PHASE_TEXT]);

/** This rank has told of a failure and is about to abort: the others end without a line of their own. Not
 *  collective. */
void heartbeat_failed(Heartbeat *heartbeat);

/** The run stops because a signal asked for it, and has saved: a launcher that was asked to end the job kills ranks
 *  from now on, which is no news. Not collective. */
void heartbeat_stopping(Heartbeat *heartbeat);

/** MPI has been finalized: wait until all ranks are as far, and end the watch. Frees it. */
void heartbeat_finish(Heartbeat *heartbeat);

#endif
