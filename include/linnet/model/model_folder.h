#ifndef LINNET_MODEL_MODEL_FOLDER_H
#define LINNET_MODEL_MODEL_FOLDER_H
/** A Hugging Face GPT-2 model folder: config.json, model.safetensors (or shards with model.safetensors.index.json), and
 *  the files of a tokenizer. The prefix `transformer.` of tensor names is optional, and names of modules that wrap a
 *  model (`_orig_mod.`, `module.`, …) are left out. attn.bias, attn.masked_bias and lm_head.weight are ignored; other
 *  unknown tensors are named in a log line. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"
#include "linnet/tokenizer/tokenizer_files.h"

typedef struct ModelFolder ModelFolder; /**< an open folder: its configuration and mapped tensors */

/** Read a folder's config.json. STATUS_INPUT also where the path is not a folder, or one without that file: the message
 *  says what it is (a name on the hub, a folder one level too high, an adapter, …). To be freed with model_config_free(); nothing to free on failure. */
Status model_folder_load_config(ModelConfig *config, const char *path, Error *error);

/** What is wanted of a folder's head. */
typedef enum {
    HEAD_FITTING, /**< it fits config.json, or is absent */
    HEAD_ANY,     /**< likewise, but one that does not fit counts as absent */
    HEAD_LANGUAGE /**< none: a language model, whatever head the folder has */
} HeadRule;

/** Open a folder and check it: every tensor is present (score.weight may be absent) with its shape and dtype F32, F16,
 *  BF16 or F64. A head of another shape, or for one label, is an error, or absent if HEAD_ANY. With HEAD_LANGUAGE the
 *  layout is that of a language model, and an output layer that is not the token embedding is an error. Ends with
 *  model_folder_close(). */
Status model_folder_open(ModelFolder **folder, const char *path, HeadRule head, Error *error);
const ModelConfig *model_folder_config(const ModelFolder *folder);
bool model_folder_has_head(const ModelFolder *folder);
void model_folder_close(ModelFolder *folder); /**< also unmaps what model_folder_embeddings() has set */

/** Copy the dense tensors first … first + count − 1 of the layout into `dense` [layout.dense], converted to float32.
 *  Leaves the place of score.weight unchanged where the folder has none, or one of another shape (the layout may have
 *  other labels than the folder). STATUS_INPUT names a tensor whose values are not all finite numbers. */
Status model_folder_read(const ModelFolder *folder, const ParameterLayout *layout, size_t first, size_t count,
                         float *dense, Error *error);

/** Copy the head, converted to float32, to score [its values], if the folder has one of the layout's shape; false if not. */
bool model_folder_read_head(const ModelFolder *folder, const ParameterLayout *layout, float *score);

/** Use the dense tensors where they are in the mapping of the file, so that they take no memory of the process and
 *  several processes share them: set parameters->dense, and change the offsets in `layout` to where each tensor is from
 *  there. Such a layout serves the model's values alone: no gradient has it. *in_place is false, and all is unchanged,
 *  where values would have to be converted, are not aligned for float, are in several files, or the folder has no head
 *  that fits. Without `head` the model's own head is not wanted, and its place is not set.
 *  STATUS_INPUT names a tensor whose values are not all finite numbers. Valid until model_folder_close(); a file that is
 *  written over in the meantime changes the values, one that is replaced by renaming does not. */
Status model_folder_use_in_place(const ModelFolder *folder, ParameterLayout *layout, bool head, Parameters *parameters,
                                 bool *in_place, Error *error);

/** Set parameters->token and parameters->position: to the copy-on-write mapping where the file holds F32, so that only
 *  written rows take memory; else to a converted copy that the folder owns. Writes stay private to this process. Of a
 *  language model only parameters->position: the token embedding is one of the dense tensors. */
Status model_folder_embeddings(ModelFolder *folder, Parameters *parameters, Error *error);

/** Check part number `part` of `parts` of the embeddings that model_folder_embeddings() has set and nobody has written
 *  to: STATUS_INPUT names a tensor whose values are not all finite numbers. Afterwards the mapping takes no memory, as
 *  before. */
Status model_folder_check_embeddings(const ModelFolder *folder, const Parameters *parameters, int part, int parts,
                                     Error *error);

/** Whether all its files of weights are copies in memory (file_copies.h). */
bool model_folder_is_copied(const ModelFolder *folder);

/** Give back the memory of the copies, if they are such, but for the embeddings, which stay mapped: when all ranks of the
 *  host have read the dense tensors. */
void model_folder_discard_copies(const ModelFolder *folder);

/** STATUS_INPUT if a file of weights was written to since the folder was opened. */
Status model_folder_check_unchanged(const ModelFolder *folder, Error *error);

/** Write a model that Transformers can open into the existing folder `path`: config.json, model.safetensors (format pt,
 *  names with the prefix transformer.), and the files of the tokenizer. Each file is flushed to disk. `digest` (NULL:
 *  not computed) becomes the SHA-256 of model.safetensors. */
Status model_folder_save(const char *path, const ModelConfig *config, const ParameterLayout *layout,
                         const Parameters *parameters, const TokenizerFiles *tokenizer, char digest[DIGEST_TEXT],
                         Error *error);

/** What tells a model from another one without reading all of it: the SHA-256 of config.json or of an adapter's
 *  configurations, the files' sizes and 256 pieces of each file of weights, spread evenly. Empty where the folder has no such files. `times`: also when the files
 *  were written, since a model of which few weights have changed (only its head was trained) may have the same pieces. */
void model_fingerprint(const char *path, bool times, char digest[DIGEST_TEXT]);

/** Print the digest of a folder's tokenizer, which must fit the model; a model without one is complete, but cannot predict:
 *  a warning. */
Status model_folder_describe_tokenizer(const char *path, const ModelConfig *config, Error *error);

/** What `linnet inspect` does with a model folder: print what it holds to standard output and check all of it. `kind`
 *  is what the folder is called in print. STATUS_INPUT when something is wrong with it. */
Status model_folder_describe(const char *path, const char *kind, Error *error);
#endif
