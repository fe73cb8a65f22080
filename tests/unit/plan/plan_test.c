/* plan.h and plan_constants.h: bytes, seconds and memory against formulas written out by hand, and the file of
 * constants. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/gpt2.h"
#include "linnet/optim/optimizer.h"
#include "linnet/plan/plan.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

#include "unit/token_file.h"

/* The same formula in another order of additions. */
#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) <= 1e-9 * fabs((double)(b)))
/* `times` times a rank's part of the gradient, in bytes: parts are even but for a block of each bucket. */
#define NEAR_PARTS(a, b, times)                                                                                        \
    assert_true(fabs((double)(a) - (double)(b)) <= (times)*BLOCKS + 1e-9 * fabs((double)(b)))
#define BLOCKS (4.0 * ((LAYERS + 1) * PARAMETERS_BLOCK + 2 * WIDTH))

enum { LAYERS = 4, WIDTH = 512, POSITIONS = 128, GLOBAL_BATCH = 64, LONGEST = 30 };

/** A made-up model, a run of it and a machine. */
typedef struct {
    ModelConfig config;
    ParameterLayout layout;
    Settings settings;
    PlanJob job;
    PlanConstants machine;
} Fixture;

static int setup(void **state) {
    static const char *const labels[] = {"a", "b", "c"};
    Error error = {0};
    Fixture *f = calloc(1, sizeof *f);
    assert_int_equal(model_config_create(&f->config, VOCABULARY, POSITIONS, WIDTH, LAYERS, 4, PROBLEM_SINGLE_LABEL,
                                         labels, 3, 0, &error),
                     0);
    assert_int_equal(parameters_layout(&f->layout, &f->config, &error), 0);
    f->settings.global_batch_size = GLOBAL_BATCH;
    f->settings.max_steps = 100;
    f->machine =
        (PlanConstants){.ranks = 1,
                        .nodes = 1,
                        .threads = 1,
                        .width = WIDTH,
                        .inner = 4 * WIDTH,
                        .heads = 4,
                        .rates = 3,
                        .tokens = {10, 100, 1000},
                        .gflops = {10, 40, 50},
                        .adamw_bandwidth = 1e10,
                        .add_bandwidth = 2e10,
                        .program_bytes = 3e7,
                        .node = {.latency = 1e-6, .overhead = 5e-7},
                        .network = {.latency = 5e-5, .overhead = 1e-5, .bandwidth = 1e8, .overlapped_bandwidth = 5e7}};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    Fixture *f = *state;
    parameters_layout_free(&f->layout);
    model_config_free(&f->config);
    free(f);
    return 0;
}

static PlanJob *count(Fixture *f) {
    Error error = {0};
    assert_int_equal(plan_count(&f->job, &error), 0);
    return &f->job;
}

/** A run on some ranks and hosts, with 20 tokens per text. */
static PlanJob *job_of(Fixture *f, int ranks, int hosts, int64_t units) {
    f->job = (PlanJob){.settings = &f->settings,
                       .config = &f->config,
                       .layout = &f->layout,
                       .learned = &f->layout,
                       .cost_model = {POOLING_LAST_TOKEN, POSITIONS, WIDTH},
                       .ranks = ranks,
                       .hosts = hosts,
                       .samples = 1000,
                       .tokens = 20000,
                       .longest = LONGEST,
                       .position_rows = LONGEST,
                       .global_batch = GLOBAL_BATCH,
                       .units = units,
                       .updates = 100,
                       .global_batch_tokens = 20.0 * GLOBAL_BATCH,
                       .busiest_tokens = 20.0 * GLOBAL_BATCH / ranks,
                       .global_batch_rows = 300,
                       .touched_rows = 900,
                       .ever_rows = 1200};
    return count(f);
}

static PlanCost cost_of(Fixture *f, int ranks, int hosts, int64_t units) {
    PlanCost cost;
    plan_cost(job_of(f, ranks, hosts, units), &f->machine, &cost);
    return cost;
}

