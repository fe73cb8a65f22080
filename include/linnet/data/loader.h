#ifndef LINNET_DATA_LOADER_H
#define LINNET_DATA_LOADER_H
/** Which samples a rank works on, and their tokens.
 *
 *  An epoch visits the samples in the order that the plan names (order.h); `global batch` consecutive ones make an update,
 *  cut into units, which are dealt to the ranks in runs. Units are cut where they hold about equally many tokens, so
 *  that ranks take equally long. All of this follows from the lengths of the global batch's samples, so every rank works it
 *  out for itself and loads the tokens of its own units alone.
 *
 *  Global batches are loaded a *prefetch chunk* at a time, the same global batches on every rank. While one prefetch chunk is worked on, a thread reads
 *  the next: memory follows the prefetch chunk, not the data (but for the order of DATA_ORDER_TORCH). That thread calls no MPI,
 *  and HDF5 in turns with others (h5_enter()). Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/data/order.h"
#include <stdbool.h>

typedef struct Loader Loader;

typedef struct {
    int64_t global_batch; /**< samples an update */
    int units;            /**< units a full global batch is cut into */
    int ranks, rank;
    uint64_t seed; /**< epoch e is ordered by seed + e */
    DataOrder order;
    int64_t updates; /**< of the whole run: what comes after is not read ahead */
    int64_t
        chunk; /**< samples that are loaded together at the most; one global batch always is: see loader_chunk_samples() */
} LoaderPlan;

/** The prefetch chunk that training takes: ORDER_GROUP samples, or fewer where they are long, so that the tokens of a prefetch chunk take
 *  some 64 MiB on all ranks together. Follows from the counts of samples and tokens alone. */
int64_t loader_chunk_samples(const DatasetInfo *info);

/** Bytes of the order that a rank holds. */
double loader_order_bytes(int64_t samples, DataOrder order);

/** Bytes that a loader takes on a rank while the next prefetch chunk is read, of samples of mean length, the order included. */
double loader_bytes(const DatasetInfo *info, const LoaderPlan *plan);

/** The loader borrows the data set, which only loader_destroy() gives back. Reads nothing yet. */
Status loader_create(Loader **loader, Dataset *dataset, const LoaderPlan *plan, Error *error);

/** Gives up what is being read ahead: the data set can then only be closed. NULL is fine. */
void loader_destroy(Loader *loader);

/** Updates an epoch: ceil(samples / global batch). */
int64_t loader_steps_per_epoch(const Loader *loader);

/** The most rows that a rank's units of an update could have in any order, one more a sample than its tokens included
 *  (batch.h). */
int64_t loader_largest_share(const DatasetInfo *info, const LoaderPlan *plan);

/** Whether a global batch of an epoch is loaded: the answer is the same on all ranks. */
bool loader_has(const Loader *loader, int64_t epoch, int64_t global_batch);

/** Load a global batch of an epoch and those of its epoch that follow it, as far as a prefetch chunk goes: at once where they have been
 *  read ahead. Then read on ahead. An error of reading ahead comes to light here, and only when that prefetch chunk is asked
 *  for. */
Status loader_load(Loader *loader, int64_t epoch, int64_t global_batch, Error *error);

/** What a global batch holds; valid until the next call. */
typedef struct {
    int64_t samples;            /**< of the global batch, over all ranks */
    int64_t tokens;             /**< of text, likewise */
    int units;                  /**< that take part: as many as planned, or fewer when there are fewer samples */
    int first_unit, unit_count; /**< this rank's run */
    const int64_t *unit_starts; /**< [units + 1] position in the global batch of each unit's first sample */
} GlobalBatch;

/** A global batch of the epoch that is loaded, which loader_has(). */
void loader_global_batch(Loader *loader, int64_t global_batch, GlobalBatch *out);

/** Sample at a position (from 0) of the global batch last asked for, which has to be in one of this rank's units.
 *  Borrowed. */
typedef struct {
    const uint16_t *ids;
    size_t length; /**< tokens */
    int32_t label;
    int64_t index; /**< in the token file */
} LoaderSample;
LoaderSample loader_sample(const Loader *loader, int64_t position);

/** Cut a global batch into units: starts [units + 1] from the samples' lengths [samples]; 1 ≤ units ≤ samples. Unit u
 *  starts at the sample boundary nearest to u/units of the tokens, but every unit has a sample. */
void loader_cut_units(int64_t *starts, const int32_t *lengths, int64_t samples, int units);

#endif
