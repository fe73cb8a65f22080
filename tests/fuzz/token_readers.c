/* vocab.json and merges.txt, and the tokenizer made of them. */
#include "fuzz/readers.h"
#include "linnet/core/utf8.h"
#include "linnet/text/tokenizer.h"
#include "text/bpe.h"
#include <string.h>

/* The bytes are vocab.json, a zero byte, merges.txt. */
void feed_vocabulary(const uint8_t *bytes, size_t size) {
    const uint8_t *zero = size ? memchr(bytes, 0, size) : NULL;
    const size_t first = zero ? (size_t)(zero - bytes) : size;
    const char *merges = (const char *)(zero ? zero + 1 : bytes + size);
    Vocabulary *vocabulary = NULL;
    Bpe *bpe = NULL;
    int32_t ids[256], word[8];
    size_t merged = 0;
    Error error = {0}, incomplete = {0};
    if (!vocabulary_create(&vocabulary, (const char *)bytes, first, "vocab.json", &error)) {
        fuzz_check(vocabulary_size(vocabulary) >= 0 && vocabulary_size(vocabulary) <= VOCABULARY_MAX);
        vocabulary_bytes(vocabulary, ids, "vocab.json", &incomplete);
        fuzz_check_error(&incomplete);
        if (!bpe_create(&bpe, vocabulary, merges, zero ? size - first - 1 : 0, "merges.txt", &error)) {
            for (int32_t i = 0; i < 8; i++) word[i] = i % 3;
            bpe_merge(bpe, word, 8, &merged, &error);
            fuzz_check(merged >= 1 && merged <= 8);
            for (size_t i = 0; i < merged; i++) fuzz_check(word[i] >= 0 && word[i] < VOCABULARY_MAX);
        }
    }
    bpe_destroy(bpe);
    vocabulary_destroy(vocabulary);
    fuzz_check_error(&error);
}

/* Encode the bytes with the project's small tokenizer: ids or an error, and the same again, when the words are in the
 * cache. */
void feed_tokenizer(const uint8_t *bytes, size_t size) {
    static Tokenizer *tokenizer;
    static int32_t kept[1 << 16];
    const int32_t *ids = NULL;
    size_t count = 0, again = 0;
    Error start = {0}, error = {0};
    if (!tokenizer) tokenizer_create(&tokenizer, "tests/golden/tokenizer_small", &start);
    fuzz_check(start.status == STATUS_OK);
    if (size > sizeof kept / sizeof *kept) return;
    const bool valid = utf8_valid_length((const char *)bytes, size) == size;
    tokenizer_encode(tokenizer, (const char *)bytes, size, &ids, &count, &error);
    fuzz_check_error(&error);
    fuzz_check(valid == (error.status == STATUS_OK));
    if (!valid) return;
    fuzz_check(count <= size && (count > 0) == (size > 0));
    for (size_t i = 0; i < count; i++) fuzz_check(ids[i] >= 0 && ids[i] < tokenizer_vocabulary(tokenizer));
    if (count) memcpy(kept, ids, count * sizeof *ids);
    fuzz_check(tokenizer_encode(tokenizer, (const char *)bytes, size, &ids, &again, &error) == STATUS_OK);
    fuzz_check(again == count && (!count || memcmp(kept, ids, count * sizeof *ids) == 0));
}
