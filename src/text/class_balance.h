#ifndef LINNET_TEXT_CLASS_BALANCE_H
#define LINNET_TEXT_CLASS_BALANCE_H
/** As many samples of each class as of each other. Not collective. */
#include "linnet/core/error.h"
#include "linnet/text/preparation.h"
#include <stdint.h>

/** How often each of `count` samples is written: copies [count], where those for which `left_out` (NULL: none) is not 0
 *  keep what they have. Undersampling keeps as many of each class as the smallest has; oversampling writes each sample
 *  of a smaller class several times, up to the largest one's number: all of them equally often, some once more. Which
 *  ones is drawn by the seed and the sample's index. STATUS_INPUT for a class without samples, or with none that is not
 *  left out. */
Status balance_classes(ClassBalance kind, uint64_t seed, const uint16_t *labels, char *const *label_names,
                       size_t label_count, const uint8_t *left_out, int64_t count, uint32_t *copies, Error *error);

#endif
