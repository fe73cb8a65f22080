/* Checkpoints over all ranks: what is saved on some number of ranks is read on any other to the bit, and what is
 * damaged is refused. */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_read.h"
#include "linnet/checkpoint/checkpoint_verify.h"
#include "linnet/checkpoint/checkpoint_writer.h"
#include "mpi/model.h"

#define RUN_ID "0123456789abcdef0123456789abcdef"

enum { BEFORE = 3, AFTER = 2 }; /* updates before saving, and behind it */

static const Settings SETTINGS = {.learning_rate = 1e-2,
                                  .head_learning_rate = 1e-2,
                                  .layerwise_lr_decay = 1.0,
                                  .adam_beta1 = 0.9,
                                  .adam_beta2 = 0.999,
                                  .adam_epsilon = 1e-8,
                                  .weight_decay = 0.1,
                                  .max_grad_norm = 1.0};

/** A run under way: model and optimizer over some world, and the plain values to compare with. */
typedef struct {
    const World *world;
    Plain plain;
    Model model;
    Optimizer optimizer;
} Run;

static void run_open(Run *run, const World *world, const char *model) {
    Error error = {0};
    run->world = world;
    plain_make(&run->plain, world, &SETTINGS);
    model_open(&run->model, world, model, NULL, HEAD_FITTING, 7, &error);
    if (world->rank == 0 && !error.status) model_keep_tokenizer(&run->model, &error);
    FINE(world, &error);
    ReductionRule rule = optimizer_rule(&SETTINGS, PLAIN_UNITS, false);
    optimizer_create(&run->optimizer, world, &run->model.layout, &SETTINGS, &rule, PLAIN_ROWS, PLAIN_ROWS, &error);
    FINE(world, &error);
}

static void run_close(Run *run) {
    optimizer_destroy(&run->optimizer);
    model_close(&run->model);
    plain_free(&run->plain);
}

/** Updates first … first + count − 1 by the optimizer and plainly. */
static void run_updates(Run *run, int first, int count) {
    for (int update = first; update < first + count; update++) {
        plain_update(&run->plain, update);
        plain_optimizer_update(&run->plain, &run->optimizer, &run->model.parameters, update);
        CHECK(plain_same(&run->plain, &run->model.parameters));
        MPI_Barrier(run->world->comm);
    }
}

static RunState state_of(int64_t step) {
    return (RunState){.step = step,
                      .epoch = 1.0 / 3.0,
                      .total = 77,
                      .has_best = true,
                      .best_metric = 0.1 + 0.2,
                      .best_step = 2,
                      .best_saved.step = 2,
                      .stale = 1,
                      .loss_sum = 2.0 / 3.0,
                      .loss_steps = 3,
                      .global_batch = 16,
                      .units = PLAIN_UNITS,
                      .loss_total = 1e300,
                      .samples = 400,
                      .tokens = 7001,
                      .data_digest = "0123",
                      .run = {.id = RUN_ID, .started = "2026-11-30T01:02:03Z"},
                      .seed = 42,
                      .fingerprint = {"0.1", "avx2", "fused", "own", "", "OpenBLAS \"x\"", "", "gcc"}};
}

static CheckpointParts parts_of(Run *run, const char *folder, const RunState *state, const cJSON *history) {
    return (CheckpointParts){.world = run->world,
                             .output_dir = folder,
                             .state = state,
                             .history = history,
                             .settings = "{\"seed\": 42}\n",
                             .model = &run->model,
                             .optimizer = &run->optimizer};
}

/** Training continues after a snapshot: change the values that it was made of. */
static void spoil(Run *run) {
    Parameters *parameters = &run->model.parameters;
    if (run->world->node_rank == 0) parameters->dense[0] += 1.0F;
    parameters->token[0] += 1.0F;
    parameters->position[0] += 1.0F;
    for (size_t i = 0; i < run->optimizer.owned; i++) run->optimizer.m[i] = run->optimizer.v[i] = 7.0F;
}

