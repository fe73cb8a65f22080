#ifndef LINNET_CORE_FILE_KIND_H
#define LINNET_CORE_FILE_KIND_H
/** What a file really is, by its first bytes, whatever its name says. A reader that expects one format asks here before
 *  it reports that the bytes make no sense. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>

typedef enum {
    FILE_KIND_OTHER, /**< none of those below: text, JSON, safetensors, … */
    FILE_KIND_EMPTY,
    FILE_KIND_ZEROS,   /**< nothing but zero bytes: what a crash or an interrupted download leaves */
    FILE_KIND_GIT_LFS, /**< the pointer that Git leaves where Git LFS did not fetch the file */
    FILE_KIND_GZIP,
    FILE_KIND_BZIP2,
    FILE_KIND_XZ,
    FILE_KIND_ZSTD,
    FILE_KIND_EXCEL, /**< .xlsx (a ZIP archive of XML files), or the older .xls */
    FILE_KIND_TORCH, /**< what torch.save() writes: a ZIP archive or a pickle */
    FILE_KIND_ZIP,   /**< any other ZIP archive */
    FILE_KIND_7Z,
    FILE_KIND_TAR,
    FILE_KIND_PICKLE, /**< of Python, other than an older torch.save()'s */
    FILE_KIND_PARQUET,
    FILE_KIND_ORC,
    FILE_KIND_ARROW,        /**< Arrow or Feather */
    FILE_KIND_ARROW_STREAM, /**< what `datasets` keeps its tables in */
    FILE_KIND_HDF5,
    FILE_KIND_SQLITE,
    FILE_KIND_NUMPY,
    FILE_KIND_GGUF,
    FILE_KIND_PDF,
    FILE_KIND_RTF,
    FILE_KIND_IMAGE, /**< PNG, JPEG or GIF */
    FILE_KIND_HTML,  /**< the page of an error or a login, saved in place of the file */
    FILE_KIND_UTF16, /**< text in UTF-16 or UTF-32, with a byte-order mark or known by its zero bytes */
    FILE_KIND_COUNT
} FileKind;

/** Bytes from the start of a file that are enough for file_kind(). */
#define FILE_KIND_BYTES 512

/** The kind of a file that starts with these bytes; `size` is 0 only for an empty file. */
FileKind file_kind(const void *bytes, size_t size);

/** The same for a file; FILE_KIND_OTHER where it cannot be read. */
FileKind file_kind_of(const char *path);

/** "a Git LFS pointer, not the file itself"; "" for FILE_KIND_OTHER. */
const char *file_kind_name(FileKind kind);

/** What to do with a file of this kind that is not a table: the end of an error line. "" where there is no advice. */
const char *file_kind_advice(FileKind kind);

/** Refuse a table that is a file of this kind: STATUS_INPUT with a line that says what it is and what to do. `name`: its
 *  path. */
Status file_kind_refuse_table(const char *name, FileKind kind, Error *error);

#endif
