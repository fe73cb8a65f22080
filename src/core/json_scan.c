/* A strict reader of JSON's grammar. See json_scan.h. */
#include "linnet/core/json_scan.h"
#include "linnet/core/utf8.h"
#include <cjson/cJSON.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const JsonScan *rules;
    const unsigned char *text, *at, *end, *line_start;
    int64_t before; /* bytes of the file's line before line_start */
    int line;       /* of the text, from 0 */
    int depth;
    Error *error;
} Scan;

static bool scan_value(Scan *scan);

static int64_t column_of(const Scan *scan, const unsigned char *at) {
    return at < scan->line_start ? 1 : scan->before + (at - scan->line_start) + 1;
}

/* Report what is wrong at the current place; always false, for `return`. */
static bool wrong(Scan *scan, const char *what) {
    error_set(scan->error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": %s", scan->rules->name,
              scan->rules->line + scan->line, column_of(scan, scan->at),
              scan->at == scan->end ? "the text ends inside a JSON value" : what);
    return false;
}

static bool wrong_byte(Scan *scan) {
    char what[48];
    snprintf(what, sizeof what, "byte 0x%02X is not UTF-8", (unsigned)*scan->at);
    return wrong(scan, what);
}

/* Report an item that starts at `from` and ends here. */
static void report(const Scan *scan, JsonKind kind, const unsigned char *from) {
    if (scan->rules->seen)
        scan->rules->seen(scan->rules->context, &(JsonItem){.kind = kind,
                                                            .depth = scan->depth,
                                                            .line = scan->line + 1,
                                                            .column = column_of(scan, from),
                                                            .at = (size_t)(from - scan->text),
                                                            .size = (size_t)(scan->at - from)});
}

/* The byte at the current place, 0 at the end: a zero byte is not valid anywhere in JSON. */
static unsigned char peek(const Scan *scan) {
    return scan->at < scan->end ? *scan->at : 0;
}

static void skip_space(Scan *scan) {
    for (; scan->at < scan->end; scan->at++) {
        const unsigned char byte = *scan->at;
        if (byte == '\n') {
            scan->line++;
            scan->line_start = scan->at + 1;
            scan->before = 0;
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            return;
        }
    }
}

/* The value of four hexadecimal digits before `end`, or −1. */
static int hex4(const unsigned char *digits, const unsigned char *end) {
    int value = 0;
    if (end - digits < 4) return -1;
    for (int i = 0; i < 4; i++) {
        if (!isxdigit(digits[i])) return -1;
        value = value * 16 + (digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 32) - 'a' + 10);
    }
    return value;
}

/* A \u escape; `at` is on the `u`. */
static bool scan_unicode(Scan *scan) {
    static const char HALF[] = "half of a surrogate pair is not a character";
    const int unit = hex4(scan->at + 1, scan->end);
    if (unit < 0) return wrong(scan, "expected four hexadecimal digits after \\u");
    if (unit == 0 && !scan->rules->zeros) return wrong(scan, "\\u0000 is not supported in a string");
    if (unit >= 0xdc00 && unit <= 0xdfff) return wrong(scan, HALF);
    scan->at += 5;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    const bool escape = scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u';
    const int second = escape ? hex4(scan->at + 2, scan->end) : -1;
    if (second < 0xdc00 || second > 0xdfff) return wrong(scan, HALF);
    scan->at += 6;
    return true;
}

static bool scan_escape(Scan *scan) {
    scan->at++;
    if (peek(scan) == 'u') return scan_unicode(scan);
    if (!peek(scan) || !strchr("\"\\/bfnrt", peek(scan))) return wrong(scan, "unknown escape in a string");
    scan->at++;
    return true;
}

static bool scan_string(Scan *scan, JsonKind kind) {
    const unsigned char *from = scan->at++;
    for (;;) {
        const unsigned char byte = peek(scan);
        if (byte == '"') break;
        if (byte == '\\') {
            if (!scan_escape(scan)) return false;
        } else if (byte < 0x20) {
            return wrong(scan, "a string holds an unescaped control character, or its closing quote is missing");
        } else if (byte < 0x80) {
            scan->at++;
        } else {
            const size_t length = utf8_character_length((const char *)scan->at, (size_t)(scan->end - scan->at));
            if (length == 0) return wrong_byte(scan);
            scan->at += length;
        }
    }
    scan->at++;
    report(scan, kind, from);
    return true;
}

static bool scan_digits(Scan *scan) {
    const unsigned char *first = scan->at;
    while (peek(scan) >= '0' && peek(scan) <= '9') scan->at++;
    return scan->at > first || wrong(scan, "expected a digit");
}