static double gradient_buffer_bytes(const Fixture *f) {
    return ((double)f->layout.dense + (300.0 + LONGEST) * WIDTH) * 4.0;
}

// --- Bytes -----------------------------------------------------------------------------------------------------------
static void test_sends_nothing_on_one_host(void **state) {
    const int ranks[] = {1, 2, 8};
    for (size_t i = 0; i < 3; i++) {
        PlanCost cost = cost_of(*state, ranks[i], 1, ranks[i]);
        NEAR(cost.gradient_bytes + cost.weight_bytes + cost.row_bytes, 0.0);
    }
}

/** A host sends each float that other hosts own once, for any number of its ranks, and its own parameters to each other
 *  host. */
static void test_counts_the_bytes_of_a_host(void **state) {
    Fixture *f = *state;
    const struct { int ranks, hosts; } cases[] = {{2, 2}, {4, 2}, {8, 4}, {1024, 128}};
    f->settings.global_batch_size = 2048;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = cases[i].ranks, h = cases[i].hosts;
        PlanCost cost = cost_of(f, cases[i].ranks, cases[i].hosts, cases[i].ranks);
        NEAR_PARTS(cost.gradient_bytes, gradient_buffer_bytes(f) * (n - n / h) / n, 1);
        NEAR_PARTS(cost.weight_bytes, (double)f->layout.dense * 4.0 * (h - 1.0) / h, h - 1.0);
        NEAR(cost.row_bytes, (900.0 + LONGEST) * WIDTH * 4.0 * (n - 1.0) / n);
    }
    f->settings.reduction_dtype = WIRE_BFLOAT16;
    NEAR_PARTS(cost_of(f, 8, 4, 8).gradient_bytes, gradient_buffer_bytes(f) * 0.75 / 2.0, 0.5);
    f->settings.reduction = REDUCTION_MPI;
    NEAR(cost_of(f, 8, 4, 8).gradient_bytes, 2.0 * gradient_buffer_bytes(f) * 7.0 / 8.0);
    NEAR(cost_of(f, 8, 1, 8).gradient_bytes, 0.0);
}

/** Two units that are a subtree are sent as one sum, whichever ranks of a host have them; three of five units are
 *  not. */
static void test_counts_partial_sums(void **state) {
    Fixture *f = *state;
    double one = cost_of(f, 2, 2, 2).gradient_bytes;
    NEAR(cost_of(f, 2, 2, 4).gradient_bytes, one);
    NEAR(cost_of(f, 2, 2, 8).gradient_bytes, one);
    NEAR_PARTS(cost_of(f, 4, 2, 8).gradient_bytes, one, 1);
    /* 5 units dealt 3 and 2: nodes {0 1} {2} and {3} {4}. */
    NEAR(cost_of(f, 2, 2, 5).gradient_bytes, 2.0 * one);
    /* 10 units dealt 3, 3, 2, 2: a host's ranks have {0 1} {2} and {3} {4 5}, together {0 1 2 3} and {4 5}. */
    NEAR_PARTS(cost_of(f, 4, 2, 10).gradient_bytes, 2.0 * one, 2);
}

/** Two units per rank, together too large for one batch of 1,024 rows. */
static double sums_of_large_units(Fixture *f) {
    PlanCost cost;
    job_of(f, 2, 2, 4)->busiest_tokens = 2000.0;
    plan_cost(count(f), &f->machine, &cost);
    return cost.sums * 2e10;
}

/** Bytes that a rank of two hosts reads and writes to add gradients. */
static double bytes_added(Fixture *f, int ranks, int units) {
    return cost_of(f, ranks, 2, units).sums * 2e10;
}

