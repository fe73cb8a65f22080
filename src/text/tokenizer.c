/* From texts to token ids: words, their byte-pair merges, a cache of words. See tokenizer.h. */
#include "linnet/text/tokenizer.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/vocabulary.h"
#include <string.h>

#define CACHE_ENTRIES ((size_t)1 << 16)
#define CACHED_BYTES 20

/* A word encoded before and its ids, in one cache line. Each word has one possible entry; the last one encoded has
 * it. */
typedef struct {
    uint8_t size, count;
    char bytes[CACHED_BYTES];
    uint16_t ids[CACHED_BYTES];
} CacheEntry;

struct Tokenizer {
    int32_t bytes[256]; /**< id of each single byte */
    int32_t end_of_text, vocabulary;
    Bpe *bpe;
    Pretokenizer *pretokenizer;
    CacheEntry *cache; /**< [CACHE_ENTRIES] */
    int32_t *ids;      /**< [capacity] of the current text */
    size_t count, capacity;
    char digest[DIGEST_TEXT];
};

/* A tokenizer's two files in memory. */
typedef struct {
    char *paths[2], *texts[2];
    size_t sizes[2];
    char digest[DIGEST_TEXT];
} Files;

/* Read vocab.json and merges.txt and compute their digest. Free also after an error. */
static Status read_files(Files *files, const char *folder, Error *error) {
    static const char *const names[] = {"vocab.json", "merges.txt"};
    Digest *digest = NULL;
    if (digest_create(&digest, error)) return error->status;
    for (int i = 0; i < 2 && !error->status; i++) {
        files->paths[i] = file_join(folder, names[i], error);
        if (files->paths[i] && !file_read(files->paths[i], &files->texts[i], &files->sizes[i], error))
            digest_add(digest, files->texts[i], files->sizes[i]);
    }
    digest_finish(digest, files->digest);
    digest_destroy(digest);
    return error->status;
}

static void free_files(Files *files) {
    for (int i = 0; i < 2; i++) {
        memory_free(files->paths[i]);
        memory_free(files->texts[i]);
    }
}

Status tokenizer_folder_digest(const char *folder, char text[DIGEST_TEXT], Error *error) {
    Files files = {0};
    if (!read_files(&files, folder, error)) memcpy(text, files.digest, DIGEST_TEXT);
    free_files(&files);
    return error->status;
}

static Status take_vocabulary(Tokenizer *tokenizer, const Vocabulary *vocabulary, const char *path, Error *error) {
    tokenizer->vocabulary = vocabulary_size(vocabulary);
    tokenizer->end_of_text = vocabulary_find(vocabulary, END_OF_TEXT, strlen(END_OF_TEXT));
    if (tokenizer->end_of_text < 0)
        return error_set(error, STATUS_INPUT, "%s: no token `%s`; is this a GPT-2 vocabulary?", path, END_OF_TEXT);
    return vocabulary_bytes(vocabulary, tokenizer->bytes, path, error);
}

static Status load_folder(Tokenizer *tokenizer, const char *folder, Error *error) {
    Files files = {0};
    Vocabulary *vocabulary = NULL;
    if (!read_files(&files, folder, error) &&
        !vocabulary_create(&vocabulary, files.texts[0], files.sizes[0], files.paths[0], error) &&
        !take_vocabulary(tokenizer, vocabulary, files.paths[0], error) &&
        !bpe_create(&tokenizer->bpe, vocabulary, files.texts[1], files.sizes[1], files.paths[1], error))
        memcpy(tokenizer->digest, files.digest, DIGEST_TEXT);
    vocabulary_destroy(vocabulary);
    free_files(&files);
    return error->status;
}

Status tokenizer_create(Tokenizer **tokenizer, const char *folder, Error *error) {
    Tokenizer *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->cache = memory_allocate(CACHE_ENTRIES, sizeof *made->cache, error);
    if (made->cache && !load_folder(made, folder, error) && !pretokenizer_create(&made->pretokenizer, error))
        *tokenizer = made;
    else
        tokenizer_destroy(made);
    return error->status;
}

void tokenizer_destroy(Tokenizer *tokenizer) {
    if (!tokenizer) return;
    bpe_destroy(tokenizer->bpe);
    pretokenizer_destroy(tokenizer->pretokenizer);
    memory_free(tokenizer->cache);
    memory_free(tokenizer->ids);
    memory_free(tokenizer);
}

