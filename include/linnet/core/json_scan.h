#ifndef LINNET_CORE_JSON_SCAN_H
#define LINNET_CORE_JSON_SCAN_H
/** A strict check of a JSON text (RFC 8259) that reports every key and value with its place. cJSON accepts text that is
 *  not JSON (`01`, `1.`, bad \u escapes, raw control characters) and ends a string at \u0000. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { JSON_KEY, JSON_STRING, JSON_INTEGER, JSON_NULL, JSON_OBJECT, JSON_OTHER } JsonKind;

/** A key or a value of the text. */
typedef struct {
    JsonKind kind;
    int depth;       /**< objects and arrays around it: 1 for a key of the top-level object */
    int line;        /**< where it ends, from 1 */
    int64_t column;  /**< where it starts in that line, in bytes from 1; 1 if it starts in an earlier one */
    size_t at, size; /**< its bytes in the text; a key or a string with its quotes */
} JsonItem;

/** Called for each key and value when its end has been read. It may change the item's bytes. */
typedef void (*JsonSeen)(void *context, const JsonItem *item);

typedef struct {
    const char *name; /**< file name for errors */
    int64_t line;     /**< line of the file on which the text starts, for errors; from 1 */
    int64_t column;   /**< and the place in that line, in bytes from 1; 0 means 1 */
    bool zeros;       /**< allow \u0000 in strings */
    JsonSeen seen;    /**< or NULL */
    void *context;    /**< for `seen` */
} JsonScan;

/** Check the text [size], which must hold one value and white space around it. STATUS_INPUT names
 *  file, line and column. */
Status json_scan(const JsonScan *scan, const char *text, size_t size, Error *error);

/** Decode a checked string (an item's bytes, with its quotes) in place; returns the decoded text's length. The text
 *  starts at string[1]. */
size_t json_decode(char *string, size_t size);

#endif