/** Ranks sum what their host sends to owners on other hosts, and the parts that they own. */
static void test_counts_what_is_added(void **state) {
    Fixture *f = *state;
    const char *products = linear_products();
    double buffer = gradient_buffer_bytes(f), rows = (300.0 + LONGEST) * WIDTH * 4.0;
    linear_choose("own");
    /* Of 4 ranks one reads two gradient buffers and writes their sum for one owner on the other host; for its own part
     * it reads two buffers and what came from the other host, and writes their sum. */
    NEAR_PARTS(bytes_added(f, 4, 4), rows + buffer / 4.0 * 3.0 + buffer / 4.0 * 4.0, 7);
    f->settings.reduction_dtype = WIRE_BFLOAT16;
    NEAR_PARTS(bytes_added(f, 4, 4), rows + buffer / 4.0 * 2.5 + buffer / 4.0 * 3.5, 6);
    f->settings.reduction_dtype = WIRE_FLOAT32;
    /* The only rank of a host sends the sum of its two units from its buffer. Units that run by themselves it adds. */
    NEAR_PARTS(bytes_added(f, 2, 4), rows + buffer / 2.0 * 3.0, 3);
    NEAR_PARTS(sums_of_large_units(f), 2.0 * rows + buffer * 3.0 + buffer / 2.0 * 3.0, 3);
    f->settings.reduction = REDUCTION_MPI;
    NEAR(bytes_added(f, 2, 4), rows + buffer / 2.0 * 4.0);
    NEAR(sums_of_large_units(f), 2.0 * rows + buffer * 3.0 + buffer / 2.0 * 4.0);
    linear_choose(products);
}

// --- Seconds -----------------------------------------------------------------------------------------------------------
/** One rank runs passes, clears embedding rows, reads the gradient for its norm, and runs AdamW. */
static void test_times_one_rank(void **state) {
    Fixture *f = *state;
    PlanCost cost = cost_of(f, 1, 1, 1);
    double rows = (300.0 + LONGEST) * WIDTH * 4.0, moved = ((double)f->layout.dense + 900.0 * WIDTH) * 28.0;
    NEAR(cost.sums, (rows + gradient_buffer_bytes(f)) / 2e10);
    NEAR(cost.optimizer, moved / 1e10);
    NEAR(cost.gradients + cost.weights + cost.rows + cost.totals, 0.0);
    NEAR(cost.seconds, cost.passes + cost.sums + cost.optimizer);
    NEAR(plan_efficiency(&f->job, &f->job, &f->machine), 1.0);
    /* Weight decay also reads and writes rows that were never touched. */
    f->settings.weight_decay = 0.1;
    NEAR(cost_of(f, 1, 1, 1).optimizer, (moved + (VOCABULARY + POSITIONS - 900.0) * WIDTH * 8.0) / 1e10);
}

static double seconds_at(const Fixture *f, int i) {
    double tokens = f->machine.tokens[i];
    return 3e-9 * gpt2_operations(&f->config, (size_t)tokens, (size_t)fmax(1.0, tokens / 20.0)) / f->machine.gflops[i];
}

static double passes_of(Fixture *f, int units, double tokens) {
    PlanCost cost;
    job_of(f, 2, 1, units)->busiest_tokens = tokens;
    plan_cost(count(f), &f->machine, &cost);
    return cost.passes;
}

/** Batches of measured sizes take the measured time, others are interpolated linearly. */
static void test_times_passes(void **state) {
    Fixture *f = *state;
    const struct {
        double tokens, expected;
    } cases[] = {{10, seconds_at(f, 0)},
                 {4, seconds_at(f, 0)},
                 {100, seconds_at(f, 1)},
                 {1000, seconds_at(f, 2)},
                 {550, (seconds_at(f, 1) + seconds_at(f, 2)) / 2.0},
                 {4000, 4.0 * seconds_at(f, 2)}}; /* a batch holds 1,024 rows */
    const char *products = linear_products();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        linear_choose("own");
        NEAR(passes_of(f, 2, cases[i].tokens), cases[i].expected);
        NEAR(passes_of(f, 8, cases[i].tokens), cases[i].expected);             /* four units at once */
        NEAR(passes_of(f, 6, 2.0 * cases[i].tokens), 2.0 * cases[i].expected); /* three: a pair and one */
        linear_choose("blas");                                                 /* one by one */
        NEAR(passes_of(f, 6, 3.0 * cases[i].tokens), 3.0 * cases[i].expected);
    }
    linear_choose(products);
}

