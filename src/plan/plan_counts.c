/* What an update computes, adds and sends, and the memory of a rank and a node: asked of the modules that compute, send
 * and allocate in the run. */
#include "linnet/checkpoint/checkpoint_save.h"
#include "linnet/comm/broadcast_files.h"
#include "linnet/comm/reduction_counts.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/unit_groups.h"
#include "linnet/optim/optimizer.h"
#include "linnet/plan/plan.h"
#include <math.h>

enum { PAGE = 4096 };
enum { HOSTS_MOST = 16 }; /* hosts that are counted, evenly spread: others are much like them */

static DatasetInfo data_of(const PlanJob *job) {
    return (DatasetInfo){.samples = job->samples,
                         .tokens = job->tokens,
                         .longest = job->longest,
                         .problem = job->problem,
                         .labels = job->labels};
}

static LoaderPlan loader_of(const PlanJob *job) {
    const DatasetInfo info = data_of(job);
    return (LoaderPlan){.global_batch = job->global_batch,
                        .units = (int)job->units,
                        .cost_model = job->cost_model,
                        .ranks = job->ranks,
                        .order = job->settings->data_order,
                        .chunk = loader_chunk_samples(&info)};
}

static bool runs_together(const PlanJob *job) {
    return unit_groups_together(job->settings->bf16, job->config->language);
}

/* Micro-batches of a rank, and sums of their gradients within it. */
static void add_batches(const PlanJob *job, int rank, PlanCounts *most) {
    int64_t first, count;
    even_part(job->units, job->ranks, rank, &first, &count);
    UnitRuns runs = unit_groups_runs((int)job->units, (int)first, (int)count, job->busiest_tokens,
                                     batch_rows_max(job->config->positions), runs_together(job));
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
        gradients += (double)c->gradient_bytes;
        values += (double)c->value_bytes;
        most->buffers = c->buffers > most->buffers ? c->buffers : most->buffers;
        most->gradient_messages = fmax(most->gradient_messages, (double)c->gradient_messages);
        most->value_messages = fmax(most->value_messages, (double)c->value_messages);
        most->sum_bytes = fmax(most->sum_bytes, (double)c->sum_bytes);
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
    const ParameterLayout *layout = job->learned;
    const DatasetInfo info = data_of(job);
    const LoaderPlan loader = loader_of(job);
    const size_t bucket_count = layout->buckets + 2, tokens = (size_t)(job->global_batch_rows + 0.5),
                 positions = (size_t)job->position_rows;
    const bool unsplit =
        unit_groups_unsplit(&info, &loader, batch_rows_max(job->config->positions), runs_together(job));
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

/* Gradients from other hosts and for them; embedding rows of other ranks. */
static double received_bytes(const PlanJob *job) {
    double n = job->ranks, rows = (job->ever_rows + job->position_rows) * job->config->width * sizeof(float);
    return job->counts.message_bytes + (n > 1.0 ? rows * (1.0 + 1.0 / n) : 0.0);
}

static double complete_embeddings(const PlanJob *job) {
    return (double)job->layout->sparse * sizeof(float);
}

/* What a host keeps of the files that rank 0 has sent to it: the embeddings, and a small token file. */
static double copied_bytes(const PlanJob *job) {
    if (job->hosts == 1 || !job->settings->broadcast_files) return 0.0;
    double id = job->config->vocabulary > UINT16_MAX + 1 ? sizeof(uint32_t) : sizeof(uint16_t);
    const DatasetInfo info = data_of(job);
    double label = problem_has_targets(job->problem) ? dataset_label_bytes(&info) : sizeof(uint8_t);
    double file = (double)job->tokens * id + (double)job->samples * (2 * sizeof(int64_t) + label);
    return complete_embeddings(job) + (file > (double)BROADCAST_PART_BYTES ? 0.0 : file);
}

/* A rank's copy of the embeddings: the pages of rows that were written; or complete, if there are several hosts and every
 * rank has read the files itself. */
static double embedding_bytes(const PlanJob *job) {
    double complete = complete_embeddings(job);
    double row = job->config->width * (double)sizeof(float) + PAGE; /* a row rarely starts at a page */
    double written = (job->ever_rows + job->position_rows) * row;
    return (job->hosts > 1 && !job->settings->broadcast_files) || written > complete ? complete : written;
}

/* Adapters learn, and are saved, in place of the model. */
static bool has_adapters(const PlanJob *job) {
    return job->settings->lora_r > 0;
}

static double activation_bytes(const PlanJob *job) {
    const DatasetInfo info = data_of(job);
    const LoaderPlan plan = loader_of(job);
    size_t most = batch_rows_max(job->config->positions);
    size_t rows = size_min((size_t)loader_largest_share(&info, &plan), most);
    size_t samples = size_min((size_t)job->global_batch, rows), adapters = 0;
    if (has_adapters(job))
        adapters = gpt2_adapter_bytes(job->config, (int32_t)job->settings->lora_r, rows, samples, true);
    return (double)(gpt2_bytes(job->config, job->learned, job->settings->gradient_checkpointing, rows, samples) +
                    adapters);
}

/* The loader, and the embedding rows that an update names. */
static double data_bytes(const PlanJob *job) {
    const DatasetInfo info = data_of(job);
    const LoaderPlan plan = loader_of(job);
    return loader_bytes(&info, &plan) + (double)job->global_batch * (job->longest + 1.0) * 2 * sizeof(int32_t);
}

/* Without this memory training waits while a checkpoint is written: no run is refused for it. */
static double saving_bytes(const PlanJob *job) {
    if (job->settings->save_strategy == STRATEGY_NO || !job->settings->save_in_background) return 0.0;
    return (double)checkpoint_snapshot_bytes(has_adapters(job) ? job->learned : job->layout, job->learned,
                                             (size_t)(job->ever_rows + job->position_rows),
                                             job->settings->save_only_model);
}

void plan_memory(const PlanJob *job, const PlanConstants *constants, PlanMemory *m) {
    const World world = {.size = job->ranks};
    int neighbours = job->ranks / job->hosts;
    double rows = (job->ever_rows + job->position_rows) / job->ranks,
           buffer = job->counts.buffer_floats * sizeof(float);
    double buffers = job->counts.host_buffers * buffer;
    *m = (PlanMemory){.weights =
                          (double)(job->layout->dense + (has_adapters(job) ? job->learned->dense : 0)) * sizeof(float),
                      .embeddings = embedding_bytes(job),
                      .gradients = job->counts.buffers * buffer,
                      .received = received_bytes(job),
                      .moments = (double)optimizer_moment_bytes(&world, job->learned) +
                                 2.0 * rows * job->config->width * sizeof(float),
                      .activations = activation_bytes(job),
                      .data = data_bytes(job),
                      .order = loader_order_bytes(job->samples, job->settings->data_order),
                      .program = constants->program_bytes,
                      .saving = saving_bytes(job)};
    m->rank = m->embeddings + m->received + m->moments + m->activations + m->data + m->program;
    m->shared = neighbours > 1 ? m->weights + buffers : 0.0;
    m->node = neighbours * m->rank + m->weights + buffers + copied_bytes(job);
}
