#ifndef LINNET_TOKENIZER_COMPLETE_H
#define LINNET_TOKENIZER_COMPLETE_H
/** The files of a tokenizer that a folder lacks, made of what its other files say. */
#include "linnet/tokenizer/tokenizer_files.h"

/** Make the missing files and set pad_token and model_max_length in tokenizer_config.json. `pad` is the pad
 *  token where there is none (−1: leave it unset), `positions` the model's. */
Status tokenizer_files_complete(TokenizerFiles *files, const TokenizerSpec *spec, int32_t pad, int32_t positions,
                                Error *error);

#endif