static double efficiency(Fixture *f) {
    PlanJob alone;
    Error error = {0};
    assert_int_equal(plan_alone(&f->job, &alone, &error), 0);
    return plan_efficiency(&f->job, &alone, &f->machine);
}

static void test_waits_for_links(void **state) {
    Fixture *f = *state;
    PlanCost slow = cost_of(f, 4, 2, 4);
    double before = efficiency(f);
    f->machine.network.bandwidth *= 10.0;
    f->machine.network.overlapped_bandwidth *= 10.0;
    PlanCost fast = cost_of(f, 4, 2, 4);
    assert_true(slow.gradients > fast.gradients && slow.weights > fast.weights);
    NEAR(slow.rows - fast.rows, slow.row_bytes / 1e8 * 0.9);
    assert_true(efficiency(f) > before && efficiency(f) < 1.0);
}

/* Fixed cost of sending: of messages, and the latency of one. */
static double overhead(const Fixture *f, double messages) {
    return messages * f->machine.network.overhead + 3.0 * f->machine.network.latency;
}

/** Without overlap the ranks wait for all bytes. */
static void test_waits_without_overlap(void **state) {
    Fixture *f = *state;
    PlanCost cost = cost_of(f, 2, 2, 2);
    NEAR(cost.gradients_hidden + cost.weights_hidden, 0.0);
    NEAR(cost.gradients, cost.gradient_bytes / 1e8 + overhead(f, LAYERS + 3));
    NEAR(cost.weights, cost.weight_bytes / 1e8 + overhead(f, LAYERS + 1));
    f->settings.reduction = REDUCTION_MPI;
    cost = cost_of(f, 2, 2, 2);
    NEAR(cost.gradients, cost.gradient_bytes / 1e8 + (LAYERS + 3) * 2.0 * 5e-5);
}

/** A link that is always busy hides what it sends during the backward pass, AdamW and the forward pass. */
static void test_hides_what_travels_meanwhile(void **state) {
    Fixture *f = *state;
    f->settings.overlap_comm = true;
    f->machine.network.bandwidth = f->machine.network.overlapped_bandwidth = 1e5; /* far slower than the passes */
    PlanCost cost = cost_of(f, 2, 2, 2);
    /* The gradients of the head are ready first, and soon sent; those of a layer are ready when the pass has left
     * it. */
    double slice = cost.passes * 2.0 / 3.0 / LAYERS,
           head = (double)(f->layout.dense - f->layout.bucket_starts[LAYERS]) * 2.0;
    double first = fmin(slice, head / 1e5), rest = (LAYERS - 1) * slice;
    if (head / 1e5 > slice) rest = fmin(rest, LAYERS * slice);
    NEAR_PARTS(cost.gradients_hidden * 1e5, (first + rest) * 1e5, 1);
    NEAR(cost.gradients + cost.gradients_hidden, cost.gradient_bytes / 1e5 + overhead(f, LAYERS + 3));
    NEAR(cost.weights + cost.weights_hidden, cost.weight_bytes / 1e5 + overhead(f, LAYERS + 1));
    /* After the first bucket, while AdamW and then the forward pass compute; not while a layer waits for its
     * parameters. */
    double adamw = (double)f->layout.dense / 2.0 * 28.0 / 1e10, layer = (double)f->layout.bucket_starts[1];
    NEAR(cost.weights_hidden, adamw * (1.0 - layer / (double)f->layout.dense) + cost.passes / 3.0);
}

/** Slow passes hide everything except what is ready at the end of the backward pass, or needed first by the forward
 *  pass. */
static void test_cannot_hide_the_ends(void **state) {
    Fixture *f = *state;
    f->settings.overlap_comm = true;
    for (int i = 0; i < 3; i++) f->machine.gflops[i] = 1e-3;
    PlanCost cost = cost_of(f, 2, 2, 2);
    double layer = (double)f->layout.bucket_starts[1] * 2.0, rows = (300.0 + LONGEST) * WIDTH * 2.0;
    NEAR_PARTS(cost.gradients * 1e8, layer + rows + overhead(f, LAYERS + 3) * 1e8, 1);
    double adamw = (double)f->layout.dense / 2.0 * 28.0 / 1e10;
    double meanwhile = 5e7 * adamw * (1.0 - layer / 2.0 / (double)f->layout.dense);
    NEAR_PARTS(cost.weights * 1e8, fmax(0.0, layer - meanwhile) + overhead(f, LAYERS + 1) * 1e8, 1);
}

