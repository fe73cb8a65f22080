#ifndef LINNET_MODEL_MODEL_CONFIG_H
#define LINNET_MODEL_MODEL_CONFIG_H
/** A GPT-2 model's config.json, as Transformers' GPT2Config reads it: absent fields have its defaults, unknown
 *  ones are kept and written back. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/pooling.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int32_t vocabulary, positions, width, layers, heads,
        inner; /**< vocab_size n_positions n_embd n_layer n_head n_inner (null = 4 · width) */
    int32_t labels;
    char **label_names; /**< [labels] id2label, or LABEL_0 … */
    double epsilon;     /**< layer_norm_epsilon */
    double embedding_dropout, attention_dropout, residual_dropout;
    double initializer_range;
    int32_t pad_token;           /**< pad_token_id; −1 when not set or outside the vocabulary */
    int32_t end_of_text;         /**< eos_token_id; the same */
    bool scale_weights;          /**< scale_attn_weights */
    bool scale_by_inverse_layer; /**< scale_attn_by_inverse_layer_idx */
    Pooling pooling;    /**< linnet's own member {"linnet": {"pooling": …}}; POOLING_LAST_TOKEN where absent */
    bool pooling_saved; /**< whether that member was there */
    cJSON *source;      /**< the whole file, for writing back; owned */
} ModelConfig;

/** Read `path`. STATUS_INPUT names file and key: not a gpt2 model, sizes that are not positive or do not divide,
 *  an activation other than gelu_new (or its synonym gelu_pytorch_tanh), cross attention, a problem_type other
 *  than single_label_classification, id2label with holes or twins… One label passes: some language models are
 *  saved with one; a head of one is refused by model_folder_open(). (n_ctx stands in for an absent n_positions.) */
Status model_config_load(ModelConfig *config, const char *path, Error *error);

/** A new model's configuration, with Transformers' defaults for all that is not given; label_names [labels]
 *  copied. */
Status model_config_create(ModelConfig *config, int32_t vocabulary, int32_t positions, int32_t width, int32_t layers,
                           int32_t heads, const char *const *label_names, int32_t labels, int32_t end_of_text,
                           Error *error);

/** Give the model other classes: names [labels] copied. */
Status model_config_set_labels(ModelConfig *config, const char *const *label_names, int32_t labels, Error *error);

/** Write config.json: all of `source` with what linnet changed (architectures = GPT2ForSequenceClassification,
 *  labels, torch_dtype/dtype float32, pad_token_id where pooling is last_token, none where it is padded_end, the
 *  member "linnet"). */
Status model_config_save(const ModelConfig *config, const char *path, Error *error);

void model_config_free(ModelConfig *config);
#endif
