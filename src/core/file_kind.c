/* The kinds of file that are taken for another, their first bytes and what to do. See file_kind.h. */
#include "linnet/core/file_kind.h"
#include "linnet/core/file_copies.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ARROW_CONTINUATION "\xFF\xFF\xFF\xFF" /* and the size of the schema, which is small */

/* The bytes that files of a kind start with. ZIP archives are told apart by the name of their first member. */
#define STARTS(kind, bytes)                                                                                            \
    { kind, bytes, sizeof(bytes) - 1 }
static const struct {
    FileKind kind;
    const char *bytes;
    size_t size;
} SIGNATURES[] = {
    STARTS(FILE_KIND_GIT_LFS, "version https://git-lfs.github.com/spec/"),
    STARTS(FILE_KIND_GZIP, "\x1F\x8B"),
    STARTS(FILE_KIND_BZIP2, "BZh"),
    STARTS(FILE_KIND_XZ, "\xFD"
                         "7zXZ\0"),
    STARTS(FILE_KIND_ZSTD, "\x28\xB5\x2F\xFD"),
    STARTS(FILE_KIND_EXCEL, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
    STARTS(FILE_KIND_ZIP, "PK\x03\x04"),
    STARTS(FILE_KIND_7Z, "7z\xBC\xAF\x27\x1C"),
    STARTS(FILE_KIND_TORCH, "\x80\x02"),
    STARTS(FILE_KIND_PICKLE, "\x80\x03"),
    STARTS(FILE_KIND_PICKLE, "\x80\x04"),
    STARTS(FILE_KIND_PICKLE, "\x80\x05"),
    STARTS(FILE_KIND_PARQUET, "PAR1"),
    STARTS(FILE_KIND_ARROW, "ARROW1"),
    STARTS(FILE_KIND_ARROW, "FEA1"),
    STARTS(FILE_KIND_ARROW_STREAM, ARROW_CONTINUATION),
    STARTS(FILE_KIND_ORC, "ORC"),
    STARTS(FILE_KIND_HDF5, "\x89HDF\r\n\x1A\n"),
    STARTS(FILE_KIND_SQLITE, "SQLite format 3"),
    STARTS(FILE_KIND_NUMPY, "\x93NUMPY"),
    STARTS(FILE_KIND_GGUF, "GGUF"),
    STARTS(FILE_KIND_PDF, "%PDF-"),
    STARTS(FILE_KIND_RTF, "{\\rtf"),
    STARTS(FILE_KIND_IMAGE, "\x89PNG\r\n\x1A\n"),
    STARTS(FILE_KIND_IMAGE, "\xFF\xD8\xFF"),
    STARTS(FILE_KIND_IMAGE, "GIF8"),
    STARTS(FILE_KIND_UTF16, "\xFF\xFE"),
    STARTS(FILE_KIND_UTF16, "\xFE\xFF"),
    STARTS(FILE_KIND_UTF16, "\0\0\xFE\xFF"),
};

#define TAR_MARK_AT 257 /* POSIX's ustar header */

static bool holds(const char *bytes, size_t size, const char *text) {
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

static FileKind kind_of_zip(const char *bytes, size_t size) {
    if (holds(bytes, size, "[Content_Types].xml") || holds(bytes, size, "xl/") || holds(bytes, size, "_rels/"))
        return FILE_KIND_EXCEL;
    if (holds(bytes, size, "data.pkl") || holds(bytes, size, "/byteorder") || holds(bytes, size, "/version"))
        return FILE_KIND_TORCH;
    return FILE_KIND_ZIP;
}

static bool is_html(const char *bytes, size_t size) {
    static const char *const STARTS_OF_PAGES[] = {"<!doctype html", "<html"};
    while (size > 0 && strchr(" \t\r\n", *bytes) && *bytes) bytes++, size--;
    for (size_t i = 0; i < sizeof STARTS_OF_PAGES / sizeof *STARTS_OF_PAGES; i++)
        if (size >= strlen(STARTS_OF_PAGES[i]) &&
            strncasecmp(bytes, STARTS_OF_PAGES[i], strlen(STARTS_OF_PAGES[i])) == 0)
            return true;
    return false;
}

/* Without a byte-order mark: in UTF-16 the characters of most languages' texts have a zero in every second byte. A
 * text that merely holds zero bytes has no such rhythm. */
static bool is_utf16_without_mark(const unsigned char *bytes, size_t size) {
    size_t zeros[2] = {0};
    if (size < 8) return false;
    for (size_t i = 0; i < size / 2 * 2; i++) zeros[i % 2] += bytes[i] == 0;
    const size_t pairs = size / 2;
    return (zeros[0] == 0 && zeros[1] > pairs * 3 / 4) || (zeros[1] == 0 && zeros[0] > pairs * 3 / 4);
}

/* A table's first column may be called `ORCID` or `PAR1`: where a signature could be the start of a text, the bytes
 * after it must not be. */
static bool is_binary(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] == 0x7F || (bytes[i] < 0x20 && !strchr("\t\n\r", bytes[i])) || bytes[i] == 0) return true;
    return size < 8; /* too short to tell */
}

