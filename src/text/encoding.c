/* Names of encodings, and byte-order marks. See encoding.h. */
#include "text/encoding.h"
#include "linnet/core/escape.h"
#include "linnet/core/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 64

/* The name's letters and digits in lower case. */
static void plain_name(char out[NAME_MAX_BYTES], const char *name) {
    size_t used = 0;
    for (; *name && used < NAME_MAX_BYTES - 1; name++)
        if (*name != '-' && *name != '_' && *name != ' ') out[used++] = (char)tolower((unsigned char)*name);
    out[used] = '\0';
}

bool encoding_is_utf8(const char *name) {
    char plain[NAME_MAX_BYTES];
    plain_name(plain, name);
    return strcmp(plain, "utf8") == 0 || strcmp(plain, "utf8sig") == 0 || strcmp(plain, "cp65001") == 0;
}

bool encoding_is_unicode(const char *name) {
    char plain[NAME_MAX_BYTES];
    plain_name(plain, name);
    return strncmp(plain, "utf", 3) == 0 || strncmp(plain, "ucs", 3) == 0;
}

bool encoding_is_of_mark(const char *name, const char *marked) {
    char plain[NAME_MAX_BYTES], mark[NAME_MAX_BYTES];
    plain_name(plain, name);
    plain_name(mark, marked);
    return strlen(plain) >= strlen("utf8") &&
           (strncmp(mark, plain, strlen(plain)) == 0 || (encoding_is_utf8(name) && encoding_is_utf8(marked)));
}

/* Python's names that iconv writes in another way than with other dashes. */
static const char *name_of_iconv(const char *plain) {
    static const char *const NAMES[][2] = {
        {"utf8sig", "UTF-8"},
        {"cp65001", "UTF-8"},
        {"macroman", "MACINTOSH"},
        {"maclatin2", "MAC-CENTRALEUROPE"},
        {"maccyrillic", "MAC-CYRILLIC"},
        {"kz1048", "RK1048"},
        {"strk10482002", "RK1048"},
        {"ptcp154", "PT154"},
        {"cyrillicasian", "PT154"},
        {"latin", "ISO-8859-1"},
        {"latin9", "ISO-8859-15"},
        {"latin10", "ISO-8859-16"},
        {"ansi", "CP1252"},
        {"windows31j", "CP932"},
        {"ms932", "CP932"},
        {"ksc5601", "EUC-KR"},
        {"shiftjis", "SJIS"},
        {"mskanji", "CP932"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(plain, NAMES[i][0]) == 0) return NAMES[i][1];
    return plain;
}

bool encoding_changes_ascii(const char *name) {
    char plain[NAME_MAX_BYTES];
    plain_name(plain, name);
    return strcmp(plain, "shiftjis") == 0 || strcmp(plain, "sjis") == 0 || strcmp(plain, "csshiftjis") == 0;
}

size_t encoding_restore_ascii(char *text, size_t size) {
    static const char YEN[] = "\xC2\xA5", OVERLINE[] = "\xE2\x80\xBE";
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        const bool yen = size - at >= 2 && memcmp(text + at, YEN, 2) == 0;
        const bool overline = size - at >= 3 && memcmp(text + at, OVERLINE, 3) == 0;
        text[used++] = (char)(yen ? '\\' : overline ? '~' : text[at]);
        at += yen ? 2 : overline ? 3 : 1;
    }
    return used;
}

Status encoding_open(iconv_t *decoder, const char *name, Error *error) {
    char dashes[NAME_MAX_BYTES], plain[NAME_MAX_BYTES];
    Quoted shown;
    *decoder = (iconv_t)-1;
    /* "//" would ask iconv to drop or change characters; an empty name means the terminal's encoding. */
    if (*name && strlen(name) < NAME_MAX_BYTES && !strchr(name, '/')) {
        snprintf(dashes, sizeof dashes, "%s", name);
        for (char *at = dashes; (at = strpbrk(at, "_ "));) *at = '-';
        plain_name(plain, name);
        const char *const spellings[] = {name_of_iconv(plain), name, dashes};
        for (size_t i = 0; i < 3 && *decoder == (iconv_t)-1; i++) *decoder = iconv_open("UTF-8", spellings[i]);
    }
    if (*decoder != (iconv_t)-1) return STATUS_OK;
    return error_set(error, errno == ENOMEM || errno == EMFILE ? STATUS_FAILURE : STATUS_INPUT,
                     "encoding %s is not known: expected a name that `iconv -l` lists, such as latin-1, cp1252, "
                     "utf-16 or shift_jis",
                     quoted(name, strlen(name), &shown));
}

bool encoding_is_single_byte(const char *name) {
    iconv_t decoder;
    Error unknown = {0};
    bool single = !encoding_open(&decoder, name, &unknown);
    if (!single) return false;
    for (int byte = 0; byte < 256 && single; byte++) {
        char in = (char)byte, out[8] = "", *from = &in, *to = out;
        size_t held = 1, room = sizeof out;
        const bool taken = iconv(decoder, &from, &held, &to, &room) != (size_t)-1;
        const size_t length = sizeof out - room;
        single = taken ? length > 0 && utf8_character_length(out, length) == length : errno == EILSEQ;
        if (byte < 128) single = single && taken && length == 1 && out[0] == in;
        iconv(decoder, NULL, NULL, NULL, NULL);
    }
    iconv_close(decoder);
    return single;
}

const char *encoding_of_mark(const char *bytes, size_t size, size_t *length) {
    static const struct {
        const char *mark;
        size_t size;
        const char *name;
    } MARKS[] = {{"\xEF\xBB\xBF", 3, "UTF-8"},
                 {"\xFF\xFE\0\0", 4, "UTF-32LE"},
                 {"\0\0\xFE\xFF", 4, "UTF-32BE"},
                 {"\xFF\xFE", 2, "UTF-16LE"},
                 {"\xFE\xFF", 2, "UTF-16BE"}};
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++) {
        *length = MARKS[i].size;
        if (size >= *length && memcmp(bytes, MARKS[i].mark, *length) == 0) return MARKS[i].name;
    }
    *length = 0;
    return NULL;
}

const char *encoding_by_zeros(const char *bytes, size_t size) {
    return size > 0 && bytes[0] == '\0' ? "utf-16be" : "utf-16le";
}