/** Time that ranks lose to messages while they compute counts as communication; it is at most half of the time. */
static void test_charges_messages_to_the_cores(void **state) {
    Fixture *f = *state;
    f->settings.overlap_comm = true;
    for (int i = 0; i < 3; i++) f->machine.gflops[i] = 1e-3;
    PlanCost free = cost_of(f, 2, 2, 2);
    f->machine.network.overhead_per_byte = 4e-9; /* a fifth of the time at 5e7 bytes a second */
    PlanCost cost = cost_of(f, 2, 2, 2);
    double hidden = cost.gradients_hidden * 1e8;
    NEAR(cost.gradients - free.gradients, hidden * 4e-9);
    f->machine.network.overhead_per_byte = 1.0;
    for (int i = 0; i < 3; i++) f->machine.gflops[i] = 1e6;
    f->machine.network.overlapped_bandwidth = 1e12;
    cost = cost_of(f, 2, 2, 2);
    assert_true(cost.gradients_hidden * 1e8 <= cost.passes); /* a byte a second of the slowed passes, twice as long */
}

static void test_names_what_takes_longest(void **state) {
    Fixture *f = *state;
    PlanCost cost = cost_of(f, 2, 2, 2);
    assert_string_equal(plan_bound(&cost), "gradients");
    cost.totals = 1e9;
    assert_string_equal(plan_bound(&cost), "small calls");
    PlanCost alone = cost_of(f, 1, 1, 1);
    assert_string_equal(plan_bound(&alone), "AdamW");
}

// --- Memory ------------------------------------------------------------------------------------------------------------
static void test_counts_memory(void **state) {
    Fixture *f = *state;
    PlanMemory one, two, hosts;
    plan_memory(job_of(f, 1, 1, 1), &f->machine, &one);
    plan_memory(job_of(f, 2, 1, 2), &f->machine, &two);
    plan_memory(job_of(f, 2, 2, 2), &f->machine, &hosts);
    double dense = (double)f->layout.dense * 4.0;
    NEAR(one.weights, dense);
    NEAR(one.gradients, gradient_buffer_bytes(f));
    NEAR(one.shared, 0.0);
    NEAR(one.received, 0.0);
    NEAR(one.node, one.rank + one.weights + one.gradients);
    NEAR(two.shared, dense + 2.0 * gradient_buffer_bytes(f));
    NEAR(two.node, 2.0 * two.rank + two.shared);
    NEAR(two.moments, dense + (1200.0 + LONGEST) * WIDTH * 4.0); /* two, halved */
    assert_true(hosts.embeddings > two.embeddings);              /* complete copies on several hosts … */
    PlanMemory copied;
    f->settings.broadcast_files = true;
    plan_memory(count(f), &f->machine, &copied);
    f->settings.broadcast_files = false;
    NEAR(copied.embeddings, two.embeddings); /* … or one of the host, with the token file, and rows that were written */
    double kept = copied.node - hosts.node + hosts.embeddings - copied.embeddings;
    assert_true(kept > hosts.embeddings && kept < 1.5 * hosts.embeddings);
    NEAR_PARTS(hosts.received - two.received, 1.25 * gradient_buffer_bytes(f) / 2.0, 1.25);
    /* Each of a host's two ranks receives one sum of the quarter that it owns, and makes one of a quarter to send. */
    PlanMemory four, halved;
    plan_memory(job_of(f, 4, 2, 4), &f->machine, &four);
    f->settings.reduction_dtype = WIRE_BFLOAT16;
    plan_memory(count(f), &f->machine, &halved);
    NEAR_PARTS(four.received - halved.received, 1.25 * gradient_buffer_bytes(f) / 4.0, 2.5);
    f->settings.reduction = REDUCTION_MPI;
    PlanMemory mpi;
    plan_memory(count(f), &f->machine, &mpi);
    NEAR_PARTS(four.received - mpi.received, 1.25 * gradient_buffer_bytes(f) / 2.0, 2.5);
}