static bool scan_number(Scan *scan) {
    const unsigned char *from = scan->at;
    JsonKind kind = JSON_INTEGER;
    if (peek(scan) == '-') scan->at++;
    if (peek(scan) == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (peek(scan) >= '0' && peek(scan) <= '9') return wrong(scan, "a number cannot start with 0");
    if (peek(scan) == '.') {
        kind = JSON_OTHER;
        scan->at++;
        if (!scan_digits(scan)) return false;
    }
    if ((peek(scan) | 32) == 'e') {
        kind = JSON_OTHER;
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-') scan->at++;
        if (!scan_digits(scan)) return false;
    }
    report(scan, kind, from);
    return true;
}

static bool scan_literal(Scan *scan) {
    static const char *const literals[] = {"null", "true", "false"};
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(literals[i]);
        if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, literals[i], length) != 0) continue;
        scan->at += length;
        report(scan, i == 0 ? JSON_NULL : JSON_OTHER, scan->at - length);
        return true;
    }
    return wrong(scan, "expected a JSON value (object, array, string in \"quotes\", number, true, false or null)");
}

/* A member's key and the ':' after it. */
static bool scan_key(Scan *scan) {
    if (peek(scan) != '"') return wrong(scan, "expected a key in \"quotes\"");
    if (!scan_string(scan, JSON_KEY)) return false;
    skip_space(scan);
    if (peek(scan) != ':') return wrong(scan, "expected ':' after a key");
    scan->at++;
    return true;
}

/* The members of an object or the items of an array; `at` is on the opening bracket. */
static bool scan_items(Scan *scan, unsigned char close, JsonKind kind) {
    const unsigned char *from = scan->at;
    if (scan->depth == CJSON_NESTING_LIMIT) return wrong(scan, "objects and arrays are nested too deeply");
    scan->depth++;
    scan->at++;
    skip_space(scan);
    for (bool more = peek(scan) != close; more; scan->at += more) {
        skip_space(scan);
        if ((kind == JSON_OBJECT && !scan_key(scan)) || !scan_value(scan)) return false;
        more = peek(scan) == ',';
    }
    if (peek(scan) != close) return wrong(scan, kind == JSON_OBJECT ? "expected ',' or '}'" : "expected ',' or ']'");
    scan->at++;
    scan->depth--;
    report(scan, kind, from);
    return true;
}

/* A value and the white space around it. */
static bool scan_value(Scan *scan) {
    skip_space(scan);
    const unsigned char byte = peek(scan);
    const bool good = byte == '{'                                   ? scan_items(scan, '}', JSON_OBJECT)
                      : byte == '['                                 ? scan_items(scan, ']', JSON_OTHER)
                      : byte == '"'                                 ? scan_string(scan, JSON_STRING)
                      : byte == '-' || (byte >= '0' && byte <= '9') ? scan_number(scan)
                                                                    : scan_literal(scan);
    if (good) skip_space(scan);
    return good;
}

Status json_scan(const JsonScan *rules, const char *text, size_t size, Error *error) {
    const unsigned char *bytes = (const unsigned char *)text;
    Scan scan = {.rules = rules,
                 .text = bytes,
                 .at = bytes,
                 .end = bytes + size,
                 .line_start = bytes,
                 .before = rules->column > 0 ? rules->column - 1 : 0,
                 .error = error};
    if (scan_value(&scan) && scan.at < scan.end) wrong(&scan, "expected nothing after the JSON value");
    return error->status;
}

/* The character of a \u escape, or of two that are a surrogate pair; *at is on the first digit and moves past it. */
static uint32_t decode_unicode(const unsigned char **at, const unsigned char *end) {
    const uint32_t unit = (uint32_t)hex4(*at, end);
    *at += 4;
    if (unit < 0xd800 || unit > 0xdbff) return unit;
    const uint32_t second = (uint32_t)hex4(*at + 2, end);
    *at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
}

size_t json_decode(char *string, size_t size) {
    static const char NAMES[] = "\"\\/bfnrt", BYTES[] = "\"\\/\b\f\n\r\t";
    const unsigned char *at = (const unsigned char *)string + 1, *end = at + size - 2;
    char *out = string + 1;
    while (at < end) {
        const unsigned char *escape = memchr(at, '\\', (size_t)(end - at));
        const size_t plain = (size_t)((escape ? escape : end) - at);
        memmove(out, at, plain); /* no escape is shorter than its character */
        out += plain;
        at += plain;
        if (!escape) break;
        at += 2;
        if (escape[1] == 'u')
            out += utf8_write(out, decode_unicode(&at, end));
        else
            *out++ = BYTES[strchr(NAMES, escape[1]) - NAMES];
    }
    return (size_t)(out - string) - 1;
}
