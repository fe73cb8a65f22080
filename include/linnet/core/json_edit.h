#ifndef LINNET_CORE_JSON_EDIT_H
#define LINNET_CORE_JSON_EDIT_H
/** Changing members of a JSON object in its text, which leaves every other byte as it is: the spelling of numbers, the
 *  order of members, the layout. (cJSON would print 1.0 as 1 and 10³⁰ as 1e+30, which other readers take for another
 *  type.) Not collective.
 *
 *  `text` is a block of memory_allocate() that ends with a zero byte; it may move. A text that is not a JSON object is
 *  STATUS_INPUT naming `name`, its file. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>

/** Give the object's member `key` this value: nothing changes where it has an equal one, else the value is replaced in
 *  its place; a member that is not there is appended, laid out like the first one. */
Status json_edit_set(char **text, const char *key, const cJSON *value, const char *name, Error *error);

/** Remove a member, which need not be there. */
Status json_edit_remove(char **text, const char *key, const char *name, Error *error);

#endif
