/* Tokenizer folders, and a tokenizer. */
#include "fuzz/readers.h"
#include "linnet/core/utf8.h"
#include "linnet/tokenizer/tokenizer.h"
#include "tokenizer/added_matcher.h"
#include "tokenizer/bpe.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write the bytes' parts, which a zero byte divides, to the files of a folder; a file without a part is removed. */
static const char *write_folder(const char *name, const char *const *files, const uint8_t *bytes, size_t size) {
    static char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", fuzz_folder(), name);
    mkdir(folder, 0777);
    for (bool more = true; *files; files++) {
        char file[128];
        snprintf(file, sizeof file, "%s/%s", name, *files);
        const uint8_t *zero = size ? memchr(bytes, 0, size) : NULL;
        const size_t part = zero ? (size_t)(zero - bytes) : size;
        const char *path = fuzz_file(file, bytes, more ? part : 0);
        if (!more) unlink(path);
        more = zero != NULL;
        bytes += zero ? part + 1 : part;
        size -= zero ? part + 1 : part;
    }
    return folder;
}

/* Added tokens are found in order, inside the text. */
static void search(const TokenizerSpec *spec, bool normalized, Error *error) {
    static const char TEXT[] = "a bird  <|endoftext|> [X] [Y]b\n\xC3\xA9 [PAD]c";
    AddedMatcher *matcher = NULL;
    if (added_matcher_create(&matcher, spec, normalized, error)) return;
    AddedSearch search = {.matcher = matcher, .text = TEXT, .size = sizeof TEXT - 1};
    size_t start = 0, last = 0;
    for (int32_t id; added_search_next(&search, &start, &id); last = search.at) {
        fuzz_check(id >= 0 && id < spec->size && start <= search.done);
        fuzz_check(search.at > last && search.at <= search.size && search.done <= search.size);
    }
    added_matcher_destroy(matcher);
}

/* A folder that is accepted gives ids below its size. Without a Tokenizer, whose pattern takes long to compile. */
static void read_folder(const char *folder) {
    TokenizerSpec spec;
    Bpe *bpe = NULL;
    Error error = {0};
    int32_t ids[64];
    size_t count = 0;
    if (!tokenizer_spec_read(&spec, folder, &error)) {
        fuzz_check(spec.size > 0 && spec.end_of_text >= 0 && spec.end_of_text < spec.size);
        for (int i = 0; i < SPECIAL_COUNT; i++) fuzz_check(spec.special[i] < spec.size);
        for (size_t i = 0; i < spec.added_count; i++) fuzz_check(tokenizer_spec_text(&spec, spec.added[i].id) != NULL);
        search(&spec, false, &error);
        search(&spec, true, &error);
        for (int i = 0; i < 64; i++) ids[i] = spec.bytes['a' + i * i % 3];
        fuzz_check(bpe_create(&bpe, &spec, &error) == STATUS_OK);
        fuzz_check(bpe_merge(bpe, ids, 64, &count, &error) == STATUS_OK && count >= 1);
        for (size_t i = 0; i < count; i++) fuzz_check(ids[i] >= 0 && ids[i] < spec.size);
    }
    bpe_destroy(bpe);
    tokenizer_spec_free(&spec);
    fuzz_check_error(&error);
}

void feed_vocabulary(const uint8_t *bytes, size_t size) {
    static const char *const FILES[] = {"vocab.json", "merges.txt", NULL};
    read_folder(write_folder("two", FILES, bytes, size));
}

void feed_tokenizer_json(const uint8_t *bytes, size_t size) {
    static const char *const FILES[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                        "added_tokens.json", NULL};
    read_folder(write_folder("one", FILES, bytes, size));
}

/* The same beside a vocabulary and merges that are good. */
void feed_tokenizer_config(const uint8_t *bytes, size_t size) {
    static const char *const FILES[] = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", NULL};
    static const char *const GOOD[] = {"vocab.json", "merges.txt"};
    const char *folder = write_folder("config", FILES, bytes, size);
    for (int i = 0; i < 2; i++) {
        char here[256], from[512], to[640];
        fuzz_check(getcwd(here, sizeof here) != NULL);
        snprintf(from, sizeof from, "%s/tests/golden/tokenizer_small/%s", here, GOOD[i]);
        snprintf(to, sizeof to, "%s/%s", folder, GOOD[i]);
        fuzz_check(symlink(from, to) == 0 || errno == EEXIST);
    }
    read_folder(folder);
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
