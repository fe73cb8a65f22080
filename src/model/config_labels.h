#ifndef LINNET_MODEL_CONFIG_LABELS_H
#define LINNET_MODEL_CONFIG_LABELS_H
/** The labels' names in a config.json. Not collective. */
#include "linnet/model/model_config.h"

/** Set labels and label_names from id2label; where it is absent, Transformers' LABEL_0 … (num_labels of them, else two).
 *  One label is accepted: some language models are saved with one, and get others from the data. STATUS_INPUT names `path`
 *  and the key. */
Status config_read_labels(ModelConfig *config, const char *path, Error *error);

/** Free the names; labels becomes 0. */
void config_free_labels(ModelConfig *config);

#endif