/** A copy of all weights and of all moments; none if the run does not save, or not in the background. */
static void test_counts_the_copy_that_is_saved(void **state) {
    Fixture *f = *state;
    const ParameterLayout *layout = &f->layout;
    PlanMemory one;
    f->settings.save_strategy = STRATEGY_STEPS;
    f->settings.save_in_background = true;
    plan_memory(job_of(f, 1, 1, 1), &f->machine, &one);
    double embeddings = (double)(layout->token.count + layout->position.count), rows = (1200.0 + LONGEST) * WIDTH;
    NEAR(one.saving, 4.0 * ((double)layout->dense * 3.0 + embeddings + 2.0 * rows));
    NEAR(one.node, one.rank + one.weights + one.gradients);
    f->settings.save_in_background = false;
    plan_memory(&f->job, &f->machine, &one);
    NEAR(one.saving, 0.0);
    f->settings.save_in_background = true;
    f->settings.save_strategy = STRATEGY_NO;
    plan_memory(&f->job, &f->machine, &one);
    NEAR(one.saving, 0.0);
}

/** With data_order "blocks", a thousand million samples take the same memory as a million. */
static void test_counts_the_order(void **state) {
    Fixture *f = *state;
    PlanMemory million, many, torch;
    PlanJob *job = job_of(f, 2, 1, 2);
    f->settings.data_order = DATA_ORDER_BLOCKS;
    job->samples = 1000000;
    job->tokens = 20 * job->samples;
    plan_memory(job, &f->machine, &million);
    job->samples = 1000000000;
    job->tokens = 20 * job->samples;
    plan_memory(job, &f->machine, &many);
    NEAR(many.rank, million.rank);
    NEAR(many.order, 0.0);
    f->settings.data_order = DATA_ORDER_TORCH;
    plan_memory(job, &f->machine, &torch);
    NEAR(torch.order, 8e9);
    NEAR(torch.rank - many.rank, 8e9);
    NEAR(torch.data - many.data, 8e9);
}

// --- The job from a token file ---------------------------------------------------------------------------------------
static void test_looks_at_the_data(void **state) {
    enum { SAMPLES = 300 };
    Fixture *f = *state;
    char path[] = "/tmp/linnet-plan-XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    Error error = {0};
    DatasetWriter *writer = NULL;
    Dataset *dataset = NULL;
    DatasetInfo info = make_info();
    assert_int_equal(dataset_writer_create(&writer, path, &info, &error), 0);
    /* The longest text has 129 tokens, of which the model reads as many as it has positions. */
    int64_t all = 0, tokens = 0;
    bool *seen = calloc(VOCABULARY, sizeof *seen);
    int64_t distinct = 0;
    for (int64_t s = 0; s < SAMPLES; s++) {
        assert_int_equal(add_sample(writer, s, &error), 0);
        all += (int64_t)length_of(s);
        for (size_t i = 0; i < length_of(s) && i < POSITIONS; i++) {
            tokens++;
            distinct += !seen[token_of(s, i)];
            seen[token_of(s, i)] = true;
        }
    }
    free(seen);
    assert_int_equal(dataset_writer_finish(writer, DIGEST_B, 1, &error), 0);
    dataset_writer_destroy(writer);
    assert_int_equal(dataset_open(&dataset, path, &error), 0);

    /* One global batch of all samples: the figures are exact. */
    f->settings.global_batch_size = 1000;
    PlanJob job;
    assert_int_equal(plan_job(&job, &f->settings, &f->config, &f->layout, &f->layout, dataset, 4, 2, &error), 0);
    assert_int_equal(job.global_batch, SAMPLES);
    assert_int_equal(job.units, 4);
    assert_int_equal(job.updates, 100);
    NEAR(job.global_batch_tokens, tokens);
    NEAR(job.global_batch_rows, distinct);
    NEAR(job.ever_rows, distinct);
    NEAR(job.touched_rows, distinct);
    assert_true(job.busiest_tokens >= (double)tokens / 4.0 && job.busiest_tokens < 1.02 * (double)tokens / 4.0);
    assert_true(tokens < all);
    assert_int_equal(job.longest, 129);
    assert_int_equal(job.position_rows, POSITIONS);
    /* Small global batches touch more and more rows. */
    f->settings.global_batch_size = 10;
    f->settings.max_steps = 2;
    assert_int_equal(plan_job(&job, &f->settings, &f->config, &f->layout, &f->layout, dataset, 1, 1, &error), 0);
    NEAR(job.busiest_tokens, job.global_batch_tokens);
    assert_true(job.global_batch_rows < job.touched_rows && job.touched_rows < job.ever_rows);

    assert_int_equal(plan_job(&job, &f->settings, &f->config, &f->layout, &f->layout, dataset, 11, 1, &error),
                     STATUS_INPUT);
    assert_names(error.message, NAMES("global batch", "10", "11 ranks"));
    error = (Error){0};
    f->settings.reduction_units = 4;
    assert_int_equal(plan_job(&job, &f->settings, &f->config, &f->layout, &f->layout, dataset, 5, 1, &error),
                     STATUS_INPUT);
    assert_names(error.message, NAMES("reduction_units", "4", "5 ranks"));
    dataset_close(dataset);
    unlink(path);
}

