/* From texts to token ids: added tokens, words, their byte-pair merges, a cache of words. See tokenizer.h. */
#include "linnet/tokenizer/tokenizer.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "tokenizer/added_matcher.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pretokenize.h"
#include <inttypes.h>
#include <string.h>

#define CACHE_ENTRIES ((size_t)1 << 16)
#define CACHED_BYTES 20
#define CACHED_IDS 10

/* A word encoded before and its ids, in one cache line. Each word has one possible entry; the last one encoded has
 * it. */
typedef struct {
    uint8_t size, count;
    char bytes[CACHED_BYTES];
    int32_t ids[CACHED_IDS];
} CacheEntry;

struct Tokenizer {
    TokenizerSpec spec;
    AddedMatcher *added[2]; /* of tokens that are looked for first, and then between those */
    Bpe *bpe;
    Pretokenizer *pretokenizer;
    CacheEntry *cache; /* [CACHE_ENTRIES] */
    int32_t *ids;      /* [capacity] room for a prefix, the ids of the current text, room for a suffix */
    size_t count;      /* ids of the text, from ids[spec.prefix_count] on */
    size_t capacity;
    char *prefixed; /* [prefixed_capacity] a piece of text with a space before it */
    size_t prefixed_capacity;
};

Status tokenizer_create(Tokenizer **tokenizer, const char *folder, Error *error) {
    Tokenizer *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->cache = memory_allocate(CACHE_ENTRIES, sizeof *made->cache, error);
    if (made->cache && !tokenizer_spec_read(&made->spec, folder, error) &&
        !added_matcher_create(&made->added[0], &made->spec, false, error) &&
        !added_matcher_create(&made->added[1], &made->spec, true, error) &&
        !bpe_create(&made->bpe, &made->spec, error) && !pretokenizer_create(&made->pretokenizer, error))
        *tokenizer = made;
    else
        tokenizer_destroy(made);
    return error->status;
}

void tokenizer_destroy(Tokenizer *tokenizer) {
    if (!tokenizer) return;
    tokenizer_spec_free(&tokenizer->spec);
    for (int i = 0; i < 2; i++) added_matcher_destroy(tokenizer->added[i]);
    bpe_destroy(tokenizer->bpe);
    pretokenizer_destroy(tokenizer->pretokenizer);
    memory_free(tokenizer->cache);
    memory_free(tokenizer->ids);
    memory_free(tokenizer->prefixed);
    memory_free(tokenizer);
}

static CacheEntry *entry_of(Tokenizer *tokenizer, const char *word, size_t size) {
    uint32_t hash = 0x811C9DC5; /* FNV-1a */
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)word[i]) * 0x01000193;
    return &tokenizer->cache[(hash ^ hash >> 15) % CACHE_ENTRIES];
}

/* Append the ids of one word. There is room: a text has no more ids than bytes and spaces put before its pieces. */
static Status encode_word(Tokenizer *tokenizer, const char *word, size_t size, Error *error) {
    int32_t *out = tokenizer->ids + tokenizer->spec.prefix_count + tokenizer->count;
    CacheEntry *entry = size <= CACHED_BYTES ? entry_of(tokenizer, word, size) : NULL;
    if (entry && entry->size == size && memcmp(entry->bytes, word, size) == 0) {
        for (size_t i = 0; i < entry->count; i++) out[i] = entry->ids[i];
        tokenizer->count += entry->count;
        return STATUS_OK;
    }
    size_t count;
    for (size_t i = 0; i < size; i++) out[i] = tokenizer->spec.bytes[(unsigned char)word[i]];
    if (bpe_merge(tokenizer->bpe, out, size, &count, error)) return error->status;
    tokenizer->count += count;
    if (entry && count <= CACHED_IDS) {
        entry->size = (uint8_t)size;
        entry->count = (uint8_t)count;
        memcpy(entry->bytes, word, size);
        memcpy(entry->ids, out, count * sizeof *out);
    }
    return STATUS_OK;
}

