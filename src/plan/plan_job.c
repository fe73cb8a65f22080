/* A run on a number of ranks: its length, and figures of its global batches from samples of the data. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/data/order.h"
#include "linnet/plan/plan.h"
#include "linnet/settings/run_length.h"
#include <string.h>

enum { LOOKED_AT = 1 << 18, PARTS = 64, LOOKED_AT_BATCHES = 20 };

/* Samples from some parts of the file, shuffled: every n-th sample would be in all chunks of it. */
static Status look(Dataset *dataset, int64_t count, Samples *samples, Error *error) {
    int64_t total = dataset_info(dataset)->samples, first, part;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    int64_t *order = memory_allocate((size_t)count, sizeof *order, error);
    if (error->status == STATUS_OK) {
        order_randperm(order, count, 1);
        for (int p = 0; p < PARTS; p++) {
            int64_t start, room;
            even_part(count, PARTS, p, &first, &part);
            even_part(total, PARTS, p, &start, &room);
            for (int64_t i = 0; i < part; i++) indices[order[first + i]] = start + i;
        }
        dataset_load(dataset, indices, count, samples, error);
    }
    memory_free(indices);
    memory_free(order);
    return error->status;
}

/* Tokens that the model reads of a sample of `length` tokens. */
static int64_t tokens_read(const PlanJob *job, int64_t length) {
    return int64_min(length, job->config->positions);
}

/* Tokens of the rank with most tokens in a global batch of `lengths` [samples]. */
static double busiest(const PlanJob *job, Dealer *dealer, const int32_t *lengths, int64_t samples, int units) {
    double most = 0.0;
    dealer_deal(dealer, lengths, samples, units);
    for (int r = 0; r < job->ranks; r++) {
        int64_t first, count, tokens = 0;
        even_part(units, job->ranks, r, &first, &count);
        for (int64_t i = dealer->unit_starts[first]; i < dealer->unit_starts[first + count]; i++)
            tokens += tokens_read(job, lengths[dealer->positions[i]]);
        if ((double)tokens > most) most = (double)tokens;
    }
    return most;
}

/* Embedding rows seen so far. */
typedef struct {
    int32_t *global_batch; /* [vocabulary] number of the last global batch with this row; 0: none */
    int64_t distinct;
} Seen;

/* Count the rows of a sample of a global batch, whose `number` counts from 1. Returns the rows that are new to the
 * global batch. */
static int64_t count_rows(Seen *seen, const int32_t *ids, int64_t length, int32_t number) {
    int64_t here = 0;
    for (int64_t i = 0; i < length; i++) {
        int32_t *last = &seen->global_batch[ids[i]];
        seen->distinct += *last == 0;
        here += *last != number;
        *last = number;
    }
    return here;
}

/* The figures of PlanJob that come from samples. */
static Status count_batches(PlanJob *job, const Samples *samples, int32_t vocabulary, Error *error) {
    int64_t global_batch = int64_min(job->global_batch, samples->count), steps = samples->count / global_batch;
    double scale = (double)job->global_batch / (double)global_batch; /* above 1 if only a part of it is loaded */
    int units = (int)int64_min(job->units, global_batch);
    Seen seen = {.global_batch = memory_allocate((size_t)vocabulary, sizeof *seen.global_batch, error)};
    int32_t *lengths = memory_allocate((size_t)global_batch, sizeof *lengths, error);
    Dealer dealer = {0};
    dealer_create(&dealer, &job->cost_model, global_batch, units, error);
    double tokens = 0.0, most = 0.0, rows = 0.0, met = 0.0;
    for (int64_t step = 0; step < steps && error->status == STATUS_OK; step++) {
        for (int64_t i = 0; i < global_batch; i++) {
            const int64_t start = samples->starts[step * global_batch + i];
            lengths[i] = (int32_t)(samples->starts[step * global_batch + i + 1] - start);
            const int64_t read = tokens_read(job, lengths[i]);
            if (step < LOOKED_AT_BATCHES) tokens += (double)read;
            rows += (double)count_rows(&seen, samples->ids + start, read, (int32_t)(step + 1));
        }
        if (step < LOOKED_AT_BATCHES) most += busiest(job, &dealer, lengths, global_batch, units);
        if (step < job->updates) met += (double)seen.distinct;
    }
    int64_t looked = int64_min(steps, LOOKED_AT_BATCHES), counted = int64_min(steps, job->updates);
    double updates = (double)job->updates;
    job->global_batch_tokens = scale * tokens / (double)looked;
    job->busiest_tokens = scale * most / (double)looked;
    job->global_batch_rows = rows / (double)steps;
    job->ever_rows = (double)seen.distinct;
    job->touched_rows = (met + (updates - (double)counted) * job->ever_rows) / updates;
    if (job->config->language) job->global_batch_rows = job->ever_rows = job->touched_rows = 0.0; /* it is dense */
    memory_free(seen.global_batch);
    memory_free(lengths);
    dealer_destroy(&dealer);
    return error->status;
}

