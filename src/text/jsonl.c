#include "linnet/core/utf8.h"
#include "text/row_reader.h"
#include <inttypes.h>
#include <string.h>

/* cJSON ends a text at an escaped zero byte and accepts more than RFC 8259 does, hence a reader of our own:
 * strict, in place, and it knows the column of everything. */

#define DEPTH_MAX 100 /**< of arrays and objects in each other; bounds the recursion */

typedef struct {
    char *text; /**< one line */
    size_t size, at;
    const char *path;
    int64_t line;
    Error *error;
} Cursor;

typedef enum { VALUE_TEXT, VALUE_WHOLE, VALUE_NULL, VALUE_OTHER } ValueKind;

typedef struct {
    ValueKind kind;
    const char *text; /**< decoded text, or a number's digits */
    size_t size;
    size_t at; /**< where the value starts */
} Value;

static Status fault(Cursor *cursor, size_t at, const char *what) {
    return error_set(cursor->error, STATUS_INPUT, "%s:%" PRId64 ":%zu: %s", cursor->path, cursor->line, at + 1, what);
}

/** The byte at the cursor; 0 at the line's end, which is no byte of valid JSON. */
static char peek(const Cursor *cursor) {
    return cursor->at < cursor->size ? cursor->text[cursor->at] : 0;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static void skip_space(Cursor *cursor) {
    while (peek(cursor) == ' ' || peek(cursor) == '\t' || peek(cursor) == '\r') cursor->at++;
}

static Status expect(Cursor *cursor, char byte) {
    skip_space(cursor);
    if (peek(cursor) != byte) {
        char what[] = "broken JSON: expected `?` here";
        *strchr(what, '?') = byte;
        return fault(cursor, cursor->at, what);
    }
    cursor->at++;
    return STATUS_OK;
}

/** The four hexadecimal digits after \u. */
static Status read_hex(Cursor *cursor, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++, cursor->at++) {
        static const char DIGITS[] = "0123456789abcdef";
        char byte = peek(cursor);
        const char *digit = byte ? strchr(DIGITS, byte >= 'A' && byte <= 'F' ? byte + 32 : byte) : NULL;
        if (!digit) return fault(cursor, cursor->at, "broken JSON: \\u needs four hexadecimal digits");
        *unit = *unit * 16 + (uint32_t)(digit - DIGITS);
    }
    return STATUS_OK;
}

/** A \u escape, or two that are a surrogate pair; the cursor stands behind the u. */
static Status read_code_point(Cursor *cursor, uint32_t *code_point) {
    size_t from = cursor->at - 2;
    if (read_hex(cursor, code_point)) return cursor->error->status;
    if (*code_point < 0xD800 || *code_point > 0xDFFF) return STATUS_OK;
    uint32_t low = 0;
    bool pair =
        *code_point < 0xDC00 && cursor->size - cursor->at >= 2 && memcmp(cursor->text + cursor->at, "\\u", 2) == 0;
    if (pair) {
        cursor->at += 2;
        if (read_hex(cursor, &low)) return cursor->error->status;
    }
    if (low < 0xDC00 || low > 0xDFFF) return fault(cursor, from, "half a surrogate pair stands for no character");
    *code_point = 0x10000 + ((*code_point - 0xD800) << 10) + (low - 0xDC00);
    return STATUS_OK;
}

/** An escape, the cursor behind its backslash; its text goes to out, which it never outgrows. */
static Status read_escape(Cursor *cursor, char *out, size_t *length) {
    static const char NAMES[] = "\"\\/bfnrt", BYTES[] = "\"\\/\b\f\n\r\t";
    char byte = peek(cursor);
    const char *name = byte ? strchr(NAMES, byte) : NULL;
    if (!name && byte != 'u') return fault(cursor, cursor->at, "broken JSON: no such escape");
    cursor->at++;
    if (name) {
        out[0] = BYTES[name - NAMES];
        *length = 1;
        return STATUS_OK;
    }
    uint32_t code_point;
    if (read_code_point(cursor, &code_point)) return cursor->error->status;
    *length = utf8_write(out, code_point);
    return STATUS_OK;
}

/** A string, decoded over itself. */
static Status read_string(Cursor *cursor, Value *value) {
    size_t from = cursor->at;
    if (expect(cursor, '"')) return cursor->error->status;
    char *out = cursor->text + cursor->at;
    *value = (Value){VALUE_TEXT, out, 0, from};
    while (cursor->at < cursor->size && cursor->text[cursor->at] != '"') {
        char byte = cursor->text[cursor->at];
        size_t length = 1;
        if ((unsigned char)byte < 0x20)
            return fault(cursor, cursor->at, "broken JSON: a control character in a string must be escaped");
        cursor->at++;
        if (byte != '\\')
            out[value->size] = byte;
        else if (read_escape(cursor, out + value->size, &length))
            return cursor->error->status;
        value->size += length;
    }
    if (cursor->at == cursor->size) return fault(cursor, from, "broken JSON: this string is never closed");
    cursor->at++;
    return STATUS_OK;
}

static Status read_digits(Cursor *cursor) {
    if (!is_digit(peek(cursor))) return fault(cursor, cursor->at, "broken JSON: expected a digit here");
    while (is_digit(peek(cursor))) cursor->at++;
    return STATUS_OK;
}

