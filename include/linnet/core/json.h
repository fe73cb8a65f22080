#ifndef LINNET_CORE_JSON_H
#define LINNET_CORE_JSON_H
/** JSON (RFC 8259) through cJSON, with what cJSON does not tell: the line of an error and of a key, repeated keys,
 *  numbers that are not whole. Trees are cJSON's and are freed with cJSON_Delete(). Not collective. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Parse a text of `size` bytes, nothing but white space after the value. `name` is the file named in errors, with
 *  its line. STATUS_INPUT on anything that is not JSON or nests deeper than cJSON allows. */
Status json_parse(cJSON **tree, const char *text, size_t size, const char *name, Error *error);

/** Read and parse a file. */
Status json_load(cJSON **tree, const char *path, Error *error);

/** Refuse an object that holds a key twice, at any depth; the error names file, line and key. `text` is what the
 *  tree was parsed from. */
Status json_refuse_repeats(const cJSON *tree, const char *text, const char *name, Error *error);

/** The line (from 1) on which the key of the `index`-th member (from 0) of the top-level object stands; 0 if none. */
int json_key_line(const char *text, int index);

/** Read a member of an object into *value, which keeps what it holds where the member is absent or null; another
 *  type (or a number that is not whole, or beyond ±(2^53 − 1), where doubles are exact) is STATUS_INPUT naming
 *  file and key. */
Status json_get_int(const cJSON *object, const char *key, int64_t *value, const char *name, Error *error);
Status json_get_double(const cJSON *object, const char *key, double *value, const char *name, Error *error);
Status json_get_bool(const cJSON *object, const char *key, bool *value, const char *name, Error *error);
/** As above; *value is borrowed from the tree. */
Status json_get_text(const cJSON *object, const char *key, const char **value, const char *name, Error *error);

/** Print the tree (indented with two spaces, or on one line) and replace the file at once. */
Status json_save(const cJSON *tree, const char *path, bool indented, Error *error);

#endif
