/* What an update computes, adds and sends: asked of the modules that do it in the run. */
#include "linnet/comm/reduction_counts.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/data/batch.h"
#include "linnet/model/unit_groups.h"
#include "linnet/optim/optimizer.h"
#include "plan/plan_private.h"

#include <math.h>

enum { HOSTS_MOST = 16 }; /* hosts that are counted, evenly spread: others are much like them */

DatasetInfo plan_data(const PlanJob *job) {
    return (DatasetInfo){.samples = job->samples, .tokens = job->tokens, .longest = job->longest};
}

LoaderPlan plan_loader(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    return (LoaderPlan){.global_batch = job->global_batch,
                        .units = (int)job->units,
                        .ranks = job->ranks,
                        .order = job->settings->data_order,
                        .chunk = loader_chunk_samples(&info)};
}

/* Micro-batches of a rank, and sums of their gradients within it. */
static void add_batches(const PlanJob *job, int rank, PlanCounts *most) {
    int64_t first, count;
    even_part(job->units, job->ranks, rank, &first, &count);
    UnitRuns runs = unit_groups_runs((int)job->units, (int)first, (int)count, job->busiest_tokens,
                                     batch_rows_max(job->config->positions), job->settings->bf16);
    most->batches = fmax(most->batches, runs.batches);
    most->subtrees = fmax(most->subtrees, runs.subtrees);
    most->joins = fmax(most->joins, runs.subtrees - (job->settings->reduction == REDUCTION_MPI ? 1.0 : runs.sums));
}

/* counts [neighbours] of a host's ranks. */
static void add_host(const ReductionCounts *counts, int neighbours, PlanCounts *most) {
    int buffers = 0;
    double gradients = 0.0, values = 0.0;
    for (int i = 0; i < neighbours; i++) {
        const ReductionCounts *c = &counts[i];
        buffers += c->buffers;
        gradients += (double)c->gradient_bytes_sent;
        values += (double)c->value_bytes_sent;
        most->buffers = c->buffers > most->buffers ? c->buffers : most->buffers;
        most->gradient_messages = fmax(most->gradient_messages, (double)c->gradient_messages_sent);
        most->value_messages = fmax(most->value_messages, (double)c->value_messages_sent);
        most->sum_bytes = fmax(most->sum_bytes, (double)(c->sum_bytes_read + c->sum_bytes_written));
        most->message_bytes = fmax(most->message_bytes, (double)c->message_bytes);
    }
    most->host_buffers = buffers > most->host_buffers ? buffers : most->host_buffers;
    most->host_gradient_bytes = fmax(most->host_gradient_bytes, gradients);
    most->host_value_bytes = fmax(most->host_value_bytes, values);
}

static Status count_hosts(PlanJob *job, const ReductionJob *update, ReductionCounts *counts, Error *error) {
    const int neighbours = job->ranks / job->hosts, looked_at = job->hosts < HOSTS_MOST ? job->hosts : HOSTS_MOST;
    for (int i = 0; i < looked_at; i++) {
        int host = looked_at > 1 ? (int)((int64_t)i * (job->hosts - 1) / (looked_at - 1)) : 0;
        if (reduction_counts(update, host, counts, error)) return error->status;
        add_host(counts, neighbours, &job->counts);
        for (int r = host * neighbours; r < (host + 1) * neighbours; r++) add_batches(job, r, &job->counts);
    }
    return STATUS_OK;
}

Status plan_count(PlanJob *job, Error *error) {
    const ParameterLayout *layout = job->layout;
    const DatasetInfo info = plan_data(job);
    const LoaderPlan loader = plan_loader(job);
    const size_t bucket_count = layout->buckets + 2, tokens = (size_t)(job->global_batch_rows + 0.5),
                 positions = (size_t)job->longest;
    const bool unsplit =
        unit_groups_unsplit(&info, &loader, batch_rows_max(job->config->positions), job->settings->bf16);
    Bucket *buckets = memory_allocate(bucket_count, sizeof *buckets, error);
    ReductionCounts *counts = memory_allocate((size_t)(job->ranks / job->hosts), sizeof *counts, error);
    if (error->status == STATUS_OK) {
        optimizer_buckets(buckets, layout, tokens, tokens, positions);
        const ReductionJob update = {.ranks = job->ranks,
                                     .nodes = job->hosts,
                                     .units = (int)job->units,
                                     .rule = optimizer_rule(job->settings, (int)job->units, unsplit),
                                     .buckets = buckets,
                                     .bucket_count = bucket_count,
                                     .gathered = layout->buckets};
        size_t row_floats = (tokens + positions) * (size_t)job->config->width;
        job->counts =
            (PlanCounts){.row_floats = (double)row_floats, .buffer_floats = (double)(layout->dense + row_floats)};
        count_hosts(job, &update, counts, error);
    }
    memory_free(buckets);
    memory_free(counts);
    return error->status;
}