/* Put a space before a piece of text that has none. */
static Status prefix_space(Tokenizer *tokenizer, const char **text, size_t *size, Error *error) {
    if (!tokenizer->spec.add_prefix_space || **text == ' ') return STATUS_OK;
    if (*size + 1 > tokenizer->prefixed_capacity) {
        char *prefixed = memory_resize(tokenizer->prefixed, 0, *size + 1, 2, error);
        if (!prefixed) return error->status;
        tokenizer->prefixed = prefixed;
        tokenizer->prefixed_capacity = 2 * (*size + 1);
    }
    tokenizer->prefixed[0] = ' ';
    memcpy(tokenizer->prefixed + 1, *text, *size);
    *text = tokenizer->prefixed;
    ++*size;
    return STATUS_OK;
}

/* Append the ids of a piece of text without added tokens; size ≥ 1. */
static Status encode_words(Tokenizer *tokenizer, const char *text, size_t size, Error *error) {
    if (prefix_space(tokenizer, &text, &size, error)) return error->status;
    for (size_t at = 0, end; at < size; at = end) {
        if (pretokenizer_next(tokenizer->pretokenizer, text, size, at, &end, error)) return error->status;
        if (encode_word(tokenizer, text + at, end - at, error)) return error->status;
    }
    return STATUS_OK;
}

/* Append the ids of a piece of text: of added tokens, first those of added[level], and of the words between them. */
static Status encode_piece(Tokenizer *tokenizer, int level, const char *text, size_t size, Error *error) {
    if (level == 2) return encode_words(tokenizer, text, size, error);
    AddedSearch search = {.matcher = tokenizer->added[level], .text = text, .size = size};
    size_t from = 0, start;
    for (int32_t id; added_search_next(&search, &start, &id); from = search.done) {
        if (start > from && encode_piece(tokenizer, level + 1, text + from, start - from, error)) return error->status;
        tokenizer->ids[tokenizer->spec.prefix_count + tokenizer->count++] = id;
    }
    return from < size ? encode_piece(tokenizer, level + 1, text + from, size - from, error) : STATUS_OK;
}

static Status make_room(Tokenizer *tokenizer, size_t size, Error *error) {
    const size_t ids = size * (tokenizer->spec.add_prefix_space ? 2 : 1) + (size_t)2 * SPEC_TEMPLATE_MAX;
    if (ids <= tokenizer->capacity) return STATUS_OK;
    int32_t *room = memory_resize(tokenizer->ids, 0, ids, 2 * sizeof *room, error);
    if (!room) return error->status;
    tokenizer->ids = room;
    tokenizer->capacity = 2 * ids;
    return STATUS_OK;
}

static Status check_text(const char *text, size_t size, Error *error) {
    const size_t valid = utf8_valid_length(text, size);
    if (valid == size) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "byte %zu of the text, 0x%02X, is not UTF-8", valid + 1,
                     (unsigned)(unsigned char)text[valid]);
}

/* The ids of a text, at most `limit` of them: those around the text stay, the text's own end, or start, is cut. */
static Status encode(Tokenizer *tokenizer, const char *text, size_t size, size_t limit, const int32_t **ids,
                     size_t *count, Error *error) {
    const TokenizerSpec *spec = &tokenizer->spec;
    const size_t around = spec->prefix_count + spec->suffix_count;
    if (check_text(text, size, error)) return error->status;
    if (around > 0 && limit <= around)
        return error_set(
            error, STATUS_INPUT,
            "a maximum length of %zu leaves no room for text: the tokenizer adds tokens to each, %zu in all", limit,
            around);
    if (make_room(tokenizer, size, error)) return error->status;
    tokenizer->count = 0;
    if (size > 0 && encode_piece(tokenizer, 0, text, size, error)) return error->status;
    const size_t kept = tokenizer->count < limit - around ? tokenizer->count : limit - around;
    int32_t *start = tokenizer->ids + (spec->truncate_left ? tokenizer->count - kept : 0);
    if (around > 0) {
        memcpy(start, spec->prefix, spec->prefix_count * sizeof *start);
        memcpy(start + spec->prefix_count + kept, spec->suffix, spec->suffix_count * sizeof *start);
    }
    *ids = start;
    *count = kept + around;
    return STATUS_OK;
}

Status tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t size, const int32_t **ids, size_t *count,
                        Error *error) {
    return encode(tokenizer, text, size, SIZE_MAX, ids, count, error);
}

