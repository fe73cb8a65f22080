#ifndef LINNET_REPORT_TENSORBOARD_H
#define LINNET_REPORT_TENSORBOARD_H
/** TensorBoard's event files, with the scalars and texts of Trainer's TensorBoardCallback and the settings as
 *  hyperparameters. Exist only on rank 0; not collective. */
#include "linnet/checkpoint/run_record.h"
#include "linnet/report/event_file.h"
#include "linnet/settings/settings.h"

/** The folder of a run's event files: `logging_dir`; else the environment's TENSORBOARD_LOGGING_DIR; else
 *  OUTPUT/runs/DATE_RUN, where DATE is when the run started (UTC) and RUN the first 8 digits of its id, so that a resumed
 *  run finds its own. Free with memory_free(). NULL: out of memory. */
char *tensorboard_folder(const Settings *settings, const RunRecord *run, Error *error);

/** Make the folder if it does not exist, and check that files can be made in it: STATUS_INPUT for a path that the user
 *  can correct. */
Status tensorboard_check(const char *folder, Error *error);

typedef struct {
    const char *folder;   /**< made if it does not exist */
    const char *settings; /**< a JSON object: the text "args", and the hyperparameters */
    const char *model;    /**< its config.json: the text "model_config" */
    const cJSON *events;  /**< the history; borrowed, see event_file.h */
    int64_t resumed_step; /**< of the checkpoint that the run goes on from; 0: none */
} TensorBoardPlan;

/** Begin a new file in the folder. Where the folder has event files already, it holds events from the resumed step on,
 *  and TensorBoard drops what these have from there; else it holds the complete history. */
Status tensorboard_open(EventFile **file, const TensorBoardPlan *plan, Error *error);

/** The last record, for the table of hyperparameters: how the run ended. */
Status tensorboard_end(EventFile *file, bool success, Error *error);

#endif
