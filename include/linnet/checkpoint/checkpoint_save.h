#ifndef LINNET_CHECKPOINT_CHECKPOINT_SAVE_H
#define LINNET_CHECKPOINT_CHECKPOINT_SAVE_H
/** Saving a checkpoint: at once, in pieces as they arrive from the ranks, or from a copy in memory (a snapshot), so
 *  that training can continue meanwhile. */
#include "linnet/checkpoint/run_state.h"
#include "linnet/comm/world.h"
#include "linnet/model/model.h"
#include "linnet/optim/optimizer.h"

/** What a checkpoint is made from; all borrowed. It has no moments where state->model_only says so. */
typedef struct {
    const World *world;
    const char *output_dir;
    const RunState *state;
    const cJSON *history; /**< the log's, on rank 0 */
    const char *settings; /**< the text of settings_text(), on rank 0 */
    const Model *model;
    const Optimizer *optimizer;
} CheckpointParts;

/** Write a checkpoint: rank 0 writes, the others send it their moments. All ranks return the same error and none prints
 *  it; after an error nothing of the checkpoint is left, and what was there before is unchanged. Collective. */
Status checkpoint_save(const CheckpointParts *parts, Error *error);

/** A copy in memory of all that a checkpoint holds. */
typedef struct Snapshot Snapshot;

/** Bytes of a snapshot's values, on rank 0: all weights that are saved (model_saved_layout()) and, unless `model_only`,
 *  both moments of the dense ones that learn and of `rows` rows of the sparse embeddings. */
size_t checkpoint_snapshot_bytes(const ParameterLayout *saved, const ParameterLayout *learned, size_t rows,
                                 bool model_only);

/** Make a copy: *snapshot is rank 0's, NULL elsewhere and after an error, for lack of memory, which all ranks return
 *  and none prints. Collective. */
Status checkpoint_snapshot(Snapshot **snapshot, const CheckpointParts *parts, Error *error);

/** Write a checkpoint from a copy, once, as checkpoint_save() does. The model must still be open; its values may have
 *  changed. Calls no MPI and no HDF5. Not collective. */
Status snapshot_write(Snapshot *snapshot, Error *error);
void snapshot_destroy(Snapshot *snapshot);

#endif
