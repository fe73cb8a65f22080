/* Proving a checkpoint by its digests, and describing it. See checkpoint_verify.h. */
#include "linnet/checkpoint/checkpoint_verify.h"

#include "checkpoint/moments_file.h"
#include "linnet/core/describe.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_folder.h"
#include <inttypes.h>
#include <string.h>

#define OLD_MOMENTS_FILE "optimizer.h5" /* of linnet 0.1 */

bool checkpoint_is(const char *folder) {
    RunState state;
    Error not_one = {0};
    return file_is_in(folder, MOMENTS_FILE) || file_is_in(folder, OLD_MOMENTS_FILE) ||
           run_state_read(folder, &state, NULL, NULL, &not_one) == STATUS_OK;
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

/* All files but the state, which run_state_read() has checked, by as many threads as there are: most of the time goes
 * into the two large files. The first error in the state's order is reported. */
static Status check_files(const char *folder, const cJSON *digests, CheckpointInfo *info, Error *error) {
    static const char *const required[] = {"config.json", "model.safetensors", MOMENTS_FILE};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!cJSON_GetObjectItemCaseSensitive(digests, required[i]))
            return error_set(error, STATUS_INPUT, "%s/" RUN_STATE_FILE ": has no digest of %s", folder, required[i]);
    info->files = cJSON_GetArraySize(digests);
    Error *errors = memory_allocate((size_t)info->files, sizeof *errors, error);
    if (!errors) return error->status;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < info->files; i++) {
        const cJSON *digest = cJSON_GetArrayItem(digests, i);
        if (strcmp(digest->string, RUN_STATE_FILE) != 0) check_file(folder, digest, &errors[i]);
    }
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

Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error) {
    cJSON *digests = NULL;
    *info = (CheckpointInfo){0};
    if (file_is_in(folder, OLD_MOMENTS_FILE) && !file_is_in(folder, MOMENTS_FILE))
        return error_set(error, STATUS_INPUT,
                         "%s is a checkpoint of linnet 0.1 (its moments are in " OLD_MOMENTS_FILE
                         "), which this version cannot resume: finish that run with linnet 0.1, or start a new run "
                         "with this folder as model_name_or_path",
                         folder);
    if (!run_state_read(folder, &info->state, NULL, &digests, error) && !check_files(folder, digests, info, error))
        check_moments(folder, info, error);
    cJSON_Delete(digests);
    return error->status;
}

static void describe_state(const CheckpointInfo *info) {
    const RunState *state = &info->state;
    describe_line("step", "%" PRId64 " of %" PRId64 ", epoch %.4g", state->step, state->total, state->epoch);
    if (state->has_best) describe_line("best", "%.6g at step %" PRId64, state->best_metric, state->best_step);
    describe_line("run", "%" PRId64 " samples, global batch %" PRId64 ", units %" PRId64 ", seed %" PRId64 ", order %s",
                  state->samples, state->global_batch, state->units, state->seed, DATA_ORDER_NAMES[state->data_order]);
    describe_line("moments", "%" PRId64 " dense, of %" PRId64 " token and %" PRId64 " position rows", info->dense,
                  info->token_rows, info->position_rows);
}

Status checkpoint_describe(const char *folder, Error *error) {
    CheckpointInfo info = {0};
    /* The digests first: a damaged file is named as such, not by what a reader of its contents stumbles on. */
    if (checkpoint_verify(folder, &info, error) || model_folder_describe(folder, "checkpoint", error))
        return error->status;
    describe_state(&info);
    describe_line("verified", "digests of %d files, dtypes and shapes of the moments", info.files);
    return STATUS_OK;
}
