/* The tokens of a vocabulary in a hash table. See vocabulary.h. */
#include "tokenizer/vocabulary.h"
#include "linnet/core/hash.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <string.h>

typedef struct {
    uint32_t hash;
    uint32_t token; /* index + 1; 0 in an empty slot */
} Slot;

struct Vocabulary {
    const SpecToken *tokens;
    Slot *slots; /* open addressing, at most half full */
    size_t mask; /* number of slots − 1, a power of two − 1 */
};

/* The slot of the token whose text is two texts joined, with their hash, or the empty slot where it belongs. */
static Slot *slot_of(const Vocabulary *vocabulary, uint32_t hash, const char *first, size_t first_size,
                     const char *second, size_t second_size) {
    for (size_t at = hash & vocabulary->mask;; at = (at + 1) & vocabulary->mask) {
        Slot *slot = &vocabulary->slots[at];
        if (!slot->token) return slot;
        const SpecToken *token = &vocabulary->tokens[slot->token - 1];
        if (slot->hash == hash && token->size == first_size + second_size &&
            memcmp(token->text, first, first_size) == 0 && memcmp(token->text + first_size, second, second_size) == 0)
            return slot;
    }
}

Status vocabulary_create(Vocabulary **vocabulary, const SpecToken *tokens, size_t count, const char *path,
                         Error *error) {
    size_t slots = 1024;
    while (slots < 2 * count) slots *= 2;
    Vocabulary *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    *made = (Vocabulary){tokens, memory_allocate(slots, sizeof *made->slots, error), slots - 1};
    for (size_t i = 0; i < count && !error->status; i++) {
        const uint32_t hash = hash_fold(hash_add(HASH_START, tokens[i].text, tokens[i].size));
        Slot *slot = slot_of(made, hash, tokens[i].text, tokens[i].size, "", 0);
        if (slot->token) error_set(error, STATUS_INPUT, "%s: token `%s` appears twice", path, tokens[i].text);
        *slot = (Slot){hash, (uint32_t)i + 1};
    }
    if (!error->status)
        *vocabulary = made;
    else
        vocabulary_destroy(made);
    return error->status;
}

void vocabulary_destroy(Vocabulary *vocabulary) {
    if (!vocabulary) return;
    memory_free(vocabulary->slots);
    memory_free(vocabulary);
}

uint32_t vocabulary_find(const Vocabulary *vocabulary, const char *text, size_t size) {
    const uint32_t hash = hash_fold(hash_add(HASH_START, text, size));
    return slot_of(vocabulary, hash, text, size, "", 0)->token - 1; /* 0 − 1 is NO_TOKEN */
}

uint32_t vocabulary_find_joined(const Vocabulary *vocabulary, uint32_t left, uint32_t right) {
    const SpecToken *first = &vocabulary->tokens[left], *second = &vocabulary->tokens[right];
    const uint64_t start = hash_add(HASH_START, first->text, first->size);
    const uint32_t hash = hash_fold(hash_add(start, second->text, second->size));
    return slot_of(vocabulary, hash, first->text, first->size, second->text, second->size)->token - 1;
}

/* In GPT-2's alphabet a byte that is printable in Latin-1 stands for itself; the others are U+0100 and the characters
 * after it, in order. */
static bool stands_for_itself(int byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

int vocabulary_byte(uint32_t character) {
    if (character < 0x100) return stands_for_itself((int)character) ? (int)character : -1;
    uint32_t others = 0x100;
    for (int byte = 0; byte < 256; byte++)
        if (!stands_for_itself(byte) && others++ == character) return byte;
    return -1;
}

Status vocabulary_bytes(const Vocabulary *vocabulary, int32_t ids[256], const char *path, Error *error) {
    uint32_t others = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        char text[4];
        const size_t size = utf8_write(text, stands_for_itself(byte) ? (uint32_t)byte : others++);
        const uint32_t token = vocabulary_find(vocabulary, text, size);
        if (token == NO_TOKEN)
            return error_set(error, STATUS_INPUT,
                             "%s: no token `%.*s` for the byte 0x%02X; is this a GPT-2 vocabulary?", path, (int)size,
                             text, (unsigned)byte);
        ids[byte] = vocabulary->tokens[token].id;
    }
    return STATUS_OK;
}
