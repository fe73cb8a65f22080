/* What of a model learns. See learned.h. */
#include "linnet/optim/learned.h"
#include <inttypes.h>

AdapterConfig learned_adapter(const Settings *settings) {
    return (AdapterConfig){.rank = (int32_t)settings->lora_r,
                           .alpha = settings->lora_alpha,
                           .dropout = settings->lora_dropout,
                           .targets = settings->lora_target_modules};
}

/* An adapter that was read learns as it is, so that the settings must not ask for another one, or for none. */
static Status check_adapter(const Adapter *adapter, const Settings *settings, Error *error) {
    const AdapterConfig *config = &adapter->config;
    const char *path = settings->model_name_or_path;
    if (config->rank == settings->lora_r && config->alpha == settings->lora_alpha) return STATUS_OK;
    return error_set(
        error, STATUS_INPUT,
        "%s is a LoRA adapter with r %d and lora_alpha %g: to train it further set lora_r %d and lora_alpha "
        "%g; to train all weights merge it first: linnet merge --model %s --output DIR",
        path, config->rank, config->alpha, config->rank, config->alpha, path);
}

Status learned_make(Learned *learned, const ParameterLayout *model, const Adapter *adapter, const Settings *settings,
                    Error *error) {
    *learned = (Learned){0};
    if (adapter && check_adapter(adapter, settings, error)) return error->status;
    if (adapter) return parameters_learned(&learned->layout, &adapter->layout, &(Frozen){0}, error);
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
    values.dense = model->adapter ? model->adapter_values : model->dense + learned->first;
    return values;
}
