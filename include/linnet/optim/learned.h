#ifndef LINNET_OPTIM_LEARNED_H
#define LINNET_OPTIM_LEARNED_H
/** What of a model learns in a run, by its settings: `freeze_layers` and `freeze_embeddings`. Gradients, their reduction,
 *  AdamW, its moments and their file have the layout of what learns alone. Not collective. */
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"

typedef struct {
    ParameterLayout layout; /**< of what learns: parameters_learned() */
    size_t first;           /**< floats: where its dense values begin in the model's dense array */
} Learned;

/** For a model of this layout. STATUS_INPUT when the settings freeze more layers than it has. Ends with
 *  learned_free(); nothing to free on failure. */
Status learned_make(Learned *learned, const ParameterLayout *model, const Settings *settings, Error *error);
void learned_free(Learned *learned);

/** The values that learn, laid out as learned->layout says: a part of the model's. Borrowed from there. */
Parameters learned_parameters(const Learned *learned, const Parameters *model);

#endif
