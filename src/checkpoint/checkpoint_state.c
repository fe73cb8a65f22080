/* trainer_state.json: where a run stands. See checkpoint.h and checkpoint_state.h. */
#include "checkpoint/checkpoint_state.h"

#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number with all its bits: cJSON itself prints 15 digits, and a resumed run would not quite go on from where
 * this one was. */
static void add_exact(cJSON *object, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    /* JSON has no word for what a run that diverged comes to. */
    cJSON_AddItemToObject(object, name, isfinite(value) ? cJSON_CreateRaw(text) : cJSON_CreateNull());
}

static const char *const MEMBERS[] = {
    "best_metric", "best_global_step", "best_model_checkpoint", "epoch", "global_step", "max_steps", "log_history"};
static const char *const OWN_MEMBERS[] = {"global_batch", "units",      "samples",         "tokens",
                                          "data_sha256",  "seed",       "best_saved_step", "evaluations_since_best",
                                          "loss_sum",     "loss_steps", "loss_total"};

/* The first member that is missing, or NULL. */
static const char *missing(const cJSON *tree) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        if (cJSON_GetObjectItemCaseSensitive(tree, MEMBERS[i]) == NULL) return MEMBERS[i];
    for (size_t i = 0; i < sizeof OWN_MEMBERS / sizeof *OWN_MEMBERS; i++)
        if (cJSON_GetObjectItemCaseSensitive(own, OWN_MEMBERS[i]) == NULL) return OWN_MEMBERS[i];
    return NULL;
}

/* trainer_state.json, named as Trainer names things. */
cJSON *state_tree(const RunState *state, const char *output_dir, const cJSON *history, Error *error) {
    cJSON *tree = cJSON_CreateObject(), *own = cJSON_AddObjectToObject(tree, "linnet");
    char *best = state->best_saved > 0 ? checkpoint_path(output_dir, state->best_saved, error) : NULL;
    if (state->has_best)
        add_exact(tree, "best_metric", state->best_metric);
    else
        cJSON_AddNullToObject(tree, "best_metric");
    cJSON_AddItemToObject(tree, "best_global_step",
                          state->has_best ? cJSON_CreateNumber((double)state->best_step) : cJSON_CreateNull());
    cJSON_AddItemToObject(tree, "best_model_checkpoint", best != NULL ? cJSON_CreateString(best) : cJSON_CreateNull());
    add_exact(tree, "epoch", state->epoch);
    cJSON_AddNumberToObject(tree, "global_step", (double)state->step);
    cJSON_AddNumberToObject(tree, "max_steps", (double)state->total);
    cJSON_AddItemToObject(tree, "log_history", cJSON_Duplicate(history, 1));
    cJSON_AddNumberToObject(own, "global_batch", (double)state->global_batch);
    cJSON_AddNumberToObject(own, "units", (double)state->units);
    cJSON_AddNumberToObject(own, "samples", (double)state->samples);
    cJSON_AddNumberToObject(own, "tokens", (double)state->tokens);
    cJSON_AddStringToObject(own, "data_sha256", state->data_digest);
    cJSON_AddNumberToObject(own, "seed", (double)state->seed);
    cJSON_AddNumberToObject(own, "best_saved_step", (double)state->best_saved);
    cJSON_AddNumberToObject(own, "evaluations_since_best", (double)state->stale);
    add_exact(own, "loss_sum", state->loss_sum);
    cJSON_AddNumberToObject(own, "loss_steps", (double)state->loss_steps);
    add_exact(own, "loss_total", state->loss_total);
    cJSON *fingerprint = cJSON_AddObjectToObject(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++)
        cJSON_AddStringToObject(fingerprint, BUILD_FINGERPRINT_PART[i].name,
                                (const char *)&state->fingerprint + BUILD_FINGERPRINT_PART[i].offset);
    bool whole = cJSON_AddStringToObject(own, "data_order", DATA_ORDER_NAMES[state->data_order]) != NULL &&
                 (!state->evaluation_due || cJSON_AddTrueToObject(own, "evaluation_due") != NULL);
    memory_free(best);
    /* cJSON leaves out what it has no memory for. */
    if (!whole || missing(tree) != NULL) error_set(error, STATUS_FAILURE, "out of memory for trainer_state.json");
    return tree;
}

void state_save(const char *folder, const cJSON *tree, Error *error) {
    char *path = file_join(folder, "trainer_state.json", error);
    if (path != NULL) json_save(tree, path, true, error);
    memory_free(path);
}

