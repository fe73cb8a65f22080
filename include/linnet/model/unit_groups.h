#ifndef LINNET_MODEL_UNIT_GROUPS_H
#define LINNET_MODEL_UNIT_GROUPS_H
/** Which reduction units of a rank go through the model together.
 *
 *  The gradient of a reduction unit is a segment of the summing tree (tree.h), whichever rank computes it. A rank runs
 *  the largest subtrees of its units that fit one batch, each at once: matrix products are faster with more rows, and
 *  the sum of the subtree is written once (segments.h). The bits are the same as of units that run one by one, because
 *  a row has the same bits whatever rows go with it. If that does not hold (linear_batch_invariant()), units run one by
 *  one. So do those of a language model (gpt2_language_backward()). Not collective. */
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"

/** Whether several units may run at once. `bf16`: whether matrix products are in bfloat16; `language`: of a language
 *  model. */
bool unit_groups_together(bool bf16, bool language);

/** How many of this rank's units of a global batch run at once, from unit `first` on: at least one. `capacity` of a
 *  batch in rows; `together`: unit_groups_together(). */
int unit_group_size(const Loader *loader, const GlobalBatch *global_batch, int first, const BatchRule *rule,
                    size_t capacity, bool together);

/** Rows after which the next batch begins, for units `first` … first + count − 1, where unit_group_size() is `count`: a
 *  unit that is larger than a batch runs in even parts, since its gradients are sent during the last one. */
size_t unit_group_part_rows(const Loader *loader, const GlobalBatch *global_batch, int first, int count,
                            const BatchRule *rule, size_t capacity);

/** Whether each of the largest subtrees of a rank's units runs at once, for any order of the samples. */
bool unit_groups_unsplit(const DatasetInfo *info, const LoaderPlan *plan, size_t capacity, bool together);

/** About how a rank runs its part of an update. */
typedef struct {
    double batches;  /**< micro-batches */
    double subtrees; /**< subtrees of its units that each run at once, or units in several batches */
    double sums;     /**< the largest subtrees of its units */
} UnitRuns;

/** Of units `first` … first + count − 1, of `units` in all, with `rows` rows together in units of equal size. */
UnitRuns unit_groups_runs(int units, int first, int count, double rows, size_t capacity, bool together);
#endif