/** Save while all wait (`at_once`) or from a snapshot, by a thread; the run's values are of no use after the latter. */
static void save(Run *run, const char *folder, int64_t step, bool at_once) {
    const RunState state = state_of(step);
    Error error = {0};
    cJSON *history = cJSON_Parse("[{\"loss\": 1.25, \"step\": 1}, {\"loss\": 0.5, \"step\": 2}]");
    const CheckpointParts parts = parts_of(run, folder, &state, history);
    if (at_once) {
        CHECK(checkpoint_save(&parts, &error) == STATUS_OK);
    } else {
        CheckpointWriter writer = {0};
        Snapshot *snapshot = NULL;
        CHECK(checkpoint_snapshot(&snapshot, &parts, &error) == STATUS_OK);
        CHECK((snapshot != NULL) == (run->world->rank == 0));
        if (snapshot != NULL) checkpoint_writer_start(&writer, snapshot, folder, RUN_ID, 0, 0, 0);
        spoil(run); /* what is saved is the copy */
        checkpoint_writer_finish(&writer, &error);
        CHECK(!checkpoint_writer_ended(&writer));
        MPI_Barrier(run->world->comm);
    }
    FINE(run->world, &error);
    cJSON_Delete(history);
}

/** The two state files must say what was saved, to the last bit. */
static void check_state(const World *world, const char *checkpoint, int64_t step) {
    const RunState expected = state_of(step);
    RunState state;
    RunStateParts parts;
    Error error = {0};
    CHECK(run_state_read(checkpoint, &state, &parts, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(state.step == expected.step && state.epoch == expected.epoch && state.total == expected.total);
    CHECK(state.has_best && state.best_metric == expected.best_metric && state.best_step == expected.best_step);
    CHECK(state.stale == expected.stale && state.loss_sum == expected.loss_sum &&
          state.loss_steps == expected.loss_steps);
    CHECK(state.best_saved.step == expected.best_saved.step && state.loss_total == expected.loss_total);
    CHECK(state.tokens == expected.tokens && strcmp(state.data_digest, expected.data_digest) == 0);
    CHECK(state.global_batch == expected.global_batch && state.units == expected.units);
    CHECK(state.samples == expected.samples && state.seed == expected.seed);
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++)
        CHECK(strcmp((const char *)&state.fingerprint + BUILD_FINGERPRINT_PART[i].offset,
                     (const char *)&expected.fingerprint + BUILD_FINGERPRINT_PART[i].offset) == 0);
    CHECK(strcmp(state.run.id, expected.run.id) == 0);
    CHECK(cJSON_GetArraySize(parts.history) == 2 && cJSON_GetArraySize(parts.settings) == 1);
    run_state_parts_free(&parts);
}

/** What verify says a checkpoint holds. */
static void check_complete(const Run *run, const char *checkpoint, int files) {
    CheckpointInfo info;
    Error error = {0};
    const int64_t token = (int64_t)sparse_embedding_touched(&run->optimizer.token, NULL);
    const int64_t position = (int64_t)sparse_embedding_touched(&run->optimizer.position, NULL);
    CHECK(checkpoint_verify(checkpoint, &info, &error) == STATUS_OK);
    FINE(run->world, &error);
    CHECK(info.files == files);
    CHECK(info.dense == (int64_t)run->model.layout.dense);
    CHECK(info.token_rows == token && info.position_rows == position && token > 0 && token < PLAIN_VOCABULARY);
    CHECK(checkpoint_kind(checkpoint) == CHECKPOINT_LINNET);
}

/** Read a checkpoint on the ranks of `world` and continue from it: every bit as in a run that was not stopped. */
static void resume(const World *world, const char *checkpoint) {
    Run run;
    Error error = {0};
    run_open(&run, world, checkpoint);
    for (int update = 0; update < BEFORE; update++) plain_update(&run.plain, update);
    CHECK(checkpoint_read_optimizer(world, checkpoint, &run.optimizer, &error) == STATUS_OK);
    FINE(world, &error);
    CHECK(plain_same(&run.plain, &run.model.parameters));
    CHECK(plain_same_moments(&run.plain, &run.optimizer));
    run_updates(&run, BEFORE, AFTER);
    CHECK(plain_same_moments(&run.plain, &run.optimizer));
    run_close(&run);
}

/** Save on all ranks; read on all of them, and on each rank alone. */
static void test_save_and_resume(const World *world, const char *folder, const char *model, int files) {
    Run run;
    const char *checkpoint = path_in(folder, "checkpoint-3");
    run_open(&run, world, model);
    run_updates(&run, 0, BEFORE);
    save(&run, folder, BEFORE, true);
    check_state(world, checkpoint, BEFORE);
    check_complete(&run, checkpoint, files);
    CHECK(!file_exists(path_in(folder, "checkpoint-3.tmp")));
    Error error = {0};
    CheckpointList list;
    checkpoint_list(&list, folder, &error);
    CHECK(!error.status && checkpoint_newest(&list, RUN_ID) == BEFORE);
    checkpoint_list_free(&list);
    World *solo = solo_world(world);
    resume(world, checkpoint);
    resume(solo, checkpoint);
    solo_free(solo);
    save(&run, folder, BEFORE, false); /* over one that is there */
    check_complete(&run, checkpoint, files);
    run_close(&run);
    CHECK(!file_exists(path_in(folder, "checkpoint-3.tmp")) && !file_exists(path_in(folder, "checkpoint-3.old")));
    resume(world, checkpoint);
    MPI_Barrier(world->comm);
}

/** Save on rank 0 alone and read on all. */
static void test_from_one_rank(const World *world, const char *folder, const char *model) {
    const char *checkpoint = path_in(folder, "checkpoint-5");
    if (world->rank == 0) {
        World *solo = solo_world(world);
        Run run;
        run_open(&run, solo, model);
        run_updates(&run, 0, BEFORE);
        save(&run, folder, 5, true);
        run_close(&run);
        solo_free(solo);
    }
    MPI_Barrier(world->comm);
    resume(world, checkpoint);
}

/** Turn over one bit of a file, at the first place that holds these bytes (or in the middle when there are none). */
static void damage(const char *path, const void *bytes, size_t size) {
    char *text = NULL;
    size_t length = 0;
    Error error = {0};
    file_read(path, &text, &length, &error);
    char *at = size > 0 ? memmem(text, length, bytes, size) : text + length / 2;
    CHECK(at != NULL);
    FILE *file = fopen(path, "r+b");
    CHECK(file != NULL && at != NULL && fseek(file, at - text, SEEK_SET) == 0 && fputc(*at ^ 1, file) != EOF);
    if (file != NULL) fclose(file);
    memory_free(text);
}

static void check_refused(const char *checkpoint, const char *what) {
    CheckpointInfo info;
    Error error = {0};
    CHECK(checkpoint_verify(checkpoint, &info, &error) == STATUS_INPUT);
    CHECK(strstr(error.message, what) != NULL);
}

/** Moments that are not finite are refused on reading: run_updates() would spread them. */
static void test_moments_that_are_not_finite(const World *world, const char *folder, const char *model) {
    Run run;
    Error error = {0};
    run_open(&run, world, model);
    run_updates(&run, 0, BEFORE);
    if (world->rank == world->size - 1) run.optimizer.v[0] = NAN;
    save(&run, folder, 9, true);
    run_close(&run);
    run_open(&run, world, path_in(folder, "checkpoint-9"));
    CHECK(checkpoint_read_optimizer(world, path_in(folder, "checkpoint-9"), &run.optimizer, &error) == STATUS_INPUT);
    CHECK(strstr(error.message, "optimizer.safetensors: exp_avg_sq of tensor ") != NULL);
    CHECK(strstr(error.message, " is nan at index ") != NULL);
    run_close(&run);
}

/** Damage done by rank 0 to one file after the other, each mended before the next. */
static void test_damaged_files(const char *checkpoint) {
    static const char *const names[] = {
        "model.safetensors", "optimizer.safetensors", "config.json",           "vocab.json",
        "merges.txt",        "tokenizer.json",        "tokenizer_config.json", "special_tokens_map.json"};
    char path[600], kept[600];
    Error error = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", checkpoint, names[i]);
        snprintf(kept, sizeof kept, "%s-%s", checkpoint, names[i]);
        char *bytes = NULL;
        size_t size = 0;
        CHECK(file_read(path, &bytes, &size, &error) == STATUS_OK);
        CHECK(file_replace(kept, bytes, size, &error) == STATUS_OK);
        memory_free(bytes);
        damage(path, NULL, 0);
        check_refused(checkpoint, names[i]);
        CHECK(remove(path) == 0);
        check_refused(checkpoint, names[i]);
        CHECK(rename(kept, path) == 0);
        CheckpointInfo info;
        CHECK(checkpoint_verify(checkpoint, &info, &error) == STATUS_OK);
    }
    snprintf(path, sizeof path, "%s/linnet_state.json", checkpoint);
    damage(path, "42", 2); /* a seed that could be */
    check_refused(checkpoint, "linnet_state.json");
    damage(path, "52", 2); /* the same bit back */
    snprintf(path, sizeof path, "%s/trainer_state.json", checkpoint);
    damage(path, "77", 2); /* another number of updates */
    check_refused(checkpoint, "trainer_state.json");
    damage(path, "67", 2);
}

