#ifndef LINNET_FEED_H
#define LINNET_FEED_H
/** Which samples a rank works on, and their tokens.
 *
 *  An epoch visits the samples in Trainer's order (order.h); `window` consecutive ones make an update, cut into
 *  units, which are dealt to the ranks in runs. Units are cut where they hold about equally many tokens, so that
 *  ranks take equally long. All of this follows from the lengths of all samples, so every rank works it out for
 *  itself and loads the tokens of its own units alone, an epoch at a time. Not collective. */
#include "linnet/dataset.h"
#include "linnet/error.h"
#include <stdbool.h>

typedef struct Feed Feed;

typedef struct {
    int64_t window; /**< samples an update */
    int units;      /**< units a full window is cut into */
    int ranks, rank;
    uint64_t seed; /**< epoch e is ordered by seed + e */
} FeedPlan;

/** The feed borrows the data set. Reads all samples' lengths. */
Status feed_create(Feed **feed, Dataset *dataset, const FeedPlan *plan, Error *error);
void feed_destroy(Feed *feed);

/** Updates an epoch: ceil(samples / window). */
int64_t feed_windows(const Feed *feed);

/** The most tokens that this rank's largest unit could have in any order: for planning memory. */
int64_t feed_largest_unit(const Feed *feed);

/** Load this rank's samples of windows first … of an epoch. */
Status feed_epoch(Feed *feed, int64_t epoch, int64_t first_window, Error *error);

/** Whether this rank's samples of a window of that epoch are loaded. */
bool feed_holds(const Feed *feed, int64_t window);

/** What a window holds; valid until the next call. */
typedef struct {
    int64_t samples;            /**< of the window, over all ranks */
    int64_t tokens;             /**< of text, likewise */
    int units;                  /**< that take part: as many as planned, or fewer when there are fewer samples */
    int first_unit, unit_count; /**< this rank's run */
    const int64_t *unit_starts; /**< [units + 1] position in the window of each unit's first sample */
} Window;
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
