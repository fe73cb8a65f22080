#ifndef LINNET_HEARTBEAT_HEARTBEAT_H
#define LINNET_HEARTBEAT_HEARTBEAT_H
/** Failure detection by heartbeats: no run waits for a rank that is dead, stopped, or behind a cut link, whatever call
 *  of MPI it is in.
 *
 *  Each rank has a thread beside the one that computes. Over a TCP connection of its own it tells rank 0, twenty times
 *  in the time limit, that its process lives; rank 0's thread tells the others the same. The thread of a rank that is
 *  busy for long (a large micro-batch, a slow disk) goes on sending. A rank that ended, or sent nothing for longer than
 *  the limit, ends the run: one line with its rank, host, phase and what became of it, then MPI_Abort, and where that
 *  does not help (mpirun itself waits for ever on a cut link) the launcher on each host is killed, which the log
 *  announces. When rank 0 is lost, rank 1 reports it.
 *
 *  A process that was itself suspended (a batch system that suspends complete jobs, a debugger on all ranks) counts
 *  every peer's silence anew when it wakes up. Heartbeats touch neither MPI messages nor numbers: no bit depends on
 *  them.
 *
 *  job_start() (job.h) starts them. For one rank, and where ranks cannot connect to rank 0 (a warning says so), there
 *  are none, and these functions do nothing. */
typedef struct World World;

/** Seconds of silence until heartbeat_limit() sets others; the default of the setting rank_timeout. */
#define HEARTBEAT_LIMIT_DEFAULT 5.0

/** Seconds of silence after which a rank counts as lost, rounded up to a millisecond; 0: never. Not collective. */
void heartbeat_limit(World *world, double seconds);

/** The run ends because a signal asked it to stop, and has saved: a launcher that was asked to end the job kills ranks
 *  from now on, which is not reported. Not collective. */
void heartbeat_stopping(World *world);

#endif
