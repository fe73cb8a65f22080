/* The reduction: every owned float must have the bits of the plain sum along the tree, whatever the number of ranks and
 * however they lie on nodes; the kinds that promise less come near it. */
#include "comm/reduction_private.h"
#include "linnet/comm/reduction_counts.h"
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/kernels/vector.h"
#include "mpi/check.h"
#include <math.h>
#include <sched.h>

enum {
    UNITS = 9,
    BUCKETS = 5,
    BLOCK = 64,
    ROW = 5,          /* floats of an embedding row, a block of the last bucket */
    ROWS_MAX = 40,    /* of it */
    EMBEDDING = 1536, /* where the last bucket starts */
    BUFFER = EMBEDDING + ROWS_MAX * ROW,
    BLOCKS_MAX = 40 + ROWS_MAX,
    UPDATES = 12
};

/* Blocks that do and do not divide the lengths, fewer blocks than ranks, an empty bucket, gaps between buckets;
 * the last stands for a sparse embedding, whose rows and owners change at every update. */
static const Bucket PLAN[BUCKETS] = {{0, 1000, BLOCK, NULL},
                                     {1024, 37, BLOCK, NULL},
                                     {1100, 0, BLOCK, NULL},
                                     {1152, 320, BLOCK, NULL},
                                     {EMBEDDING, 0, ROW, NULL}};

typedef struct {
    World *world;
    ReductionRule rule;
    Reduction *reduction;
    Shared *shared;
    float *values; /* [BUFFER] node rank 0's block of `shared`: what is distributed */
    Bucket buckets[BUCKETS];
    size_t cuts[16]; /* of the sparse embedding */
    int update, units;
    int64_t rounded; /* sums that were not the tree's */
} Case;

/** What unit u contributes to float i. */
static float contribution(const Case *c, int unit, size_t i) {
    return any_float((uint64_t)c->update, (uint64_t)unit, i);
}

static float plain_sum(const Case *c, int first, int count, size_t i) {
    if (count == 1) return contribution(c, first, i);
    int left = tree_split(count);
    float a = plain_sum(c, first, left, i), b = plain_sum(c, first + left, count - left, i);
    return a + b;
}

/** This update's units, and rows of the sparse embedding with uneven cuts (some ranks own none). */
static void plan(Case *c, int update) {
    int ranks = c->world->size;
    c->update = update;
    c->units = update < UNITS ? UNITS - update : 1 + update % UNITS; /* 9, 8, … 1, then others */
    size_t rows = update % 4 == 3 ? 0 : (size_t)(update * 7 % ROWS_MAX + 1);
    memcpy(c->buckets, PLAN, sizeof PLAN);
    c->buckets[BUCKETS - 1].length = rows * ROW;
    c->buckets[BUCKETS - 1].cuts = c->cuts;
    c->cuts[0] = 0;
    for (int r = 0; r < ranks; r++)
        c->cuts[r + 1] = r == ranks - 1 ? rows : c->cuts[r] + (rows - c->cuts[r]) * (size_t)((update + r) % 3) / 2;
}

/** Units of the subtree that comes next: the largest, or in turn the unit alone. */
static int next_subtree(const Case *c, int unit, int end) {
    int count = 1;
    for (int more = 2; unit + more <= end; more++)
        if (tree_is_node(c->units, unit, more)) count = more;
    return c->rule.unsplit || (c->update + unit) % 2 == 0 ? count : 1;
}

/** This rank's subtrees, the last bucket first, as a backward pass has them; the sparse embedding at the end. */
static void write_units(Case *c) {
    static const size_t order[BUCKETS] = {3, 2, 1, 0, 4};
    Reduction *r = c->reduction;
    int64_t first, count;
    even_part(c->units, c->world->size, c->world->rank, &first, &count);
    for (int unit = (int)first, end = unit + (int)count, units; unit < end; unit += units) {
        units = next_subtree(c, unit, end);
        reduction_subtree_begin(r, units);
        float *buffer = reduction_gradient_buffer(r);
        for (size_t k = 0; k < BUCKETS; k++) {
            const Bucket *bucket = &c->buckets[order[k]];
            for (size_t i = bucket->start; i < bucket->start + bucket->length; i++)
                buffer[i] = plain_sum(c, unit, units, i);
            reduction_bucket_done(r, order[k]);
        }
        reduction_subtree_done(r);
    }
}

