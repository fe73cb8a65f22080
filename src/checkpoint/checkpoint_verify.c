/* Proving a checkpoint by its digests, and describing it. See checkpoint_verify.h. */
#include "linnet/checkpoint/checkpoint_verify.h"

#include "checkpoint/moments_file.h"
#include "checkpoint/trainer_state_file.h"
#include "linnet/core/describe.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model_folder.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define OLD_MOMENTS_FILE "optimizer.h5" /* of linnet 0.1 */

/* Before 0.2 was released, linnet's own state was a member of trainer_state.json. */
static bool holds_development_state(const char *folder) {
    Error ignored = {0};
    char *path = file_join(folder, TRAINER_STATE_FILE, &ignored);
    cJSON *tree = NULL;
    if (path) json_load(&tree, path, &ignored);
    const bool found = cJSON_GetObjectItemCaseSensitive(tree, "linnet") != NULL;
    cJSON_Delete(tree);
    memory_free(path);
    return found;
}

CheckpointKind checkpoint_kind(const char *folder) {
    const bool moments = file_is_in(folder, MOMENTS_FILE), state = file_is_in(folder, TRAINER_STATE_FILE);
    if (file_is_in(folder, OLD_MOMENTS_FILE) && !moments) return CHECKPOINT_OLDER;
    if (file_is_in(folder, RUN_STATE_FILE)) return moments || state ? CHECKPOINT_LINNET : CHECKPOINT_NONE;
    if (state && holds_development_state(folder)) return CHECKPOINT_OLDER;
    if (moments) return CHECKPOINT_LINNET;
    const bool trainers = state || (file_is_in(folder, "optimizer.pt") && file_is_in(folder, "scheduler.pt"));
    return trainers ? CHECKPOINT_TRAINER : CHECKPOINT_NONE;
}

/* A damaged state must not make linnet read files of other folders. */
static bool is_plain_name(const char *name) {
    return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static Status check_file(const char *folder, const cJSON *digest, Error *error) {
    const char *name = digest->string, *recorded = cJSON_GetStringValue(digest);
    char found[DIGEST_TEXT];
    if (!is_plain_name(name) || !recorded)
        return error_set(error, STATUS_INPUT,
                         "%s/" RUN_STATE_FILE
                         ": sha256: expected names of files of this folder with their digests, got \"%s\"",
                         folder, name);
    char *path = file_join(folder, name, error);
    if (path && !digest_file(path, found, error) && strcmp(found, recorded) != 0)
        error_set(error, STATUS_INPUT, "%s has changed since linnet wrote it (SHA-256 %.12s…, not %.12s…)", path, found,
                  recorded);
    memory_free(path);
    return error->status;
}

/* Bytes of the files that are there. */
static int64_t bytes_of(const char *folder, const cJSON *digests) {
    int64_t bytes = 0;
    const cJSON *digest;
    cJSON_ArrayForEach(digest, digests) {
        Error ignored = {0};
        char *path = is_plain_name(digest->string) ? file_join(folder, digest->string, &ignored) : NULL;
        if (path) bytes += file_size(path);
        memory_free(path);
    }
    return bytes;
}

/* All files but the state, which run_state_read() has checked, by as many threads as there are: most of the time goes
 * into the two large files. The first error in the state's order is reported. */
static Status check_files(const char *folder, const cJSON *digests, CheckpointInfo *info, Error *error) {
    const bool adapter = cJSON_GetObjectItemCaseSensitive(digests, ADAPTER_CONFIG_FILE);
    const char *const required[] = {adapter ? ADAPTER_MODEL_FILE : "config.json",
                                    adapter ? ADAPTER_VALUES_FILE : "model.safetensors", TRAINER_STATE_FILE,
                                    MOMENTS_FILE};
    const size_t count = sizeof required / sizeof *required - info->state.model_only;
    for (size_t i = 0; i < count; i++)
        if (!cJSON_GetObjectItemCaseSensitive(digests, required[i]))
            return error_set(error, STATUS_INPUT, "%s/" RUN_STATE_FILE ": has no digest of %s", folder, required[i]);
    info->files = cJSON_GetArraySize(digests);
    Error *errors = memory_allocate((size_t)info->files, sizeof *errors, error);
    if (!errors) return error->status;
    progress_begin("verify", "bytes", bytes_of(folder, digests));
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < info->files; i++) {
        const cJSON *digest = cJSON_GetArrayItem(digests, i);
        if (strcmp(digest->string, RUN_STATE_FILE) != 0) check_file(folder, digest, &errors[i]);
    }
    progress_end();
    for (int i = 0; i < info->files && !error->status; i++) *error = errors[i];
    memory_free(errors);
    return error->status;
}

static Status check_moments(const char *folder, CheckpointInfo *info, Error *error) {
    MomentsFile file;
    if (!moments_file_open(&file, folder, error)) {
        info->dense = file.dense[0]->shape[0];
        info->token_rows = file.ids[MOMENTS_TOKEN]->shape[0];
        info->position_rows = file.ids[MOMENTS_POSITION]->shape[0];
    }
    moments_file_close(&file);
    return error->status;
}

