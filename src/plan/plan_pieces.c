/* Pieces of the tree that ranks hold and hosts send. See plan_private.h. */
#include "linnet/comm/tree.h"
#include "linnet/data/batch.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/unit_groups.h"
#include "plan/plan_private.h"

#include <math.h>

/* One host's share. */
typedef struct {
    double sent, made, parts, local;
} HostPieces;

LoaderPlan plan_loader(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    return (LoaderPlan){.global_batch = job->global_batch,
                        .units = (int)job->units,
                        .ranks = job->ranks,
                        .order = job->settings->data_order,
                        .chunk = loader_chunk_samples(&info)};
}

DatasetInfo plan_data(const PlanJob *job) {
    return (DatasetInfo){.samples = job->samples, .tokens = job->tokens, .longest = job->longest};
}

bool plan_runs_whole(const PlanJob *job) {
    const DatasetInfo info = plan_data(job);
    const LoaderPlan loader = plan_loader(job);
    return unit_groups_unsplit(&info, &loader, batch_rows_max(job->config->positions), job->settings->bf16);
}

double plan_wire_bytes(const PlanJob *job) {
    return job->settings->reduction_dtype == WIRE_BFLOAT16 ? sizeof(uint16_t) : sizeof(float);
}

double plan_row_floats(const PlanJob *job) {
    return (job->global_batch_rows + job->longest) * job->config->width;
}

double plan_gradient_floats(const PlanJob *job) {
    return (double)job->layout->dense + plan_row_floats(job);
}

/* The units of a run of ranks. */
static size_t run_nodes(const PlanJob *job, int rank, int end, TreeNode nodes[64], double *units) {
    int64_t first, last, count;
    world_deal(job->units, job->ranks, rank, &first, &count);
    world_deal(job->units, job->ranks, end - 1, &last, &count);
    *units = (double)(last + count - first);
    return tree_nodes((int)job->units, (int)first, (int)(last + count - first), rank, nodes);
}

/* Runs of a rank that has `units` units, which make `sums` subtrees. */
static double runs_of(const PlanJob *job, double units, double sums) {
    double most = (double)batch_rows_max(job->config->positions), tokens = job->busiest_tokens;
    if (!linear_batch_invariant(job->settings->bf16)) return units * ceil(tokens / units / most);
    return fmax(sums, fmax(ceil(tokens / most), ceil(units / (double)SEGMENTS_MAX)));
}

/* What the ranks of a host hold, and what that is put together to. */
static void add_host(const PlanJob *job, int host, HostPieces *h, PlanPieces *most) {
    TreeNode held[64], outgoing[64];
    int parts[64] = {0}; /* sums in slots, a piece */
    int neighbours = job->ranks / job->hosts, first = host * neighbours;
    double units;
    size_t pieces = run_nodes(job, first, first + neighbours, outgoing, &units), piece = 0;
    for (int r = first; r < first + neighbours; r++) {
        size_t sums = run_nodes(job, r, r + 1, held, &units);
        double runs = runs_of(job, units, (double)sums);
        most->runs = fmax(most->runs, runs);
        double subtrees = fmin(units, runs), left = job->settings->reduction == REDUCTION_MPI ? 1.0 : (double)sums;
        most->subtrees = fmax(most->subtrees, subtrees);
        most->joins = fmax(most->joins, subtrees - left);
        h->local += (double)sums;
        for (size_t i = 0; i < sums; parts[piece]++, i++)
            while (held[i].first >= outgoing[piece].first + outgoing[piece].count) piece++;
    }
    h->sent = (double)pieces;
    for (size_t i = 0; i < pieces; i++) {
        if (parts[i] == 1 && job->settings->reduction_dtype != WIRE_BFLOAT16) continue; /* sent from the slot */
        h->made += 1.0;
        h->parts += parts[i];
    }
}

PlanPieces plan_pieces(const PlanJob *job) {
    PlanPieces most = {0};
    double all = 0.0, fewest = INFINITY;
    for (int host = 0; host < job->hosts; host++) {
        HostPieces h = {0};
        add_host(job, host, &h, &most);
        all += h.sent;
        fewest = fmin(fewest, h.sent);
        most.sent = fmax(most.sent, h.sent);
        most.made = fmax(most.made, h.made);
        most.parts = fmax(most.parts, h.parts);
        most.local = fmax(most.local, h.local);
    }
    most.remote = all - fewest;
    return most;
}