/** Σ |contributions|: what rounding errors of a sum are measured by. */
static float magnitude(const Case *c, size_t i) {
    float sum = 0.0F;
    for (int u = 0; u < c->units; u++) sum += fabsf(contribution(c, u, i));
    return sum;
}

/** Whether a sum is as exact as its kind promises: the bits of the tree's sum, or near them. */
static bool good(const Case *c, float value, size_t i) {
    float expected = plain_sum(c, 0, c->units, i);
    bool rounded = c->rule.bf16 && c->world->nodes > 1;
    if (c->rule.kind == REDUCTION_ORDERED && !rounded) return memcmp(&value, &expected, sizeof value) == 0;
    /* bf16 has 8 bits: each piece is off by 2^-8 of itself at most (and a little for the additions), and no piece is
     * larger than the magnitudes of its units. MPI adds in another order: each of up to 9 additions is off by 2^-24 of
     * a partial sum. */
    return fabsf(value - expected) <= magnitude(c, i) * (rounded ? 0x1.02p-8F : 10 * 0x1p-24F);
}

/** Owned parts must have the sums, and all parts together must cover the bucket. */
static void check_result(Case *c) {
    const float *result = reduction_result(c->reduction);
    for (size_t b = 0; b < BUCKETS; b++) {
        size_t first, length, at = c->buckets[b].start;
        for (int r = 0; r < c->world->size; r++) {
            reduction_part_of(c->reduction, b, r, &first, &length);
            if (length > 0) CHECK(first == at);
            at += length;
        }
        CHECK(at == c->buckets[b].start + c->buckets[b].length);
        reduction_part_of(c->reduction, b, c->world->rank, &first, &length);
        for (size_t i = first; i < first + length; i++) {
            CHECK(good(c, result[i], i));
            c->rounded += result[i] != plain_sum(c, 0, c->units, i);
        }
    }
}

/** Owners write new values; in some updates some ranks take so long that all that others send has arrived before. */
static void write_values(Case *c) {
    reduction_all_gather_begin(c->reduction, c->values, BUCKETS);
    for (size_t b = 0; b < BUCKETS; b++) {
        size_t first, length;
        if (c->world->rank % 2 == 1 && c->update % 4 == 1) usleep(500);
        reduction_poll(c->reduction);
        reduction_part_of(c->reduction, b, c->world->rank, &first, &length);
        memcpy(c->values + first, reduction_result(c->reduction) + first, length * sizeof(float));
        reduction_all_gather_bucket(c->reduction, b);
    }
}

/** Each bucket can be read once it was awaited, while messages of others are under way. */
static void check_gathering(Case *c) {
    write_values(c);
    for (size_t b = 0; b < BUCKETS; b++) {
        reduction_all_gather_await(c->reduction, b);
        for (size_t i = c->buckets[b].start; i < c->buckets[b].start + c->buckets[b].length; i++)
            CHECK(good(c, c->values[i], i));
        reduction_poll(c->reduction);
    }
    reduction_all_gather_end(c->reduction);
    CHECK(messages_sent(&c->reduction->all_gather.messages)); /* they may be written to again */
}

/** Summed over the ranks, every block's squares are those of the block that all ranks now have, to the bit. */
static void check_squares(const Case *c) {
    double *squares = reduction_squares(c->reduction);
    size_t index = 0;
    world_sum_doubles(c->world, squares, reduction_first_block(c->reduction, BUCKETS));
    for (size_t b = 0; b < BUCKETS; b++) {
        const Bucket *bucket = &c->buckets[b];
        CHECK(reduction_first_block(c->reduction, b) == index);
        for (size_t from = 0; from < bucket->length; from += bucket->block, index++) {
            size_t n = bucket->length - from < bucket->block ? bucket->length - from : bucket->block;
            CHECK(squares[index] == sum_of_squares(c->values + bucket->start + from, n));
        }
    }
    CHECK(reduction_first_block(c->reduction, BUCKETS) == index);
    MPI_Barrier(c->world->comm); /* before an owner writes the next values that a neighbour may still be reading */
}

