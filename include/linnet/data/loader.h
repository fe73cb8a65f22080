#ifndef LINNET_DATA_LOADER_H
#define LINNET_DATA_LOADER_H
/** Which samples a rank works on, and their tokens.
 *
 *  An epoch visits the samples in the order that the plan names (order.h); `window` consecutive ones make an update,
 *  cut into units, which are dealt to the ranks in runs. Units are cut where they hold about equally many tokens, so
 *  that ranks take equally long. All of this follows from the lengths of the window's samples, so every rank works it
 *  out for itself and loads the tokens of its own units alone.
 *
 *  Windows are loaded a *span* at a time, the same windows on every rank. While one span is worked on, a thread reads
 *  the next: memory follows the span, not the data (but for the order of DATA_ORDER_TORCH). That thread calls no MPI,
 *  and HDF5 in turns with others (h5_enter()). Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/data/order.h"
#include <stdbool.h>

typedef struct Feed Feed;

typedef struct {
    int64_t window; /**< samples an update */
    int units;      /**< units a full window is cut into */
    int ranks, rank;
    uint64_t seed; /**< epoch e is ordered by seed + e */
    DataOrder order;
    int64_t updates; /**< of the whole run: what comes after is not read ahead */
    int64_t span;    /**< samples that are loaded together at the most; one window always is: see feed_span() */
} FeedPlan;

/** The span that training takes: ORDER_GROUP samples, or fewer where they are long, so that the tokens of a span take
 *  some 64 MiB on all ranks together. Follows from the counts of samples and tokens alone. */
int64_t feed_span(const DatasetInfo *info);

/** Bytes of the order that a rank holds. */
double feed_order_bytes(int64_t samples, DataOrder order);

/** Bytes that a feed takes on a rank while the next span is read, of samples of mean length, the order included. */
double feed_bytes(const DatasetInfo *info, const FeedPlan *plan);

/** The feed borrows the data set, which only feed_destroy() gives back. Reads nothing yet. */
Status feed_create(Feed **feed, Dataset *dataset, const FeedPlan *plan, Error *error);

/** Gives up what is being read ahead: the data set can then only be closed. NULL is fine. */
void feed_destroy(Feed *feed);

/** Updates an epoch: ceil(samples / window). */
int64_t feed_windows(const Feed *feed);

/** The most rows that a rank's units of an update could have in any order, one more a sample than its tokens included
 *  (batch.h). */
int64_t feed_largest_share(const DatasetInfo *info, const FeedPlan *plan);

/** Whether a window of an epoch is loaded: the answer is the same on all ranks. */
bool feed_has(const Feed *feed, int64_t epoch, int64_t window);

/** Load a window of an epoch and those of its epoch that follow it, as far as a span goes: at once where they have been
 *  read ahead. Then read on ahead. An error of reading ahead comes to light here, and only when that span is asked
 *  for. */
Status feed_load(Feed *feed, int64_t epoch, int64_t window, Error *error);

/** What a window holds; valid until the next call. */
typedef struct {
    int64_t samples;            /**< of the window, over all ranks */
    int64_t tokens;             /**< of text, likewise */
    int units;                  /**< that take part: as many as planned, or fewer when there are fewer samples */
    int first_unit, unit_count; /**< this rank's run */
    const int64_t *unit_starts; /**< [units + 1] position in the window of each unit's first sample */
} Window;

/** A window of the epoch that is loaded, which feed_has(). */
void feed_window(Feed *feed, int64_t window, Window *out);

/** Sample at a position (from 0) of the window last asked for, which has to be in one of this rank's units.
 *  Borrowed. */
typedef struct {
    const uint16_t *ids;
    size_t length; /**< tokens */
    int32_t label;
    int64_t index; /**< in the token file */
} FeedSample;
FeedSample feed_sample(const Feed *feed, int64_t position);

/** Cut a window into units: starts [units + 1] from the samples' lengths [samples]; 1 ≤ units ≤ samples. Unit u
 *  starts at the sample boundary nearest to u/units of the tokens, but every unit has a sample. */
void feed_cut(int64_t *starts, const int32_t *lengths, int64_t samples, int units);

#endif
