#ifndef LINNET_REPORT_EVENT_FILE_H
#define LINNET_REPORT_EVENT_FILE_H
/** A file that follows the log history of a run: a start, then a piece for each event, each written at once for readers
 *  that follow the file, complete or not at all. What a full disk refuses is written later; where the file was moved or
 *  removed, a new one gets all of it. metrics.jsonl, metrics.csv and TensorBoard's event files are such files. Exists
 *  only on rank 0; not collective. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct EventFile EventFile;

typedef struct {
    const char *path;    /**< copied */
    const void *start;   /**< what the file begins with: copied; NULL: nothing */
    size_t start_size;   /**< bytes */
    const cJSON *events; /**< the history: an array to which events are appended, borrowed until event_file_close() */
    int64_t first_step;  /**< events of earlier steps are not in this file */
    /** Write one event; false: no memory. The stream's error flag tells of failures, too. */
    bool (*print)(FILE *stream, const cJSON *event, const cJSON *context);
    cJSON *context; /**< for `print`; NULL: nothing. The file owns it from now on, also after an error */
} EventFilePlan;

/** Begin a new file in place of one that may be there, and write what there is. STATUS_FAILURE names the file. */
Status event_file_open(EventFile **file, const EventFilePlan *plan, Error *error);

/** Write what is missing. After a failure, which names the file, each later call tries again. */
Status event_file_catch_up(EventFile *file, Error *error);

/** Whether something is missing in the file. */
bool event_file_is_behind(const EventFile *file);

/** Append bytes behind all events. Nothing may follow them but more of them. */
Status event_file_append(EventFile *file, const void *bytes, size_t size, Error *error);

/** NULL is allowed. */
void event_file_close(EventFile *file);

#endif
