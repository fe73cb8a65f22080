/* Bytes of a rank and a node. See plan.h. */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/data/batch.h"
#include "linnet/data/loader.h"
#include "linnet/model/gpt2.h"
#include "linnet/optim/optimizer.h"
#include "plan/plan_private.h"

enum { PAGE = 4096 };

static size_t less(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Floats of a slot: room for the rows of any global batch. */
static size_t gradient_floats(const PlanJob *job) {
    const ParameterLayout *layout = job->layout;
    size_t rows = (size_t)job->global_batch * ((size_t)job->longest + 1);
    return optimizer_gradient_floats(layout, less(rows, (size_t)layout->token.shape[0]),
                                     less(rows, (size_t)layout->position.shape[0]));
}

/* Share of a slot that is written: of the tables' part only the rows that global batches touch. */
static double gradient_share(const PlanJob *job) {
    return plan_gradient_floats(job) / (double)gradient_floats(job);
}

static double gradient_bytes(const PlanJob *job, int rank) {
    const World world = {.size = job->ranks, .rank = rank};
    const ReductionRule rule = optimizer_rule(job->settings, (int)job->units, plan_runs_whole(job));
    return (double)reduction_shared_bytes(&world, &rule, gradient_floats(job)) * gradient_share(job);
}

/* Pieces of gradients that come from other hosts, and those put together for them; the tables' rows of other ranks. */
static double received_bytes(const PlanJob *job) {
    double n = job->ranks, neighbours = n / job->hosts, width = job->config->width, pieces = 0.0;
    if (job->hosts > 1 && job->settings->reduction == REDUCTION_ORDERED) {
        PlanPieces p = plan_pieces(job);
        double share = plan_gradient_floats(job) / n * plan_wire_bytes(job);
        pieces =
            1.25 * share * (p.remote + p.made * (n - neighbours) / neighbours); /* see reduce_scatter.c, make_room() */
    }
    double rows = (job->ever_rows + job->longest) * width * sizeof(float);
    return pieces + (n > 1.0 ? rows * (1.0 + 1.0 / n) : 0.0);
}

/* Copies of the tables: whole where there are several hosts, else the pages of rows that were written. */
static double table_bytes(const PlanJob *job) {
    const ParameterLayout *layout = job->layout;
    double whole = (double)(layout->token.count + layout->position.count) * sizeof(float);
    double row = job->config->width * (double)sizeof(float) + PAGE; /* a row rarely starts where a page does */
    double written = (job->ever_rows + job->longest) * row;
    return job->hosts > 1 || written > whole ? whole : written;
}

static double activation_bytes(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    const LoaderPlan plan = plan_loader(job);
    size_t most = batch_rows_max(job->config->positions);
    size_t rows = less((size_t)loader_largest_share(&info, &plan), most);
    return (double)gpt2_bytes(job->config, rows, less((size_t)job->global_batch, rows), true);
}

/* What the feed holds, and the global batch's list of rows. */
static double data_bytes(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    const LoaderPlan plan = plan_loader(job);
    return loader_bytes(&info, &plan) + (double)job->global_batch * (job->longest + 1.0) * 2 * sizeof(int32_t);
}

/* Without room for it training waits while a checkpoint is written, so that no run is refused for it. */
static double saving_bytes(const PlanJob *job) {
    if (job->settings->save_strategy == STRATEGY_NO || !job->settings->save_in_background) return 0.0;
    return (double)checkpoint_snapshot_bytes(job->layout, (size_t)(job->ever_rows + job->longest));
}

void plan_memory(const PlanJob *job, const PlanConstants *constants, PlanMemory *m) {
    const World world = {.size = job->ranks};
    int neighbours = job->ranks / job->hosts;
    double buffers = 0.0, rows = (job->ever_rows + job->longest) / job->ranks;
    for (int r = 0; r < neighbours; r++) buffers += gradient_bytes(job, r);
    *m = (PlanMemory){.weights = (double)job->layout->dense * sizeof(float),
                      .tables = table_bytes(job),
                      .gradients = gradient_bytes(job, neighbours > 1 ? 1 : 0),
                      .received = received_bytes(job),
                      .moments = (double)optimizer_moment_bytes(&world, job->layout) +
                                 2.0 * rows * job->config->width * sizeof(float),
                      .activations = activation_bytes(job),
                      .data = data_bytes(job),
                      .order = loader_order_bytes(job->samples, job->settings->data_order),
                      .program = constants->program_bytes,
                      .saving = saving_bytes(job)};
    m->rank = m->tables + m->received + m->moments + m->activations + m->data + m->program;
    m->shared = neighbours > 1 ? m->weights + buffers : 0.0;
    m->node = neighbours * m->rank + m->weights + buffers;
}
