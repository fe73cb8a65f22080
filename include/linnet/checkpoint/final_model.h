#ifndef LINNET_CHECKPOINT_FINAL_MODEL_H
#define LINNET_CHECKPOINT_FINAL_MODEL_H
/** The model that a run ends with. Its files lie in OUTPUT/ itself, next to the checkpoints and the log, so that no
 *  single rename can put all of them in place. They get there in steps. Wherever the run is killed, OUTPUT/ holds
 *  the model that was there before, or the new one, or neither config.json nor adapter_config.json, so that no
 *  reader takes it for a model:
 *
 *     1. all is written into OUTPUT/model.tmp, and flushed to disk
 *     2. that becomes OUTPUT/model.new: the run has its model
 *     3. OUTPUT/config.json, or adapter_config.json, is removed, without which neither linnet nor Hugging Face's
 *        libraries read a folder, then the other files of the model that was there
 *     4. the new model's files are moved to OUTPUT/, config.json or adapter_config.json last
 *
 *  A run that is killed in 3 or 4 is completed from model.new by the next run. Not collective. */
#include "linnet/checkpoint/run_state.h"
#include "linnet/model/model.h"

/** Write a run's final model into its output folder, with linnet_state.json, which says whose it is: the run, the update
 *  that `state` stands at, and the settings (the text of settings_text()). After an error in step 1 or 2 what was there
 *  before is unchanged. */
Status final_model_save(const char *output_dir, const Model *model, const RunState *state, const char *settings,
                        Error *error);

/** Complete the final model of a run that was killed from model.new, and remove model.tmp. Not while a run writes
 *  there. */
Status final_model_recover(const char *output_dir, Error *error);

#endif
