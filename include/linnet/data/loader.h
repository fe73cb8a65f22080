#ifndef LINNET_DATA_LOADER_H
#define LINNET_DATA_LOADER_H
/** The data loader: which samples a rank works on, and their tokens.
 *
 *  An epoch visits the samples in the plan's order (order.h). `global_batch` consecutive samples make an update. They
 *  are dealt to reduction units that cost about equally much (dealer.h), and each rank gets a run of units, so that the
 *  ranks take equally long. All of this follows from the lengths of the global batch's samples, and their weight from
 *  their labels: every rank computes it for itself and loads only the tokens of its own units.
 *
 *  Global batches are loaded one *prefetch chunk* at a time, the same ones on every rank. While training works on one
 *  chunk a thread reads and deals the next, so memory follows the chunk, not the data (except for the order of
 *  DATA_ORDER_TORCH). That thread does not call MPI. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/data/dealer.h"
#include "linnet/data/order.h"
#include <stdbool.h>

typedef struct Loader Loader;

typedef struct {
    int64_t global_batch; /**< samples of an update */
    int units;            /**< units that a full global batch is dealt to */
    CostModel cost_model; /**< what its samples cost */
    int ranks, rank;
    uint64_t seed; /**< epoch e is ordered by seed + e */
    DataOrder order;
    int64_t updates;             /**< of the run: nothing after them is read ahead */
    int64_t chunk;               /**< samples of a prefetch chunk at most, but at least one global batch is loaded */
    const double *label_weights; /**< [labels] what a sample of each label weighs, borrowed; NULL: 1 */
} LoaderPlan;

/** The size of a prefetch chunk that training takes: ORDER_GROUP samples, or fewer where they are long, so that the
 *  tokens of a chunk take about 64 MiB on all ranks together. Follows from the counts of samples and tokens alone. */
int64_t loader_chunk_samples(const DatasetInfo *info);

/** Bytes of the epoch's order that a rank holds. */
double loader_order_bytes(int64_t samples, DataOrder order);

/** Bytes that a loader takes on a rank while it reads the next chunk, the order included, for samples of mean
 *  length. */
double loader_bytes(const DatasetInfo *info, const LoaderPlan *plan);

/** Borrows the data set until loader_destroy(). Reads nothing yet. */
Status loader_create(Loader **loader, Dataset *dataset, const LoaderPlan *plan, Error *error);

/** Ends reading ahead: if the thread was reading, the data set can then only be closed. NULL is allowed. */
void loader_destroy(Loader *loader);

/** The most rows that a rank's units of an update can have in any order (batch.h). */
int64_t loader_largest_share(const DatasetInfo *info, const LoaderPlan *plan);

/** Whether a global batch of an epoch is loaded: the same answer on all ranks. */
bool loader_has(const Loader *loader, int64_t epoch, int64_t global_batch);

/** Load a global batch of an epoch and the ones after it in that epoch, up to a prefetch chunk, which takes no time
 *  where they were read ahead. Then start to read the next chunk. An error of reading ahead is returned here, when its
 *  chunk is asked for. */
Status loader_load(Loader *loader, int64_t epoch, int64_t global_batch, Error *error);

/** A global batch; valid until the next loader_load(). */
typedef struct {
    int64_t samples;            /**< over all ranks */
    int64_t tokens;             /**< of text, over all ranks */
    double weight;              /**< of its samples by label_weights, added in the order of their positions, over all
                                     ranks; the number of samples where these are NULL */
    int64_t predictions;        /**< next tokens that a language model predicts, over all ranks: one less than rows of
                                     each text */
    int units;                  /**< that take part: as many as planned, fewer where there are fewer samples */
    int first_unit, unit_count; /**< this rank's units */
    const int64_t *unit_starts; /**< [unit_count + 1] number of the first sample of each of this rank's units, and of
                                     the sample after the last; borrowed */
} GlobalBatch;

/** A global batch of the loaded epoch, one that loader_has(). */
GlobalBatch loader_global_batch(const Loader *loader, int64_t global_batch);

/** One of this rank's samples by its number, from unit_starts of a global batch. Borrowed. */
typedef struct {
    const int32_t *ids;
    size_t length;        /**< tokens */
    int32_t label;        /**< 0 where it has targets */
    const float *targets; /**< [labels of the data set] or NULL */
    int64_t index;        /**< in the token file */
    int64_t position;     /**< in the global batch, from 0; rises within a unit */
} LoaderSample;
LoaderSample loader_sample(const Loader *loader, int64_t number);

#endif
