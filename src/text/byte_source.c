/* Where a table's bytes come from, and what they are. See byte_source.h. */
#include "text/byte_source.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/utf8.h"
#include "text/decompress.h"
#include "text/encoding.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)1 << 16)
/* A byte-order mark and the marks of most kinds of file are not longer. */
#define FIRST_BYTES 4

/* Bytes at … end of a buffer of BLOCK_BYTES. */
typedef struct {
    char *bytes;
    size_t at, end;
} Block;

struct ByteSource {
    char *name;
    const TableOptions *options; /**< borrowed */
    bool lines;
    int file;
    off_t start;        /**< where the table starts in the file; −1: cannot seek */
    int64_t size_first; /**< bytes from there when it was opened; −1: not a regular file */
    int64_t left;       /**< bytes of the range that are still to be read; −1: no limit */
    Digest *digest;
    TableSource about;
    Block first;               /**< plain bytes read to see what they are, which byte_source_read() gives first */
    Decompressor decompressor; /**< open where the file is compressed */
    iconv_t decoder;           /**< (iconv_t)−1: the bytes are taken for UTF-8 */
    const char *encoding;
    Block encoded;      /**< plain bytes for the decoder */
    bool encoded_ended; /**< nothing follows them */
    int64_t decoded;    /**< plain bytes that the decoder has taken */
    int64_t line;       /**< of the next character, from 1 */
};

/* --- The file --- */

static Status refuse_reading(const ByteSource *source, Error *error) {
    if (errno == EBADF) return error_set(error, STATUS_INPUT, "%s is closed: nothing can be read", source->name);
    return error_set(error, file_blame(errno), "%s: cannot read: %s", source->name, strerror(errno));
}

/* read(2) that waits also where whoever opened the file wants it not to. */
static ssize_t read_waiting(int file, char *out, size_t room) {
    for (;;) {
        const ssize_t got = read(file, out, room);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
        if (errno == EAGAIN) poll(&(struct pollfd){.fd = file, .events = POLLIN}, 1, -1);
    }
}

/* For CompressedSource: bytes as they are in the file. */
static Status read_file(void *context, char *out, size_t room, size_t *count, Error *error) {
    ByteSource *source = context;
    if (source->left >= 0) room = size_min(room, (size_t)source->left);
    const ssize_t got = room > 0 ? read_waiting(source->file, out, room) : 0;
    if (got < 0) return refuse_reading(source, error);
    if (source->left >= 0) source->left -= got;
    digest_add(source->digest, out, (size_t)got);
    source->about.size += got;
    progress_add_bytes(got);
    *count = (size_t)got;
    return STATUS_OK;
}

/* The open file that a path stands for: 0 for "-" and /dev/stdin, N for /dev/fd/N (a shell's `<(command)`), else −1. */
static int open_file_of(const char *path) {
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0) return STDIN_FILENO;
    static const char FOLDER[] = "/dev/fd/";
    if (strncmp(path, FOLDER, strlen(FOLDER)) != 0) return -1;
    char *end;
    const long number = strtol(path + strlen(FOLDER), &end, 10);
    return *end == '\0' && number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

/* Copy what is left of a pipe into a file without a name, from which it can be read twice. */
static Status spool(ByteSource *source, Error *error) {
    FILE *copy = tmpfile();
    char *bytes = memory_allocate(BLOCK_BYTES, 1, error);
    ssize_t got = 1;
    if (!copy) error_set(error, STATUS_FAILURE, "%s: cannot make a temporary file: %s", source->name, strerror(errno));
    while (!error->status && got > 0) {
        got = read_waiting(source->file, bytes, BLOCK_BYTES);
        if (got < 0)
            refuse_reading(source, error);
        else if (!file_write_all(fileno(copy), bytes, (size_t)got))
            error_set(error, STATUS_FAILURE, "%s: cannot write a temporary copy: %s", source->name, strerror(errno));
    }
    if (!error->status && lseek(fileno(copy), 0, SEEK_SET) == 0) {
        close(source->file);
        source->file = dup(fileno(copy));
        source->start = 0;
    }
    memory_free(bytes);
    if (copy) fclose(copy);
    return error->status;
}

