/* Seconds of an update. See plan.h; docs/scaling.md has the formulas. */
#include "linnet/plan.h"

#include "linnet/evaluate.h"
#include "linnet/gpt2.h"
#include "linnet/optimizer.h"
#include "linnet/tree.h"

#include <math.h>
#include <stddef.h>

#define ADAMW_BYTES 28.0   /* read and written a float: p, m, v twice, g once */
#define ADD_BYTES 12.0     /* two terms and their sum */
#define RENDEZVOUS 65536.0 /* bytes from which Open MPI agrees with the receiver before it sends */

/* The parts of an update's exchange. */
typedef struct {
    double ranks, hosts, neighbours; /* neighbours: ranks a host */
    double slot, rows;               /* floats of a gradient, and those of table rows in it */
    double units;                    /* of the rank that has most */
    double nodes, all_nodes;         /* partial sums of the rank that has most; of all ranks */
    double host_nodes;               /* of the host that has most */
    double buckets;
} Shape;

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

static Shape shape_of(const PlanJob *job) {
    TreeNode nodes[64];
    double width = job->config->width, here = 0.0;
    Shape shape = {.ranks = job->ranks,
                   .hosts = job->hosts,
                   .neighbours = (double)job->ranks / job->hosts,
                   .rows = (job->window_rows + job->longest) * width,
                   .buckets = (double)job->layout->buckets + 2.0};
    shape.slot = (double)job->layout->dense + shape.rows;
    for (int r = 0; r < job->ranks; r++) {
        int64_t first, count;
        world_deal(job->units, job->ranks, r, &first, &count);
        double held = (double)tree_nodes((int)job->units, (int)first, (int)count, r, nodes);
        shape.units = larger(shape.units, (double)count);
        shape.nodes = larger(shape.nodes, held);
        shape.all_nodes += held;
        here = r % (job->ranks / job->hosts) == 0 ? held : here + held;
        shape.host_nodes = larger(shape.host_nodes, here);
    }
    return shape;
}

/* Seconds of both passes over a micro-batch: straight lines between the measured ones, since a pass is work a token on top
 * of reading the weights. */
static double pass_seconds(const PlanJob *job, const PlanConstants *c, double tokens) {
    double seconds[PLAN_RATES], a_sample = (double)job->tokens / (double)job->samples;
    for (int i = 0; i < c->rates; i++) {
        double samples = larger(1.0, c->tokens[i] / a_sample);
        seconds[i] = 3e-9 * gpt2_operations(job->config, (size_t)c->tokens[i], (size_t)samples) / c->gflops[i];
    }
    int last = c->rates - 1, i = 0;
    if (tokens <= c->tokens[0]) return seconds[0];
    if (tokens >= c->tokens[last]) return seconds[last] * tokens / c->tokens[last];
    while (tokens > c->tokens[i + 1]) i++;
    double share = (tokens - c->tokens[i]) / (c->tokens[i + 1] - c->tokens[i]);
    return seconds[i] + share * (seconds[i + 1] - seconds[i]);
}

/* Passes of the busiest rank; *last is the unit's last micro-batch, behind whose backward pass gradients are sent. */
static double passes(const PlanJob *job, const PlanConstants *c, const Shape *shape, double *last) {
    double unit = job->busiest_tokens / shape->units, most = (double)evaluate_batch_rows(job->config->positions);
    double batches = ceil(unit / most);
    *last = pass_seconds(job, c, unit / batches);
    return shape->units * batches * *last;
}

static double sums(const PlanConstants *c, const Shape *shape) {
    double joins = (shape->units - shape->nodes) * shape->slot * ADD_BYTES;
    double owned = shape->slot / shape->ranks * sizeof(float) * (shape->all_nodes + (shape->ranks > 1 ? 1 : 0));
    return (joins + owned) / c->add_bandwidth;
}

/* Gradients: every rank sends every other its part, a bucket at a time behind the last unit's backward pass. */
static void gradients(const PlanJob *job, const PlanConstants *c, const Shape *s, double last, PlanCost *cost) {
    const Link *net = &c->network;
    double away = s->ranks - s->neighbours, near = s->neighbours - 1.0;
    double part = s->slot / s->ranks * sizeof(float);
    cost->gradients = s->buckets * near * c->node.message;
    if (s->hosts < 2.0) return;
    cost->gradient_bytes = s->host_nodes * away * part;
    double layers = job->config->layers, slice = last * 2.0 / 3.0 / layers, calls = layers;
    if (part / layers > RENDEZVOUS) calls = larger(0.0, calls - 2.0); /* asked, and answered, at the next two calls */
    double moves = smaller(slice * net->bandwidth, net->in_flight * away * s->neighbours);
    /* The first layer's gradients and the rows are there only when the pass is over. */
    double late = (double)(job->layout->bucket_starts[1] - job->layout->bucket_starts[0]) + s->rows;
    double behind = smaller(calls * moves, cost->gradient_bytes * larger(0.0, 1.0 - late / s->slot));
    cost->hidden = behind / net->bandwidth;
    cost->gradients += cost->gradient_bytes / net->bandwidth - cost->hidden +
                       s->buckets * s->nodes * away * net->message + net->latency;
}

