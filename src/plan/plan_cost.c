/* Seconds of an update; docs/explanation/scaling.md has the formulas. */
#include "linnet/model/gpt2.h"
#include "linnet/plan/plan.h"
#include <math.h>
#include <stddef.h>

#define ADAMW_BYTES 28.0 /* read and written per float: p, m, v twice, g once */
#define ADD_BYTES 12.0   /* two terms and their sum */
#define HANDSHAKE 3.0    /* latencies of a large message: request, answer, data */

typedef struct {
    double ranks, hosts, neighbours; /* neighbours: ranks of a host */
    double buckets;                  /* that are not empty, with those of embedding rows */
    double last;                     /* seconds of the passes over a micro-batch */
    double backward;                 /* of them, those of the backward pass */
} Shape;

static double bucket_floats(const PlanJob *job, size_t bucket) {
    return (double)(job->learned->bucket_starts[bucket + 1] - job->learned->bucket_starts[bucket]);
}

static bool embeddings_learn(const PlanJob *job) {
    return job->learned->token.count > 0;
}

/* Buckets of embedding rows; that of a language model's token embedding is dense. */
static double row_buckets(const PlanJob *job) {
    if (!embeddings_learn(job)) return 0.0;
    return job->learned->language ? 1.0 : 2.0;
}

/* Operations of the backward pass for each of the forward pass. */
static double backward_ratio(const PlanJob *job) {
    const size_t tokens = (size_t)fmax(1.0, job->global_batch_tokens), samples = (size_t)job->global_batch;
    double operations = gpt2_backward_operations(job->config, job->learned, tokens, samples);
    if (job->settings->gradient_checkpointing)
        operations += gpt2_repeated_operations(job->config, job->learned, tokens);
    return operations / gpt2_operations(job->config, tokens, samples);
}

/* Seconds of both passes over a micro-batch: interpolated linearly between the measured ones, since a pass reads the
 * weights and then does the same work for each token. */
static double pass_seconds(const PlanJob *job, const PlanConstants *c, double tokens) {
    double seconds[PLAN_RATES], a_sample = (double)job->tokens / (double)job->samples;
    for (int i = 0; i < c->rates; i++) {
        double samples = fmax(1.0, c->tokens[i] / a_sample);
        seconds[i] = (1.0 + backward_ratio(job)) * 1e-9 *
                     gpt2_operations(job->config, (size_t)c->tokens[i], (size_t)samples) / c->gflops[i];
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
               .buckets = row_buckets(job)};
    for (size_t b = 0; b < job->learned->buckets; b++) s.buckets += bucket_floats(job, b) > 0.0;
    s.last = pass_seconds(job, c, job->busiest_tokens / job->counts.batches);
    s.backward = s.last * backward_ratio(job) / (1.0 + backward_ratio(job));
    *passes = job->counts.batches * s.last;
    return s;
}

/* Adding: within a rank, then what its host sends and what the rank owns. */
static double sums(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    const PlanCounts *n = &job->counts;
    double f = sizeof(float), bytes = n->subtrees * n->row_floats * f; /* embedding rows start from zero */
    double owned = n->buffer_floats / s->ranks;
    bytes += n->joins * n->buffer_floats * ADD_BYTES + n->sum_bytes;
    if (job->settings->reduction == REDUCTION_MPI) bytes += owned * ((s->ranks - 1.0) * ADD_BYTES + f);
    return bytes / c->add_bandwidth;
}

/* AdamW for dense parameters and for embedding rows ever touched. Weight decay shrinks all other rows, on each rank. */
static double optimizer(const PlanJob *job, const PlanConstants *c, double *dense) {
    double width = job->config->width, touched = job->touched_rows * width;
    double embeddings = (double)job->learned->sparse;
    double shrunk = job->settings->weight_decay > 0.0 ? fmax(0.0, embeddings - touched) * 2.0 * sizeof(float) : 0.0;
    *dense = (double)job->learned->dense / job->ranks * ADAMW_BYTES / c->adamw_bandwidth;
    return *dense + (touched / job->ranks * ADAMW_BYTES + shrunk) / c->adamw_bandwidth;
}

/* A host's link, which sends what is queued, in order. */
typedef struct {
    double bandwidth;            /* while the ranks wait for it */
    double overlapped_bandwidth; /* while they compute */
    double overhead_per_byte;    /* seconds that they then lose per byte */
    double queued;               /* bytes */
    double hidden;               /* bytes sent while they computed */
    double waited;               /* seconds of waiting and lost */
} Pipe;

static Pipe pipe_of(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    const Link *net = &c->network;
    Pipe pipe = {.bandwidth = net->bandwidth, .overhead_per_byte = net->overhead_per_byte / s->neighbours};
    if (job->settings->overlap_comm) pipe.overlapped_bandwidth = net->overlapped_bandwidth;
    if (pipe.overhead_per_byte > 0.0)
        pipe.overlapped_bandwidth =
            fmin(pipe.overlapped_bandwidth, 0.5 / pipe.overhead_per_byte); /* for a link faster than the cores */
    return pipe;
}

static void pipe_compute(Pipe *pipe, double seconds) {
    double slowed = seconds / (1.0 - pipe->overhead_per_byte * pipe->overlapped_bandwidth);
    double moved = fmin(pipe->queued, pipe->overlapped_bandwidth * slowed);
    pipe->queued -= moved;
    pipe->hidden += moved;
    pipe->waited += moved * pipe->overhead_per_byte;
}

