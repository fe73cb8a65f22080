#ifndef LINNET_MODEL_ADAPTER_H
#define LINNET_MODEL_ADAPTER_H
/** Low-rank adapters (LoRA; Hu et al., ICLR 2022) of GPT-2's linear layers, as PEFT makes them.
 *
 *  An adapted linear layer computes y = x · W + b + scaling · (dropout(x) · Aᵀ) · Bᵀ with A [rank, in] and B [out, rank],
 *  scaling = alpha / rank, or alpha / √rank with use_rslora. Only A, B and the classification head learn; the head is
 *  kept with the adapter (PEFT's modules_to_save). W, b and all else are the base model's, which nothing changes.
 *
 *  The adapter's values have a ParameterLayout of their own: bucket l holds A and B of layer l's adapted linear layers,
 *  the last bucket the head. Tensors have the names of PEFT's file. Not collective. */
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"
#include "linnet/model/safetensors.h"
#include "linnet/tokenizer/tokenizer_files.h"

#define ADAPTER_CONFIG_FILE "adapter_config.json"
#define ADAPTER_VALUES_FILE "adapter_model.safetensors"
#define ADAPTER_MODEL_FILE "linnet_config.json"

/** The linear layers of a block that can have an adapter. */
typedef enum { ADAPTED_ATTN, ADAPTED_PROJ, ADAPTED_FC, ADAPTED_OUT, ADAPTED_LINEARS } AdaptedLinear;

/** What adapter_config.json says. Texts are owned; a new AdapterConfig of the caller's own may borrow them. */
typedef struct {
    int32_t rank;   /**< r */
    double alpha;   /**< lora_alpha */
    double dropout; /**< lora_dropout: the probability in training */
    bool rslora;    /**< use_rslora */
    char *targets;  /**< target_modules as JSON: a list of names, or a text; NULL: ["c_attn"], as PEFT for GPT-2 */
    char *base;     /**< base_model_name_or_path; NULL: none */
    char *text;     /**< the file that was read, which is written back; NULL for a new adapter */
} AdapterConfig;

typedef struct Adapter {
    AdapterConfig config;
    float scaling;
    ParameterLayout layout;
    size_t *places; /**< [layers · ADAPTED_LINEARS] index of A in the layout, B's is the next; ADAPTER_NONE */
} Adapter;

#define ADAPTER_NONE SIZE_MAX

/** A new adapter for a model with its labels. config is copied. A target matches a linear layer as in PEFT: by its
 *  complete name, transformer.h.0.attn.c_attn, or by the end of it behind a dot, attn.c_attn or c_attn. "all-linear"
 *  alone means all four. STATUS_INPUT names a target that matches none. To be freed with adapter_destroy(). */
Status adapter_create(Adapter **adapter, const AdapterConfig *config, const ModelConfig *model, Error *error);
void adapter_destroy(Adapter *adapter); /**< NULL is allowed */

/** STATUS_INPUT unless `targets` is such a list and each of its names matches a linear layer of a model with so many
 *  layers; 0: of some model. The message names the first that does not. */
Status adapter_check_targets(const char *targets, int32_t layers, Error *error);

/** New values, but for the head: A uniform in ±1/√in (PEFT's and torch.nn.Linear's Kaiming initialization with a = √5), B
 *  zero. Each tensor's random numbers depend on the seed and its place in the model alone. */
void adapter_new_values(const Adapter *adapter, uint64_t seed, float *values);

/** Whether a linear layer has an adapter, and where in the values its A [rank, in] and B [out, rank] are. */
static inline bool adapter_has(const Adapter *adapter, int layer, AdaptedLinear which) {
    return adapter->places[layer * ADAPTED_LINEARS + (int)which] != ADAPTER_NONE;
}
size_t adapter_down(const Adapter *adapter, int layer, AdaptedLinear which);
size_t adapter_up(const Adapter *adapter, int layer, AdaptedLinear which);
size_t adapter_score(const Adapter *adapter); /**< where the head [labels, width] is */

/** The lowest layer that has an adapter: nothing below it learns. */
int adapter_lowest(const Adapter *adapter);

/** Whether a folder holds an adapter. */
bool adapter_is_in(const char *folder);

/** Read and check adapter_config.json. STATUS_INPUT names the key that asks for what linnet does not compute: another
 *  method than LoRA, DoRA, biases that learn, ranks or scalings that differ between layers, … Freed with
 *  adapter_config_free(); nothing to free on failure. */
Status adapter_config_read(AdapterConfig *config, const char *folder, Error *error);
/** Write it as PEFT does, with the head in modules_to_save; flushed to disk. */
Status adapter_config_save(const AdapterConfig *config, const char *folder, Error *error);
void adapter_config_free(AdapterConfig *config);

/** The folder of an adapter's base model: base_model_name_or_path as it stands, below the adapter's folder, or in the
 *  cache of the hub. To be freed with memory_free(). STATUS_INPUT: there is no such folder. */
char *adapter_base(const char *folder, Error *error);

/** An adapter's folder with its open file of values. */
typedef struct AdapterFolder AdapterFolder;

/** Open the folder of an adapter of `model`, the base's configuration, in which the labels are then replaced: by those
 *  of the folder's linnet_config.json, which linnet writes, or by as many as the head has. STATUS_INPUT: the
 *  configuration, a tensor that is missing, unknown, of another shape or dtype. *adapter is the caller's, freed with
 *  adapter_destroy(); the folder is closed with adapter_folder_close(), which allows NULL. */
Status adapter_folder_open(AdapterFolder **folder, Adapter **adapter, const char *path, ModelConfig *model,
                           Error *error);
/** Copy the values, converted to float32. STATUS_INPUT names a tensor whose values are not all finite. */
Status adapter_folder_read(const AdapterFolder *folder, const Adapter *adapter, float *values, Error *error);
void adapter_folder_close(AdapterFolder *folder);

/** What `linnet inspect` does with an adapter's folder: print what it holds to standard output and check all of it. `kind`
 *  is what the folder is called in print. STATUS_INPUT when something is wrong with it, or with its base model. */
Status adapter_describe(const char *path, const char *kind, Error *error);

/** Write an adapter that PEFT can open into the existing folder `path`: adapter_config.json, adapter_model.safetensors,
 *  the files of the tokenizer, and linnet_config.json: the config.json of base model and adapter together, from which
 *  linnet takes labels and pooling. Under the name config.json Transformers would take the folder for a model's. Each
 *  file is flushed to disk. `digest` (NULL: not computed) becomes the SHA-256 of adapter_model.safetensors. */
Status adapter_folder_save(const char *path, const Adapter *adapter, const ModelConfig *model, const float *values,
                           const TokenizerFiles *tokenizer, char digest[DIGEST_TEXT], Error *error);

#endif
