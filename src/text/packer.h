#ifndef LINNET_TEXT_PACKER_H
#define LINNET_TEXT_PACKER_H
/** Joining texts to samples of one length, as run_clm.py of Transformers groups them for a language model: text after
 *  text, with an end-of-text token behind each, cut into samples of `length` tokens wherever that falls. The rest behind
 *  the last complete sample is dropped. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Packer Packer;

/** Samples go to `writer` (borrowed), which takes samples of `length` tokens without labels. */
Status packer_create(Packer **packer, DatasetWriter *writer, int32_t length, int32_t end_of_text, Error *error);
void packer_destroy(Packer *packer);

/** Add the text of a row, `count` tokens. The row of a sample is that of its first token. */
Status packer_add(Packer *packer, const int32_t *ids, size_t count, int64_t row, Error *error);

/** Samples written so far, and the tokens that are waiting for a complete one. */
int64_t packer_samples(const Packer *packer);
int64_t packer_rest(const Packer *packer);

#endif
