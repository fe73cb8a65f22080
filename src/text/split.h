#ifndef LINNET_TEXT_SPLIT_H
#define LINNET_TEXT_SPLIT_H
/** Dividing samples into a training and an evaluation part without leakage: groups of duplicates (duplicates.h) stay
 *  together. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "text/duplicates.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double share; /**< of the samples for training, above 0 and below 1 */
    uint64_t seed;
    const uint16_t *labels;   /**< [samples] the class of each, where each class is to have that share; else NULL */
    char *const *label_names; /**< of the classes, for messages */
} SplitRule;

/** Choose the evaluation samples: evaluation [samples] is 1 for them, else 0.
 *
 *  The evaluation part has samples − round(share × samples) of them; with labels n − round(share × n) of each class's n,
 *  but at least one and at most all but one. Groups come in the order of the least hash, with the seed, of their texts:
 *  a function of the texts, not of their order in the table. Each goes to the evaluation part if there is room for all
 *  of it, else to training. STATUS_INPUT where one part would be empty: fewer than two groups, or with labels fewer than
 *  two groups of a class that has samples. Warns of a class of which no group fits. */
Status split_samples(const SplitRule *rule, const TextList *texts, const Duplicates *groups, uint8_t *evaluation,
                     Error *error);

#endif
