#ifndef LINNET_TEXT_DECOMPRESS_H
#define LINNET_TEXT_DECOMPRESS_H
/** Decompressing gzip (RFC 1952; by zlib) and Zstandard (RFC 8878; by libzstd), of one member or frame or several. */
#include "linnet/core/error.h"
#include "linnet/core/file_kind.h"
#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>
#include <zstd.h>

/** Where compressed bytes come from: up to `room` of them; *count is 0 at the end. */
typedef Status (*CompressedSource)(void *context, char *out, size_t room, size_t *count, Error *error);

typedef struct {
    FileKind kind; /**< FILE_KIND_GZIP or FILE_KIND_ZSTD; else none is open */
    CompressedSource read;
    void *context;
    const char *name; /**< in messages, borrowed */
    char *bytes;      /**< what `read` gave, of which at … end are left */
    size_t at, end;
    bool inside; /**< a member or a frame */
    z_stream gzip;
    ZSTD_DStream *zstd;
} Decompressor;

/** Whether bytes of this kind can be decompressed. */
bool decompress_knows(FileKind kind);

/** Start, with the first bytes [size] if they have been read already. Close also after an error. */
Status decompress_open(Decompressor *decompressor, FileKind kind, CompressedSource read, void *context,
                       const char *name, const char *bytes, size_t size, Error *error);
void decompress_close(Decompressor *decompressor); /**< also where none is open */

/** Decompress up to `room` ≥ 1 bytes; *count is 0 at the end. STATUS_INPUT for damaged data and a file that ends too
 *  early. Zero bytes after a member of gzip are padding. */
Status decompress_read(Decompressor *decompressor, char *out, size_t room, size_t *count, Error *error);

#endif