static Status read_number(Cursor *cursor, Value *value) {
    *value = (Value){VALUE_WHOLE, cursor->text + cursor->at, 0, cursor->at};
    if (peek(cursor) == '-') cursor->at++;
    bool zero = peek(cursor) == '0';
    size_t first = cursor->at;
    if (read_digits(cursor)) return cursor->error->status;
    if (zero && cursor->at > first + 1) return fault(cursor, first, "broken JSON: a number cannot start with 0");
    if (peek(cursor) == '.') {
        value->kind = VALUE_OTHER;
        cursor->at++;
        if (read_digits(cursor)) return cursor->error->status;
    }
    if (peek(cursor) == 'e' || peek(cursor) == 'E') {
        value->kind = VALUE_OTHER;
        cursor->at++;
        if (peek(cursor) == '+' || peek(cursor) == '-') cursor->at++;
        if (read_digits(cursor)) return cursor->error->status;
    }
    value->size = cursor->at - value->at;
    return STATUS_OK;
}

static Status read_literal(Cursor *cursor, Value *value) {
    static const char *const NAMES[] = {"null", "true", "false"};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(NAMES[i]);
        if (cursor->size - cursor->at < length || memcmp(cursor->text + cursor->at, NAMES[i], length) != 0) continue;
        *value = (Value){i == 0 ? VALUE_NULL : VALUE_OTHER, "", 0, cursor->at};
        cursor->at += length;
        return STATUS_OK;
    }
    return fault(cursor, cursor->at, "broken JSON: expected a value here");
}

static Status read_value(Cursor *cursor, Value *value, int depth);

/** Check an array or object inside the row; nothing of it is kept. */
static Status read_container(Cursor *cursor, Value *value, int depth) {
    char close = peek(cursor) == '[' ? ']' : '}';
    Value inner;
    *value = (Value){VALUE_OTHER, "", 0, cursor->at};
    if (depth >= DEPTH_MAX) return fault(cursor, cursor->at, "JSON nested too deeply");
    cursor->at++;
    skip_space(cursor);
    if (peek(cursor) == close) {
        cursor->at++;
        return STATUS_OK;
    }
    for (;;) {
        if (close == '}' && (read_string(cursor, &inner) || expect(cursor, ':'))) return cursor->error->status;
        if (read_value(cursor, &inner, depth + 1)) return cursor->error->status;
        skip_space(cursor);
        if (peek(cursor) != ',') return expect(cursor, close);
        cursor->at++;
    }
}

static Status read_value(Cursor *cursor, Value *value, int depth) {
    skip_space(cursor);
    char byte = peek(cursor);
    if (byte == '"') return read_string(cursor, value);
    if (byte == '{' || byte == '[') return read_container(cursor, value, depth);
    if (byte == '-' || is_digit(byte)) return read_number(cursor, value);
    return read_literal(cursor, value);
}

/** Keep the member's value if its key is a column asked for. A field whose text is NULL was not met yet. */
static Status keep_member(Cursor *cursor, const Value *key, const Value *value, const char *const *columns,
                          size_t count, Field *fields) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(columns[i]) != key->size || memcmp(columns[i], key->text, key->size) != 0) continue;
        if (fields[i].text)
            return error_set(cursor->error, STATUS_INPUT, "%s:%" PRId64 ":%zu: member `%s` is there twice",
                             cursor->path, cursor->line, key->at + 1, columns[i]);
        if (value->kind == VALUE_OTHER)
            return error_set(cursor->error, STATUS_INPUT,
                             "%s:%" PRId64 ":%zu: member `%s` must be a string or a whole number", cursor->path,
                             cursor->line, value->at + 1, columns[i]);
        fields[i] = (Field){value->text, value->size, cursor->line, (int64_t)value->at + 1};
    }
    return STATUS_OK;
}

/** Add a member's name to the list that an error about a missing one shows. */
static void note_name(char *names, size_t room, const Value *key) {
    size_t used = strlen(names);
    snprintf(names + used, room - used, "%s%.*s", used ? ", " : "", (int)(key->size < 64 ? key->size : 64), key->text);
}

static Status read_members(Cursor *cursor, const char *const *columns, size_t count, Field *fields, char *names,
                           size_t room) {
    if (expect(cursor, '{')) return cursor->error->status;
    skip_space(cursor);
    if (peek(cursor) == '}') return expect(cursor, '}');
    for (;;) {
        Value key, value;
        skip_space(cursor);
        if (read_string(cursor, &key) || expect(cursor, ':') || read_value(cursor, &value, 1))
            return cursor->error->status;
        if (keep_member(cursor, &key, &value, columns, count, fields)) return cursor->error->status;
        note_name(names, room, &key);
        skip_space(cursor);
        if (peek(cursor) != ',') return expect(cursor, '}');
        cursor->at++;
    }
}

Status jsonl_read_object(RowWindow *window, size_t length, const char *const *columns, size_t count, Field *fields,
                         Error *error) {
    Cursor cursor = {window->bytes + window->start, length, 0, window->path, window->line, error};
    char names[256] = "";
    if (rows_check_utf8(window, 0, length, window->line, 0, error)) return error->status;
    for (size_t i = 0; i < count; i++) fields[i].text = NULL;
    if (read_members(&cursor, columns, count, fields, names, sizeof names)) return error->status;
    skip_space(&cursor);
    if (cursor.at < length) return fault(&cursor, cursor.at, "broken JSON: text after the object");
    for (size_t i = 0; i < count; i++)
        if (!fields[i].text)
            return error_set(error, STATUS_INPUT, "%s:%" PRId64 ": no member `%s`; the members are: %s", window->path,
                             window->line, columns[i], names);
    return STATUS_OK;
}
