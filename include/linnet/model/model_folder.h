#ifndef LINNET_MODEL_MODEL_FOLDER_H
#define LINNET_MODEL_MODEL_FOLDER_H
/** A Hugging Face GPT-2 model folder: config.json, model.safetensors (or shards with
 *  model.safetensors.index.json), vocab.json, merges.txt. Tensor names may have the prefix `transformer.` or not;
 *  attn.bias, attn.masked_bias and lm_head.weight are ignored; other unknown tensors are named in a warning. Not
 *  collective. */
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"

typedef struct ModelFolder ModelFolder; /**< an open folder: its configuration and mapped tensors */

/** STATUS_INPUT where the path is no folder, as a name of Hugging Face's hub is none. */
Status model_folder_check(const char *path, Error *error);

/** Open and check everything: every tensor is there with its shape (score.weight may be absent) and a dtype that
 *  can be read. */
Status model_folder_open(ModelFolder **folder, const char *path, Error *error);
const ModelConfig *model_folder_config(const ModelFolder *folder);
bool model_folder_has_head(const ModelFolder *folder);
/** The number of classes that the folder's score.weight has; 0 when it has no head. */
int32_t model_folder_head_labels(const ModelFolder *folder);
void model_folder_close(ModelFolder *folder); /**< invalidates the tables that model_folder_tables() mapped */

/** Copy dense tensors with layout indices first … first + count − 1 into `dense` [layout.dense], converted to
 *  float32; a missing (or otherwise shaped: `config` may have other labels than the folder) score.weight is left
 *  as it is. */
void model_folder_read(const ModelFolder *folder, const ParameterLayout *layout, size_t first, size_t count,
                       float *dense);

/** Set parameters->token and ->position: into the copy-on-write mapping where the file holds F32 (memory is then
 *  taken only by rows written), else into memory owned by the folder. Values are private to this process. */
Status model_folder_tables(ModelFolder *folder, Parameters *parameters, Error *error);

/** Fill a new head, N(0, initializer_range²) from the seed, into dense. */
void model_folder_new_head(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed, float *dense);

/** Fill a whole new model as GPT2PreTrainedModel does: weights N(0, initializer_range²), the two residual
 *  projections N(0, (range/√(2·layers))²), biases 0, LayerNorm 1; tables likewise. */
void model_folder_new_model(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed,
                            Parameters *parameters);

/** A tokenizer's two files as they lay in a folder. Who saves a model again and again keeps them in memory: the folder
 *  they came from may be a checkpoint that is gone by then. */
typedef struct {
    char *vocabulary, *merges; /**< NULL: none */
    size_t vocabulary_size, merges_size;
} TokenizerFiles;

Status tokenizer_files_read(TokenizerFiles *files, const char *folder, Error *error);
void tokenizer_files_free(TokenizerFiles *files);

/** Write a folder that Transformers opens into `path` (an existing, empty or not, folder): config.json,
 *  model.safetensors (format pt, names with transformer.), and vocab.json, merges.txt where there are any. Each file is
 *  flushed to disk. */
Status model_folder_save(const char *path, const ModelConfig *config, const ParameterLayout *layout,
                         const Parameters *parameters, const TokenizerFiles *tokenizer, Error *error);
#endif