/* Embeddings that do not learn have no rows that are listed, sent or updated. */
static void leave_rows_out(PlanJob *job) {
    job->global_batch_rows = job->touched_rows = job->ever_rows = 0.0;
    job->position_rows = 0;
}

static Status check(const PlanJob *job, Error *error) {
    if (job->global_batch < job->ranks)
        return error_set(
            error, STATUS_INPUT,
            "a global batch of %lld samples is too small for %d ranks, some of which would be idle: use at most %lld "
            "ranks, or a larger global_batch_size%s",
            (long long)job->global_batch, job->ranks, (long long)job->global_batch,
            job->global_batch == job->samples ? " and more data" : "");
    if (job->units < job->ranks)
        return error_set(
            error, STATUS_INPUT,
            "reduction_units = %lld is smaller than %d ranks, some of which would be idle: use at most %lld ranks, or "
            "more reduction units",
            (long long)job->units, job->ranks, (long long)job->units);
    return STATUS_OK;
}

Status plan_job(PlanJob *job, const Settings *s, const ModelConfig *config, const ParameterLayout *layout,
                const ParameterLayout *learned, Dataset *dataset, int ranks, int hosts, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    *job = (PlanJob){.settings = s,
                     .config = config,
                     .layout = layout,
                     .learned = learned,
                     .cost_model = {s->pooling, config->positions, config->width},
                     .ranks = ranks,
                     .hosts = hosts,
                     .samples = info->samples,
                     .problem = info->problem,
                     .labels = info->labels,
                     .tokens = info->tokens,
                     .longest = info->longest};
    job->position_rows = (int32_t)tokens_read(job, info->longest);
    RunLength length = run_length(s, ranks, info->samples);
    job->global_batch = length.global_batch;
    job->units = length.units;
    job->updates = length.total;
    if (check(job, error)) return error->status;
    Samples samples = {0};
    int64_t count = int64_min(int64_max(job->global_batch, LOOKED_AT), 4 * LOOKED_AT);
    if (look(dataset, int64_min(count, job->samples), &samples, error) == STATUS_OK &&
        count_batches(job, &samples, info->vocabulary, error) == STATUS_OK) {
        if (learned->token.count == 0) leave_rows_out(job);
        plan_count(job, error);
    }
    samples_free(&samples);
    return error->status;
}

Status plan_alone(const PlanJob *job, PlanJob *alone, Error *error) {
    *alone = *job;
    alone->ranks = alone->hosts = 1;
    alone->units = run_length_units(job->settings, 1, job->global_batch);
    alone->busiest_tokens = job->global_batch_tokens;
    return plan_count(alone, error);
}

double plan_efficiency(const PlanJob *job, const PlanJob *alone, const PlanConstants *c) {
    PlanCost all, one;
    plan_cost(job, c, &all);
    plan_cost(alone, c, &one);
    return one.seconds / (all.seconds * job->ranks);
}

Status plan_make(Plan *plan, const PlanSubject *subject, const PlanConstants *c, int ranks, int hosts, Error *error) {
    PlanJob alone;
    if (plan_job(&plan->job, &subject->settings, &subject->model.config, &subject->model.layout,
                 &subject->learned.layout, subject->dataset, ranks, hosts, error) ||
        plan_alone(&plan->job, &alone, error))
        return error->status;
    plan_memory(&plan->job, c, &plan->memory);
    plan_cost(&plan->job, c, &plan->cost);
    plan->efficiency = plan_efficiency(&plan->job, &alone, c);
    return STATUS_OK;
}
