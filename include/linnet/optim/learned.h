#ifndef LINNET_OPTIM_LEARNED_H
#define LINNET_OPTIM_LEARNED_H
/** What of a model learns in a run: its adapter (adapter.h) if it has one, else what the settings `freeze_layers` and
 *  `freeze_embeddings` leave. Gradients, their reduction, AdamW, its moments and their file have the layout of what learns
 *  alone. Not collective. */
#include "linnet/model/adapter.h"
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"

typedef struct {
    ParameterLayout layout; /**< of what learns: parameters_learned() */
    size_t first;           /**< floats: where its dense values begin in the model's dense array */
} Learned;

/** The new adapter that the settings ask for, if lora_r is not 0. Its texts are borrowed from there. */
AdapterConfig learned_adapter(const Settings *settings);

/** For a model of this layout; `adapter` NULL: without one. STATUS_INPUT when the settings freeze more layers than it has,
 *  or the model has another adapter than they say. Ends with learned_free(); nothing to free on failure. */
Status learned_make(Learned *learned, const ParameterLayout *model, const Adapter *adapter, const Settings *settings,
                    Error *error);
void learned_free(Learned *learned);

/** The values that learn, laid out as learned->layout says: a part of the model's, or the adapter's. Borrowed from
 *  there. */
Parameters learned_parameters(const Learned *learned, const Parameters *model);

#endif
