#ifndef LINNET_REPORT_METRICS_FILES_H
#define LINNET_REPORT_METRICS_FILES_H
/** The log of a run as lines: OUTPUT/metrics.jsonl, a JSON object a line, and OUTPUT/metrics.csv, a row an event under
 *  one header for all kinds of events. Exist only on rank 0; not collective. See event_file.h for the arguments and for
 *  what a failure means. */
#include "linnet/report/event_file.h"

#define METRICS_JSONL "metrics.jsonl"
#define METRICS_CSV "metrics.csv"

Status metrics_jsonl_open(EventFile **file, const char *folder, const cJSON *events, Error *error);

/** A cell that an event has no value for is empty; a value that is not a finite number is NaN, as pandas reads it.
 *  `evaluations` is an array with an event of each evaluation file, whose fields have columns, too; so have those of
 *  earlier evaluations among `events`, of files that are evaluated no longer. */
Status metrics_csv_open(EventFile **file, const char *folder, const cJSON *events, const cJSON *evaluations,
                        Error *error);

#endif
