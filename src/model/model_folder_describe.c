/* Describing and checking a model folder for `linnet inspect`. */
#include "linnet/core/describe.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_folder.h"
#include "linnet/tokenizer/tokenizer.h"

static void print_config(const ModelFolder *folder, const ParameterLayout *layout) {
    const ModelConfig *config = model_folder_config(folder);
    size_t count = layout->token.count + layout->position.count;
    for (size_t i = 0; i < layout->tensors; i++)
        if (i != parameters_score(layout) || model_folder_has_head(folder)) count += layout->tensor[i].count;
    describe_line("parameters", "%zu", count);
    describe_line("layers", "%d", config->layers);
    describe_line("width", "%d, inner %d, %d heads", config->width, config->inner, config->heads);
    describe_line("positions", "%d", config->positions);
    describe_line("vocabulary", "%d", config->vocabulary);
    describe_line("dropout", "embedding %g, attention %g, residual %g", config->embedding_dropout,
                  config->attention_dropout, config->residual_dropout);
    if (!model_folder_has_head(folder)) {
        describe_line("head", "none: training makes a new one");
        return;
    }
    describe_line("pooling", "%s%s", pooling_name(config->pooling),
                  config->pooling_saved ? "" : " (not saved with the model)");
    describe_line("problem", "%s%s", problem_name(config->problem),
                  config->problem_saved ? "" : " (not saved with the model)");
    for (int32_t i = 0; i < config->labels; i++) describe_line("label", "%d %s", i, config->label_names[i]);
}

static void add_tensor(Digest *digest, const ParameterTensor *tensor, const float *values) {
    digest_add(digest, values, tensor->count * sizeof *values);
}

/* Check all values, and print a digest of them as float32 in the model's order: the same for the same model, whatever
 * files, names and order of tensors it is kept in. */
static Status check_values(ModelFolder *folder, const ParameterLayout *layout, Error *error) {
    char text[DIGEST_TEXT];
    Digest *digest = NULL;
    if (memory_check(layout->dense * sizeof(float), "the model's parameters", error)) return error->status;
    Parameters parameters = {.dense = memory_allocate(layout->dense, sizeof(float), error)};
    if (!parameters.dense || digest_create(&digest, error) || model_folder_embeddings(folder, &parameters, error) ||
        model_folder_check_embeddings(folder, &parameters, 0, 1, error) ||
        model_folder_read(folder, layout, 0, layout->tensors, parameters.dense, error))
        goto cleanup;
    add_tensor(digest, &layout->token, parameters.token);
    add_tensor(digest, &layout->position, parameters.position);
    for (size_t i = 0; i < layout->tensors; i++) {
        const ParameterTensor *tensor = &layout->tensor[i];
        if (i == parameters_score(layout) && !model_folder_has_head(folder)) continue;
        add_tensor(digest, tensor, parameters.dense + tensor->offset);
    }
    digest_finish(digest, text);
    describe_line("values", "SHA-256 %s", text);
cleanup:
    digest_destroy(digest);
    memory_free(parameters.dense);
    return error->status;
}

Status model_folder_describe_tokenizer(const char *path, const ModelConfig *config, Error *error) {
    Tokenizer *tokenizer = NULL;
    if (!tokenizer_folder_has_one(path))
        log_warning("%s: has no tokenizer: tokenizer.json, or vocab.json and merges.txt are missing", path);
    else if (tokenizer_create(&tokenizer, path, error))
        return error->status;
    else if (tokenizer_vocabulary(tokenizer) > config->vocabulary)
        error_set(error, STATUS_INPUT,
                  "%s: the tokenizer has %d tokens, the model only %d: enlarge the model with "
                  "resize_token_embeddings()",
                  path, tokenizer_vocabulary(tokenizer), config->vocabulary);
    else
        describe_line("tokenizer", "%s", tokenizer_digest(tokenizer));
    tokenizer_destroy(tokenizer);
    return error->status;
}

Status model_folder_describe(const char *path, const char *kind, Error *error) {
    ModelFolder *folder = NULL;
    ParameterLayout layout = {0};
    if (model_folder_open(&folder, path, HEAD_FITTING, error)) return error->status;
    const ModelConfig *config = model_folder_config(folder);
    if (parameters_layout(&layout, config, error)) goto cleanup;
    describe_line("kind", "%s", kind);
    describe_line("path", "%s", path);
    print_config(folder, &layout);
    if (!model_folder_describe_tokenizer(path, config, error) && !check_values(folder, &layout, error))
        describe_line("verified", "configuration, names, shapes and places of all tensors, all values finite");
cleanup:
    parameters_layout_free(&layout);
    model_folder_close(folder);
    return error->status;
}
