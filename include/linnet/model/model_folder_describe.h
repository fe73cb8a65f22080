#ifndef LINNET_MODEL_MODEL_FOLDER_DESCRIBE_H
#define LINNET_MODEL_MODEL_FOLDER_DESCRIBE_H
/** What `linnet inspect` does with a model folder: print what it holds to standard output and check all of it. Not
 *  collective. */
#include "linnet/core/error.h"

/** `kind` is what the folder is called in print. STATUS_INPUT when something is wrong with it. */
Status model_folder_describe(const char *path, const char *kind, Error *error);
#endif
