#ifndef LINNET_MODEL_UNIT_GROUPS_H
#define LINNET_MODEL_UNIT_GROUPS_H
/** Which of a rank's reduction units go through the model together.
 *
 *  A unit's gradient is a leaf of the tree sum (tree.h), whichever rank computes it. A rank runs the largest subtrees of its
 *  units that fit in one batch, each in one pass: more rows make faster products, and the sum of a subtree is written once
 *  (segments.h). The bits are the same as for one pass for each unit, since the products are batch-invariant
 *  (linear_batch_invariant()); where they are not, each unit has a pass of its own. Not collective. */
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"

/** How many of this rank's units, from unit `first` of a global batch on, are run in one pass: at least one. `capacity` is
 *  that of a batch, in rows; `bf16` says whether products are in bf16. */
int unit_group_size(const Loader *loader, const GlobalBatch *global_batch, int first, const BatchRule *rule,
                    size_t capacity, bool bf16);

/** The most rows of each batch for units first … first + count − 1, where count is unit_group_size(): a unit that is larger
 *  than a batch is cut into even parts, since its gradients are sent during the last part. */
size_t unit_group_part_rows(const Loader *loader, const GlobalBatch *global_batch, int first, int count,
                            const BatchRule *rule, size_t capacity);

/** Whether, in any order of the samples, a rank runs its units in as few passes as the tree allows: one for each of its
 *  largest subtrees. */
bool unit_groups_unsplit(const DatasetInfo *info, const LoaderPlan *plan, size_t capacity, bool bf16);
#endif
