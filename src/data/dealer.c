/* Dealing samples to reduction units. See dealer.h. */
#include "linnet/data/dealer.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/data/batch.h"
#include <stdbool.h>
#include <string.h>

/* With this times the width of rows, attention takes as long as all else: measured, docs/explanation/performance.md. */
enum { ATTENTION_ROWS = 8 };

/* A unit and what its samples cost so far. */
typedef struct UnitCost {
    int64_t cost;
    int32_t unit;
} UnitCost;

/* Units that have a place in a part of the tree. */
typedef struct Side {
    int64_t cost;
    int32_t count;
} Side;

/* --- Costs --- */

int32_t sample_rows(const CostModel *model, int64_t length) {
    const BatchRule rule = {.pooling = model->pooling, .positions = model->positions};
    return (int32_t)batch_rows(&rule, (size_t)length);
}

int64_t sample_cost(const CostModel *model, int64_t length) {
    const int64_t rows = sample_rows(model, length);
    return rows + rows * rows / ((int64_t)ATTENTION_ROWS * model->width);
}

/* A unit has no more than c = ⌈samples / all⌉ times the largest cost: when its last sample was dealt, some unit had
 * fewer than c, and this one cost no more. */
int64_t units_cost_most(const CostModel *model, int64_t samples, int64_t all, int64_t units, int64_t longest) {
    return int64_min(int64_divide_up(samples, all) * units, samples) * sample_cost(model, longest);
}

/* --- Memory --- */

Status dealer_create(Dealer *dealer, const CostModel *model, int64_t samples, int units, Error *error) {
    const size_t most = (size_t)samples, parts = (size_t)units;
    *dealer = (Dealer){
        .cost_model = *model,
        .unit_starts = memory_allocate(parts + 1, sizeof *dealer->unit_starts, error),
        .positions = memory_allocate(most, sizeof *dealer->positions, error),
        .heap = memory_allocate(parts, sizeof *dealer->heap, error),
        .sides = memory_allocate(parts, sizeof *dealer->sides, error),
        .row_counts = memory_allocate((size_t)model->positions + 1, sizeof *dealer->row_counts, error),
        .sorted = memory_allocate(most, sizeof *dealer->sorted, error),
        .units = memory_allocate(most, sizeof *dealer->units, error),
        .places = memory_allocate(parts, sizeof *dealer->places, error),
    };
    return error->status;
}

void dealer_destroy(Dealer *dealer) {
    memory_free(dealer->unit_starts);
    memory_free(dealer->positions);
    memory_free(dealer->heap);
    memory_free(dealer->sides);
    memory_free(dealer->row_counts);
    memory_free(dealer->sorted);
    memory_free(dealer->units);
    memory_free(dealer->places);
    *dealer = (Dealer){0};
}

double dealer_bytes(const CostModel *model, int64_t samples, int units) {
    const size_t a_sample = 2 * sizeof(int64_t) + sizeof(int32_t);
    const size_t a_unit = sizeof(int64_t) + sizeof(UnitCost) + sizeof(Side) + sizeof(int32_t);
    return (double)samples * (double)a_sample + (double)units * (double)a_unit +
           (double)model->positions * sizeof(int64_t);
}

/* --- Samples to units --- */

/* Fill sorted [samples]: positions by falling cost, which is by falling rows; of equal ones the first goes first. */
static void sort_samples(Dealer *dealer, const int32_t *lengths, int64_t samples) {
    int64_t *next = dealer->row_counts, longer = 0; /* how many have so many rows, then where the next of them goes */
    memset(next, 0, ((size_t)dealer->cost_model.positions + 1) * sizeof *next);
    for (int64_t i = 0; i < samples; i++) next[sample_rows(&dealer->cost_model, lengths[i])]++;
    for (int32_t rows = dealer->cost_model.positions; rows >= 0; rows--) {
        const int64_t count = next[rows];
        next[rows] = longer;
        longer += count;
    }
    for (int64_t i = 0; i < samples; i++) dealer->sorted[next[sample_rows(&dealer->cost_model, lengths[i])]++] = i;
}

static bool costs_less(const UnitCost *a, const UnitCost *b) {
    return a->cost != b->cost ? a->cost < b->cost : a->unit < b->unit;
}

/* Put a unit into a heap of `count`, the least cost first, in place of the first. */
static void replace_first(UnitCost *heap, int count, UnitCost unit) {
    int at = 0;
    for (int child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && costs_less(&heap[child + 1], &heap[child])) child++;
        if (!costs_less(&heap[child], &unit)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = unit;
}

/* Fill units [samples] with the unit of each position, and heap [units]. */
static void choose_units(Dealer *dealer, const int32_t *lengths, int64_t samples, int units) {
    for (int u = 0; u < units; u++) dealer->heap[u] = (UnitCost){0, u};
    for (int64_t i = 0; i < samples; i++) {
        const int64_t position = dealer->sorted[i];
        UnitCost least = dealer->heap[0];
        dealer->units[position] = least.unit;
        least.cost += sample_cost(&dealer->cost_model, lengths[position]);
        replace_first(dealer->heap, units, least);
    }
}

/* --- The order of the units --- */

/* Turn the heap into an array by falling cost. */
static void sort_units(UnitCost *heap, int units) {
    for (int left = units - 1; left > 0; left--) {
        const UnitCost least = heap[0];
        replace_first(heap, left, heap[left]);
        heap[left] = least;
    }
}

/* The place of the next unit, of `units`; `placed` are those before it, and sides [units] those of them that are in the
 * left part of the tree that is split at each place. */
static int find_place(Side *sides, int units, Side placed, int64_t cost) {
    int first = 0, count = units;
    while (count > 1) {
        int left = 1;
        while (2 * left < count) left *= 2;
        Side *l = &sides[first + left];
        const Side r = {placed.cost - l->cost, placed.count - l->count};
        const int right = count - left;
        if (r.count == right || (l->count < left && l->cost * right <= r.cost * left)) {
            placed = *l;
            *l = (Side){l->cost + cost, l->count + 1};
            count = left;
        } else {
            placed = r;
            first += left;
            count = right;
        }
    }
    return first;
}

/* Fill places [units]: the number that each unit gets. */
static void choose_places(Dealer *dealer, int units) {
    Side placed = {0};
    sort_units(dealer->heap, units);
    memset(dealer->sides, 0, (size_t)units * sizeof *dealer->sides);
    for (int i = 0; i < units; i++) {
        const UnitCost *unit = &dealer->heap[i];
        dealer->places[unit->unit] = find_place(dealer->sides, units, placed, unit->cost);
        placed = (Side){placed.cost + unit->cost, placed.count + 1};
    }
}

/* Fill unit_starts and positions, which then are by unit and, in it, ascending. */
static void list_positions(Dealer *dealer, int64_t samples, int units) {
    int64_t *starts = dealer->unit_starts;
    memset(starts, 0, ((size_t)units + 1) * sizeof *starts);
    for (int64_t i = 0; i < samples; i++) starts[dealer->places[dealer->units[i]]]++;
    for (int u = 1; u <= units; u++) starts[u] += starts[u - 1]; /* where each ends */
    for (int64_t i = samples - 1; i >= 0; i--) dealer->positions[--starts[dealer->places[dealer->units[i]]]] = i;
}

void dealer_deal(Dealer *dealer, const int32_t *lengths, int64_t samples, int units) {
    sort_samples(dealer, lengths, samples);
    choose_units(dealer, lengths, samples, units);
    choose_places(dealer, units);
    list_positions(dealer, samples, units);
}
