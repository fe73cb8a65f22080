#include "cli/inspect.h"
#include "linnet/checkpoint/checkpoint.h"
#include <inttypes.h>

static void print_state(const CheckpointInfo *info) {
    const RunState *state = &info->state;
    inspect_line("step", "%" PRId64 " of %" PRId64 ", epoch %.4g", state->step, state->total, state->epoch);
    if (state->has_best) inspect_line("best", "%.6g at step %" PRId64, state->best_metric, state->best_step);
    inspect_line("run", "%" PRId64 " samples, global batch %" PRId64 ", units %" PRId64 ", seed %" PRId64 ", order %s",
                 state->samples, state->global_batch, state->units, state->seed, DATA_ORDER_NAMES[state->data_order]);
    inspect_line("moments", "%" PRId64 " dense, of %" PRId64 " token and %" PRId64 " position rows", info->dense,
                 info->token_rows, info->position_rows);
}

/** The digests come first: a damaged file is named as such, not by what its damage looks like to a reader. */
Status inspect_checkpoint(const char *path, Error *error) {
    CheckpointInfo info = {0};
    if (checkpoint_verify(path, &info, error)) return error->status;
    if (inspect_model(path, "checkpoint", error)) return error->status;
    print_state(&info);
    inspect_line("verified", "digests of %d files and of the moments, whose sizes fit", info.files);
    return STATUS_OK;
}

Status inspect_refuse_half_checkpoint(const char *path, Error *error) {
    RunState state = {0};
    Error foreign = {0}; /* no trainer_state.json, or that of another program: no checkpoint of linnet's */
    if (checkpoint_read_state(path, &state, NULL, &foreign)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: a checkpoint (step %" PRId64 ") without its optimizer.h5", path,
                     state.step);
}
