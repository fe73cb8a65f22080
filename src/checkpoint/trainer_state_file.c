/* Writing and reading trainer_state.json. See trainer_state_file.h. */
#include "checkpoint/trainer_state_file.h"

#include "linnet/core/json.h"
#include <string.h>

enum { FIELDS = 20 /* of TrainerState */, STEPS_DEFAULT = 500 /* of logging_steps, eval_steps and save_steps */ };

static void add_integer(cJSON *tree, const char *name, int64_t value) {
    cJSON_AddNumberToObject(tree, name, (double)value);
}

static void add_steps(cJSON *tree, const char *name, int64_t steps) {
    add_integer(tree, name, steps > 0 ? steps : STEPS_DEFAULT);
}

/* {"args": {...}, "attributes": {...}}: a callback whose state Trainer keeps; NULL where there is no memory. */
static cJSON *add_callback(cJSON *callbacks, const char *name, cJSON **attributes) {
    cJSON *callback = cJSON_AddObjectToObject(callbacks, name), *arguments = cJSON_AddObjectToObject(callback, "args");
    *attributes = cJSON_AddObjectToObject(callback, "attributes");
    return *attributes ? arguments : NULL;
}

/* As at the moment of saving, in Trainer. */
static bool add_callbacks(cJSON *tree, const RunState *state) {
    const TrainerFigures *figures = &state->figures;
    const bool stops = figures->patience > 0 && state->stale >= figures->patience;
    cJSON *callbacks = cJSON_AddObjectToObject(tree, "stateful_callbacks"), *attributes;
    if (figures->patience > 0) {
        cJSON *early = add_callback(callbacks, "EarlyStoppingCallback", &attributes);
        if (!cJSON_AddNumberToObject(early, "early_stopping_patience", (double)figures->patience) ||
            !cJSON_AddNumberToObject(early, "early_stopping_threshold", figures->threshold) ||
            !cJSON_AddNumberToObject(attributes, "early_stopping_patience_counter", (double)state->stale))
            return false;
    }
    cJSON *control = add_callback(callbacks, "TrainerControl", &attributes);
    return cJSON_AddFalseToObject(control, "should_epoch_stop") && cJSON_AddFalseToObject(control, "should_evaluate") &&
           cJSON_AddFalseToObject(control, "should_log") && cJSON_AddTrueToObject(control, "should_save") &&
           cJSON_AddBoolToObject(control, "should_training_stop", stops || state->step >= state->total);
}

/* cJSON leaves out what it has no memory for: the number of fields shows it. */
cJSON *trainer_state_tree(const RunState *state, const char *best, const cJSON *history, Error *error) {
    const TrainerFigures *figures = &state->figures;
    cJSON *tree = cJSON_CreateObject();
    if (state->has_best)
        add_integer(tree, "best_global_step", state->best_step);
    else
        cJSON_AddNullToObject(tree, "best_global_step");
    if (state->has_best)
        json_add_real(tree, "best_metric", state->best_metric);
    else
        cJSON_AddNullToObject(tree, "best_metric");
    cJSON_AddItemToObject(tree, "best_model_checkpoint", best ? cJSON_CreateString(best) : cJSON_CreateNull());
    json_add_real(tree, "epoch", state->epoch);
    add_steps(tree, "eval_steps", figures->eval_steps);
    add_integer(tree, "global_step", state->step);
    cJSON_AddFalseToObject(tree, "is_hyper_param_search");
    cJSON_AddTrueToObject(tree, "is_local_process_zero");
    cJSON_AddTrueToObject(tree, "is_world_process_zero");
    cJSON_AddItemToObject(tree, "log_history", cJSON_Duplicate(history, true));
    add_steps(tree, "logging_steps", figures->logging_steps);
    add_integer(tree, "max_steps", state->total);
    add_integer(tree, "num_input_tokens_seen", 0); /* as with include_num_input_tokens_seen "no" */
    add_integer(tree, "num_train_epochs", figures->epochs);
    add_steps(tree, "save_steps", figures->save_steps);
    const bool complete = add_callbacks(tree, state);
    add_integer(tree, "total_flos", 0);
    add_integer(tree, "train_batch_size", figures->batch);
    cJSON_AddNullToObject(tree, "trial_name");
    cJSON_AddNullToObject(tree, "trial_params");
    if (complete && cJSON_GetArraySize(tree) == FIELDS) return tree;
    cJSON_Delete(tree);
    error_set(error, STATUS_FAILURE, "out of memory for " TRAINER_STATE_FILE);
    return NULL;
}

Status trainer_state_parse(const cJSON *tree, RunState *state, const char *path, Error *error) {
    static const char *const required[] = {
        "best_global_step", "best_metric", "best_model_checkpoint", "epoch", "global_step", "max_steps", "log_history"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!cJSON_GetObjectItemCaseSensitive(tree, required[i]))
            return error_set(error, STATUS_INPUT, "%s has no member \"%s\", which a checkpoint has", path, required[i]);
    json_get_double(tree, "best_metric", &state->best_metric, path, error);
    json_get_int(tree, "best_global_step", &state->best_step, path, error);
    json_get_double(tree, "epoch", &state->epoch, path, error);
    json_get_int(tree, "global_step", &state->step, path, error);
    json_get_int(tree, "max_steps", &state->total, path, error);
    state->has_best = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(tree, "best_metric"));
    if (state->step < 0 || state->total < 0 || state->best_step < 0)
        error_set(error, STATUS_INPUT, "%s: a number of updates is negative", path);
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(tree, "log_history")))
        error_set(error, STATUS_INPUT, "%s: log_history: expected an array", path);
    return error->status;
}
