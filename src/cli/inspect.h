#ifndef LINNET_CLI_INSPECT_H
#define LINNET_CLI_INSPECT_H
/** What `linnet inspect` does for each kind of path: print what it holds to standard output, then check all of it.
 *  STATUS_INPUT when something is wrong with it. Not collective. */
#include "linnet/core/error.h"

Status inspect_tokens(const char *path, Error *error);
/** `kind` is what the folder is called in print. */
Status inspect_model(const char *path, const char *kind, Error *error);
Status inspect_checkpoint(const char *path, Error *error);
/** Refuse a folder with a checkpoint's trainer_state.json, for when it has no optimizer.h5; fine when it has
 *  neither. */
Status inspect_refuse_half_checkpoint(const char *path, Error *error);

/** One line: a name and a value. */
void inspect_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
