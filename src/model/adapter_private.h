#ifndef LINNET_MODEL_ADAPTER_PRIVATE_H
#define LINNET_MODEL_ADAPTER_PRIVATE_H
/** What the files of the adapters share. */
#include "linnet/model/adapter.h"

#define ADAPTER_PREFIX "base_model.model." /* of each tensor in PEFT's file */
enum { ADAPTER_NAME = 48 };

/** transformer.h.0.attn.c_attn */
void adapter_linear_name(int layer, AdaptedLinear which, char name[ADAPTER_NAME]);
/** Inputs and outputs of a linear layer. */
void adapter_linear_size(const ModelConfig *model, AdaptedLinear which, int64_t *in, int64_t *out);

/** An adapter of the linear layers that adapted [layers · ADAPTED_LINEARS] marks, whatever the targets say. */
Status adapter_create_for(Adapter **adapter, const AdapterConfig *config, const ModelConfig *model, const bool *adapted,
                          Error *error);
#endif
