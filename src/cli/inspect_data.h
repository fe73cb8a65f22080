#ifndef LINNET_CLI_INSPECT_DATA_H
#define LINNET_CLI_INSPECT_DATA_H
/** What `linnet inspect` prints of a token file. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>

typedef struct {
    const char *path;
    const char
        *tokenizer; /**< a folder of a tokenizer, with which texts are decoded, or of a model, whose positions count
                                as well; NULL: none */
    bool json;      /**< one object in place of lines */
} InspectData;

/** Print what the file holds and check all of it. STATUS_INPUT also where the tokenizer is another one than the
 *  file's. */
Status inspect_data(const InspectData *options, Error *error);

#endif
