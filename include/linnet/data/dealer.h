#ifndef LINNET_DATA_DEALER_H
#define LINNET_DATA_DEALER_H
/** Dealing the samples of a global batch to its reduction units, so that all units take about equally long.
 *
 *  The samples are dealt one by one, the costliest first, to the unit with the least cost so far: the rule "longest
 *  processing time first" (LPT; Graham, Bounds on Multiprocessing Timing Anomalies, 1969). Of equal samples the first
 *  is next, of equal units the lowest. Within a unit samples keep the order's sequence.
 *
 *      tokens 7 9 2 4 5 4        dealt as 9 7 5 4 4 2 to 2 units: 9 4 2 and 7 5 4
 *
 *  A rank works on a run of units. So that runs are even too, the units are then put in order: from the costliest on (of
 *  equal ones the last is next), each goes down the tree over units (tree.h), always to the part with less cost for its
 *  number of units, until it reaches a place.
 *
 *      unit 0: tokens 7 5 4, positions 0 4 5 of the global batch        unit 1: tokens 9 2 4, positions 1 2 3
 *
 *  All costs are integers and follow from the samples' lengths, so every rank finds the same units. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/pooling.h"
#include <stdint.h>

/** What a sample costs, by the model that it goes through. */
typedef struct {
    Pooling pooling;
    int32_t positions; /**< P: tokens after it are not read */
    int32_t width;     /**< C */
} CostModel;

/** Rows of the model that a sample of `length` ≥ 1 tokens takes, R ≤ P. */
int32_t sample_rows(const CostModel *model, int64_t length);

/** Its cost in rows: R, and R² / (8 C) for attention, whose work grows with the square of the rows. It never falls when
 *  the length rises. */
int64_t sample_cost(const CostModel *model, int64_t length);

/** The most that `units` of the `all` units of a global batch of `samples` samples can cost, if none is longer than
 *  `longest` tokens. It bounds their rows as well, because a row costs at least 1. */
int64_t units_cost_most(const CostModel *model, int64_t samples, int64_t all, int64_t units, int64_t longest);

typedef struct {
    int64_t *unit_starts; /**< [units + 1] where each unit's samples start in positions */
    int64_t *positions;   /**< [samples] positions in the global batch, unit after unit */
    CostModel cost_model;
    struct UnitCost *heap; /**< the rest is scratch */
    struct Side *sides;
    int64_t *row_counts;
    int64_t *sorted;
    int32_t *units;
    int32_t *places;
} Dealer;

/** Memory for global batches of at most `samples` samples and `units` units. Ends with dealer_destroy(), also after an
 *  error. */
Status dealer_create(Dealer *dealer, const CostModel *model, int64_t samples, int units, Error *error);
void dealer_destroy(Dealer *dealer);

/** Bytes that it takes. */
double dealer_bytes(const CostModel *model, int64_t samples, int units);

/** Deal a global batch: fill unit_starts and positions from the samples' lengths [samples] in tokens, each ≥ 1;
 *  1 ≤ units ≤ samples. Every unit has a sample. Cannot fail. */
void dealer_deal(Dealer *dealer, const int32_t *lengths, int64_t samples, int units);

#endif
