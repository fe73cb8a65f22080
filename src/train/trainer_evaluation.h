#ifndef LINNET_TRAIN_TRAINER_EVALUATION_H
#define LINNET_TRAIN_TRAINER_EVALUATION_H
/* Evaluation during a run. */
#include "train/trainer_state.h"

/* Evaluate the model on the evaluation data and log the scores. A stop signal on any rank ends the evaluation without an
 * error: state.evaluation_due is then set. Collective. */
Status trainer_evaluate(Trainer *trainer, Scores *scores, Error *error);

/* Whether these scores are the best so far, which the state records; also decides about early stopping. */
bool trainer_note_best(Trainer *trainer, const Scores *scores);

#endif
