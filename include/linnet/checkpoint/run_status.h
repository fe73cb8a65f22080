#ifndef LINNET_CHECKPOINT_RUN_STATUS_H
#define LINNET_CHECKPOINT_RUN_STATUS_H
/** OUTPUT/linnet_status.json: what has become of the last start of the run that the folder belongs to. A batch script
 *  decides by it whether the run is finished, since some launchers do not return the exit code of the ranks. Rank 0
 *  writes it when a start begins, after its first update, after each checkpoint and when it ends; a start that was
 *  killed leaves "running". Not collective. */
#include "linnet/checkpoint/run_record.h"
#include <stdbool.h>

#define RUN_STATUS_FILE "linnet_status.json"

typedef struct {
    bool ended;
    Status status;       /**< of a start that has ended: OK finished, STOPPED stopped after saving, else failed */
    const char *message; /**< of one that failed; borrowed */
    int64_t updates;     /**< done */
    int64_t resumed;     /**< updates that were done when this start began */
    int64_t total;       /**< updates of the complete run */
    int64_t checkpoint;  /**< step of the last checkpoint that is complete; 0: none */
    char run[RUN_ID_TEXT];
    char started[RUN_TIME_TEXT]; /**< when this start began, by run_time_now() */
} RunStatus;

/** Replace the file at once. It names this process, its host and job, and the time. */
Status run_status_save(const RunStatus *status, const char *output_dir, Error *error);

/** The text of the file; {"status": "none"} where there is none. To be freed with memory_free(); NULL after an error. */
char *run_status_text(const char *output_dir, Error *error);

#endif
