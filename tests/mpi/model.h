#ifndef LINNET_TESTS_MPI_MODEL_H
#define LINNET_TESTS_MPI_MODEL_H
/** Model folders made for a test, in the shape of plain.h's model. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/model/model.h"
#include "linnet/model/safetensors.h"
#include "linnet/tokenizer/tokenizer.h"
#include "mpi/plain.h"

#define TEST_TOKENIZER "tests/golden/tokenizer_small"

static const char *const MODEL_LABELS[] = {"negative", "neutral", "positive"};
static const char *const OTHER_LABELS[] = {"bad", "so so", "fine"};
static const char *const PLAIN_LABELS[] = {"LABEL_0", "LABEL_1", "LABEL_2"};

/** A path in the test's folder; static, good until the eighth call after. */
static inline const char *path_in(const char *folder, const char *name) {
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/** Rank 0 writes a model folder with these values (no head when `headless`); the others wait. Collective. */
static inline void write_model_folder(const World *world, const char *path, const Plain *plain,
                                      const char *const *labels, const char *tokenizer, bool headless) {
    const Parameters values = {
        .dense = plain->values.dense, .token = plain->values.token, .position = plain->values.position};
    ModelConfig config = {0};
    TokenizerFiles files = {0};
    Error error = {0};
    if (world->rank == 0 && tokenizer != NULL)
        tokenizer_files_read(&files, tokenizer, PLAIN_VOCABULARY - 1, PLAIN_POSITIONS, &error);
    if (world->rank == 0 && file_make_folder(path, &error) == STATUS_OK &&
        model_config_create(&config, PLAIN_VOCABULARY, PLAIN_POSITIONS, PLAIN_CONFIG.width, PLAIN_CONFIG.layers,
                            PLAIN_CONFIG.heads, PROBLEM_SINGLE_LABEL, labels, 3, PLAIN_VOCABULARY - 1,
                            &error) == STATUS_OK)
        model_folder_save(path, &config, &plain->layout, &values, &files, NULL, &error);
    if (world->rank == 0 && headless && error.status == STATUS_OK) {
        TensorSource sources[40];
        size_t count = 0;
        const ParameterLayout *l = &plain->layout;
        for (size_t t = 0; t + 1 < l->tensors + 2; t++) { /* embeddings, then all but the last, which is the head */
            const ParameterTensor *tensor = t == 0 ? &l->token : t == 1 ? &l->position : &l->tensor[t - 2];
            const float *from = t == 0 ? values.token : t == 1 ? values.position : values.dense + tensor->offset;
            sources[count++] = (TensorSource){.name = tensor->name,
                                              .dimensions = tensor->dimensions,
                                              .shape = {tensor->shape[0], tensor->shape[1]},
                                              .values = from};
        }
        safetensors_save(path_in(path, "model.safetensors"), sources, count, NULL, &error);
    }
    model_config_free(&config);
    tokenizer_files_free(&files);
    FINE(world, &error);
    MPI_Barrier(world->comm);
}

/** What a token file that fits the model says of itself. */
static inline DatasetInfo model_data(const World *world, const char *const *labels) {
    DatasetInfo info = {.samples = 10, .vocabulary = PLAIN_VOCABULARY, .labels = 3, .path = "made.h5"};
    Error error = {0};
    info.label_names = check_allocate(world, 3, sizeof(char *)); /* borrowed by the test to its end */
    for (size_t i = 0; i < 3; i++) info.label_names[i] = (char *)(uintptr_t)labels[i];
    TokenizerSpec spec;
    tokenizer_spec_read(&spec, TEST_TOKENIZER, &error);
    memcpy(info.tokenizer_digest, spec.digest, DIGEST_TEXT);
    tokenizer_spec_free(&spec);
    FINE(world, &error);
    return info;
}

#endif