/* A folder is no table; that of a data set saved by `datasets` is told with the command that makes a table of it. */
static Status refuse_folder(const char *path, Error *error) {
    const bool parts = file_is_in(path, "dataset_dict.json");
    if (!file_is_folder(path)) return STATUS_OK;
    if (!parts && !(file_is_in(path, "state.json") && file_is_in(path, "dataset_info.json")))
        return error_set(error, STATUS_INPUT, "%s: is a folder: name its files, for example '%s/*.csv'", path, path);
    return error_set(error, STATUS_INPUT,
                     "%s: is a data set saved by `datasets`: convert it: python3 -c \"import datasets; "
                     "datasets.load_from_disk('%s')%s.to_csv('%s.csv')\"",
                     path, path, parts ? "['train']" : "", path);
}

static Status open_input(ByteSource *source, const char *path, bool twice, Error *error) {
    const int given = open_file_of(path);
    struct stat about;
    if (refuse_folder(path, error)) return error->status;
    if (given < 0 && file_open(path, &source->file, error)) return error->status;
    if (given >= 0 && (source->file = dup(given)) < 0) return refuse_reading(source, error);
    if (fstat(source->file, &about) != 0) return refuse_reading(source, error);
    if (S_ISDIR(about.st_mode)) return error_set(error, STATUS_INPUT, "%s: cannot read: it is a folder", source->name);
    source->start = lseek(source->file, 0, SEEK_CUR);
    source->size_first = S_ISREG(about.st_mode) ? (int64_t)(about.st_size - source->start) : -1;
    return twice && source->start < 0 ? spool(source, error) : STATUS_OK;
}

/* --- Plain bytes --- */

static bool is_compressed(const ByteSource *source) {
    return decompress_knows(source->decompressor.kind);
}

static Status read_bytes(ByteSource *source, char *out, size_t room, size_t *count, Error *error) {
    if (is_compressed(source)) return decompress_read(&source->decompressor, out, room, count, error);
    return read_file(source, out, room, count, error);
}

static Status read_plain(ByteSource *source, char *out, size_t room, size_t *count, Error *error) {
    Block *first = &source->first;
    if (first->at < first->end) {
        *count = size_min(room, first->end - first->at);
        memcpy(out, first->bytes + first->at, *count);
        first->at += *count;
        return STATUS_OK;
    }
    return read_bytes(source, out, room, count, error);
}

/* Read at least FIRST_BYTES bytes, or a line: somebody at a terminal waits for its answer. */
static Status read_first(ByteSource *source, Error *error) {
    Block *first = &source->first;
    first->at = first->end = 0;
    for (size_t count = 1; count > 0; first->end += count) {
        if (first->end >= FIRST_BYTES || memchr(first->bytes, '\n', first->end)) break;
        char *out = first->bytes + first->end;
        const size_t room = BLOCK_BYTES - first->end;
        if (read_bytes(source, out, room, &count, error)) return error->status;
    }
    return STATUS_OK;
}

static bool is_text(const char *bytes, size_t size) {
    const size_t last_character = 3; /* may be cut */
    return !memchr(bytes, 0, size) && utf8_valid_length(bytes, size) + last_character >= size;
}

/* Refuse what is no table. Text may start with the letters of a mark: a text about `GGUF` is a text. */
static Status check_kind(const ByteSource *source, Error *error) {
    const Block *first = &source->first;
    const size_t size = size_min(first->end, FILE_KIND_BYTES);
    const FileKind kind = file_kind(first->bytes, size);
    if (kind == FILE_KIND_OTHER || kind == FILE_KIND_EMPTY) return STATUS_OK;
    if (is_text(first->bytes, size) && (source->lines || (kind != FILE_KIND_GIT_LFS && kind != FILE_KIND_HTML)))
        return STATUS_OK;
    if (kind == FILE_KIND_UTF16 && source->encoding && encoding_is_unicode(source->encoding)) return STATUS_OK;
    if (kind == FILE_KIND_UTF16)
        return error_set(error, STATUS_INPUT, "%s: is text in UTF-16 without a byte-order mark: add --encoding %s",
                         source->name, encoding_by_zeros(first->bytes, size));
    return file_kind_refuse_table(source->name, kind, error);
}

/* --- Encodings --- */

static bool is_in_utf8(const ByteSource *source) {
    return !source->encoding || encoding_is_utf8(source->encoding);
}

static Status open_decoder(ByteSource *source, Error *error) {
    const char *errors = source->options->encoding_errors;
    if (is_in_utf8(source) && !(errors && strcmp(errors, "replace") == 0)) return STATUS_OK;
    return encoding_open(&source->decoder, is_in_utf8(source) ? "UTF-8" : source->encoding, error);
}

