/* Complete updates over all ranks against a plain AdamW: parameters, moments and norm to the bit, so that they are
 * the same for every number of ranks as well. */
#include "mpi/plain.h"

enum { UPDATES = 7 };

/** Parameters as a model holds them: dense once a node, sparse embeddings on every rank. */
typedef struct {
    Shared *shared;
    Parameters parameters;
    PlainValues own;
} Held;

static Held hold(const World *world, const Plain *plain) {
    const ParameterLayout *layout = &plain->layout;
    Held held = {.own = plain_values(world, layout)};
    Error error = {0};
    shared_create(&held.shared, world, world->node_rank == 0 ? layout->dense * sizeof(float) : 0, &error);
    FINE(world, &error);
    held.parameters =
        (Parameters){.dense = shared_block(held.shared, 0), .token = held.own.token, .position = held.own.position};
    if (world->node_rank == 0) memcpy(held.parameters.dense, plain->values.dense, layout->dense * sizeof(float));
    memcpy(held.own.token, plain->values.token, layout->token.count * sizeof(float));
    memcpy(held.own.position, plain->values.position, layout->position.count * sizeof(float));
    shared_fence(held.shared);
    MPI_Barrier(world->comm);
    shared_fence(held.shared);
    return held;
}

static void let_go(Held *held) {
    plain_values_free(&held->own);
    shared_destroy(held->shared);
}

/** Every float of the dense part has one owner, and every piece lies in one tensor and one block. */
static void check_pieces(const World *world, const Optimizer *o) {
    int64_t owned = (int64_t)o->owned, covered = 0;
    for (size_t i = 0; i < o->piece_count; i++) {
        const Piece *p = &o->pieces[i];
        CHECK(p->length > 0 && p->moment == (size_t)covered);
        CHECK(p->offset / PARAMETERS_BLOCK == (p->offset + p->length - 1) / PARAMETERS_BLOCK);
        covered += (int64_t)p->length;
    }
    CHECK(covered == owned);
    world_sum_integers(world, &owned, 1);
    CHECK(owned == (int64_t)o->layout->dense);
    CHECK(optimizer_moment_bytes(world, o->layout) == 2 * o->layout->dense / (size_t)world->size * sizeof(float));
}

static void check_updates(World *world, const Settings *settings, const Frozen *frozen) {
    Plain plain;
    Optimizer optimizer;
    Error error = {0};
    int clipped = 0;
    plain_make_frozen(&plain, world, settings, frozen);
    Held held = hold(world, &plain);
    ReductionRule rule = optimizer_rule(settings, PLAIN_UNITS, false);
    optimizer_create(&optimizer, world, &plain.layout, settings, &rule, PLAIN_ROWS, PLAIN_ROWS, &error);
    FINE(world, &error);
    check_pieces(world, &optimizer);
    for (int update = 0; update < UPDATES; update++) {
        double norm = plain_optimizer_update(&plain, &optimizer, &held.parameters, update);
        plain_update(&plain, update);
        CHECK(norm == plain.norm);
        CHECK(plain_same(&plain, &held.parameters));
        CHECK(plain_same_moments(&plain, &optimizer));
        clipped += plain_clip(settings, norm) < 1.0;
        MPI_Barrier(world->comm); /* a neighbour may still be comparing what the next update writes to */
    }
    CHECK(clipped == (settings->max_grad_norm > 0.0 ? UPDATES : 0));
    /* Else rows never touched would not be tested. */
    int untouched = 0;
    for (size_t id = 0; id < optimizer.token.rows; id++) untouched += !optimizer.token.touched[id];
    CHECK(untouched > 0 || frozen->embeddings);
    CHECK(optimizer.token.owned_count > 0 || frozen->embeddings);
    optimizer_destroy(&optimizer);
    let_go(&held);
    plain_free(&plain);
}

int main(void) {
    World *world = check_start();
    const Settings plain = {.adam_beta1 = 0.9,
                            .adam_beta2 = 0.999,
                            .adam_epsilon = 1e-8,
                            .learning_rate = 1e-2,
                            .head_learning_rate = 1e-2,
                            .layerwise_lr_decay = 1.0};
    Settings decayed = plain;
    decayed.head_learning_rate = 3e-2;
    decayed.layerwise_lr_decay = 0.5; /* a power of which is exact */
    decayed.weight_decay = 0.1;
    decayed.max_grad_norm = 1.0;
    decayed.overlap_comm = true;
    const Frozen frozen[] = {{0, false}, {0, true}, {1, false}, {1, true}, {2, true}};
    for (NodesKind kind = 0; kind < NODES_ARRANGEMENTS; kind++) {
        check_arrange(world, kind);
        for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
            check_updates(world, &plain, &frozen[i]);
            check_updates(world, &decayed, &frozen[i]);
        }
    }
    return check_finish(world);
}
