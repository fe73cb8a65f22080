/* Which reduction units go through the model together. */
#include "linnet/model/unit_groups.h"
#include "linnet/comm/tree.h"
#include "linnet/core/integers.h"
#include "linnet/kernels/linear.h"
#include <math.h>

static size_t unit_rows(const Loader *loader, const GlobalBatch *global_batch, int unit, const BatchRule *rule) {
    size_t rows = 0;
    const int64_t *starts = global_batch->unit_starts + unit - global_batch->first_unit;
    for (int64_t i = starts[0]; i < starts[1]; i++) rows += batch_rows(rule, loader_sample(loader, i).length);
    return rows;
}

bool unit_groups_together(bool bf16, bool language) {
    return linear_batch_invariant(bf16) && !language;
}

int unit_group_size(const Loader *loader, const GlobalBatch *global_batch, int first, const BatchRule *rule,
                    size_t capacity, bool together) {
    int end = global_batch->first_unit + global_batch->unit_count, most = 1;
    if (!together) return 1;
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
    size_t rows = unit_rows(loader, global_batch, first, rule), parts = size_divide_up(rows, capacity);
    return size_divide_up(rows, parts);
}

bool unit_groups_unsplit(const DatasetInfo *info, const LoaderPlan *plan, size_t capacity, bool together) {
    int64_t units = int64_divide_up(plan->units, plan->ranks);
    if (units == 1) return true;
    return together && units <= (int64_t)SEGMENTS_MAX && loader_largest_share(info, plan) <= (int64_t)capacity;
}

UnitRuns unit_groups_runs(int units, int first, int count, double rows, size_t capacity, bool together) {
    TreeNode nodes[64];
    double sums = (double)tree_nodes(units, first, count, 0, nodes), most = (double)capacity, batches;
    if (together)
        batches = fmax(sums, fmax(ceil(rows / most), ceil(count / (double)SEGMENTS_MAX)));
    else
        batches = count * ceil(rows / count / most);
    return (UnitRuns){.batches = batches, .subtrees = fmin(count, batches), .sums = sums};
}
