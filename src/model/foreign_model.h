#ifndef LINNET_MODEL_FOREIGN_MODEL_H
#define LINNET_MODEL_FOREIGN_MODEL_H
/** What a path is that is no model folder which linnet reads: a name on the hub, a folder one level too high, an adapter,
 *  weights in another format. Each function sets an error that says what was found and what to do, and returns its
 *  status, STATUS_INPUT. Not collective. */
#include "linnet/core/error.h"

/** `path` is not a folder. */
Status foreign_model_path(const char *path, Error *error);
/** The folder has no config.json. */
Status foreign_model_folder(const char *path, Error *error);
/** The folder has an adapter_config.json: from_pretrained() would load another model and change it. */
Status foreign_model_adapter(const char *path, Error *error);
/** The folder has neither model.safetensors nor its index. */
Status foreign_model_weights(const char *path, Error *error);

#endif