/* Find the encoding: what is told, or what the mark says. The reader of rows skips the mark itself. */
static Status choose_encoding(ByteSource *source, Error *error) {
    const char *told = source->options->encoding;
    size_t length;
    const char *marked = encoding_of_mark(source->first.bytes, source->first.end, &length);
    if (told && marked && !encoding_is_of_mark(told, marked))
        return error_set(error, STATUS_INPUT, "%s: starts with the byte-order mark of %s: leave out --encoding %s",
                         source->name, marked, told);
    source->encoding = told ? told : marked;
    return open_decoder(source, error);
}

/* Bytes of what is wrong at the start of bytes [size ≥ 1]: of UTF-8 the longest start of a character (the Unicode
 * Standard 3.9, "maximal subpart", as Python replaces it), else one. */
static size_t wrong_length(const ByteSource *source, const char *bytes, size_t size) {
    if (!is_in_utf8(source)) return 1;
    for (size_t length = size_min(size, 3); length > 1; length--) {
        char character[4] = {(char)0x80, (char)0x80, (char)0x80, (char)0x80};
        memcpy(character, bytes, length);
        if (utf8_character_length(character, sizeof character) > length) return length;
    }
    return 1;
}

/* Bytes that cannot be decoded stand at encoded.at: an error, or a replacement character in *out. */
static Status pass_wrong(ByteSource *source, char **out, size_t *room, Error *error) {
    Block *block = &source->encoded;
    const unsigned byte = (unsigned char)block->bytes[block->at];
    if (!source->options->encoding_errors || strcmp(source->options->encoding_errors, "replace") != 0)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ": byte 0x%02X at offset %" PRId64
                         " is not %s: is that the encoding? (--encoding-errors replace puts U+FFFD in its place)",
                         source->name, source->line, byte, source->decoded, source->encoding);
    const size_t length = wrong_length(source, block->bytes + block->at, block->end - block->at);
    block->at += length;
    source->decoded += (int64_t)length;
    source->about.replaced++;
    *out += utf8_write(*out, 0xFFFD);
    *room -= 3;
    iconv(source->decoder, NULL, NULL, NULL, NULL);
    return STATUS_OK;
}

/* Bring more bytes in behind those that the decoder has not taken. */
static Status refill(ByteSource *source, Error *error) {
    Block *block = &source->encoded;
    size_t count;
    memmove(block->bytes, block->bytes + block->at, block->end - block->at);
    block->end -= block->at;
    block->at = 0;
    if (read_plain(source, block->bytes + block->end, BLOCK_BYTES - block->end, &count, error)) return error->status;
    block->end += count;
    source->encoded_ended = count == 0;
    return STATUS_OK;
}

/* One step of the decoder; what it cannot take is passed only where nothing stands before it in `out`. */
static Status decode_step(ByteSource *source, char **out, size_t *room, Error *error) {
    Block *block = &source->encoded;
    char *from = block->bytes + block->at, *start = *out;
    size_t held = block->end - block->at;
    /* At the end: what a stateful encoding still owes. */
    const bool ended = held == 0 && source->encoded_ended;
    const size_t result = iconv(source->decoder, ended ? NULL : &from, ended ? NULL : &held, out, room);
    const int code = result == (size_t)-1 ? errno : 0;
    source->decoded += from - (block->bytes + block->at);
    block->at = (size_t)(from - block->bytes);
    if (*out > start || ended || (code == 0 && block->at < block->end)) return STATUS_OK;
    if (code == EILSEQ || (code == EINVAL && source->encoded_ended)) return pass_wrong(source, out, room, error);
    return refill(source, error);
}

static Status decode(ByteSource *source, char *out, size_t room, size_t *count, Error *error) {
    char *end = out;
    const Block *block = &source->encoded;
    while (end == out) {
        const bool ended = block->at == block->end && source->encoded_ended;
        if (decode_step(source, &end, &room, error)) return error->status;
        if (ended) break;
    }
    *count = (size_t)(end - out);
    if (encoding_changes_ascii(source->encoding ? source->encoding : "")) {
        *count = encoding_restore_ascii(out, *count);
        end = out + *count;
    }
    for (const char *at = out; (at = memchr(at, '\n', (size_t)(end - at))); at++) source->line++;
    return STATUS_OK;
}

/* --- The source --- */

