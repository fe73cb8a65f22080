/* What a run is like: its windows, and what samples of its data say of them. See plan.h. */
#include "linnet/core/memory.h"
#include "linnet/data/loader.h"
#include "linnet/data/order.h"
#include "linnet/plan/plan.h"

#include <math.h>
#include <string.h>

enum { LOOKED_AT = 1 << 18, PARTS = 64, WINDOWS = 20 };

/* Samples spread over the file in some parts, then mixed: every n-th alone would read all of it. */
static Status look(Dataset *dataset, int64_t count, Samples *samples, Error *error) {
    int64_t total = dataset_info(dataset)->samples, first, part;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    int64_t *order = memory_allocate((size_t)count, sizeof *order, error);
    if (error->status == STATUS_OK) {
        order_randperm(order, count, 1);
        for (int p = 0; p < PARTS; p++) {
            int64_t start, room;
            world_deal(count, PARTS, p, &first, &part);
            world_deal(total, PARTS, p, &start, &room);
            for (int64_t i = 0; i < part; i++) indices[order[first + i]] = start + i;
        }
        dataset_load(dataset, indices, count, samples, error);
    }
    memory_free(indices);
    memory_free(order);
    return error->status;
}

/* Tokens of the rank that has most in a window of `lengths`. */
static double busiest(const int32_t *lengths, int64_t samples, int units, int ranks, int64_t *starts) {
    double most = 0.0;
    feed_cut(starts, lengths, samples, units);
    for (int r = 0; r < ranks; r++) {
        int64_t first, count, tokens = 0;
        world_deal(units, ranks, r, &first, &count);
        for (int64_t i = starts[first]; i < starts[first + count]; i++) tokens += lengths[i];
        if ((double)tokens > most) most = (double)tokens;
    }
    return most;
}

/* Which rows were seen: at all, and in which window last. */
typedef struct {
    int32_t *window;
    int64_t distinct;
} Seen;

/* Count window number `w` (from 1): its tokens' rows, and those not met before. Returns its distinct rows. */
static int64_t see(Seen *seen, const Samples *samples, int64_t first, int64_t count, int32_t w) {
    int64_t here = 0;
    for (int64_t i = samples->starts[first]; i < samples->starts[first + count]; i++) {
        int32_t *last = &seen->window[samples->ids[i]];
        seen->distinct += *last == 0;
        here += *last != w;
        *last = w;
    }
    return here;
}

/* The figures of PlanJob that come from samples. */
static Status count_windows(PlanJob *job, const Samples *samples, int32_t vocabulary, Error *error) {
    int64_t window = job->window < samples->count ? job->window : samples->count, windows = samples->count / window;
    double share = (double)job->window / (double)window; /* of a window so large that only a part was looked at */
    int units = (int)(job->units < window ? job->units : window);
    Seen seen = {.window = memory_allocate((size_t)vocabulary, sizeof *seen.window, error)};
    int32_t *lengths = memory_allocate((size_t)window, sizeof *lengths, error);
    int64_t *starts = memory_allocate((size_t)units + 1, sizeof *starts, error);
    double tokens = 0.0, most = 0.0, rows = 0.0, met = 0.0;
    for (int64_t w = 0; w < windows && error->status == STATUS_OK; w++) {
        int64_t first = w * window;
        for (int64_t i = 0; i < window; i++)
            lengths[i] = (int32_t)(samples->starts[first + i + 1] - samples->starts[first + i]);
        if (w < WINDOWS) {
            tokens += (double)(samples->starts[first + window] - samples->starts[first]);
            most += busiest(lengths, window, units, job->ranks, starts);
        }
        rows += (double)see(&seen, samples, first, window, (int32_t)(w + 1));
        if (w < job->updates) met += (double)seen.distinct;
    }
    int64_t looked = windows < WINDOWS ? windows : WINDOWS, counted = windows < job->updates ? windows : job->updates;
    double updates = (double)job->updates;
    job->window_tokens = share * tokens / (double)looked;
    job->busiest_tokens = share * most / (double)looked;
    job->window_rows = rows / (double)windows;
    job->ever_rows = (double)seen.distinct;
    job->touched_rows = (met + (updates - (double)counted) * job->ever_rows) / updates;
    memory_free(seen.window);
    memory_free(lengths);
    memory_free(starts);
    return error->status;
}

static Status check(const PlanJob *job, Error *error) {
    if (job->window < job->ranks)
        return error_set(
            error, STATUS_INPUT,
            "a window of %lld samples is smaller than %d ranks, some of which would have nothing to do: take at "
            "most %lld ranks, or a larger global_batch_size%s",
            (long long)job->window, job->ranks, (long long)job->window,
            job->window == job->samples ? " and more data" : "");
    if (job->units < job->ranks)
        return error_set(
            error, STATUS_INPUT,
            "reduction_units = %lld is smaller than %d ranks, some of which would have nothing to do: take at "
            "most %lld ranks, or more units",
            (long long)job->units, job->ranks, (long long)job->units);
    return STATUS_OK;
}

Status plan_job(PlanJob *job, const Settings *s, const ModelConfig *config, const ParameterLayout *layout,
                Dataset *dataset, int ranks, int hosts, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    *job = (PlanJob){.settings = s,
                     .config = config,
                     .layout = layout,
                     .ranks = ranks,
                     .hosts = hosts,
                     .samples = info->samples,
                     .tokens = info->tokens,
                     .longest = info->longest};
    job->window = settings_window(s, ranks, info->samples);
    job->units = settings_units(s, ranks, job->window);
    int64_t windows = (job->samples + job->window - 1) / job->window;
    job->updates = s->max_steps > 0 ? s->max_steps : (int64_t)ceil(s->num_train_epochs * (double)windows);
    if (check(job, error)) return error->status;
    Samples samples = {0};
    int64_t count = job->window > LOOKED_AT ? job->window : LOOKED_AT;
    if (count > 4 * LOOKED_AT) count = 4 * LOOKED_AT;
    if (count > job->samples) count = job->samples;
    if (look(dataset, count, &samples, error) == STATUS_OK) count_windows(job, &samples, info->vocabulary, error);
    samples_free(&samples);
    return error->status;
}
