#ifndef LINNET_CHECKPOINT_RUN_RECORD_H
#define LINNET_CHECKPOINT_RUN_RECORD_H
/** Which run something belongs to. A run draws an id when it starts; its checkpoints and its final model carry it
 *  (linnet_state.json, run_state.h), and OUTPUT/linnet_run.json names the run that the folder belongs to, so that a job
 *  that is started again continues its own run and no other. Not collective. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>
#include <stdint.h>

#define RUN_RECORD_FILE "linnet_run.json"

/** Bytes of the texts, each with its final zero. */
enum { RUN_ID_TEXT = 33, RUN_TIME_TEXT = 24, RUN_FOLDER_TEXT = 4096, RUN_NAME_TEXT = 16 };

/** Texts are empty where there is nothing to say. */
typedef struct {
    char id[RUN_ID_TEXT];        /**< 32 hexadecimal digits; empty: no run */
    char started[RUN_TIME_TEXT]; /**< UTC, as 2026-11-30T01:02:03Z */
    /* Of a run that began with a checkpoint of another run: */
    char from_run[RUN_ID_TEXT];
    int64_t from_step;
    char from_folder[RUN_FOLDER_TEXT]; /**< absolute, as far as it could be found out */
} RunRecord;

/** The time now. */
void run_time_now(char text[RUN_TIME_TEXT]);

/** A new run that starts now: 128 bits of the system's random source. */
Status run_record_draw(RunRecord *run, Error *error);

/** "run 1f0c9a3b": what messages call a run. */
const char *run_record_name(const char *id, char text[RUN_NAME_TEXT]);

/** The JSON object of a record, to be freed with cJSON_Delete(); NULL: out of memory. */
cJSON *run_record_tree(const RunRecord *run);

/** A record from its object; `path` is the file named in errors. */
Status run_record_parse(RunRecord *run, const cJSON *tree, const char *path, Error *error);

/** Write OUTPUT/linnet_run.json: the run that the folder belongs to from now on. */
Status run_record_save(const RunRecord *run, const char *output_dir, Error *error);

/** Read it; without such a file run->id is empty. */
Status run_record_read(RunRecord *run, const char *output_dir, Error *error);

#endif
