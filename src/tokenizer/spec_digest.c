/* A tokenizer's identity: a digest of what decides the ids of texts, whatever files it is kept in. See tokenizer.h. */
#include "linnet/core/digest.h"
#include "tokenizer/spec_reader.h"
#include <string.h>

/* Numbers are gathered, since a digest has a cost a call. */
typedef struct {
    Digest *digest;
    unsigned char bytes[4096];
    size_t used;
} Writer;

static void flush(Writer *writer) {
    digest_add(writer->digest, writer->bytes, writer->used);
    writer->used = 0;
}

/* Four bytes, the lowest first. */
static void put(Writer *writer, uint32_t number) {
    if (writer->used + 4 > sizeof writer->bytes) flush(writer);
    for (int i = 0; i < 4; i++) writer->bytes[writer->used++] = (unsigned char)(number >> 8 * i);
}

/* Whether one token could be found inside or across the edge of another. */
static bool overlap(const AddedToken *a, const AddedToken *b) {
    if (memmem(a->text, a->size, b->text, b->size) || memmem(b->text, b->size, a->text, a->size)) return true;
    for (size_t shared = 1; shared < a->size && shared < b->size; shared++)
        if (memcmp(a->text + a->size - shared, b->text, shared) == 0 ||
            memcmp(b->text + b->size - shared, a->text, shared) == 0)
            return true;
    return false;
}

/* Whether it matters which added tokens are normalized, that is, looked for after the others: not where all or none
 * are, nor where no token can get in another's way. Versions of Transformers differ in this flag of <|endoftext|>. */
static bool order_matters(const TokenizerSpec *spec) {
    size_t later = 0;
    bool plain = true;
    for (size_t i = 0; i < spec->added_count; i++) {
        const AddedToken *token = &spec->added[i];
        later += token->normalized;
        plain = plain && !token->lstrip && !token->rstrip && !token->single_word;
    }
    if (later == 0 || later == spec->added_count) return false;
    if (!plain || spec->added_count > 256) return true;
    for (size_t i = 0; i < spec->added_count; i++)
        for (size_t j = 0; j < i; j++)
            if (spec->added[i].normalized != spec->added[j].normalized && overlap(&spec->added[i], &spec->added[j]))
                return true;
    return false;
}

static void put_added(Writer *writer, const TokenizerSpec *spec) {
    const bool order = order_matters(spec);
    put(writer, (uint32_t)spec->added_count);
    for (size_t i = 0; i < spec->added_count; i++) {
        const AddedToken *token = &spec->added[i];
        put(writer, (uint32_t)token->id);
        put(writer, (uint32_t)(token->lstrip | token->rstrip << 1 | token->single_word << 2 |
                               (order && token->normalized) << 3));
        put(writer, token->size);
        flush(writer);
        digest_add(writer->digest, token->text, token->size);
    }
}

/* Texts of the vocabulary do not matter: merges by ids say what every sequence of bytes becomes. */
static void put_spec(Writer *writer, const TokenizerSpec *spec) {
    static const char NAME[] = "linnet tokenizer 1";
    digest_add(writer->digest, NAME, sizeof NAME);
    for (int i = 0; i < 256; i++) put(writer, (uint32_t)spec->bytes[i]);
    put(writer, (uint32_t)spec->merge_count);
    for (size_t i = 0; i < spec->merge_count; i++) {
        put(writer, (uint32_t)spec->tokens[spec->merges[i].left].id);
        put(writer, (uint32_t)spec->tokens[spec->merges[i].right].id);
        put(writer, (uint32_t)spec->tokens[spec->merges[i].result].id);
    }
    put_added(writer, spec);
    put(writer, (uint32_t)(spec->add_prefix_space | spec->truncate_left << 1));
    put(writer, (uint32_t)spec->end_of_text);
    put(writer, (uint32_t)spec->prefix_count);
    put(writer, (uint32_t)spec->suffix_count);
    for (size_t i = 0; i < spec->prefix_count; i++) put(writer, (uint32_t)spec->prefix[i]);
    for (size_t i = 0; i < spec->suffix_count; i++) put(writer, (uint32_t)spec->suffix[i]);
    flush(writer);
}

Status spec_digest(TokenizerSpec *spec, Error *error) {
    Writer writer = {0};
    if (digest_create(&writer.digest, error)) return error->status;
    put_spec(&writer, spec);
    digest_finish(writer.digest, spec->digest);
    digest_destroy(writer.digest);
    return STATUS_OK;
}
