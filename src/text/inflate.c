/* gzip. See inflate.h. */
#include "text/inflate.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <limits.h>
#include <string.h>

#define COMPRESSED_BYTES ((size_t)1 << 16)
#define GZIP_WINDOW (15 + 16) /* the largest window, and gzip's header (zlib.h, inflateInit2) */

static Status fail(const Inflater *inflater, int code, Error *error) {
    const char *reason = inflater->stream.msg ? inflater->stream.msg : zError(code);
    if (code == Z_MEM_ERROR)
        return error_set(error, STATUS_FAILURE, "%s: cannot decompress: out of memory", inflater->name);
    return error_set(error, STATUS_INPUT, "%s: damaged gzip data (%s): copy or download the file again", inflater->name,
                     reason);
}

Status inflate_open(Inflater *inflater, InflateSource read, void *context, const char *name, const char *bytes,
                    size_t size, Error *error) {
    *inflater = (Inflater){.read = read, .context = context, .name = name};
    inflater->compressed = memory_allocate(size_max(size, COMPRESSED_BYTES), 1, error);
    if (!inflater->compressed) return error->status;
    memcpy(inflater->compressed, bytes, size);
    inflater->stream.next_in = (Bytef *)inflater->compressed;
    inflater->stream.avail_in = (uInt)size;
    const int code = inflateInit2(&inflater->stream, GZIP_WINDOW);
    return code == Z_OK ? STATUS_OK : fail(inflater, code, error);
}

void inflate_close(Inflater *inflater) {
    inflateEnd(&inflater->stream); /* does nothing where inflateInit2() was not called */
    memory_free(inflater->compressed);
    *inflater = (Inflater){0};
}

/* Bring compressed bytes in where there are none; *more is false at the end of the file. */
static Status refill(Inflater *inflater, bool *more, Error *error) {
    z_stream *stream = &inflater->stream;
    size_t count = stream->avail_in;
    if (count == 0) {
        if (inflater->read(inflater->context, inflater->compressed, COMPRESSED_BYTES, &count, error))
            return error->status;
        stream->next_in = (Bytef *)inflater->compressed;
        stream->avail_in = (uInt)count;
    }
    *more = count > 0;
    return STATUS_OK;
}

Status inflate_read(Inflater *inflater, char *out, size_t room, size_t *count, Error *error) {
    z_stream *stream = &inflater->stream;
    const uInt wanted = (uInt)size_min(room, UINT_MAX);
    stream->next_out = (Bytef *)out;
    stream->avail_out = wanted;
    while (stream->avail_out == wanted) {
        bool more = false;
        if (refill(inflater, &more, error)) return error->status;
        if (!more && !inflater->inside) break;
        if (!inflater->inside && *stream->next_in == 0) { /* padding */
            stream->next_in++;
            stream->avail_in--;
            continue;
        }
        const int code = inflate(stream, Z_NO_FLUSH); /* may still hold output where the file has ended */
        if (code == Z_BUF_ERROR && !more)
            return error_set(error, STATUS_INPUT, "%s: ends inside its gzip data: copy or download the file again",
                             inflater->name);
        if (code != Z_OK && code != Z_STREAM_END) return fail(inflater, code, error);
        inflater->inside = code == Z_OK;
        if (code == Z_STREAM_END) inflateReset(stream);
    }
    *count = wanted - stream->avail_out;
    return STATUS_OK;
}