static bool may_start_text(FileKind kind) {
    return kind == FILE_KIND_BZIP2 || kind == FILE_KIND_PARQUET || kind == FILE_KIND_ARROW || kind == FILE_KIND_ORC ||
           kind == FILE_KIND_GGUF;
}

static bool starts(const unsigned char *bytes, size_t size, FileKind kind) {
    if (kind == FILE_KIND_ARROW_STREAM) return size < 8 || bytes[7] == 0;
    return !may_start_text(kind) || is_binary(bytes, size);
}

/* A few zero bytes may be a text. */
static bool is_zeros(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i]) return false;
    return size >= 64;
}

FileKind file_kind(const void *bytes, size_t size) {
    if (size == 0) return FILE_KIND_EMPTY;
    if (is_zeros(bytes, size)) return FILE_KIND_ZEROS;
    for (size_t i = 0; i < sizeof SIGNATURES / sizeof *SIGNATURES; i++)
        if (size >= SIGNATURES[i].size && memcmp(bytes, SIGNATURES[i].bytes, SIGNATURES[i].size) == 0 &&
            starts(bytes, size, SIGNATURES[i].kind))
            return SIGNATURES[i].kind == FILE_KIND_ZIP ? kind_of_zip(bytes, size) : SIGNATURES[i].kind;
    if (is_html(bytes, size)) return FILE_KIND_HTML;
    if (size >= TAR_MARK_AT + 5 && memcmp((const char *)bytes + TAR_MARK_AT, "ustar", 5) == 0) return FILE_KIND_TAR;
    return is_utf16_without_mark(bytes, size) ? FILE_KIND_UTF16 : FILE_KIND_OTHER;
}

