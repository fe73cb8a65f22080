/* Which units are run at once. See unit_groups.h. */
#include "linnet/model/unit_groups.h"

#include "linnet/comm/tree.h"
#include "linnet/kernels/linear.h"

static size_t unit_rows(const Feed *feed, const Window *window, int unit, const BatchRule *rule) {
    size_t rows = 0;
    for (int64_t i = window->unit_starts[unit]; i < window->unit_starts[unit + 1]; i++)
        rows += batch_rows(rule, feed_sample(feed, i).length);
    return rows;
}

int units_at_once(const Feed *feed, const Window *window, int first, const BatchRule *rule, size_t capacity,
                  bool bf16) {
    int end = window->first_unit + window->unit_count, most = 1;
    if (!linear_rows_alone(bf16)) return 1;
    size_t rows = unit_rows(feed, window, first, rule);
    for (int count = 2; first + count <= end && count <= (int)LEAVES_MOST; count++) {
        rows += unit_rows(feed, window, first + count - 1, rule);
        if (rows > capacity) break;
        if (tree_is_node(window->units, first, count)) most = count;
    }
    return most;
}

size_t units_part(const Feed *feed, const Window *window, int first, int count, const BatchRule *rule,
                  size_t capacity) {
    if (count > 1) return capacity;
    size_t rows = unit_rows(feed, window, first, rule), parts = (rows + capacity - 1) / capacity;
    return (rows + parts - 1) / parts;
}

bool units_whole(const DatasetInfo *info, const FeedPlan *plan, size_t capacity, bool bf16) {
    int units = (plan->units + plan->ranks - 1) / plan->ranks;
    if (units == 1) return true;
    return linear_rows_alone(bf16) && units <= (int)LEAVES_MOST && feed_largest_share(info, plan) <= (int64_t)capacity;
}