/* A text without ids is one end-of-text token. */
static void never_empty(const Tokenizer *tokenizer, const int32_t **ids, size_t *count) {
    if (*count > 0) return;
    *ids = &tokenizer->spec.end_of_text;
    *count = 1;
}

Status tokenizer_encode_sample(Tokenizer *tokenizer, const char *text, size_t size, int32_t max_length,
                               const int32_t **ids, size_t *count, bool *truncated, Error *error) {
    if (encode(tokenizer, text, size, (size_t)max_length, ids, count, error)) return error->status;
    const size_t around = tokenizer->spec.prefix_count + tokenizer->spec.suffix_count;
    if (truncated) *truncated = tokenizer->count + around > *count;
    never_empty(tokenizer, ids, count);
    return STATUS_OK;
}

Status tokenizer_takes_pairs(const Tokenizer *tokenizer, Error *error) {
    if (tokenizer->spec.prefix_count + tokenizer->spec.suffix_count == 0) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "--text-pair-column: the tokenizer adds tokens around each text, for which pairs are not "
                     "supported: expected one without add_bos_token and post_processor, as GPT-2's");
}

/* How many ids of two texts are kept, of at most `limit` together: `longest_first` of Hugging Face's tokenizers
 * (truncate_encodings() there), which halves the limit where both are longer than half of it. */
static void truncate_longest_first(size_t limit, size_t *first, size_t *second) {
    if (*first + *second <= limit) return;
    size_t *shorter = *first > *second ? second : first, *longer = *first > *second ? first : second;
    *longer = *shorter > limit || *shorter > limit - *shorter ? *shorter : limit - *shorter;
    if (*shorter + *longer <= limit) return;
    *shorter = limit / 2;
    *longer = limit - limit / 2;
}

Status tokenizer_encode_pair(Tokenizer *tokenizer, const char *text, size_t size, const char *pair, size_t pair_size,
                             int32_t max_length, const int32_t **ids, size_t *count, bool *truncated, Error *error) {
    if (check_text(text, size, error) || check_text(pair, pair_size, error) ||
        make_room(tokenizer, size + pair_size, error))
        return error->status;
    tokenizer->count = 0;
    if (size > 0 && encode_piece(tokenizer, 0, text, size, error)) return error->status;
    const size_t first = tokenizer->count;
    if (pair_size > 0 && encode_piece(tokenizer, 0, pair, pair_size, error)) return error->status;
    const size_t second = tokenizer->count - first;
    size_t kept = first, kept_second = second;
    truncate_longest_first((size_t)max_length, &kept, &kept_second);
    const bool left = tokenizer->spec.truncate_left;
    int32_t *start = tokenizer->ids + (left ? first - kept : 0);
    memmove(start + kept, tokenizer->ids + first + (left ? second - kept_second : 0), kept_second * sizeof *start);
    *ids = start;
    *count = kept + kept_second;
    if (truncated) *truncated = *count < first + second;
    never_empty(tokenizer, ids, count);
    return STATUS_OK;
}

const TokenizerSpec *tokenizer_spec(const Tokenizer *tokenizer) {
    return &tokenizer->spec;
}

int32_t tokenizer_vocabulary(const Tokenizer *tokenizer) {
    return tokenizer->spec.size;
}

int32_t tokenizer_end_of_text(const Tokenizer *tokenizer) {
    return tokenizer->spec.end_of_text;
}

int32_t tokenizer_max_length(const Tokenizer *tokenizer, int32_t wanted, int32_t otherwise) {
    if (wanted > 0) return wanted;
    return tokenizer->spec.max_length > 0 ? (int32_t)tokenizer->spec.max_length : otherwise;
}

void tokenizer_warn_truncated(int64_t truncated, int64_t texts, int32_t max_length, int32_t positions) {
    if (truncated > 0)
        log_warning("%" PRId64 " of %" PRId64 " texts were truncated to %d tokens, %s", truncated, texts, max_length,
                    max_length == positions ? "the most that the model reads" : "the tokenizer's model_max_length");
}

const char *tokenizer_digest(const Tokenizer *tokenizer) {
    return tokenizer->spec.digest;
}
