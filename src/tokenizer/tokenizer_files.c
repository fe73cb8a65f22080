/* The files of a tokenizer in memory. tokenizer_files.h has the contract. */
#include "linnet/tokenizer/tokenizer_files.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "tokenizer/tokenizer_complete.h"

const char *const TOKENIZER_FILE_NAMES[TOKENIZER_FILES] = {
    [TOKENIZER_VOCABULARY] = "vocab.json",
    [TOKENIZER_MERGES] = "merges.txt",
    [TOKENIZER_JSON] = "tokenizer.json",
    [TOKENIZER_CONFIG] = "tokenizer_config.json",
    [TOKENIZER_SPECIAL] = "special_tokens_map.json",
    [TOKENIZER_ADDED] = "added_tokens.json",
    [TOKENIZER_CHAT] = "chat_template.jinja",
};

/* Another token of the vocabulary must not become a tokenizer's pad token: it would be found in texts before they are
 * split into words, and so change their ids. */
static bool is_added(const TokenizerSpec *spec, int32_t id) {
    for (size_t i = 0; i < spec->added_count; i++)
        if (spec->added[i].id == id) return true;
    return false;
}

int32_t tokenizer_pad(const TokenizerSpec *spec, int32_t pad) {
    if (spec->special[SPECIAL_PAD] >= 0) return spec->special[SPECIAL_PAD];
    return is_added(spec, pad) ? pad : spec->end_of_text;
}

static Status read_files(TokenizerFiles *files, const char *folder, Error *error) {
    for (size_t i = 0; i < TOKENIZER_FILES && !error->status; i++) {
        if (!file_is_in(folder, TOKENIZER_FILE_NAMES[i])) continue;
        char *path = file_join(folder, TOKENIZER_FILE_NAMES[i], error);
        if (path) file_read(path, &files->file[i].text, &files->file[i].size, error);
        memory_free(path);
    }
    return error->status;
}

Status tokenizer_files_read(TokenizerFiles *files, const char *folder, int32_t pad, int32_t positions, Error *error) {
    TokenizerSpec spec = {0};
    *files = (TokenizerFiles){0};
    if (tokenizer_spec_read(&spec, folder, error) || read_files(files, folder, error)) goto cleanup;
    pad = tokenizer_pad(&spec, pad);
    if (!is_added(&spec, pad)) {
        log_warning(
            "%s: its tokenizer has no pad token, and %s is not an added token that could be one: Transformers will "
            "read single texts with it, but no batches",
            folder, tokenizer_spec_text(&spec, pad));
        pad = -1;
    }
    tokenizer_files_complete(files, &spec, pad, positions, error);
cleanup:
    if (error->status) tokenizer_files_free(files);
    if (!error->status && spec.pad_left)
        log_warning(
            "%s: its tokenizer pads on the left: in batches Transformers then moves shorter texts to other positions "
            "and computes other probabilities than linnet (padding_side: \"right\" does not)",
            folder);
    tokenizer_spec_free(&spec);
    return error->status;
}

Status tokenizer_files_save(const TokenizerFiles *files, const char *folder, Error *error) {
    for (size_t i = 0; i < TOKENIZER_FILES && !error->status; i++) {
        if (!files->file[i].text) continue;
        char *path = file_join(folder, TOKENIZER_FILE_NAMES[i], error);
        if (path) file_replace(path, files->file[i].text, files->file[i].size, error);
        memory_free(path);
    }
    return error->status;
}

void tokenizer_files_free(TokenizerFiles *files) {
    for (size_t i = 0; i < TOKENIZER_FILES; i++) memory_free(files->file[i].text);
    *files = (TokenizerFiles){0};
}
