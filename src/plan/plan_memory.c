/* Bytes of a rank and a node. */
#include "linnet/checkpoint/checkpoint_save.h"
#include "linnet/core/integers.h"
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"
#include "linnet/model/gpt2.h"
#include "linnet/optim/optimizer.h"
#include "plan/plan_private.h"

enum { PAGE = 4096 };

/* Gradients from other hosts and for them; embedding rows of other ranks. */
static double received_bytes(const PlanJob *job) {
    double n = job->ranks, rows = (job->ever_rows + job->longest) * job->config->width * sizeof(float);
    return job->counts.message_bytes + (n > 1.0 ? rows * (1.0 + 1.0 / n) : 0.0);
}

/* A rank's copy of the embeddings: complete if there are several hosts, else the pages of rows that were written. */
static double embedding_bytes(const PlanJob *job) {
    const ParameterLayout *layout = job->layout;
    double complete = (double)(layout->token.count + layout->position.count) * sizeof(float);
    double row = job->config->width * (double)sizeof(float) + PAGE; /* a row rarely starts at a page */
    double written = (job->ever_rows + job->longest) * row;
    return job->hosts > 1 || written > complete ? complete : written;
}

static double activation_bytes(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    const LoaderPlan plan = plan_loader(job);
    size_t most = batch_rows_max(job->config->positions);
    size_t rows = size_min((size_t)loader_largest_share(&info, &plan), most);
    return (double)gpt2_bytes(job->config, rows, size_min((size_t)job->global_batch, rows), true);
}

/* The loader, and the embedding rows that an update names. */
static double data_bytes(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    const LoaderPlan plan = plan_loader(job);
    return loader_bytes(&info, &plan) + (double)job->global_batch * (job->longest + 1.0) * 2 * sizeof(int32_t);
}

/* Without this memory training waits while a checkpoint is written: no run is refused for it. */
static double saving_bytes(const PlanJob *job) {
    if (job->settings->save_strategy == STRATEGY_NO || !job->settings->save_in_background) return 0.0;
    return (double)checkpoint_snapshot_bytes(job->layout, (size_t)(job->ever_rows + job->longest));
}

void plan_memory(const PlanJob *job, const PlanConstants *constants, PlanMemory *m) {
    const World world = {.size = job->ranks};
    int neighbours = job->ranks / job->hosts;
    double rows = (job->ever_rows + job->longest) / job->ranks, buffer = job->counts.buffer_floats * sizeof(float);
    double buffers = job->counts.host_buffers * buffer;
    *m = (PlanMemory){.weights = (double)job->layout->dense * sizeof(float),
                      .embeddings = embedding_bytes(job),
                      .gradients = job->counts.buffers * buffer,
                      .received = received_bytes(job),
                      .moments = (double)optimizer_moment_bytes(&world, job->layout) +
                                 2.0 * rows * job->config->width * sizeof(float),
                      .activations = activation_bytes(job),
                      .data = data_bytes(job),
                      .order = loader_order_bytes(job->samples, job->settings->data_order),
                      .program = constants->program_bytes,
                      .saving = saving_bytes(job)};
    m->rank = m->embeddings + m->received + m->moments + m->activations + m->data + m->program;
    m->shared = neighbours > 1 ? m->weights + buffers : 0.0;
    m->node = neighbours * m->rank + m->weights + buffers;
}
