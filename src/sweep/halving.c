/* Which configurations of a sweep go on. See halving.h. */
#include "sweep/halving.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <stdlib.h>

Status halving_begin(Halving *halving, const SweepFile *sweep, Error *error) {
    *halving = (Halving){.left = sweep->configurations, .target = sweep->eta > 0 ? sweep->min_iter : INT64_MAX};
    halving->alive = memory_allocate((size_t)sweep->configurations, sizeof *halving->alive, error);
    for (int64_t c = 0; c < sweep->configurations && halving->alive; c++) halving->alive[c] = true;
    return error->status;
}

void halving_end(Halving *halving) {
    memory_free(halving->alive);
    *halving = (Halving){0};
}

bool halving_reached(const Halving *halving, const Trial *trial) {
    return trial->state == TRIAL_FINISHED || trial->state == TRIAL_FAILED || (int64_t)trial->count >= halving->target;
}

/* A configuration and how good it is: a larger value is better, NaN the worst. */
typedef struct {
    int64_t configuration;
    double value;
} Ranked;

static int compare(const void *left, const void *right) {
    const Ranked *a = left, *b = right;
    if (isnan(a->value) != isnan(b->value)) return isnan(a->value) ? 1 : -1;
    if (a->value != b->value && !isnan(a->value)) return a->value > b->value ? -1 : 1;
    return a->configuration < b->configuration ? -1 : 1;
}

/* The mean of a configuration's trials at the target, or at their end if that came before. NaN if one failed. */
static double value_at(const Halving *halving, const SweepFile *sweep, const Trial *trials, int64_t configuration) {
    const int64_t seeds = sweep_seeds(sweep);
    double sum = 0.0;
    for (int64_t s = 0; s < seeds; s++) {
        const Trial *trial = &trials[configuration * seeds + s];
        if (trial->state == TRIAL_FAILED || trial->count == 0) return NAN;
        size_t last = (int64_t)trial->count < halving->target ? trial->count : (size_t)halving->target;
        sum += trial->values[last - 1];
    }
    return (sweep->maximize ? sum : -sum) / (double)seeds;
}

static bool all_reached(const Halving *halving, const SweepFile *sweep, const Trial *trials) {
    const int64_t seeds = sweep_seeds(sweep);
    for (int64_t i = 0; i < sweep->trials; i++)
        if (halving->alive[i / seeds] && !halving_reached(halving, &trials[i])) return false;
    return true;
}

/* Drop all but the best of the living. */
static void drop(Halving *halving, const SweepFile *sweep, const Trial *trials, Ranked *ranked) {
    const int64_t kept = (halving->left + sweep->eta - 1) / sweep->eta;
    size_t count = 0;
    for (int64_t c = 0; c < sweep->configurations; c++)
        if (halving->alive[c]) ranked[count++] = (Ranked){c, value_at(halving, sweep, trials, c)};
    qsort(ranked, count, sizeof *ranked, compare);
    for (size_t i = (size_t)kept; i < count; i++) halving->alive[ranked[i].configuration] = false;
    log_info("halving   after %lld evaluation%s: the best %lld of %zu configurations go on", (long long)halving->target,
             halving->target == 1 ? "" : "s", (long long)kept, count);
    halving->left = kept;
}

Status halving_advance(Halving *halving, const SweepFile *sweep, const Trial *trials, Error *error) {
    Ranked *ranked = NULL;
    while (halving->target < INT64_MAX && all_reached(halving, sweep, trials)) {
        if (!ranked) ranked = memory_allocate((size_t)sweep->configurations, sizeof *ranked, error);
        if (!ranked) return error->status;
        drop(halving, sweep, trials, ranked);
        const bool more = halving->left > 1 && halving->target <= INT64_MAX / sweep->eta;
        halving->target = more ? halving->target * sweep->eta : INT64_MAX;
    }
    memory_free(ranked);
    return error->status;
}
