#ifndef LINNET_MODEL_MODEL_CONFIG_H
#define LINNET_MODEL_MODEL_CONFIG_H
/** A GPT-2 model's config.json, read as Transformers' GPT2Config reads it: absent fields have its defaults. Unknown
 *  fields are kept and written back. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/pooling.h"
#include "linnet/data/problem.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int32_t vocabulary, positions;       /**< vocab_size, n_positions */
    int32_t width, layers, heads, inner; /**< n_embd, n_layer, n_head, n_inner (null: 4 · width) */
    bool language; /**< a language model without a classification head: its output layer is the token embedding. Set by
                        who opens the model, not read from the file */
    int32_t labels;
    char **label_names; /**< [labels] id2label, or LABEL_0 …; owned */
    double epsilon;     /**< layer_norm_epsilon */
    double embedding_dropout, attention_dropout, residual_dropout;
    double initializer_range;
    int32_t pad_token;           /**< pad_token_id; −1 when absent or outside the vocabulary */
    int32_t end_of_text;         /**< eos_token_id; likewise */
    bool scale_weights;          /**< scale_attn_weights */
    bool scale_by_inverse_layer; /**< scale_attn_by_inverse_layer_idx */
    Pooling pooling;             /**< linnet's own field {"linnet": {"pooling": …}}; POOLING_LAST_TOKEN when absent */
    bool pooling_saved;          /**< whether that field was present */
    Problem problem;             /**< problem_type. Where that is absent, regression with one label, as in Transformers,
                                      and with more labels one of them, which model_config_fits() does not insist on */
    bool problem_saved;          /**< whether that field was present */
    cJSON *source;               /**< the complete file; owned */
    char *text;                  /**< its text, which is written back with what linnet sets in it; owned */
} ModelConfig;

/** Read `path`. STATUS_INPUT names file and key: not a gpt2 model, sizes that are not positive or not divisible, an
 *  activation other than gelu_new (or its synonym gelu_pytorch_tanh), cross attention, a problem_type that
 *  Transformers does not know, an id2label with a missing index or a repeated name, quantized
 *  weights. One label is accepted, since some
 *  language models are saved with one; model_folder_open() refuses a classifier's head with one. n_ctx replaces an absent
 *  n_positions. To be freed with model_config_free(); nothing to free on failure. */
Status model_config_load(ModelConfig *config, const char *path, Error *error);

/** The configuration of a new model, with Transformers' defaults for all that is not given. label_names [labels] are
 *  copied. To be freed as above. */
Status model_config_create(ModelConfig *config, int32_t vocabulary, int32_t positions, int32_t width, int32_t layers,
                           int32_t heads, Problem problem, const char *const *label_names, int32_t labels,
                           int32_t end_of_text, Error *error);

/** Whether the file says that it is a language model's: its architectures begin with GPT2LMHeadModel. */
bool model_config_is_language(const ModelConfig *config);

/** Whether the model's head is one for data of this problem, as far as its configuration says. */
bool model_config_fits(const ModelConfig *config, Problem problem);

/** Replace the labels, at least two of a classifier whose samples have one. label_names [labels] are copied; NULL:
 *  LABEL_0 …. */
Status model_config_set_labels(ModelConfig *config, const char *const *label_names, int32_t labels, Error *error);

/** The config.json that model_config_save() writes; free with memory_free(). NULL: out of memory. */
char *model_config_text(const ModelConfig *config, const char *path, Error *error);

/** Write config.json. Of a language model: `text` with architectures = GPT2LMHeadModel, and dropout and dtype as below.
 *  Of a classifier: `text` with architectures = GPT2ForSequenceClassification, problem_type,
 *  the labels, torch_dtype or dtype float32, the field "linnet", and a pad_token_id where
 *  pooling is last_token, none where it is padded_end. All other members keep their place and spelling. */
Status model_config_save(const ModelConfig *config, const char *path, Error *error);

void model_config_free(ModelConfig *config);
#endif
