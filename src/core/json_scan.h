#ifndef LINNET_CORE_JSON_SCAN_H
#define LINNET_CORE_JSON_SCAN_H
/** The grammar of JSON (RFC 8259), checked to the letter, with line and column: cJSON lets pass what is not JSON
 *  (`01`, `1.`, bad \u escapes, raw control characters) and cuts a text at \u0000. */
#include "linnet/core/error.h"
#include <stddef.h>

/** Called for every key, in the order of the text. `depth` counts the objects and arrays around it: 1 in a
 *  top-level object. `line` is from 1. */
typedef void (*JsonKeySeen)(void *context, int depth, int line);

/** Check a whole text; STATUS_INPUT as `name:line:column: …`. `seen` may be NULL. */
Status json_scan(const char *text, size_t size, const char *name, JsonKeySeen seen, void *context, Error *error);

#endif
