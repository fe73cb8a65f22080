#ifndef LINNET_TEXT_BYTE_SOURCE_H
#define LINNET_TEXT_BYTE_SOURCE_H
/** The bytes of a table as UTF-8, wherever they come from: a file or standard input, plain or compressed by gzip or zstd, in
 *  UTF-8 or another encoding. What is no table (file_kind.h) is refused when it is opened. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/text/records.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ByteSource ByteSource;

/** Bytes that byte_source_read() needs room for at least. */
#define BYTE_SOURCE_ROOM 64

/** Open `path` ("-", /dev/stdin and /dev/fd/N are open files of the process, which may be pipes; any other path must be
 *  a regular file) with the encoding of the options. `lines`: any text is a table. `twice`: byte_source_rewind() will be
 *  called; what cannot be read twice is copied to an unnamed temporary file. STATUS_INPUT also for a file of another
 *  kind, an unknown encoding, and a byte-order mark of another encoding than the options'. */
Status byte_source_open(ByteSource **source, const char *path, const TableOptions *options, bool lines, bool twice,
                        Error *error);
void byte_source_close(ByteSource *source); /**< NULL is allowed */

/** Its name in messages: the path, or "standard input". */
const char *byte_source_name(const ByteSource *source);

/** Its size on disk in bytes; 0: not known. */
int64_t byte_source_size(const ByteSource *source);

/** Read up to `room` ≥ BYTE_SOURCE_ROOM bytes; waits only while there are none. *count is 0 at the end. STATUS_INPUT for
 *  damaged compressed data, and for bytes that are not in the encoding, naming line and place. Bytes taken for UTF-8 are not
 *  checked, unless bad ones are to be replaced. */
Status byte_source_read(ByteSource *source, char *out, size_t room, size_t *count, Error *error);

/** Whether byte_source_read() would not wait. Of a compressed source always true. */
bool byte_source_ready(const ByteSource *source);

/** Start again. */
Status byte_source_rewind(ByteSource *source, Error *error);

/** Whether bytes of the file are characters by themselves, so that reading may start at any line: neither compressed nor
 *  in an encoding whose characters have several bytes, but for UTF-8. Tells the bytes from the table's start on, too. */
bool byte_source_divisible(const ByteSource *source, int64_t *size);

/** Read from now on the bytes [start, end) of such a table only, of which the first is at the start of this line. */
Status byte_source_range(ByteSource *source, int64_t start, int64_t end, int64_t line, Error *error);

/** After the end: what was read, as it is on disk. STATUS_INPUT where a file has changed its size meanwhile. */
Status byte_source_finish(ByteSource *source, TableSource *about, Error *error);

#endif
