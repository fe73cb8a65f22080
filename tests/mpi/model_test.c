/* Loading a model onto all ranks. */
#include "linnet/model/model_new.h"
#include "mpi/model.h"

/** All values but the head's. */
static bool same_body(const Plain *plain, const Model *model) {
    size_t head = plain->layout.tensor[parameters_score(&plain->layout)].offset;
    const Parameters *p = &model->parameters;
    return memcmp(p->dense, plain->values.dense, head * sizeof(float)) == 0 &&
           memcmp(p->token, plain->values.token, plain->layout.token.count * sizeof(float)) == 0 &&
           memcmp(p->position, plain->values.position, plain->layout.position.count * sizeof(float)) == 0;
}

static void test_open(const World *world, const Plain *plain, const char *path, bool tokenizer) {
    Model model;
    Error error = {0};
    DatasetInfo data = model_data(world, MODEL_LABELS);
    CHECK(model_open(&model, world, path, &data, HEAD_FITTING, 7, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(plain_same(plain, &model.parameters));
    CHECK(!model.new_head);
    CHECK((*model.tokenizer != '\0') == tokenizer);
    CHECK(model.layout.dense == plain->layout.dense && model.config.labels == 3);
    model_close(&model);
    CHECK(model_open(&model, world, path, NULL, HEAD_FITTING, 7, &error) == STATUS_OK); /* for evaluation: as it is */
    CHECK(plain_same(plain, &model.parameters));
    model_close(&model);
    memory_free(data.label_names);
}

/** The dense part lies once a node; tables are every rank's own. */
static void test_sharing(const World *world, const Plain *plain, const char *path) {
    Model model;
    Error error = {0};
    model_open(&model, world, path, NULL, HEAD_FITTING, 7, &error);
    FINE(world, &error);
    model.parameters.token[5] = (float)world->rank + 100.0F;
    if (world->node_rank == 0) model.parameters.dense[3] = 55.0F + (float)world->node_of[world->rank];
    shared_fence(model.dense);
    MPI_Barrier(world->comm);
    shared_fence(model.dense);
    CHECK(model.parameters.dense[3] == 55.0F + (float)world->node_of[world->rank]);
    CHECK(model.parameters.token[5] == (float)world->rank + 100.0F);
    model_close(&model);
    model_open(&model, world, path, NULL, HEAD_FITTING, 7, &error); /* and none of it reached the file */
    FINE(world, &error);
    CHECK(plain_same(plain, &model.parameters));
    model_close(&model);
}

/** A folder without a head gets one, the same on all ranks, with the data's classes. */
static void test_new_head(const World *world, const Plain *plain, const char *path) {
    Model model;
    Error error = {0};
    DatasetInfo data = model_data(world, OTHER_LABELS);
    float *expected = check_allocate(world, plain->layout.dense, sizeof *expected);
    CHECK(model_open(&model, world, path, &data, HEAD_FITTING, 7, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(model.new_head);
    CHECK(same_body(plain, &model));
    CHECK(strcmp(model.config.label_names[1], "so so") == 0);
    const ParameterTensor *score = &model.layout.tensor[parameters_score(&model.layout)];
    model_new_head(&model.layout, &model.config, 7, expected + score->offset);
    CHECK(memcmp(model.parameters.dense + score->offset, expected + score->offset, score->count * sizeof(float)) == 0);
    CHECK(expected[score->offset] != 0.0F);
    model_close(&model);
    CHECK(model_open(&model, world, path, NULL, HEAD_FITTING, 7, &error) == STATUS_INPUT); /* nothing to evaluate */
    CHECK(strstr(error.message, "head") != NULL);
    model_close(&model);
    memory_free(expected);
    memory_free(data.label_names);
}

/** Names like LABEL_0 say nothing: the data's take their place, and the head stays. */
static void test_plain_names(const World *world, const Plain *plain, const char *path) {
    Model model;
    Error error = {0};
    DatasetInfo data = model_data(world, OTHER_LABELS);
    CHECK(model_open(&model, world, path, &data, HEAD_FITTING, 7, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(!model.new_head && plain_same(plain, &model.parameters));
    CHECK(strcmp(model.config.label_names[2], "fine") == 0);
    model_close(&model);
    memory_free(data.label_names);
}

static void refuse(const World *world, const char *path, const DatasetInfo *data, const char *what) {
    Model model;
    Error error = {0};
    CHECK(model_open(&model, world, path, data, HEAD_FITTING, 7, &error) == STATUS_INPUT);
    CHECK(strstr(error.message, what) != NULL);
    model_close(&model);
}

/** Data that another model's tokenizer or labels made; the last fault is seen by the last rank alone. */
static void test_refusals(const World *world, const char *path) {
    DatasetInfo data = model_data(world, OTHER_LABELS);
    refuse(world, path, &data, "'bad'");
    memory_free(data.label_names);
    data = model_data(world, MODEL_LABELS);
    data.labels = 2;
    refuse(world, path, &data, "labels");
    data.labels = 3;
    data.vocabulary = PLAIN_VOCABULARY + 1;
    refuse(world, path, &data, "vocabulary");
    data.vocabulary = PLAIN_VOCABULARY;
    data.tokenizer_digest[0] = data.tokenizer_digest[0] == '0' ? '1' : '0';
    refuse(world, path, &data, "tokenizer");
    memory_free(data.label_names);
    data = model_data(world, MODEL_LABELS);
    if (world->rank == world->size - 1) data.vocabulary = 1000;
    refuse(world, path, &data, "vocabulary");
    refuse(world, "/tmp/linnet-no-such-model", &data, "linnet-no-such-model");
    memory_free(data.label_names);
}

static void test_reload(const World *world, const char *first, const char *second, const Plain *other,
                        const char *headless) {
    Model model;
    Error error = {0};
    model_open(&model, world, first, NULL, HEAD_FITTING, 7, &error);
    FINE(world, &error);
    model.parameters.token[3] = -1.0F; /* trained values go */
    CHECK(model_reload(&model, second, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(plain_same(other, &model.parameters));
    CHECK(model_reload(&model, headless, &error) == STATUS_INPUT);
    CHECK(plain_same(other, &model.parameters)); /* a refusal changes nothing */
    model_close(&model);
}

int main(void) {
    World *world = check_start();
    Plain plain, other;
    char *folder = check_folder(world);
    log_setup(world->rank, world->size, true);
    plain_make(&plain, world, NULL);
    plain_make(&other, world, NULL);
    plain_fill(&other.values, &other.layout, 43);
    write_model_folder(world, path_in(folder, "complete"), &plain, MODEL_LABELS, TEST_TOKENIZER, false);
    write_model_folder(world, path_in(folder, "bare"), &plain, MODEL_LABELS, NULL, false);
    write_model_folder(world, path_in(folder, "other"), &other, MODEL_LABELS, TEST_TOKENIZER, false);
    write_model_folder(world, path_in(folder, "plain"), &plain, PLAIN_LABELS, TEST_TOKENIZER, false);
    write_model_folder(world, path_in(folder, "headless"), &plain, MODEL_LABELS, TEST_TOKENIZER, true);
    for (NodesKind kind = 0; kind < NODES_ARRANGEMENTS; kind++) {
        check_arrange(world, kind);
        test_open(world, &plain, path_in(folder, "complete"), true);
        test_open(world, &plain, path_in(folder, "bare"), false);
        test_sharing(world, &plain, path_in(folder, "complete"));
        test_new_head(world, &plain, path_in(folder, "headless"));
        test_plain_names(world, &plain, path_in(folder, "plain"));
        test_refusals(world, path_in(folder, "complete"));
        test_reload(world, path_in(folder, "complete"), path_in(folder, "other"), &other, path_in(folder, "headless"));
    }
    check_remove(world, folder);
    plain_free(&plain);
    plain_free(&other);
    return check_finish(world);
}
