/* Texts as they are compared. See duplicates.h. */
#include "linnet/core/hash.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include "linnet/core/utf8.h"
#include "text/duplicates.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_word(unsigned char byte) {
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_';
}

/* Bytes of a link or a mention at the start of text [size], behind `before`; 0: there is none. */
static size_t reference_length(const char *text, size_t size, char before) {
    static const char *const LINKS[] = {"http://", "https://", "www."};
    if (is_word((unsigned char)before)) return 0;
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        const size_t start = strlen(LINKS[i]);
        size_t length = start;
        if (size <= start || strncasecmp(text, LINKS[i], start) != 0) continue;
        while (length < size && !is_space(text[length])) length++;
        return length > start ? length : 0;
    }
    size_t length = 1;
    if (size < 2 || text[0] != '@') return 0;
    while (length < size && is_word((unsigned char)text[length]) && (unsigned char)text[length] < 0x80) length++;
    return length > 1 ? length : 0;
}

/* The lower case of a letter of Latin, Greek or Cyrillic. */
static uint32_t lower(uint32_t letter) {
    if (letter >= 'A' && letter <= 'Z') return letter + 32;
    if (letter >= 0xC0 && letter <= 0xDE && letter != 0xD7) return letter + 32;
    if (letter >= 0x391 && letter <= 0x3A9 && letter != 0x3A2) return letter + 32;
    if (letter >= 0x410 && letter <= 0x42F) return letter + 32;
    return letter >= 0x400 && letter <= 0x40F ? letter + 80 : letter;
}

/* Write the text as it is compared; no letter takes more bytes than before. Returns its bytes; *words: it has a letter
 * or a digit. */
static size_t normalize(const char *text, size_t size, bool references, char *out, bool *words) {
    static const char LINK = '\x01', MENTION = '\x02';
    size_t written = 0;
    bool space = false;
    *words = false;
    for (size_t at = 0, length; at < size; at += length) {
        const size_t reference = references ? reference_length(text + at, size - at, at > 0 ? text[at - 1] : ' ') : 0;
        length = 1;
        if (is_space(text[at])) {
            space = written > 0;
            continue;
        }
        if (space) out[written++] = ' ';
        space = false;
        if (reference > 0) {
            out[written++] = text[at] == '@' ? MENTION : LINK;
            length = reference;
            continue;
        }
        const size_t character = utf8_character_length(text + at, size - at);
        length = character > 0 ? character : 1;
        *words = *words || is_word((unsigned char)text[at]);
        if (character > 0)
            written += utf8_write(out + written, lower(utf8_read(text + at, character)));
        else
            out[written++] = text[at];
    }
    return written;
}

/* Room for so many bytes behind the `used` ones. */
static Status make_room(TextList *list, size_t used, size_t size, Error *error) {
    if (used + size <= list->room) return STATUS_OK;
    const size_t room = 2 * (used + size);
    char *bytes = memory_resize(list->bytes, used, room, 1, error);
    if (!bytes) return error->status;
    list->bytes = bytes;
    list->room = room;
    return STATUS_OK;
}

/* Room for one more text, which starts behind the others. */
static Status make_place(TextList *list, Error *error) {
    const size_t count = (size_t)list->count, room = 2 * (count + 2);
    if (count + 2 <= list->starts_room) return STATUS_OK;
    size_t *starts =
        memory_resize(list->starts, list->starts ? (count + 1) * sizeof *starts : 0, room, sizeof *starts, error);
    if (!starts) return error->status;
    if (count == 0) starts[0] = 0;
    list->starts = starts;
    list->starts_room = room;
    return STATUS_OK;
}

/* Write a text as it is compared at `start`, and set *end. */
static Status append(TextList *list, size_t start, const char *text, size_t size, size_t *end, Error *error) {
    bool words;
    if (make_room(list, start, size + 4, error)) return error->status; /* 4: utf8_write() has room for any letter */
    *end = start + normalize(text, size, true, list->bytes + start, &words);
    if (!words) *end = start + normalize(text, size, false, list->bytes + start, &words);
    return STATUS_OK;
}

Status text_list_add(TextList *list, const char *text, size_t size, Error *error) {
    const int64_t count = list->count;
    if (make_place(list, error) || append(list, list->starts[count], text, size, &list->starts[count + 1], error))
        return error->status;
    list->count++;
    return STATUS_OK;
}

Status text_list_extend(TextList *list, const char *text, size_t size, Error *error) {
    static const char BETWEEN = '\x03';
    size_t *end = &list->starts[list->count];
    if (make_room(list, *end, 1, error)) return error->status;
    list->bytes[(*end)++] = BETWEEN;
    return append(list, *end, text, size, end, error);
}

void text_list_free(TextList *list) {
    memory_free(list->bytes);
    memory_free(list->starts);
    *list = (TextList){0};
}

uint64_t text_list_hash(const TextList *list, int64_t text) {
    const size_t start = list->starts[text];
    return mix_bits(hash_add(HASH_START, list->bytes + start, list->starts[text + 1] - start));
}
