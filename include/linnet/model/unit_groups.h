#ifndef LINNET_MODEL_UNIT_GROUPS_H
#define LINNET_MODEL_UNIT_GROUPS_H
/** Which of a rank's units go through the model together.
 *
 *  A unit's gradient is a segment of the tree (tree.h), whoever computes it. A rank runs the largest subtrees of its units
 *  that one batch holds, each at once: more rows make faster products, and a subtree's sum is written once (segments.h).
 *  Its bits are those of its units run one by one, since a row has the same bits whatever rows go with it; where that
 *  is not so (linear_batch_invariant()), units go one by one. Not collective. */
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"

/** How many of this rank's units of a global batch from unit `first` on are run at once: at least one. `capacity` is a
 *  batch's, in rows; `bf16`: whether products are. */
int unit_group_size(const Loader *loader, const GlobalBatch *global_batch, int first, const BatchRule *rule,
                    size_t capacity, bool bf16);

/** Rows of a batch after which the next one begins, for units `first` … first + count − 1 of which unit_group_size() is
 *  `count`: a unit that is larger than a batch goes in even parts, since gradients are sent during the last one. */
size_t unit_group_part_rows(const Loader *loader, const GlobalBatch *global_batch, int first, int count,
                            const BatchRule *rule, size_t capacity);

/** Whether in any order of the samples a rank's units are run in no more parts than their tree has. */
bool unit_groups_unsplit(const DatasetInfo *info, const LoaderPlan *plan, size_t capacity, bool bf16);
#endif