/* New weights: every owner sends its part once to each other host. */
static void weights(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    const Link *net = &c->network;
    cost->weights = 2.0 * ceil(log2(s->neighbours)) * c->node.latency; /* the node's barrier */
    if (s->hosts < 2.0) return;
    cost->weight_bytes = (double)job->layout->dense * sizeof(float) * (s->hosts - 1.0) / s->hosts;
    cost->weights += cost->weight_bytes / net->bandwidth +
                     (double)job->layout->buckets * (s->hosts - 1.0) * net->message + net->latency;
}

/* Rows of the tables: all that were ever touched go around in a ring. */
static void rows(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    const Link *net = &c->network;
    double bytes = (job->touched_rows + job->longest) * job->config->width * sizeof(float);
    if (s->ranks < 2.0) return;
    cost->rows = 4.0 * bytes / c->add_bandwidth; /* packed and unpacked: read and written twice */
    cost->rows += 2.0 * (s->ranks - 1.0) * (s->hosts > 1.0 ? net->latency : c->node.latency);
    if (s->hosts < 2.0) return;
    cost->row_bytes = bytes * (s->ranks - 1.0) / s->ranks;
    cost->rows += cost->row_bytes / net->bandwidth;
}

/* The sum of losses and squares, and the lists of rows. */
static double totals(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    double blocks = (double)job->layout->dense / PARAMETERS_BLOCK + job->window_rows + job->longest;
    double bytes = 2.0 * sizeof(double) * (2.0 + s->ranks + (double)job->window + blocks);
    bytes += 2.0 * sizeof(int32_t) * job->window_tokens;
    double calls = 2.0 + 2.0 * 2.0, rounds = ceil(log2(s->ranks));
    double bandwidth = s->hosts > 1.0 ? c->network.bandwidth : c->add_bandwidth;
    double latency = s->hosts > 1.0 ? c->network.latency : c->node.latency;
    return s->ranks < 2.0 ? 0.0 : bytes / bandwidth + calls * rounds * latency;
}

void plan_cost(const PlanJob *job, const PlanConstants *c, PlanCost *cost) {
    Shape shape = shape_of(job);
    double last, rows_owned = job->touched_rows * job->config->width;
    *cost = (PlanCost){0};
    cost->passes = passes(job, c, &shape, &last);
    cost->sums = sums(c, &shape);
    cost->optimizer = ((double)job->layout->dense + rows_owned) / shape.ranks * ADAMW_BYTES / c->adamw_bandwidth;
    gradients(job, c, &shape, last, cost);
    weights(job, c, &shape, cost);
    rows(job, c, &shape, cost);
    cost->totals = totals(job, c, &shape);
    cost->seconds =
        cost->passes + cost->sums + cost->optimizer + cost->gradients + cost->weights + cost->rows + cost->totals;
}

PlanJob plan_alone(const PlanJob *job) {
    PlanJob alone = *job;
    alone.ranks = alone.hosts = 1;
    alone.units = settings_units(job->settings, 1, job->window);
    alone.busiest_tokens = job->window_tokens;
    return alone;
}

double plan_efficiency(const PlanJob *job, const PlanConstants *c, const PlanCost *cost) {
    PlanJob alone = plan_alone(job);
    PlanCost one;
    plan_cost(&alone, c, &one);
    return one.seconds / (cost->seconds * job->ranks);
}

const char *plan_bound(const PlanCost *cost) {
    const struct {
        const char *name;
        double seconds;
    } parts[] = {{"adding gradients", cost->sums}, {"AdamW", cost->optimizer},     {"gradients", cost->gradients},
                 {"weights", cost->weights},       {"embedding rows", cost->rows}, {"small calls", cost->totals}};
    size_t most = 0;
    for (size_t i = 1; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].seconds > parts[most].seconds) most = i;
    return parts[most].name;
}