/** Whether reduction_counts() knows such nodes: equally many ranks, node after node. */
static bool nodes_are_even(const World *world) {
    bool even = world->size % world->nodes == 0;
    for (int r = 0; r < world->size; r++) even = even && world->node_of[r] == r / (world->size / world->nodes);
    return even;
}

/** The counts of an update are what this rank sent since `before` and holds. */
static void check_counts(const Case *c, ReductionSent before) {
    const World *world = c->world;
    const Reduction *r = c->reduction;
    const ReductionSent after = reduction_sent(r);
    const ReductionJob job = {world->size, world->nodes, c->units, c->rule, c->buckets, BUCKETS, BUCKETS};
    ReductionCounts counts[16];
    Error error = {0};
    if (!nodes_are_even(world)) return;
    reduction_counts(&job, world->node_of[world->rank], counts, &error);
    FINE(world, &error);
    const ReductionCounts *mine = &counts[world->node_rank];
    CHECK((int64_t)mine->gradient_messages == after.gradient_messages - before.gradient_messages);
    CHECK((int64_t)mine->gradient_bytes == after.gradient_bytes - before.gradient_bytes);
    CHECK((int64_t)mine->value_messages == after.value_messages - before.value_messages);
    CHECK((int64_t)mine->value_bytes == after.value_bytes - before.value_bytes);
    CHECK((size_t)mine->buffers * BUFFER * sizeof(float) == reduction_shared_bytes(world, &c->rule, BUFFER));
    if (c->rule.kind == REDUCTION_ORDERED) CHECK(mine->message_bytes <= messages_room(r->reduce_scatter.room));
}

static void test_updates(World *world, ReductionRule rule) {
    Case c = {.world = world, .rule = rule};
    Error error = {0};
    reduction_create(&c.reduction, world, &rule, BUCKETS, BUFFER, BLOCKS_MAX, BLOCK, &error);
    FINE(world, &error);
    shared_create(&c.shared, world, world->node_rank == 0 ? BUFFER * sizeof(float) : 0, &error);
    FINE(world, &error);
    c.values = shared_block(c.shared, 0);
    reduction_all_gather_await(c.reduction, 0); /* nothing is under way yet */
    for (int update = 0; update < UPDATES; update++) {
        const ReductionSent before = reduction_sent(c.reduction);
        plan(&c, update);
        reduction_begin(c.reduction, c.units, c.buckets);
        write_units(&c);
        reduction_finish(c.reduction);
        check_result(&c);
        MPI_Barrier(world->comm); /* which an update has in the sum of its squares */
        check_gathering(&c);
        check_squares(&c);
        check_counts(&c, before);
    }
    world_sum_integers(world, &c.rounded, 1);
    if (rule.kind == REDUCTION_ORDERED) CHECK((c.rounded > 0) == (rule.bf16 && world->nodes > 1));
    shared_destroy(c.shared);
    reduction_destroy(c.reduction);
}

/** Whether polling alone completes a reduction's messages and sums. */
static bool come_by_polling(Reduction *r, bool gradients) {
    const ReduceScatter *scatter = &r->reduce_scatter;
    const AllGather *gather = &r->all_gather;
    double end = clock_now() + 20.0;
    bool there = false;
    while (!there && clock_now() < end) {
        reduction_poll(r);
        sched_yield();
        there =
            gradients ? messages_sent(&scatter->messages) && scatter->unsummed == 0 : messages_sent(&gather->messages);
        for (size_t b = 0; b < BUCKETS && !gradients; b++)
            there = there && ready_flags_all(gather->flags, b, gather->update);
    }
    return there;
}

