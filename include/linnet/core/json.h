#ifndef LINNET_CORE_JSON_H
#define LINNET_CORE_JSON_H
/** JSON (RFC 8259) through cJSON, with what cJSON does not do: errors and keys with their lines, refusal of repeated
 *  keys and of numbers that are not integers. Trees are cJSON's and are freed with cJSON_Delete(). Not collective. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Parse a text of `size` bytes: one value and white space around it. `name` is the file name for errors, which also
 *  give the line. STATUS_INPUT for anything that is not JSON or nests deeper than cJSON allows. */
Status json_parse(cJSON **tree, const char *text, size_t size, const char *name, Error *error);

/** Replace the comments of a JSON text [size] by blanks: from `//` to the end of the line, and from `/` `*` to `*` `/`. Lines
 *  and columns stay as they are. Inside strings nothing is a comment. STATUS_INPUT with the line of a comment that does
 *  not end. */
Status json_blank_comments(char *text, size_t size, const char *name, Error *error);

/** Read and parse a file. STATUS_INPUT also for a repeated key, and for a file of another kind (file_kind.h), which is
 *  named. Free *tree also on failure. */
Status json_load(cJSON **tree, const char *path, Error *error);
/** Likewise; *text becomes the file's text, ended by a zero byte. Free it with memory_free(), also on failure. */
Status json_load_text(cJSON **tree, char **text, const char *path, Error *error);

/** STATUS_INPUT where an object, at any depth, holds a key twice; the error names file, line and key. `text` is what
 *  the tree was parsed from. */
Status json_refuse_repeats(const cJSON *tree, const char *text, const char *name, Error *error);

/** The line (from 1) of the key of the top-level object's `index`-th member (from 0); 0 if there is none. */
int json_key_line(const char *text, int index);

/** Read a member of an object into *value, which stays as it is where the member is absent or null. A value of another
 *  type, and an integer beyond ±(2^53 − 1), where doubles are exact, is STATUS_INPUT naming file and key. */
Status json_get_int(const cJSON *object, const char *key, int64_t *value, const char *name, Error *error);
Status json_get_double(const cJSON *object, const char *key, double *value, const char *name, Error *error);
Status json_get_bool(const cJSON *object, const char *key, bool *value, const char *name, Error *error);
/** Likewise; *value is borrowed from the tree. */
Status json_get_text(const cJSON *object, const char *key, const char **value, const char *name, Error *error);

#define JSON_REAL_TEXT 32
/** The fewest digits that read back as the same bits; null where the number is not finite, which JSON cannot express. */
void json_real_text(double number, char text[JSON_REAL_TEXT]);

/** Add a number with all its bits to an object: cJSON itself may round the last ones. NULL: out of memory. */
cJSON *json_add_real(cJSON *object, const char *name, double number);

/** The tree as a text that ends with a line feed, indented with two spaces or on one line; to be freed with
 *  memory_free(). `name` is the file named in errors. */
char *json_text(const cJSON *tree, bool indented, const char *name, Error *error);

/** A JSON text as it becomes part of another: `indent` stands after each line feed, and a last one is left out. A new
 *  text, freed with memory_free(). */
char *json_indent(const char *text, const char *indent, Error *error);

/** Replace a file by the tree's text at once. */
Status json_save(const cJSON *tree, const char *path, bool indented, Error *error);

/** Save the tree, indented, as the file `name` of a folder, and delete it. NULL: there was no memory for it, an error. */
Status json_save_in(cJSON *tree, const char *folder, const char *name, Error *error);

#endif