/** Replace the first `what` in optimizer.safetensors by `with`, of the same length: verify refuses the digest, and
 *  every rank's reading a header that does not fit the model. */
static void test_other_moments(const World *world, const char *checkpoint, const char *model, const char *what,
                               const char *with, const char *named) {
    Run run;
    Error error = {0};
    char path[600];
    run_open(&run, world, model);
    snprintf(path, sizeof path, "%s/optimizer.safetensors", checkpoint);
    if (world->rank == 0) {
        char *text = NULL;
        size_t size = 0;
        CHECK(file_read(path, &text, &size, &error) == STATUS_OK);
        char *at = memmem(text, size, what, strlen(what));
        CHECK(at != NULL && strlen(what) == strlen(with));
        if (at != NULL) memcpy(at, with, strlen(with));
        CHECK(file_replace(path, text, size, &error) == STATUS_OK);
        check_refused(checkpoint, "optimizer.safetensors");
        if (at != NULL) memcpy(at, what, strlen(what));
        MPI_Barrier(world->comm);
        CHECK(checkpoint_read_optimizer(world, checkpoint, &run.optimizer, &error) == STATUS_INPUT);
        CHECK(file_replace(path, text, size, &(Error){0}) == STATUS_OK);
        memory_free(text);
    } else {
        MPI_Barrier(world->comm);
        CHECK(checkpoint_read_optimizer(world, checkpoint, &run.optimizer, &error) == STATUS_INPUT);
    }
    CHECK(strstr(error.message, "optimizer.safetensors") != NULL && strstr(error.message, named) != NULL);
    run_close(&run);
}

