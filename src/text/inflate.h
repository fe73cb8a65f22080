#ifndef LINNET_TEXT_INFLATE_H
#define LINNET_TEXT_INFLATE_H
/** Decompressing gzip (RFC 1952), of one member or several, through zlib. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

/** Where compressed bytes come from: up to `room` of them; *count is 0 at the end. */
typedef Status (*InflateSource)(void *context, char *out, size_t room, size_t *count, Error *error);

typedef struct {
    z_stream stream;
    InflateSource read;
    void *context;
    const char *name; /**< in messages, borrowed */
    char *compressed; /**< what `read` gave */
    bool inside;      /**< a member */
} Inflater;

/** Start, with the first bytes [size] if they have been read already. Close also after an error. */
Status inflate_open(Inflater *inflater, InflateSource read, void *context, const char *name, const char *bytes,
                    size_t size, Error *error);
void inflate_close(Inflater *inflater);

/** Decompress up to `room` ≥ 1 bytes; *count is 0 at the end. STATUS_INPUT for damaged data and a file that ends too
 *  early. Zero bytes after a member are padding. */
Status inflate_read(Inflater *inflater, char *out, size_t room, size_t *count, Error *error);

#endif
