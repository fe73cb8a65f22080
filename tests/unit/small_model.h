#ifndef LINNET_TESTS_SMALL_MODEL_H
#define LINNET_TESTS_SMALL_MODEL_H
/** What the tests of model folders share: a model of one layer with known values, saved, opened and refused. */
#include "linnet/model/model_folder.h"
#include "linnet/model/safetensors.h"
#include "unit/model_files.h"

/* A model of one layer, small enough to write by hand: V, P, D, inner, labels. */
enum { VOCABULARY = 11, POSITIONS = 6, WIDTH = 4, INNER = 5, LABELS = 3, SOURCES_MAX = 32 };

static const char CONFIG[] = "{\"model_type\": \"gpt2\", \"vocab_size\": 11, \"n_positions\": 6, \"n_embd\": 4,"
                             " \"n_layer\": 1, \"n_head\": 2, \"n_inner\": 5, \"initializer_range\": 0.5,"
                             " \"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}}";

/** A model's tensors before they are written: tests rename, drop or reshape them first. */
typedef struct {
    TensorSource sources[SOURCES_MAX];
    char names[SOURCES_MAX][64];
    size_t count;
} Tensors;

/** Element i of the tensor number n in a file: a value that float16 and bfloat16 hold exactly. */
static inline float value_of(size_t n, size_t i) {
    return (float)((n * 7 + i) % 128) / 4 - 16;
}

static inline ParameterLayout small_layout(void) {
    const ModelConfig config = {.vocabulary = VOCABULARY,
                                .positions = POSITIONS,
                                .width = WIDTH,
                                .layers = 1,
                                .heads = 2,
                                .inner = INNER,
                                .labels = LABELS};
    ParameterLayout layout;
    Error error = {0};
    parameters_layout(&layout, &config, &error);
    assert_fine(&error);
    return layout;
}

static inline void add(Tensors *tensors, const char *name, int dimensions, int64_t rows, int64_t columns) {
    static float values[SOURCES_MAX][128];
    const size_t n = tensors->count++;
    for (size_t i = 0; i < 128; i++) values[n][i] = value_of(n, i);
    snprintf(tensors->names[n], sizeof tensors->names[n], "%s", name);
    tensors->sources[n] = (TensorSource){
        .name = tensors->names[n], .dimensions = dimensions, .shape = {rows, columns}, .values = values[n]};
}

/** A complete model: tensor 0 is the token embedding, 1 the position embedding, 2 … are the layout's, the head last. */
static inline Tensors *complete_model(void) {
    static Tensors tensors;
    ParameterLayout layout = small_layout();
    tensors.count = 0;
    add(&tensors, layout.token.name, 2, VOCABULARY, WIDTH);
    add(&tensors, layout.position.name, 2, POSITIONS, WIDTH);
    for (size_t i = 0; i < layout.tensors; i++) {
        const ParameterTensor *tensor = &layout.tensor[i];
        add(&tensors, tensor->name, tensor->dimensions, tensor->shape[0], tensor->shape[1]);
    }
    parameters_layout_free(&layout);
    return &tensors;
}

/** A fresh model folder with this name and configuration. */
static inline const char *new_folder(const char *name, const char *config) {
    char path[256];
    const char *model = in_folder(name);
    Error error = {0};
    file_make_folder(model, &error);
    assert_fine(&error);
    snprintf(path, sizeof path, "%s/config.json", model);
    write_text(path, config);
    return model;
}

static inline void save_as(const char *model, const char *file, const TensorSource *sources, size_t count) {
    char path[256];
    Error error = {0};
    snprintf(path, sizeof path, "%s/%s", model, file);
    safetensors_save(path, sources, count, NULL, &error);
    assert_fine(&error);
}

static inline const char *save_model(const char *name, const Tensors *tensors) {
    const char *model = new_folder(name, CONFIG);
    save_as(model, "model.safetensors", tensors->sources, tensors->count);
    return model;
}

static inline void refuse(const char *model, const char *what) {
    ModelFolder *opened;
    Error error = {0};
    model_folder_open(&opened, model, HEAD_FITTING, &error);
    assert_refused(&error, what);
    assert_null(opened);
}

static inline ModelFolder *open_fine(const char *model) {
    ModelFolder *opened;
    Error error = {0};
    model_folder_open(&opened, model, HEAD_FITTING, &error);
    assert_fine(&error);
    return opened;
}

static inline void assert_values(const float *values, size_t count, size_t n) {
    for (size_t i = 0; i < count; i++) assert_true(values[i] == value_of(n, i));
}

/** All values must be those of complete_model(); with no head, what was in its place before. */
static inline void assert_model(const char *model, bool head) {
    ModelFolder *opened = open_fine(model);
    ParameterLayout layout = small_layout();
    Error error = {0};
    Parameters parameters = {.dense = memory_allocate(layout.dense, sizeof(float), &error)};
    const ParameterTensor *score = &layout.tensor[parameters_score(&layout)];
    parameters.dense[score->offset] = 99;
    model_folder_read(opened, &layout, 0, layout.tensors, parameters.dense, &error);
    model_folder_embeddings(opened, &parameters, &error);
    assert_fine(&error);
    assert_int_equal(model_folder_has_head(opened), head);
    if (head) assert_int_equal(model_folder_config(opened)->labels, LABELS);
    assert_values(parameters.token, layout.token.count, 0);
    assert_values(parameters.position, layout.position.count, 1);
    for (size_t i = 0; i < layout.tensors - !head; i++)
        assert_values(parameters.dense + layout.tensor[i].offset, layout.tensor[i].count, i + 2);
    if (!head) assert_true(parameters.dense[score->offset] == 99);
    parameters.token[0] = 5; /* the tables may be written */
    parameters_layout_free(&layout);
    memory_free(parameters.dense);
    model_folder_close(opened);
}

#endif
