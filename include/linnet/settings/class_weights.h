#ifndef LINNET_SETTINGS_CLASS_WEIGHTS_H
#define LINNET_SETTINGS_CLASS_WEIGHTS_H
/** class_weights: how much the samples of each label count in the loss. Nothing here is collective. */
#include "linnet/data/dataset.h"
#include "linnet/settings/settings.h"

/** Whether the weights follow from the counts of the training data. */
bool class_weights_are_balanced(const Settings *settings);

/** weights [info->labels] for training data with these labels. A list has one for each; an object has those of the labels
 *  that it names, and 1 for the others, as scikit-learn's class_weight; "balanced" is samples / (labels · count of the
 *  label), as scikit-learn's compute_class_weight(). counts [info->labels]: samples of each label, NULL unless balanced.
 *  STATUS_INPUT names the setting's place: another number of weights, a name that is no label, a balanced label without
 *  a sample, or nothing but zeros. */
Status class_weights_read(double *weights, const Settings *settings, const DatasetInfo *info, const int64_t *counts,
                          Error *error);

#endif
