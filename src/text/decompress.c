/* gzip and Zstandard. See decompress.h. */
#include "text/decompress.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <limits.h>
#include <string.h>

#define COMPRESSED_BYTES ((size_t)1 << 16)
#define GZIP_WINDOW (15 + 16) /* the largest window, and gzip's header (zlib.h, inflateInit2) */

static const char *format_name(const Decompressor *d) {
    return d->kind == FILE_KIND_GZIP ? "gzip" : "zstd";
}

static Status refuse_damaged(const Decompressor *d, const char *reason, Error *error) {
    return error_set(error, STATUS_INPUT, "%s: damaged %s data (%s): copy or download the file again", d->name,
                     format_name(d), reason);
}

static Status refuse_memory(const Decompressor *d, Error *error) {
    return error_set(error, STATUS_FAILURE, "%s: cannot decompress: out of memory", d->name);
}

/* One step: decompress what is there into out [room], and set *count to the bytes written. With no compressed bytes left
 * it gives what is still held. */

static Status gunzip_step(Decompressor *d, char *out, size_t room, size_t *count, Error *error) {
    z_stream *stream = &d->gzip;
    const uInt wanted = (uInt)size_min(room, UINT_MAX);
    if (!d->inside && d->bytes[d->at] == 0) { /* padding */
        d->at++;
        return STATUS_OK;
    }
    stream->next_in = (Bytef *)d->bytes + d->at;
    stream->avail_in = (uInt)(d->end - d->at);
    stream->next_out = (Bytef *)out;
    stream->avail_out = wanted;
    const int code = inflate(stream, Z_NO_FLUSH);
    d->at = d->end - stream->avail_in;
    *count = wanted - stream->avail_out;
    if (code == Z_MEM_ERROR) return refuse_memory(d, error);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return refuse_damaged(d, stream->msg ? stream->msg : zError(code), error);
    d->inside = code != Z_STREAM_END;
    if (code == Z_STREAM_END) inflateReset(stream);
    return STATUS_OK;
}

static Status unzstd_step(Decompressor *d, char *out, size_t room, size_t *count, Error *error) {
    ZSTD_inBuffer input = {d->bytes, d->end, d->at};
    ZSTD_outBuffer output = {out, room, 0};
    const size_t code = ZSTD_decompressStream(d->zstd, &output, &input);
    d->at = input.pos;
    *count = output.pos;
    if (ZSTD_isError(code)) {
        const char *reason = ZSTD_getErrorName(code);
        if (strstr(reason, "too much memory")) /* a window of over 128 MiB, which `zstd` itself refuses as well */
            return error_set(error, STATUS_INPUT,
                             "%s: was compressed with a window of over 128 MiB: decompress it with `unzstd --long=31`",
                             d->name);
        return refuse_damaged(d, reason, error);
    }
    d->inside = code != 0;
    return STATUS_OK;
}

bool decompress_knows(FileKind kind) {
    return kind == FILE_KIND_GZIP || kind == FILE_KIND_ZSTD;
}

Status decompress_open(Decompressor *d, FileKind kind, CompressedSource read, void *context, const char *name,
                       const char *bytes, size_t size, Error *error) {
    *d = (Decompressor){.kind = kind, .read = read, .context = context, .name = name, .end = size};
    d->bytes = memory_allocate(size_max(size, COMPRESSED_BYTES), 1, error);
    if (!d->bytes) return error->status;
    memcpy(d->bytes, bytes, size);
    if (kind == FILE_KIND_GZIP)
        return inflateInit2(&d->gzip, GZIP_WINDOW) == Z_OK ? STATUS_OK : refuse_memory(d, error);
    d->zstd = ZSTD_createDStream();
    return d->zstd ? STATUS_OK : refuse_memory(d, error);
}

void decompress_close(Decompressor *d) {
    if (d->kind == FILE_KIND_GZIP) inflateEnd(&d->gzip); /* does nothing where inflateInit2() failed */
    ZSTD_freeDStream(d->zstd);                           /* NULL is allowed */
    memory_free(d->bytes);
    *d = (Decompressor){0};
}

/* Bring compressed bytes in where there are none. */
static Status refill(Decompressor *d, Error *error) {
    if (d->at < d->end) return STATUS_OK;
    d->at = d->end = 0;
    return d->read(d->context, d->bytes, COMPRESSED_BYTES, &d->end, error);
}

Status decompress_read(Decompressor *d, char *out, size_t room, size_t *count, Error *error) {
    for (*count = 0; *count == 0;) {
        if (refill(d, error)) return error->status;
        const bool ended = d->at == d->end;
        if (ended && !d->inside) return STATUS_OK;
        if (d->kind == FILE_KIND_GZIP ? gunzip_step(d, out, room, count, error)
                                      : unzstd_step(d, out, room, count, error))
            return error->status;
        if (ended && *count == 0 && d->inside)
            return error_set(error, STATUS_INPUT, "%s: ends inside its %s data: copy or download the file again",
                             d->name, format_name(d));
    }
    return STATUS_OK;
}
