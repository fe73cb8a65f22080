#ifndef LINNET_MODEL_MODEL_NEW_H
#define LINNET_MODEL_MODEL_NEW_H
/** New models and new heads with random weights, initialised as Transformers' GPT2PreTrainedModel does: weights N(0,
 *  initializer_range²), the two projections that end in the residual stream N(0, (initializer_range / √(2 · layers))²),
 *  biases 0, LayerNorm 1, embeddings as weights. The random numbers of each tensor depend only on the seed and the
 *  tensor. Not collective. */
#include "linnet/model/model_folder.h"

/** Fill score [labels, width], the head of a model of this layout. */
void model_new_head(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed, float *score);

/** Fill all parameters. */
void model_new_parameters(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed,
                          Parameters *parameters);

/** What a new model folder is made from. All texts are borrowed. */
typedef struct {
    const char *tokenizer; /**< a folder with a tokenizer, which is copied and completed (tokenizer_files.h) */
    Problem problem;
    const char *const *label_names;
    int32_t labels; /**< at least 2, or one target */
    int32_t layers, width, heads, positions;
    uint64_t seed;
} NewModel;

/** Make the folder `path`: it must not exist, or be empty. It is written under a temporary name and then renamed, so
 *  that it exists completely or not at all. */
Status model_new_folder(const char *path, const NewModel *model, Error *error);
#endif