/* Begin at the file's place: see what it is, and how it is compressed and encoded. */
static Status begin(ByteSource *source, Error *error) {
    source->about = (TableSource){0};
    source->line = 1;
    source->decoded = 0;
    source->left = -1;
    source->encoded_ended = false;
    source->encoded.at = source->encoded.end = 0;
    if (digest_create(&source->digest, error) || read_first(source, error)) return error->status;
    const FileKind kind = file_kind(source->first.bytes, source->first.end);
    if (decompress_knows(kind) && (decompress_open(&source->decompressor, kind, read_file, source, source->name,
                                                   source->first.bytes, source->first.end, error) ||
                                   read_first(source, error)))
        return error->status;
    return choose_encoding(source, error) ? error->status : check_kind(source, error);
}

static void end(ByteSource *source) {
    digest_destroy(source->digest);
    source->digest = NULL;
    decompress_close(&source->decompressor);
    if (source->decoder != (iconv_t)-1) iconv_close(source->decoder);
    source->decoder = (iconv_t)-1;
}

Status byte_source_open(ByteSource **source, const char *path, const TableOptions *options, bool lines, bool twice,
                        Error *error) {
    ByteSource *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->options = options;
    made->lines = lines;
    made->file = -1;
    made->decoder = (iconv_t)-1;
    const char *shown = options->name ? options->name : path;
    made->name = memory_text(open_file_of(shown) == STDIN_FILENO ? "standard input" : shown, error);
    made->first.bytes = memory_allocate(BLOCK_BYTES, 1, error);
    made->encoded.bytes = memory_allocate(BLOCK_BYTES, 1, error);
    if (!error->status && !open_input(made, path, twice, error) && !begin(made, error))
        *source = made;
    else
        byte_source_close(made);
    return error->status;
}

void byte_source_close(ByteSource *source) {
    if (!source) return;
    end(source);
    if (source->file >= 0) close(source->file);
    memory_free(source->first.bytes);
    memory_free(source->encoded.bytes);
    memory_free(source->name);
    memory_free(source);
}

const char *byte_source_name(const ByteSource *source) {
    return source->name;
}

int64_t byte_source_size(const ByteSource *source) {
    return int64_max(source->size_first, 0);
}

Status byte_source_read(ByteSource *source, char *out, size_t room, size_t *count, Error *error) {
    if (source->decoder == (iconv_t)-1) return read_plain(source, out, room, count, error);
    return decode(source, out, room, count, error);
}

bool byte_source_ready(const ByteSource *source) {
    if (source->size_first >= 0 || is_compressed(source) || source->first.at < source->first.end) return true;
    return poll(&(struct pollfd){.fd = source->file, .events = POLLIN}, 1, 0) != 0;
}

Status byte_source_rewind(ByteSource *source, Error *error) {
    end(source);
    if (lseek(source->file, source->start, SEEK_SET) < 0) return refuse_reading(source, error);
    return begin(source, error);
}

bool byte_source_divisible(const ByteSource *source, int64_t *size) {
    *size = source->size_first;
    return source->size_first >= 0 && !is_compressed(source) &&
           (is_in_utf8(source) || encoding_is_single_byte(source->encoding));
}

Status byte_source_range(ByteSource *source, int64_t start, int64_t end_of_range, int64_t line, Error *error) {
    end(source);
    if (lseek(source->file, source->start + (off_t)start, SEEK_SET) < 0) return refuse_reading(source, error);
    if (start == 0) {
        if (begin(source, error)) return error->status;
        /* What begin() has read is not more than a block. */
        source->left = int64_max(end_of_range - source->about.size, 0);
        const int64_t beyond = source->about.size - end_of_range;
        if (beyond > 0) source->first.end -= size_min((size_t)beyond, source->first.end);
        return STATUS_OK;
    }
    source->about = (TableSource){0};
    source->first.at = source->first.end = source->encoded.at = source->encoded.end = 0;
    source->encoded_ended = false;
    source->line = line;
    source->decoded = start;
    source->left = end_of_range - start;
    return digest_create(&source->digest, error) ? error->status : open_decoder(source, error);
}

Status byte_source_finish(ByteSource *source, TableSource *about, Error *error) {
    struct stat now;
    const bool regular = source->size_first >= 0 && fstat(source->file, &now) == 0;
    if (regular &&
        (source->about.size != source->size_first || source->about.size != (int64_t)(now.st_size - source->start)))
        return error_set(error, STATUS_INPUT, "%s: the file changed while it was read", source->name);
    digest_finish(source->digest, source->about.digest);
    *about = source->about;
    return STATUS_OK;
}
