/* From token ids back to a text. See decode.h. */
#include "linnet/tokenizer/decode.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "tokenizer/vocabulary.h"
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static bool is_added(const TokenizerSpec *spec, int32_t id) {
    size_t low = 0, high = spec->added_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (spec->added[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < spec->added_count && spec->added[low].id == id;
}

/* Write the bytes that a token of the vocabulary stands for; no more than its text has. A character outside GPT-2's
 * alphabet stays as it is. */
static size_t write_bytes(const char *text, char *out) {
    const size_t size = strlen(text);
    size_t written = 0;
    for (size_t at = 0, length; at < size; at += length) {
        length = utf8_character_length(text + at, size - at);
        if (length == 0) length = 1;
        const int byte = vocabulary_byte(utf8_read(text + at, length));
        if (byte >= 0) {
            out[written++] = (char)byte;
        } else {
            memcpy(out + written, text + at, length);
            written += length;
        }
    }
    return written;
}

Status tokenizer_decode(const TokenizerSpec *spec, const int32_t *ids, size_t count, char **text, size_t *size,
                        Error *error) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const char *token = tokenizer_spec_text(spec, ids[i]);
        if (!token) return error_set(error, STATUS_INPUT, "the tokenizer has no token %" PRId32, ids[i]);
        most += strlen(token);
    }
    char *out = memory_allocate(most + 1, 1, error);
    if (!out) return error->status;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *token = tokenizer_spec_text(spec, ids[i]);
        if (is_added(spec, ids[i])) {
            memcpy(out + *size, token, strlen(token));
            *size += strlen(token);
        } else {
            *size += write_bytes(token, out + *size);
        }
    }
    *text = out;
    return STATUS_OK;
}
