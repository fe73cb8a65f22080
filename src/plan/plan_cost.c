/* Seconds of an update. See plan.h; docs/explanation/scaling.md has the formulas. */
#include "linnet/model/gpt2.h"
#include "linnet/settings/run_length.h"
#include "plan/plan_private.h"

#include <math.h>
#include <stddef.h>

#define ADAMW_BYTES 28.0 /* read and written a float: p, m, v twice, g once */
#define ADD_BYTES 12.0   /* two terms and their sum */
#define HANDSHAKE 3.0    /* latencies of a large message: asked, answered, sent */

/* The update's ranks and what they exchange. */
typedef struct {
    double ranks, hosts, neighbours; /* neighbours: ranks a host */
    double buffer, rows;             /* floats of a gradient, and those of table rows in it */
    double buckets;
    PlanPieces pieces;
    double last; /* seconds of a micro-batch's passes */
} Shape;

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

static double bucket_floats(const PlanJob *job, size_t bucket) {
    return (double)(job->layout->bucket_starts[bucket + 1] - job->layout->bucket_starts[bucket]);
}

/* Seconds of both passes over a micro-batch: straight lines between the measured ones, since a pass is work a token on
 * top of reading the weights. */
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

static Shape shape_of(const PlanJob *job, const PlanConstants *c, double *passes) {
    Shape s = {.ranks = job->ranks,
               .hosts = job->hosts,
               .neighbours = (double)job->ranks / job->hosts,
               .buffer = plan_gradient_floats(job),
               .rows = plan_row_floats(job),
               .buckets = (double)job->layout->buckets + 2.0,
               .pieces = plan_pieces(job)};
    s.last = pass_seconds(job, c, job->busiest_tokens / s.pieces.runs);
    *passes = s.pieces.runs * s.last;
    return s;
}

/* Adding: a rank's units, what its host sends, and the sums of what it owns. */
static double sums(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    const PlanPieces *p = &s->pieces;
    double f = sizeof(float), wire = plan_wire_bytes(job), owned = s->buffer / s->ranks;
    double bytes = p->subtrees * s->rows * f; /* rows start from zero */
    if (job->settings->reduction == REDUCTION_MPI)
        return (bytes + (p->joins * s->buffer + owned * (s->ranks - 1.0)) * ADD_BYTES + owned * f) / c->add_bandwidth;
    bytes += p->joins * s->buffer * ADD_BYTES;
    if (s->hosts > 1.0) bytes += owned * (s->ranks - s->neighbours) / s->neighbours * (p->parts * f + p->made * wire);
    bytes += owned * (p->local * f + p->remote * wire + (s->ranks > 1.0 ? f : 0.0));
    return bytes / c->add_bandwidth;
}

/* AdamW, of the rows of the tables that were ever touched as well; all others shrink by themselves, on every rank. */
static double optimizer(const PlanJob *job, const PlanConstants *c, double *dense) {
    double width = job->config->width, touched = job->touched_rows * width;
    double tables = (double)(job->layout->token.count + job->layout->position.count);
    double shrunk = job->settings->weight_decay > 0.0 ? larger(0.0, tables - touched) * 2.0 * sizeof(float) : 0.0;
    *dense = (double)job->layout->dense / job->ranks * ADAMW_BYTES / c->adamw_bandwidth;
    return *dense + (touched / job->ranks * ADAMW_BYTES + shrunk) / c->adamw_bandwidth;
}

/* A host's link, which sends in order what is queued. */
typedef struct {
    double bandwidth;  /* while all wait for it */
    double overlapped; /* while they compute */
    double burden;     /* seconds that the computing then falls behind, a byte */
    double queued;     /* bytes */
    double hidden;     /* bytes that went while they computed */
    double waited;     /* seconds of waiting and falling behind */
} Pipe;

static Pipe pipe_of(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    const Link *net = &c->network;
    Pipe pipe = {.bandwidth = net->bandwidth, .burden = net->burden / s->neighbours};
    if (job->settings->overlap_comm) pipe.overlapped = net->overlapped;
    if (pipe.burden > 0.0)
        pipe.overlapped = smaller(pipe.overlapped, 0.5 / pipe.burden); /* a link faster than the cores */
    return pipe;
}

static void pipe_compute(Pipe *pipe, double seconds) {
    double slowed = seconds / (1.0 - pipe->burden * pipe->overlapped);
    double moved = smaller(pipe->queued, pipe->overlapped * slowed);
    pipe->queued -= moved;
    pipe->hidden += moved;
    pipe->waited += moved * pipe->burden;
}

/* Wait until no more than `left` bytes are queued. */
static void pipe_await(Pipe *pipe, double left) {
    if (pipe->queued <= left) return;
    pipe->waited += (pipe->queued - left) / pipe->bandwidth;
    pipe->queued = left;
}

