/* What of a model learns. See learned.h. */
#include "linnet/optim/learned.h"
#include <inttypes.h>

Status learned_make(Learned *learned, const ParameterLayout *model, const Settings *settings, Error *error) {
    *learned = (Learned){0};
    if (settings->freeze_layers > model->layers)
        return error_set(error, STATUS_INPUT,
                         "freeze_layers: expected at most %d, since %s has so many layers, got %" PRId64, model->layers,
                         settings->model_name_or_path, settings->freeze_layers);
    const Frozen frozen = {.layers = (int)settings->freeze_layers, .embeddings = settings->freeze_embeddings};
    learned->first = parameters_first_learned(model, &frozen);
    return parameters_learned(&learned->layout, model, &frozen, error);
}

void learned_free(Learned *learned) {
    parameters_layout_free(&learned->layout);
}

Parameters learned_parameters(const Learned *learned, const Parameters *model) {
    Parameters values = *model;
    values.dense = model->dense + learned->first;
    return values;
}