FileKind file_kind_of(const char *path) {
    char bytes[FILE_KIND_BYTES], place[FILE_COPIES_PLACE];
    int file = open(file_copies_place(path, place), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return FILE_KIND_OTHER;
    ssize_t size = pread(file, bytes, sizeof bytes, 0);
    close(file);
    return size < 0 ? FILE_KIND_OTHER : file_kind(bytes, (size_t)size);
}

#define UNPACK_BY(program) "decompress it with `" program "`"
#define FETCH_LFS "fetch the file with `git lfs pull`"
#define DOWNLOAD "download the file itself; the page may ask for a login"

/* [FILE_KIND_COUNT] `table`: what to do with a table; where that is NULL, pandas' function `pandas` converts it.
 * `other`: what to do with another file. */
static const struct {
    const char *name, *table, *other, *pandas;
} TEXTS[] = {
    [FILE_KIND_OTHER] = {"", "", "", ""},
    [FILE_KIND_EMPTY] = {"an empty file", "copy or download it again", "copy or download it again", ""},
    [FILE_KIND_ZEROS] = {"a file of zero bytes", "copy or download it again", "copy or download it again", ""},
    [FILE_KIND_GIT_LFS] = {"a Git LFS pointer, not the file itself", FETCH_LFS, FETCH_LFS, ""},
    [FILE_KIND_GZIP] = {"compressed by gzip", UNPACK_BY("gunzip"), UNPACK_BY("gunzip"), ""},
    [FILE_KIND_BZIP2] = {"compressed by bzip2", UNPACK_BY("bunzip2"), UNPACK_BY("bunzip2"), ""},
    [FILE_KIND_XZ] = {"compressed by xz", UNPACK_BY("unxz"), UNPACK_BY("unxz"), ""},
    [FILE_KIND_ZSTD] = {"compressed by zstd", UNPACK_BY("unzstd"), UNPACK_BY("unzstd"), ""},
    [FILE_KIND_EXCEL] = {"an Excel workbook", NULL, "", "read_excel"},
    [FILE_KIND_TORCH] = {"a PyTorch file (torch.save)", "export the table as CSV",
                         "save the model with `model.save_pretrained(FOLDER)`, which writes model.safetensors", ""},
    [FILE_KIND_ZIP] = {"a ZIP archive", "unpack it with `unzip`", "unpack it with `unzip`", ""},
    [FILE_KIND_7Z] = {"a 7z archive", "unpack it with `7z x`", "unpack it with `7z x`", ""},
    [FILE_KIND_TAR] = {"a tar archive", "unpack it with `tar xf`", "unpack it with `tar xf`", ""},
    [FILE_KIND_PICKLE] = {"a Python pickle", NULL, "", "read_pickle"},
    [FILE_KIND_PARQUET] = {"a Parquet file", NULL, "", "read_parquet"},
    [FILE_KIND_ORC] = {"an ORC file", NULL, "", "read_orc"},
    [FILE_KIND_ARROW] = {"an Arrow or Feather file", NULL, "", "read_feather"},
    [FILE_KIND_ARROW_STREAM] = {"a table of `datasets` (an Arrow stream)",
                                "convert it with `datasets.load_from_disk(FOLDER).to_csv(FILE)`", "", ""},
    [FILE_KIND_HDF5] = {"an HDF5 file", "a token file is made from a table and needs no further preparation", "", ""},
    [FILE_KIND_SQLITE] = {"an SQLite database", "export the table as CSV", "", ""},
    [FILE_KIND_NUMPY] = {"a NumPy array", "save the table as CSV", "", ""},
    [FILE_KIND_GGUF] = {"a GGUF model", "expected a table of texts, or a token file",
                        "linnet reads Hugging Face's model.safetensors", ""},
    [FILE_KIND_PDF] = {"a PDF document", "save the table as CSV", "", ""},
    [FILE_KIND_RTF] = {"an RTF document", "save the table as CSV", "", ""},
    [FILE_KIND_IMAGE] = {"an image", "expected a table of texts, or a token file", "", ""},
    [FILE_KIND_HTML] = {"a web page (HTML)", DOWNLOAD, DOWNLOAD, ""},
    [FILE_KIND_UTF16] = {"text in UTF-16 or UTF-32", "convert it: iconv -f UTF-16 -t UTF-8 IN > OUT",
                         "convert it: iconv -f UTF-16 -t UTF-8 IN > OUT", ""},
};
_Static_assert(sizeof TEXTS / sizeof *TEXTS == FILE_KIND_COUNT, "a text for every kind");

const char *file_kind_name(FileKind kind) {
    return TEXTS[kind].name;
}

const char *file_kind_advice(FileKind kind) {
    return TEXTS[kind].other;
}

/* Bytes of the name without its ending, or all of it where the ending is that of the converted table. */
static int converted_stem(const char *name) {
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    const bool has_ending = dot && (!slash || dot > slash) && strcasecmp(dot, ".csv") != 0;
    return (int)(has_ending ? (size_t)(dot - name) : strlen(name));
}

Status file_kind_refuse_table(const char *name, FileKind kind, Error *error) {
    if (TEXTS[kind].table)
        return error_set(error, STATUS_INPUT, "%s: is %s: %s", name, TEXTS[kind].name, TEXTS[kind].table);
    return error_set(
        error, STATUS_INPUT,
        "%s: is %s: convert it: python3 -c \"import pandas; pandas.%s('%s').to_csv('%.*s.csv', index=False)\"", name,
        TEXTS[kind].name, TEXTS[kind].pandas, name, converted_stem(name), name);
}
