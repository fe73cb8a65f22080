#ifndef LINNET_EVALUATE_SCORE_JSON_H
#define LINNET_EVALUATE_SCORE_JSON_H
/** The scores of an evaluation as JSON. Not collective. */
#include "linnet/core/error.h"
#include "linnet/evaluate/score_list.h"
#include <cjson/cJSON.h>

/** Add scores first … end − 1 of a list to an object, each as PREFIX and its name; one that is not finite is null. False:
 *  no memory. */
bool score_json_add(cJSON *object, const char *prefix, const ScoreList *list, size_t first, size_t end);

/** Add a number, or null if it is not finite. False: no memory. */
bool score_json_number(cJSON *object, const char *name, double value);

/** Print one object in a line to standard output: the scores as in an event of the training log (eval_loss, …),
 *  eval_runtime in seconds, eval_samples_per_second, eval_samples, the label names, the confusion matrix (rows: the
 *  truth), and for each label precision, recall, f1 and support. With multi label no matrix, and for each label also
 *  average_precision and the samples for which it is predicted; with regression the scores of each target; of a language
 *  model, in the place of what is about labels, eval_predictions, the number of predicted tokens. label_names
 *  [metrics->labels]. */
void score_json_print(const Metrics *metrics, const Scores *scores, char *const *label_names, double seconds,
                      Error *error);

#endif