/** A row that the model does not have. */
static void test_foreign_row(const World *world, const char *checkpoint, const char *model) {
    Run run;
    Error error = {0};
    char path[600];
    run_open(&run, world, model);
    if (world->rank == 0) {
        SafetensorsFile *file = NULL;
        snprintf(path, sizeof path, "%s/optimizer.safetensors", checkpoint);
        CHECK(safetensors_open(&file, path, &error) == STATUS_OK);
        const Tensor *tensor = safetensors_find(file, "position_rows");
        int32_t *ids = (int32_t *)(uintptr_t)tensor->bytes; /* of a mapping that is private */
        TensorSource sources[8];
        ids[0] = PLAIN_POSITIONS;
        CHECK(safetensors_count(file) == 8);
        for (size_t i = 0; i < 8; i++) {
            const Tensor *t = safetensors_at(file, i);
            sources[i] = (TensorSource){t->name, t->dimensions, {t->shape[0], t->shape[1]}, t->bytes, t->dtype};
        }
        CHECK(safetensors_save(path, sources, 8, NULL, &error) == STATUS_OK);
        safetensors_close(file);
    }
    MPI_Barrier(world->comm);
    CHECK(checkpoint_read_optimizer(world, checkpoint, &run.optimizer, &error) == STATUS_INPUT);
    CHECK(strstr(error.message, "position_rows") != NULL);
    run_close(&run);
}

