#ifndef LINNET_TEXT_ENCODING_H
#define LINNET_TEXT_ENCODING_H
/** Encodings by name, through iconv. */
#include "linnet/core/error.h"
#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>

/** Open a decoder to UTF-8 from the encoding of this name: iconv's, or Python's ("latin-1", "utf_8_sig", "mac_roman").
 *  STATUS_INPUT for a name that neither knows. */
Status encoding_open(iconv_t *decoder, const char *name, Error *error);

/** Whether a name is one of UTF-8's, or one of a Unicode encoding's, whose texts may start with a byte-order mark. */
bool encoding_is_utf8(const char *name);
bool encoding_is_unicode(const char *name);

/** Whether a name is that of the encoding whose byte-order mark was found, with or without the order of bytes. */
bool encoding_is_of_mark(const char *name, const char *marked);

/** Whether each byte of an encoding is a character by itself, and those of ASCII mean what they mean there: latin-1,
 *  cp1252, koi8-r, … */
bool encoding_is_single_byte(const char *name);

/** Whether iconv takes the bytes 0x5C and 0x7E of the encoding for a yen sign and an overline (Shift_JIS, by
 *  JIS X 0201), where Python reads '\\' and '~'. */
bool encoding_changes_ascii(const char *name);

/** Put '\\' and '~' back into decoded text [size] of such an encoding, which has no other yen sign or overline of
 *  these codes. text consists of complete characters of UTF-8; returns its new size. */
size_t encoding_restore_ascii(char *text, size_t size);

/** The encoding that a byte-order mark at the start of bytes [size] tells, or NULL; *length is the mark's bytes. */
const char *encoding_of_mark(const char *bytes, size_t size, size_t *length);

/** For text in UTF-16 without a mark: "utf-16le" or "utf-16be", by which bytes are zero. */
const char *encoding_by_zeros(const char *bytes, size_t size);

#endif
