#ifndef LINNET_MODEL_CONFIG_LABELS_H
#define LINNET_MODEL_CONFIG_LABELS_H
/** The classes' names in a config.json. */
#include "linnet/model/model_config.h"

/** Set labels and label_names from id2label; where it is absent, Transformers' LABEL_0 … (num_labels of them, else
 *  two). One label alone passes: some language models are saved with it, and get others from the data. */
Status config_read_labels(ModelConfig *config, const char *path, Error *error);
void config_free_labels(ModelConfig *config);

#endif