/** Where nothing can be written all ranks learn it, and nothing half-made is left. */
static void test_cannot_write(const World *world, const char *folder, const char *model) {
    Run run;
    Error error = {0};
    const RunState state = state_of(9);
    const char *file = path_in(folder, "file");
    cJSON *history = cJSON_CreateArray();
    run_open(&run, world, model);
    if (world->rank == 0) CHECK(file_replace(file, "x", 1, &error) == STATUS_OK);
    MPI_Barrier(world->comm);
    const CheckpointParts parts = parts_of(&run, file, &state, history);
    CHECK(checkpoint_save(&parts, &error) != STATUS_OK);
    CHECK(strstr(error.message, "file") != NULL);
    error = (Error){0};
    Snapshot *snapshot = NULL;
    CHECK(checkpoint_snapshot(&snapshot, &parts, &error) == STATUS_OK);
    if (snapshot != NULL) {
        CHECK(snapshot_write(snapshot, &error) != STATUS_OK);
        CHECK(strstr(error.message, "file") != NULL);
    }
    snapshot_destroy(snapshot);
    cJSON_Delete(history);
    run_close(&run);
}

/** A path that lasts until memory_free(). */
static char *keep_path(const World *world, const char *folder, const char *name) {
    Error error = {0};
    char *path = file_join(folder, name, &error);
    FINE(world, &error);
    return path;
}

int main(void) {
    World *world = check_start();
    Plain plain;
    char *folder = check_folder(world);
    log_setup(world->rank, world->size, true);
    plain_make(&plain, world, &SETTINGS);
    write_model_folder(world, path_in(folder, "complete"), &plain, MODEL_LABELS, TEST_TOKENIZER, false);
    write_model_folder(world, path_in(folder, "bare"), &plain, MODEL_LABELS, NULL, false);
    char *model = keep_path(world, folder, "complete"), *bare = keep_path(world, folder, "bare");
    char *checkpoint = keep_path(world, folder, "checkpoint-3");
    const NodesKind kinds[] = {NODES_ONE, NODES_OF_TWO, NODES_ALONE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        NodesKind kind = kinds[i];
        check_arrange(world, kind);
        test_save_and_resume(world, folder, kind == NODES_OF_TWO ? bare : model, kind == NODES_OF_TWO ? 5 : 10);
    }
    if (world->rank == 0) test_damaged_files(checkpoint);
    MPI_Barrier(world->comm);
    test_from_one_rank(world, folder, model);
    test_other_moments(world, checkpoint, model, "\"exp_avg_sq\"", "\"exp_avg_xx\"", "exp_avg_sq");
    test_other_moments(world, checkpoint, model, "\"I32\"", "\"F32\"", "I32");
    test_foreign_row(world, checkpoint, model);
    test_moments_that_are_not_finite(world, folder, model);
    test_cannot_write(world, folder, model);
    memory_free(model);
    memory_free(bare);
    memory_free(checkpoint);
    check_remove(world, folder);
    plain_free(&plain);
    return check_finish(world);
}