/** All values of an update must be right. */
static void check_values(const Case *c, const Case *made) {
    for (size_t b = 0; b < BUCKETS; b++)
        for (size_t i = made->buckets[b].start; i < made->buckets[b].start + made->buckets[b].length; i++)
            CHECK(good(made, c->values[i], i));
}

/** With the next update begun while the values of the one before still come in; the last are still to come at the
 *  end. */
static void test_overlap(World *world) {
    Case c = {.world = world, .rule = {.units = UNITS, .overlap = true}};
    Error error = {0};
    reduction_create(&c.reduction, world, &c.rule, BUCKETS, BUFFER, BLOCKS_MAX, BLOCK, &error);
    FINE(world, &error);
    shared_create(&c.shared, world, world->node_rank == 0 ? BUFFER * sizeof(float) : 0, &error);
    FINE(world, &error);
    c.values = shared_block(c.shared, 0);
    plan(&c, 3); /* no row of the sparse embedding: its length may change with the next update */
    Case before = c;
    for (int update = 3; update < 3 + 4 * 4; update += 4) {
        plan(&c, update);
        reduction_begin(c.reduction, c.units, c.buckets);
        if (update > 3 && world->nodes > 1) CHECK(come_by_polling(c.reduction, false));
        for (size_t b = 0; update > 3 && b < BUCKETS; b++) reduction_all_gather_await(c.reduction, b);
        if (update > 3) check_values(&c, &before);
        reduction_all_gather_end(c.reduction);
        write_units(&c);
        if (world->nodes > 1) CHECK(come_by_polling(c.reduction, true));
        reduction_finish(c.reduction);
        MPI_Barrier(world->comm);
        write_values(&c);
        before = c;
    }
    reduction_destroy(c.reduction);
    check_values(&c, &before);
    MPI_Barrier(world->comm);
    shared_destroy(c.shared);
}

/** The contributions must show the order of a sum: adding from the left must give other bits for some floats. */
static void test_order_matters(World *world) {
    Case c = {.world = world};
    int different = 0;
    plan(&c, 0);
    for (size_t i = 0; i < 100; i++) {
        float sum = 0.0F;
        for (int u = 0; u < c.units; u++) sum += contribution(&c, u, i);
        different += sum != plain_sum(&c, 0, c.units, i);
    }
    CHECK(different > 20);
}

/** The bytes to share must hold the gradient buffers: at least one, and no more than the tree is deep. */
static void test_shared_bytes(World *world) {
    const ReductionRule rule = {.units = UNITS};
    size_t bytes = reduction_shared_bytes(world, &rule, BUFFER);
    CHECK(bytes >= BUFFER * sizeof(float) && bytes <= 5 * BUFFER * sizeof(float));
    CHECK(bytes % (BUFFER * sizeof(float)) == 0);
    if (world->size >= UNITS) CHECK(bytes == BUFFER * sizeof(float));
    const ReductionRule unsplit = {.units = UNITS, .unsplit = true};
    size_t fewer = reduction_shared_bytes(world, &unsplit, BUFFER);
    CHECK(fewer >= BUFFER * sizeof(float) && fewer <= bytes);
    if (world->size == 1) CHECK(fewer == BUFFER * sizeof(float));
}

int main(void) {
    World *world = check_start();
    test_order_matters(world);
    test_shared_bytes(world);
    for (NodesKind kind = 0; kind < NODES_ARRANGEMENTS; kind++) {
        check_arrange(world, kind);
        for (int overlap = 0; overlap < 2; overlap++) {
            test_updates(world, (ReductionRule){UNITS, REDUCTION_ORDERED, false, overlap, false});
            test_updates(world, (ReductionRule){UNITS, REDUCTION_ORDERED, true, overlap, false});
        }
        test_updates(world, (ReductionRule){UNITS, REDUCTION_ORDERED, false, true, true});
        test_updates(world, (ReductionRule){UNITS, REDUCTION_MPI, false, true, false});
        test_updates(world, (ReductionRule){UNITS, REDUCTION_MPI, false, true, true});
        test_overlap(world);
    }
    reduction_destroy(NULL);
    return check_finish(world);
}
