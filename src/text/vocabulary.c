/* The tokens of vocab.json in a hash table. See vocabulary.h. */
#include "text/vocabulary.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <string.h>

/* A token's text is bytes [start, start + size) of the texts; size 0 in an empty slot. */
typedef struct {
    uint32_t hash, start, size;
    int32_t id;
} Slot;

/* The tokens' texts lie in one block, not in the JSON tree: cache misses decide how long looking up all merges
 * takes. */
struct Vocabulary {
    char *texts;
    uint32_t used; /**< bytes of texts */
    Slot *slots;   /**< open addressing, at most half full */
    size_t mask;   /**< number of slots − 1, a power of two − 1 */
    int32_t size;
};

/* FNV-1a, 64 bits, its upper half folded in. */
static uint32_t hash_of(const char *token, size_t size) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)token[i]) * UINT64_C(0x100000001B3);
    return (uint32_t)(hash ^ hash >> 32);
}

/* The token's slot, or the empty slot where it belongs. */
static Slot *slot_of(const Vocabulary *vocabulary, const char *token, size_t size, uint32_t hash) {
    size_t at = hash & vocabulary->mask;
    for (;; at = (at + 1) & vocabulary->mask) {
        Slot *slot = &vocabulary->slots[at];
        if (slot->size == 0) return slot;
        if (slot->hash == hash && slot->size == size && memcmp(vocabulary->texts + slot->start, token, size) == 0)
            return slot;
    }
}

static Status add_token(Vocabulary *vocabulary, const cJSON *item, const char *path, Error *error) {
    const char *token = item->string;
    double id = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(id >= 0 && id < VOCABULARY_MAX) || id != (double)(int32_t)id)
        return error_set(error, STATUS_INPUT, "%s: token `%s`: expected an id from 0 to %d", path, token,
                         VOCABULARY_MAX - 1);
    uint32_t size = (uint32_t)strlen(token), hash = hash_of(token, size);
    if (size == 0) return error_set(error, STATUS_INPUT, "%s: a token is empty", path);
    Slot *slot = slot_of(vocabulary, token, size, hash);
    if (slot->size > 0) return error_set(error, STATUS_INPUT, "%s: token `%s` appears twice", path, token);
    *slot = (Slot){hash, vocabulary->used, size, (int32_t)id};
    memcpy(vocabulary->texts + vocabulary->used, token, size);
    vocabulary->used += size;
    if (slot->id >= vocabulary->size) vocabulary->size = slot->id + 1;
    return STATUS_OK;
}

/* `size` is the file's size; the texts are not longer. */
static Status add_tokens(Vocabulary *vocabulary, const cJSON *tree, size_t size, const char *path, Error *error) {
    size_t tokens = 0, slots = 1024;
    for (const cJSON *item = tree->child; item; item = item->next) tokens++;
    while (slots < 2 * tokens) slots *= 2;
    vocabulary->mask = slots - 1;
    vocabulary->slots = memory_allocate(slots, sizeof *vocabulary->slots, error);
    vocabulary->texts = memory_allocate(size, 1, error);
    if (!vocabulary->slots || !vocabulary->texts) return error->status;
    for (const cJSON *item = tree->child; item; item = item->next)
        if (add_token(vocabulary, item, path, error)) return error->status;
    return STATUS_OK;
}

Status vocabulary_create(Vocabulary **vocabulary, const char *json, size_t size, const char *path, Error *error) {
    cJSON *tree = NULL;
    if (size > UINT32_MAX)
        return error_set(error, STATUS_INPUT, "%s: larger than 4 GiB; is this a GPT-2 vocabulary?", path);
    if (json_parse(&tree, json, size, path, error)) return error->status;
    Vocabulary *made = memory_allocate(1, sizeof *made, error);
    if (!cJSON_IsObject(tree))
        error_set(error, STATUS_INPUT, "%s: expected a JSON object of tokens and their ids", path);
    if (!error->status && !add_tokens(made, tree, size, path, error))
        *vocabulary = made;
    else
        vocabulary_destroy(made);
    cJSON_Delete(tree);
    return error->status;
}

void vocabulary_destroy(Vocabulary *vocabulary) {
    if (!vocabulary) return;
    memory_free(vocabulary->slots);
    memory_free(vocabulary->texts);
    memory_free(vocabulary);
}

int32_t vocabulary_find(const Vocabulary *vocabulary, const char *token, size_t size) {
    const Slot *slot = slot_of(vocabulary, token, size, hash_of(token, size));
    return slot->size > 0 ? slot->id : -1;
}

int32_t vocabulary_size(const Vocabulary *vocabulary) {
    return vocabulary->size;
}

/* In GPT-2's alphabet a byte that is printable in Latin-1 stands for itself; the others are U+0100 and the characters
 * after it, in order. */
static bool stands_for_itself(int byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

Status vocabulary_bytes(const Vocabulary *vocabulary, int32_t ids[256], const char *path, Error *error) {
    uint32_t others = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        char token[4];
        size_t size = utf8_write(token, stands_for_itself(byte) ? (uint32_t)byte : others++);
        ids[byte] = vocabulary_find(vocabulary, token, size);
        if (ids[byte] < 0)
            return error_set(error, STATUS_INPUT,
                             "%s: no token `%.*s` for the byte 0x%02X; is this a GPT-2 vocabulary?", path, (int)size,
                             token, (unsigned)byte);
    }
    return STATUS_OK;
}
