#include "core/json_scan.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
    const unsigned char *at, *end, *line_start;
    int line, depth;
    const char *name;
    JsonKeySeen seen;
    void *context;
    Error *error;
} Scan;

static bool scan_value(Scan *scan);

/** Say what is wrong at the current place; always false, for `return`. */
static bool wrong(Scan *scan, const char *what) {
    error_set(scan->error, STATUS_INPUT, "%s:%d:%td: %s", scan->name, scan->line, scan->at - scan->line_start + 1,
              scan->at == scan->end ? "the text ends inside a JSON value" : what);
    return false;
}

/** The byte at the current place, 0 at the end (a zero byte is not JSON anywhere, so the two need no telling
 *  apart). */
static unsigned char peek(const Scan *scan) {
    return scan->at < scan->end ? *scan->at : 0;
}

static void skip_space(Scan *scan) {
    for (; scan->at < scan->end; scan->at++) {
        const unsigned char byte = *scan->at;
        if (byte == '\n') {
            scan->line++;
            scan->line_start = scan->at + 1;
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            return;
        }
    }
}

/** The value of four hexadecimal digits, or −1. */
static int hex4(const Scan *scan, const unsigned char *digits) {
    int value = 0;
    if (scan->end - digits < 4) return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = digits[i];
        if (digit >= '0' && digit <= '9')
            value = value * 16 + digit - '0';
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            value = value * 16 + (digit | 32) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

/** A \u escape; `at` is on the `u`. */
static bool scan_unicode(Scan *scan) {
    const int unit = hex4(scan, scan->at + 1);
    if (unit < 0) return wrong(scan, "\\u needs four hexadecimal digits");
    if (unit == 0) return wrong(scan, "\\u0000 is not supported in a text");
    if (unit >= 0xdc00 && unit <= 0xdfff) return wrong(scan, "half of a surrogate pair");
    scan->at += 5;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    const bool escape = scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u';
    const int second = escape ? hex4(scan, scan->at + 2) : -1;
    if (second < 0xdc00 || second > 0xdfff) return wrong(scan, "half of a surrogate pair");
    scan->at += 6;
    return true;
}

static bool scan_escape(Scan *scan) {
    scan->at++;
    if (peek(scan) == 'u') return scan_unicode(scan);
    if (!peek(scan) || !strchr("\"\\/bfnrt", peek(scan))) return wrong(scan, "unknown escape in a text");
    scan->at++;
    return true;
}

/** One character beyond ASCII (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool scan_utf8(Scan *scan) {
    const unsigned char *at = scan->at;
    const unsigned first = *at;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || scan->end - at <= more) return wrong(scan, "the text is not valid UTF-8");
    const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    bool valid = at[1] >= low && at[1] <= high;
    for (int i = 2; i <= more; i++) valid = valid && (at[i] & 0xc0) == 0x80;
    if (!valid) return wrong(scan, "the text is not valid UTF-8");
    scan->at += more + 1;
    return true;
}

static bool scan_string(Scan *scan) {
    scan->at++;
    for (;;) {
        const unsigned char byte = peek(scan);
        if (byte == '"') break;
        if (byte == '\\') {
            if (!scan_escape(scan)) return false;
        } else if (byte < 0x20) {
            return wrong(scan, "a text holds a raw control character, or its closing quote is missing");
        } else if (byte < 0x80) {
            scan->at++;
        } else if (!scan_utf8(scan)) {
            return false;
        }
    }
    scan->at++;
    return true;
}

static bool scan_digits(Scan *scan) {
    const unsigned char *first = scan->at;
    while (peek(scan) >= '0' && peek(scan) <= '9') scan->at++;
    return scan->at > first || wrong(scan, "a digit is missing in a number");
}

static bool scan_number(Scan *scan) {
    if (peek(scan) == '-') scan->at++;
    if (peek(scan) == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (peek(scan) >= '0' && peek(scan) <= '9') return wrong(scan, "a number starts with a useless 0");
    if (peek(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan)) return false;
    }
    if ((peek(scan) | 32) == 'e') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-') scan->at++;
        return scan_digits(scan);
    }
    return true;
}

static bool scan_literal(Scan *scan) {
    static const char *const literals[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(literals[i]);
        if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, literals[i], length) != 0) continue;
        scan->at += length;
        return true;
    }
    return wrong(scan, "expected a JSON value (object, array, text in \"quotes\", number, true, false or null)");
}

/** What stands before the ':' of a member. */
static bool scan_key(Scan *scan) {
    if (peek(scan) != '"') return wrong(scan, "expected a key in \"quotes\"");
    if (scan->seen) scan->seen(scan->context, scan->depth, scan->line);
    if (!scan_string(scan)) return false;
    skip_space(scan);
    if (peek(scan) != ':') return wrong(scan, "expected ':' after a key");
    scan->at++;
    return true;
}

/** The members of an object or the items of an array; `at` is on the opening bracket. */
static bool scan_items(Scan *scan, unsigned char close, bool keys) {
    if (scan->depth == CJSON_NESTING_LIMIT) return wrong(scan, "objects and arrays are nested too deeply");
    scan->depth++;
    scan->at++;
    skip_space(scan);
    if (peek(scan) != close) {
        for (;;) {
            skip_space(scan);
            if ((keys && !scan_key(scan)) || !scan_value(scan)) return false;
            if (peek(scan) != ',') break;
            scan->at++;
        }
        if (peek(scan) != close) return wrong(scan, keys ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    scan->at++;
    scan->depth--;
    return true;
}

/** A value and the white space around it. */
static bool scan_value(Scan *scan) {
    bool good;
    skip_space(scan);
    const unsigned char byte = peek(scan);
    if (byte == '{')
        good = scan_items(scan, '}', true);
    else if (byte == '[')
        good = scan_items(scan, ']', false);
    else if (byte == '"')
        good = scan_string(scan);
    else if (byte == '-' || (byte >= '0' && byte <= '9'))
        good = scan_number(scan);
    else
        good = scan_literal(scan);
    if (good) skip_space(scan);
    return good;
}

Status json_scan(const char *text, size_t size, const char *name, JsonKeySeen seen, void *context, Error *error) {
    const unsigned char *bytes = (const unsigned char *)text;
    Scan scan = {.at = bytes,
                 .end = bytes + size,
                 .line_start = bytes,
                 .line = 1,
                 .name = name,
                 .seen = seen,
                 .context = context,
                 .error = error};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) scan.at += 3; // a byte-order mark, which cJSON skips too
    if (scan_value(&scan) && scan.at < scan.end) wrong(&scan, "nothing may follow the JSON value");
    return error->status;
}