/* MPI_Allreduce, a bucket at a time, taken as a ring: through memory within a host. */
static void mpi_gradients(const PlanConstants *c, const Shape *s, PlanCost *cost) {
    double bytes = 2.0 * s->buffer * sizeof(float) * (s->ranks - 1.0) / s->ranks;
    const Link *link = s->hosts > 1.0 ? &c->network : &c->node;
    cost->gradients = s->buckets * 2.0 * (s->ranks - 1.0) * link->latency;
    if (s->hosts > 1.0) {
        cost->gradient_bytes = bytes;
        cost->gradients += bytes / link->bandwidth;
    } else {
        cost->gradients += 2.0 * bytes / c->add_bandwidth;
    }
}

/* A host sends each owner elsewhere what its ranks' sums make together, a bucket as soon as the last micro-batch's
 * backward pass has left its layer. */
static void gradients(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    size_t layers = job->layout->buckets - 1;
    double a_float = s->pieces.sent * plan_wire_bytes(job) * (s->ranks - s->neighbours) / s->ranks;
    double slice = s->last * 2.0 / 3.0 / (double)layers;
    Pipe pipe = pipe_of(job, c, s);
    if (s->hosts < 2.0) return;
    cost->gradient_bytes = a_float * s->buffer;
    pipe.queued = a_float * bucket_floats(job, layers);
    for (size_t l = layers; l-- > 0;) {
        pipe_compute(&pipe, slice);
        pipe.queued += a_float * bucket_floats(job, l);
    }
    pipe.queued += a_float * s->rows;
    pipe_await(&pipe, 0.0);
    cost->gradients_hidden = pipe.hidden / pipe.bandwidth;
    cost->gradients = pipe.waited + s->buckets * s->pieces.sent * (s->hosts - 1.0) * c->network.message +
                      HANDSHAKE * c->network.latency;
}

/* New weights: every owner sends its part once to each other host, a bucket as soon as AdamW is through with it; the
 * next forward pass awaits it before it reads it. */
static void weights(const PlanJob *job, const PlanConstants *c, const Shape *s, double adamw, PlanCost *cost) {
    size_t buckets = job->layout->buckets;
    double a_float = sizeof(float) * (s->hosts - 1.0) / s->hosts, dense = (double)job->layout->dense, sent = 0.0;
    Pipe pipe = pipe_of(job, c, s);
    if (s->hosts < 2.0) return;
    cost->weight_bytes = a_float * dense;
    for (size_t b = 0; b < buckets; b++) {
        pipe_compute(&pipe, adamw * bucket_floats(job, b) / dense);
        pipe.queued += a_float * bucket_floats(job, b);
    }
    for (size_t b = 0; b < buckets; b++) {
        sent += a_float * bucket_floats(job, b);
        pipe_await(&pipe, job->settings->overlap_comm ? cost->weight_bytes - sent : 0.0);
        if (b + 1 < buckets) pipe_compute(&pipe, s->last / 3.0 / (double)(buckets - 1));
    }
    pipe_await(&pipe, 0.0);
    cost->weights_hidden = pipe.hidden / pipe.bandwidth;
    cost->weights =
        pipe.waited + (double)buckets * (s->hosts - 1.0) * c->network.message + HANDSHAKE * c->network.latency;
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

/* The sum of losses and squares, and the lists of the next global batch's rows. */
static double totals(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    double blocks = (double)job->layout->dense / PARAMETERS_BLOCK + job->global_batch_rows + job->longest;
    double bytes = 2.0 * sizeof(double) * (2.0 + s->ranks + (double)job->global_batch + blocks);
    bytes += sizeof(int32_t) * (job->global_batch_tokens + s->ranks * job->longest);
    double calls = 2.0 + 2.0 * 2.0, rounds = ceil(log2(s->ranks));
    double bandwidth = s->hosts > 1.0 ? c->network.bandwidth : c->add_bandwidth;
    double latency = s->hosts > 1.0 ? c->network.latency : c->node.latency;
    return s->ranks < 2.0 ? 0.0 : bytes / bandwidth + calls * rounds * latency;
}

void plan_cost(const PlanJob *job, const PlanConstants *c, PlanCost *cost) {
    double dense;
    *cost = (PlanCost){0};
    const Shape shape = shape_of(job, c, &cost->passes);
    cost->sums = sums(job, c, &shape);
    cost->optimizer = optimizer(job, c, &dense);
    if (job->settings->reduction == REDUCTION_MPI)
        mpi_gradients(c, &shape, cost);
    else
        gradients(job, c, &shape, cost);
    weights(job, c, &shape, dense, cost);
    rows(job, c, &shape, cost);
    cost->totals = totals(job, c, &shape);
    cost->seconds =
        cost->passes + cost->sums + cost->optimizer + cost->gradients + cost->weights + cost->rows + cost->totals;
}

PlanJob plan_alone(const PlanJob *job) {
    PlanJob alone = *job;
    alone.ranks = alone.hosts = 1;
    alone.units = run_length_units(job->settings, 1, job->global_batch);
    alone.busiest_tokens = job->global_batch_tokens;
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
