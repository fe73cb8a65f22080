/* Finding added tokens in a text. See added_matcher.h. */
#include "tokenizer/added_matcher.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "tokenizer/word_characters.h"
#include <stdlib.h>
#include <string.h>

struct AddedMatcher {
    const AddedToken **tokens; /* [count] by the bytes of their texts */
    size_t count;
    size_t first[257]; /* those that start with byte b are tokens[first[b]] … tokens[first[b + 1] - 1] */
    int only;          /* the byte that all start with; −1 where there are several */
};

static int by_text(const void *left, const void *right) {
    const AddedToken *a = *(const AddedToken *const *)left, *b = *(const AddedToken *const *)right;
    return strcmp(a->text, b->text);
}

static unsigned char byte_at(const AddedToken *token, size_t at) {
    return (unsigned char)token->text[at];
}

Status added_matcher_create(AddedMatcher **matcher, const TokenizerSpec *spec, bool normalized, Error *error) {
    AddedMatcher *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->tokens = memory_allocate(spec->added_count, sizeof *made->tokens, error);
    if (!made->tokens) {
        added_matcher_destroy(made);
        return error->status;
    }
    for (size_t i = 0; i < spec->added_count; i++)
        if (spec->added[i].normalized == normalized) made->tokens[made->count++] = &spec->added[i];
    if (made->count) qsort(made->tokens, made->count, sizeof *made->tokens, by_text);
    for (size_t i = 0; i < made->count; i++) made->first[byte_at(made->tokens[i], 0) + 1] = i + 1;
    for (size_t b = 0; b < 256; b++)
        if (made->first[b + 1] < made->first[b]) made->first[b + 1] = made->first[b];
    made->only = -1;
    if (made->count && byte_at(made->tokens[0], 0) == byte_at(made->tokens[made->count - 1], 0))
        made->only = byte_at(made->tokens[0], 0);
    *matcher = made;
    return STATUS_OK;
}

void added_matcher_destroy(AddedMatcher *matcher) {
    if (!matcher) return;
    memory_free(matcher->tokens);
    memory_free(matcher);
}

/* The first of tokens [low, high), which are longer than `at`, whose byte there is at least `byte`. */
static size_t lower_bound(const AddedMatcher *matcher, size_t low, size_t high, size_t at, unsigned byte) {
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (byte_at(matcher->tokens[middle], at) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest token that the text starts with, or NULL. */
static const AddedToken *longest_at(const AddedMatcher *matcher, const char *text, size_t size) {
    const AddedToken *longest = NULL;
    size_t low = matcher->first[(unsigned char)text[0]], high = matcher->first[(unsigned char)text[0] + 1];
    for (size_t at = 1; low < high; at++) { /* tokens [low, high) start with the text's first `at` bytes */
        if (matcher->tokens[low]->size == at) longest = matcher->tokens[low++];
        if (at == size) break;
        const unsigned byte = (unsigned char)text[at];
        low = lower_bound(matcher, low, high, at, byte);
        high = lower_bound(matcher, low, high, at, byte + 1);
    }
    return longest;
}

/* The next place from `at` where a token starts, or NULL; *at moves there. */
static const AddedToken *find(const AddedMatcher *matcher, const char *text, size_t size, size_t *at) {
    if (matcher->count == 0) return NULL;
    for (; *at < size; ++*at) {
        if (matcher->only >= 0) {
            const char *next = memchr(text + *at, matcher->only, size - *at);
            if (!next) break;
            *at = (size_t)(next - text);
        }
        const unsigned char byte = (unsigned char)text[*at];
        if (matcher->first[byte] == matcher->first[byte + 1]) continue;
        const AddedToken *token = longest_at(matcher, text + *at, size - *at);
        if (token) return token;
    }
    return NULL;
}

/* --- Neighbouring characters --- */

static bool is_word(uint32_t code_point) {
    size_t low = 0, high = sizeof WORD / sizeof *WORD;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (WORD[middle][1] < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof WORD / sizeof *WORD && WORD[low][0] <= code_point;
}

/* The White_Space characters of Unicode. */
static bool is_space(uint32_t c) {
    return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Where the character that ends at `at` > 0 starts. */
static size_t before(const char *text, size_t at) {
    do at--;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80);
    return at;
}

static uint32_t character(const char *text, size_t size, size_t at, size_t *length) {
    *length = utf8_character_length(text + at, size - at);
    return utf8_read(text + at, *length);
}

static bool between_words(const char *text, size_t size, size_t start, size_t stop) {
    size_t length;
    if (start > 0 && is_word(character(text, size, before(text, start), &length))) return false;
    return stop == size || !is_word(character(text, size, stop, &length));
}

/* Where the white space that ends at `at` starts, not before `low`. */
static size_t skip_left(const char *text, size_t size, size_t at, size_t low) {
    size_t length;
    while (at > low && is_space(character(text, size, before(text, at), &length))) at = before(text, at);
    return at;
}

/* Where the white space that starts at `at` ends. */
static size_t skip_right(const char *text, size_t size, size_t at) {
    size_t length;
    while (at < size && is_space(character(text, size, at, &length))) at += length;
    return at;
}

bool added_search_next(AddedSearch *search, size_t *start, int32_t *id) {
    const AddedToken *token;
    while ((token = find(search->matcher, search->text, search->size, &search->at))) {
        size_t from = search->at, to = from + token->size;
        search->at = to;
        if (token->single_word && !between_words(search->text, search->size, from, to)) continue;
        /* White space that the token before has taken is skipped once. */
        if (token->lstrip) from = skip_left(search->text, search->size, from, search->done);
        if (token->lstrip && from < search->done) from = search->done;
        if (token->rstrip) to = skip_right(search->text, search->size, to > search->done ? to : search->done);
        search->done = to;
        *start = from;
        *id = token->id;
        return true;
    }
    return false;
}
