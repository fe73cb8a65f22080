/* Which reduction units are run in one pass. unit_groups.h has the contract. */
#include "linnet/model/unit_groups.h"

#include "linnet/comm/tree.h"
#include "linnet/kernels/linear.h"

static size_t unit_rows(const Loader *loader, const GlobalBatch *global_batch, int unit, const BatchRule *rule) {
    size_t rows = 0;
    for (int64_t i = global_batch->unit_starts[unit]; i < global_batch->unit_starts[unit + 1]; i++)
        rows += batch_rows(rule, loader_sample(loader, i).length);
    return rows;
}

int unit_group_size(const Loader *loader, const GlobalBatch *global_batch, int first, const BatchRule *rule,
                    size_t capacity, bool bf16) {
    int end = global_batch->first_unit + global_batch->unit_count, most = 1;
    if (!linear_batch_invariant(bf16)) return 1;
    size_t rows = unit_rows(loader, global_batch, first, rule);
    for (int count = 2; first + count <= end && count <= (int)SEGMENTS_MAX; count++) {
        rows += unit_rows(loader, global_batch, first + count - 1, rule);
        if (rows > capacity) break;
        if (tree_is_node(global_batch->units, first, count)) most = count;
    }
    return most;
}

size_t unit_group_part_rows(const Loader *loader, const GlobalBatch *global_batch, int first, int count,
                            const BatchRule *rule, size_t capacity) {
    if (count > 1) return capacity;
    size_t rows = unit_rows(loader, global_batch, first, rule), parts = (rows + capacity - 1) / capacity;
    return (rows + parts - 1) / parts;
}

bool unit_groups_unsplit(const DatasetInfo *info, const LoaderPlan *plan, size_t capacity, bool bf16) {
    int units = (plan->units + plan->ranks - 1) / plan->ranks;
    if (units == 1) return true;
    return linear_batch_invariant(bf16) && units <= (int)SEGMENTS_MAX &&
           loader_largest_share(info, plan) <= (int64_t)capacity;
}
