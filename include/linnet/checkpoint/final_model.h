#ifndef LINNET_CHECKPOINT_FINAL_MODEL_H
#define LINNET_CHECKPOINT_FINAL_MODEL_H
/** The model that a run ends with. Its files lie in OUTPUT/ itself, among the checkpoints and the log, so that no rename
 *  can put all of them in place at once. They get there in steps, and whatever ends the run between two of them,
 *  OUTPUT/ is the model that was there before, or the new one, or none that anybody takes for one:
 *
 *     1. all is written into OUTPUT/model.tmp, and flushed to disk
 *     2. that becomes OUTPUT/model.new: the run has its model
 *     3. OUTPUT/config.json goes, without which neither linnet nor Hugging Face's libraries read a folder, then the other
 *        files of the model that was there
 *     4. the new model's files go to OUTPUT/, config.json last
 *
 *  What was begun in 3 the next run completes from model.new. Not collective. */
#include "linnet/model/model.h"

/** Write a run's final model into its output folder. After an error in step 1 or 2 what was there before is untouched. */
Status final_model_save(const char *output_dir, const Model *model, Error *error);

/** What a run that was killed left of its final model: put in place when it is whole, else removed. Not while a run
 *  writes there. */
Status final_model_recover(const char *output_dir, Error *error);

#endif
