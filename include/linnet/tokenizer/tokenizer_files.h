#ifndef LINNET_TOKENIZER_FILES_H
#define LINNET_TOKENIZER_FILES_H
/** The files of a tokenizer in memory: what a run saves with its model, so that Transformers 4 and 5 open the folder with
 *  AutoTokenizer and use it at once. The folder that they came from may be a checkpoint that the run deletes.
 *
 *  A file that the folder has is saved as it is. A few members of tokenizer_config.json are the exceptions:
 *
 *   pad_token          set where the tokenizer has none and tokenizer_pad() is an added token, as Transformers needs one
 *                      for batches
 *   model_max_length   set to the model's positions where it is absent or above them, as Transformers' truncation=True
 *                      would leave texts that the model cannot read
 *   tokenizer_class, model_input_names   where they are absent and the folder was read as PreTrainedTokenizerFast, which
 *                      beside a GPT-2 model's config.json would be taken for GPT2Tokenizer
 *
 *  A file that the folder lacks (but for added_tokens.json and chat_template.jinja) is made of the other ones, with the
 *  content that Transformers' GPT2TokenizerFast would save. Not collective. */
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stddef.h>

typedef enum {
    TOKENIZER_VOCABULARY,
    TOKENIZER_MERGES,
    TOKENIZER_JSON,
    TOKENIZER_CONFIG,
    TOKENIZER_SPECIAL,
    TOKENIZER_ADDED,
    TOKENIZER_CHAT,
    TOKENIZER_FILES
} TokenizerFile;

/** Their names, vocab.json first. */
extern const char *const TOKENIZER_FILE_NAMES[TOKENIZER_FILES];

typedef struct {
    struct {
        char *text; /**< owned, ends with a zero byte; NULL: no such file */
        size_t size;
    } file[TOKENIZER_FILES];
} TokenizerFiles;

/** The id of the token that a model with this tokenizer is trained and saved with as pad token: the tokenizer's own, as
 *  Trainer copies it to the model; else `pad`, the model's (−1: none), where that is an added token; else end-of-text,
 *  as the published tutorials set it. */
int32_t tokenizer_pad(const TokenizerSpec *spec, int32_t pad);

/** Read the tokenizer of a folder and complete it for a model of so many positions. `pad` as above. Warns of one that
 *  pads on the left. STATUS_INPUT as tokenizer_spec_read(). To be freed with tokenizer_files_free(); nothing to free on
 *  failure. */
Status tokenizer_files_read(TokenizerFiles *files, const char *folder, int32_t pad, int32_t positions, Error *error);

/** Write the files into an existing folder, each flushed to disk. */
Status tokenizer_files_save(const TokenizerFiles *files, const char *folder, Error *error);

void tokenizer_files_free(TokenizerFiles *files);

#endif