/* Absent from checkpoints of before it was recorded: then nothing is known. */
static void read_fingerprint(const cJSON *own, BuildFingerprint *fingerprint) {
    const cJSON *tree = cJSON_GetObjectItemCaseSensitive(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, BUILD_FINGERPRINT_PART[i].name));
        if (text != NULL)
            snprintf((char *)fingerprint + BUILD_FINGERPRINT_PART[i].offset, BUILD_FINGERPRINT_PART[i].size, "%s",
                     text);
    }
}

/* Absent from checkpoints of before there was a choice. */
static void read_order(const cJSON *own, DataOrder *order, const char *path, Error *error) {
    const char *name = DATA_ORDER_NAMES[DATA_ORDER_TORCH];
    json_get_text(own, "data_order", &name, path, error);
    for (*order = 0; DATA_ORDER_NAMES[*order] != NULL; (*order)++)
        if (strcmp(DATA_ORDER_NAMES[*order], name) == 0) return;
    *order = DATA_ORDER_TORCH;
    error_set(error, STATUS_INPUT, "%s: \"data_order\" must be \"torch\" or \"blocks\", not \"%s\"", path, name);
}

/* Counts count up from nothing: what is below 0 would be taken for a place in something. */
static Status check_counts(const cJSON *tree, const RunState *state, const char *path, Error *error) {
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"global_step", state->step},           {"max_steps", state->total},
                  {"loss_steps", state->loss_steps},      {"evaluations_since_best", state->stale},
                  {"best_global_step", state->best_step}, {"best_saved_step", state->best_saved}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < 0)
            error_set(error, STATUS_INPUT, "%s: \"%s\" must be at least 0, not %lld", path, counts[i].name,
                      (long long)counts[i].value);
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(tree, "log_history")))
        error_set(error, STATUS_INPUT, "%s: \"log_history\" must be an array", path);
    return error->status;
}

static Status read_own(const cJSON *tree, RunState *state, const char *path, Error *error) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    if (!cJSON_IsObject(own))
        return error_set(error, STATUS_INPUT, "%s has no member \"linnet\": it is not a checkpoint of linnet", path);
    const char *lacking = missing(tree);
    if (lacking != NULL)
        return error_set(error, STATUS_INPUT, "%s lacks \"%s\": it is not a checkpoint of this linnet", path, lacking);
    json_get_int(tree, "global_step", &state->step, path, error);
    json_get_int(tree, "max_steps", &state->total, path, error);
    json_get_double(tree, "epoch", &state->epoch, path, error);
    json_get_int(own, "global_batch", &state->global_batch, path, error);
    json_get_int(own, "units", &state->units, path, error);
    json_get_int(own, "samples", &state->samples, path, error);
    json_get_int(own, "seed", &state->seed, path, error);
    json_get_int(own, "evaluations_since_best", &state->stale, path, error);
    state->loss_sum = state->loss_total = NAN; /* what null stands for */
    json_get_double(own, "loss_sum", &state->loss_sum, path, error);
    json_get_double(own, "loss_total", &state->loss_total, path, error);
    json_get_int(own, "loss_steps", &state->loss_steps, path, error);
    json_get_int(own, "tokens", &state->tokens, path, error);
    json_get_int(own, "best_saved_step", &state->best_saved, path, error);
    json_get_bool(own, "evaluation_due", &state->evaluation_due, path, error);
    const char *digest = "";
    json_get_text(own, "data_sha256", &digest, path, error);
    snprintf(state->data_digest, sizeof state->data_digest, "%s", digest);
    read_order(own, &state->data_order, path, error);
    read_fingerprint(own, &state->fingerprint);
    state->has_best = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(tree, "best_metric"));
    json_get_double(tree, "best_metric", &state->best_metric, path, error);
    json_get_int(tree, "best_global_step", &state->best_step, path, error);
    return check_counts(tree, state, path, error); /* an error of any of them stays */
}

Status checkpoint_read_state(const char *folder, RunState *state, cJSON **history, Error *error) {
    char *path = file_join(folder, "trainer_state.json", error);
    cJSON *tree = NULL;
    *state = (RunState){0};
    if (path != NULL && json_load(&tree, path, error) == STATUS_OK && read_own(tree, state, path, error) == STATUS_OK &&
        history != NULL)
        *history = cJSON_DetachItemFromObjectCaseSensitive(tree, "log_history");
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}