static CacheEntry *entry_of(Tokenizer *tokenizer, const char *word, size_t size) {
    uint32_t hash = 0x811C9DC5; /* FNV-1a */
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)word[i]) * 0x01000193;
    return &tokenizer->cache[(hash ^ hash >> 15) % CACHE_ENTRIES];
}

/* Append the ids of one word. There is room: a text has no more ids than bytes. */
static Status encode_word(Tokenizer *tokenizer, const char *word, size_t size, Error *error) {
    int32_t *out = tokenizer->ids + tokenizer->count;
    CacheEntry *entry = size <= CACHED_BYTES ? entry_of(tokenizer, word, size) : NULL;
    if (entry && entry->size == size && memcmp(entry->bytes, word, size) == 0) {
        for (size_t i = 0; i < entry->count; i++) out[i] = entry->ids[i];
        tokenizer->count += entry->count;
        return STATUS_OK;
    }
    size_t count;
    for (size_t i = 0; i < size; i++) out[i] = tokenizer->bytes[(unsigned char)word[i]];
    if (bpe_merge(tokenizer->bpe, out, size, &count, error)) return error->status;
    tokenizer->count += count;
    if (entry) {
        entry->size = (uint8_t)size;
        entry->count = (uint8_t)count;
        memcpy(entry->bytes, word, size);
        for (size_t i = 0; i < count; i++) entry->ids[i] = (uint16_t)out[i];
    }
    return STATUS_OK;
}

/* Append the ids of a piece of text without special tokens. */
static Status encode_piece(Tokenizer *tokenizer, const char *text, size_t size, Error *error) {
    for (size_t at = 0, end; at < size; at = end) {
        if (pretokenizer_next(tokenizer->pretokenizer, text, size, at, &end, error)) return error->status;
        if (encode_word(tokenizer, text + at, end - at, error)) return error->status;
    }
    return STATUS_OK;
}

static Status make_room(Tokenizer *tokenizer, size_t size, Error *error) {
    if (size <= tokenizer->capacity) return STATUS_OK;
    int32_t *ids = memory_resize(tokenizer->ids, 0, size, 2 * sizeof *ids, error);
    if (!ids) return error->status;
    tokenizer->ids = ids;
    tokenizer->capacity = 2 * size;
    return STATUS_OK;
}

Status tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t size, const int32_t **ids, size_t *count,
                        Error *error) {
    const size_t special = strlen(END_OF_TEXT);
    size_t valid = utf8_valid_length(text, size);
    if (valid < size)
        return error_set(error, STATUS_INPUT, "byte %zu of the text, 0x%02X, is not UTF-8", valid + 1,
                         (unsigned)(unsigned char)text[valid]);
    if (make_room(tokenizer, size, error)) return error->status;
    tokenizer->count = 0;
    const char *at = text, *end = text + size, *found;
    while (at < end && (found = memmem(at, (size_t)(end - at), END_OF_TEXT, special))) {
        if (encode_piece(tokenizer, at, (size_t)(found - at), error)) return error->status;
        tokenizer->ids[tokenizer->count++] = tokenizer->end_of_text;
        at = found + special;
    }
    if (at < end && encode_piece(tokenizer, at, (size_t)(end - at), error)) return error->status;
    *ids = tokenizer->ids;
    *count = tokenizer->count;
    return STATUS_OK;
}

Status tokenizer_encode_sample(Tokenizer *tokenizer, const char *text, size_t size, int32_t max_length,
                               const int32_t **ids, size_t *count, bool *truncated, Error *error) {
    if (tokenizer_encode(tokenizer, text, size, ids, count, error)) return error->status;
    const bool longer = *count > (size_t)max_length;
    if (longer) *count = (size_t)max_length;
    if (truncated) *truncated = longer;
    if (*count > 0) return STATUS_OK;
    *ids = &tokenizer->end_of_text;
    *count = 1;
    return STATUS_OK;
}

int32_t tokenizer_vocabulary(const Tokenizer *tokenizer) {
    return tokenizer->vocabulary;
}

int32_t tokenizer_end_of_text(const Tokenizer *tokenizer) {
    return tokenizer->end_of_text;
}

const char *tokenizer_digest(const Tokenizer *tokenizer) {
    return tokenizer->digest;
}