// --- Constants -------------------------------------------------------------------------------------------------------
static void test_keeps_constants(void **state) {
    Fixture *f = *state;
    char path[] = "/tmp/linnet-constants-XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    Error error = {0};
    PlanConstants read;
    f->machine.bf16 = true;
    f->machine.network.overhead_per_byte = 1e-9;
    f->settings.overlap_comm = true;
    assert_int_equal(plan_constants_save(&f->machine, path, &error), 0);
    assert_int_equal(plan_constants_load(&read, path, &error), 0);
    PlanCost before = cost_of(f, 4, 2, 4), after;
    plan_cost(&f->job, &read, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_true(read.bf16 && read.width == WIDTH && read.ranks == 1 && read.rates == 3);
    unlink(path);
}

static void test_refuses_wrong_constants(void **state) {
    Fixture *f = *state;
    static const struct {
        const char *from, *to, *name;
    } cases[] = {{"\"format_version\": 3", "\"format_version\": 2", "format_version"},
                 {"\"ranks\": 1", "\"ranks\": 0", "ranks"},
                 {"\"threads\": 1", "\"threads\": 1.5", "threads"},
                 {"adamw_bytes", "adam_bytes", "adamw_bytes_per_second"},
                 {"\"gflops\": 10", "\"gflops\": -10", "gflops"},
                 {"\"tokens\": 100,", "\"tokens\": 10,", "ascend"},
                 {"\"passes\"", "\"pases\"", "passes"}};
    char path[] = "/tmp/linnet-constants-XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error error = {0};
        PlanConstants read;
        char *text = NULL, changed[4096];
        assert_int_equal(plan_constants_save(&f->machine, path, &error), 0);
        assert_int_equal(file_read(path, &text, NULL, &error), 0);
        char *at = strstr(text, cases[i].from);
        if (at == NULL) fail_msg("no %s in %s", cases[i].from, text);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, cases[i].to, at + strlen(cases[i].from));
        assert_int_equal(file_replace(path, changed, strlen(changed), &error), 0);
        memory_free(text);
        assert_int_equal(plan_constants_load(&read, path, &error), STATUS_INPUT);
        assert_names(error.message, NAMES(path, cases[i].name));
    }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sends_nothing_on_one_host, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_the_bytes_of_a_host, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_partial_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_what_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_one_rank, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits_for_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits_without_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hides_what_travels_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cannot_hide_the_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charges_messages_to_the_cores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_what_takes_longest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_the_copy_that_is_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_looks_at_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keeps_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_wrong_constants, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