/* Whose checkpoint it is, where linnet cannot resume it. */
static Status refuse_other(const char *folder, CheckpointKind kind, Error *error) {
    errno = 0;
    if (kind == CHECKPOINT_NONE && !file_is_folder(folder) && (errno == 0 || errno == ENOENT))
        return error_set(error, STATUS_INPUT,
                         "%s: not a folder: a checkpoint is a folder OUTPUT_DIR/checkpoint-STEP with " RUN_STATE_FILE,
                         folder);
    if (kind == CHECKPOINT_TRAINER)
        return error_set(
            error, STATUS_INPUT,
            "%s is a checkpoint of Hugging Face Trainer: its weights can be the model_name_or_path of a new "
            "run; linnet cannot resume its optimizer state",
            folder);
    if (kind == CHECKPOINT_OLDER)
        return error_set(error, STATUS_INPUT,
                         "%s is a checkpoint of %s, which this version cannot resume: finish that run with the linnet "
                         "that began it, or start a new run with this folder as model_name_or_path",
                         folder,
                         file_is_in(folder, OLD_MOMENTS_FILE)
                             ? "linnet 0.1 (its moments are in " OLD_MOMENTS_FILE ")"
                             : "a development version of linnet 0.2 (it has no " RUN_STATE_FILE ")");
    if (kind == CHECKPOINT_NONE && (file_is_in(folder, "config.json") || adapter_is_in(folder)))
        return error_set(error, STATUS_INPUT,
                         "%s is a model folder, not a checkpoint: it can be the model_name_or_path of a new run; a "
                         "checkpoint is a folder checkpoint-STEP with " RUN_STATE_FILE,
                         folder);
    return STATUS_OK;
}

Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error) {
    RunStateParts parts = {0};
    *info = (CheckpointInfo){0};
    if (!refuse_other(folder, checkpoint_kind(folder), error) && !run_state_read(folder, &info->state, &parts, error) &&
        !check_files(folder, parts.digests, info, error) && !info->state.model_only)
        check_moments(folder, info, error);
    run_state_parts_free(&parts);
    return error->status;
}

Status checkpoint_check_resumable(const char *folder, const CheckpointInfo *info, Error *error) {
    if (!info->state.model_only) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s has no optimizer state, since it was saved with save_only_model, and cannot be resumed: its "
                     "weights can be the model_name_or_path of a new run",
                     folder);
}

static void describe_run(const RunState *state) {
    const RunRecord *run = &state->run;
    describe_line("run", "%s, started %s", run->id, run->started);
    if (run->from_run[0])
        describe_line("continues", "run %s after update %" PRId64 ", from %s", run->from_run, run->from_step,
                      run->from_folder);
}

static void describe_state(const CheckpointInfo *info) {
    const RunState *state = &info->state;
    describe_line("step", "%" PRId64 " of %" PRId64 ", epoch %.4g", state->step, state->total, state->epoch);
    if (state->has_best) describe_line("best", "%.6g at step %" PRId64, state->best_metric, state->best_step);
    describe_run(state);
    describe_line("data",
                  "%" PRId64 " samples, global batch %" PRId64 ", units %" PRId64 ", seed %" PRId64 ", order %s",
                  state->samples, state->global_batch, state->units, state->seed, DATA_ORDER_NAMES[state->data_order]);
    if (state->parameters > 0)
        describe_line("trainable", "%" PRId64 " of %" PRId64 " parameters", state->trainable, state->parameters);
    if (state->model_only)
        describe_line("moments", "none, since it was saved with save_only_model: it cannot be resumed");
    else
        describe_line("moments", "%" PRId64 " dense, of %" PRId64 " token and %" PRId64 " position rows", info->dense,
                      info->token_rows, info->position_rows);
}

static Status describe_trainer(const char *folder, Error *error) {
    RunState state = {0};
    Error unreadable = {0};
    cJSON *tree = NULL;
    char *path = file_join(folder, TRAINER_STATE_FILE, error);
    if (path && !model_folder_describe(folder, "checkpoint of Hugging Face Trainer", error)) {
        if (!json_load(&tree, path, &unreadable) && !trainer_state_parse(tree, &state, path, &unreadable))
            describe_line("step", "%" PRId64 " of %" PRId64 ", epoch %.4g", state.step, state.total, state.epoch);
        describe_line("use",
                      "its weights can be the model_name_or_path of a new run; linnet cannot resume its optimizer "
                      "state");
    }
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}

Status checkpoint_describe(const char *folder, Error *error) {
    CheckpointInfo info = {0};
    if (checkpoint_kind(folder) == CHECKPOINT_TRAINER) return describe_trainer(folder, error);
    /* The digests first: a damaged file is named as such, not by what a reader of its contents stumbles on. */
    if (checkpoint_verify(folder, &info, error)) return error->status;
    if (adapter_is_in(folder) ? adapter_describe(folder, "checkpoint of a LoRA adapter", error)
                              : model_folder_describe(folder, "checkpoint", error))
        return error->status;
    describe_state(&info);
    describe_line("verified", "digests of %d files%s", info.files,
                  info.state.model_only ? "" : ", dtypes and shapes of the moments");
    return STATUS_OK;
}

Status final_model_describe(const char *folder, Error *error) {
    RunState state;
    RunStateParts parts = {0};
    const bool adapter = adapter_is_in(folder);
    const char *values = adapter ? ADAPTER_VALUES_FILE : "model.safetensors";
    char found[DIGEST_TEXT], *path = file_join(folder, values, error);
    if (!path ||
        (adapter ? adapter_describe(folder, "LoRA adapter", error)
                 : model_folder_describe(folder, "GPT-2 model folder", error)) ||
        !file_is_in(folder, RUN_STATE_FILE))
        goto cleanup;
    if (run_state_read_own(folder, &state, &parts, error)) goto cleanup;
    describe_run(&state);
    const char *recorded = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parts.digests, values));
    progress_begin("verify", "bytes", file_size(path));
    const bool same = recorded && file_exists(path) && !digest_file(path, found, error) && !strcmp(found, recorded);
    progress_end();
    if (!error->status)
        describe_line("weights",
                      same ? "as that run wrote them after update %" PRId64
                           : "changed since that run wrote a model after update %" PRId64,
                      state.step);
cleanup:
    run_state_parts_free(&parts);
    memory_free(path);
    return error->status;
}