/* Wait until at most `left` bytes are queued. */
static void pipe_await(Pipe *pipe, double left) {
    if (pipe->queued <= left) return;
    pipe->waited += (pipe->queued - left) / pipe->bandwidth;
    pipe->queued = left;
}

/* MPI_Allreduce for each bucket, modelled as a ring; within a host through memory. */
static void mpi_gradients(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    double bytes = 2.0 * job->counts.buffer_floats * sizeof(float) * (s->ranks - 1.0) / s->ranks;
    const Link *link = s->hosts > 1.0 ? &c->network : &c->node;
    cost->gradients = s->buckets * 2.0 * (s->ranks - 1.0) * link->latency;
    if (s->hosts > 1.0) {
        cost->gradient_bytes = bytes;
        cost->gradients += bytes / link->bandwidth;
    } else {
        cost->gradients += 2.0 * bytes / c->add_bandwidth;
    }
}

/* A host sends the sums of its ranks to owners on other hosts: each bucket as soon as the backward pass over the last
 * micro-batch has left its layer, of those that it goes through. */
static void gradients(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    const size_t layers = job->learned->buckets - 1, lowest = (size_t)gpt2_lowest_layer(job->learned);
    double a_float = job->counts.host_gradient_bytes / job->counts.buffer_floats;
    double slice = s->backward / fmax(1.0, (double)(layers - lowest));
    Pipe pipe = pipe_of(job, c, s);
    if (s->hosts < 2.0) return;
    cost->gradient_bytes = job->counts.host_gradient_bytes;
    pipe.queued = a_float * bucket_floats(job, layers);
    for (size_t l = layers; l-- > lowest;) {
        pipe_compute(&pipe, slice);
        pipe.queued += a_float * bucket_floats(job, l);
    }
    pipe.queued += a_float * job->counts.row_floats;
    pipe_await(&pipe, 0.0);
    cost->gradients_hidden = pipe.hidden / pipe.bandwidth;
    cost->gradients =
        pipe.waited + job->counts.gradient_messages * c->network.overhead + HANDSHAKE * c->network.latency;
}

/* New parameters: each owner sends its part once to each other host, each bucket as soon as AdamW has updated it; the
 * next forward pass waits for a bucket before it reads it. */
static void weights(const PlanJob *job, const PlanConstants *c, const Shape *s, double adamw, PlanCost *cost) {
    size_t buckets = job->learned->buckets;
    double dense = (double)job->learned->dense, a_float = job->counts.host_value_bytes / dense, sent = 0.0;
    Pipe pipe = pipe_of(job, c, s);
    if (s->hosts < 2.0) return;
    cost->weight_bytes = job->counts.host_value_bytes;
    for (size_t b = 0; b < buckets; b++) {
        pipe_compute(&pipe, adamw * bucket_floats(job, b) / dense);
        pipe.queued += a_float * bucket_floats(job, b);
    }
    for (size_t b = 0; b < buckets; b++) {
        sent += a_float * bucket_floats(job, b);
        pipe_await(&pipe, job->settings->overlap_comm ? cost->weight_bytes - sent : 0.0);
        if (b + 1 < buckets) pipe_compute(&pipe, (s->last - s->backward) / (double)(buckets - 1));
    }
    pipe_await(&pipe, 0.0);
    cost->weights_hidden = pipe.hidden / pipe.bandwidth;
    cost->weights = pipe.waited + job->counts.value_messages * c->network.overhead + HANDSHAKE * c->network.latency;
}

/* Embedding rows: all that were ever touched are gathered, modelled as a ring. */
static void rows(const PlanJob *job, const PlanConstants *c, const Shape *s, PlanCost *cost) {
    const Link *net = &c->network;
    double bytes = (job->touched_rows + job->position_rows) * job->config->width * sizeof(float);
    if (s->ranks < 2.0 || !embeddings_learn(job)) return;
    cost->rows = 4.0 * bytes / c->add_bandwidth; /* packed and unpacked: read and written twice */
    cost->rows += 2.0 * (s->ranks - 1.0) * (s->hosts > 1.0 ? net->latency : c->node.latency);
    if (s->hosts < 2.0) return;
    cost->row_bytes = bytes * (s->ranks - 1.0) / s->ranks;
    cost->rows += cost->row_bytes / net->bandwidth;
}

/* The sum of losses and squares, and the lists of embedding rows of the next global batch. */
static double totals(const PlanJob *job, const PlanConstants *c, const Shape *s) {
    double blocks = (double)job->learned->dense / PARAMETERS_BLOCK + job->global_batch_rows + job->position_rows;
    double bytes = 2.0 * sizeof(double) * (2.0 + s->ranks + (double)job->global_batch + blocks);
    if (embeddings_learn(job)) bytes += sizeof(int32_t) * (job->global_batch_tokens + s->ranks * job->position_rows);
    double calls = embeddings_learn(job) ? 2.0 + 2.0 * 2.0 : 2.0, rounds = ceil(log2(s->ranks));
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
        mpi_gradients(job, c, &shape, cost);
    else
        gradients(job, c, &shape, cost);
    weights(job, c, &shape, dense, cost);
    rows(job, c, &shape, cost);
    cost->totals = totals(job, c, &shape);
    cost->seconds =
        cost->passes + cost->sums + cost->optimizer + cost->gradients + cost->weights + cost->rows + cost->totals;
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
