/* The messages of the ordered reduction.
 *
 * For every bucket a rank sends each other rank the part that the other owns: a neighbour on its node gets an
 * empty message ("read it where it lies"), a rank elsewhere one message a node of the tree. Tags tell bucket and
 * node apart; MPI keeps messages of equal tags in order from one update to the next. */
#include "comm/reduction_private.h"

#include "linnet/memory.h"

static int tag_of(const Reduction *r, size_t bucket, int slot) {
    return (int)bucket + (int)r->buckets * slot;
}

static bool is_neighbour(const World *world, int rank) {
    return world->node_of[rank] == world->node_of[world->rank];
}

void exchange_limits(const World *world, size_t buckets, int units, int slots, int *receives, int *sends) {
    size_t most = buckets * (size_t)(units + world->size);
    *receives = (int)most;
    /* Gradients go to every rank, a message a slot; parameters come from every rank and go to every node. */
    size_t gradients = buckets * (size_t)world->size * (size_t)slots;
    size_t parameters = buckets * (size_t)(world->size + world->nodes);
    *sends = (int)(gradients > parameters ? gradients : parameters);
}

static void post_receive(Reduction *r, float *into, size_t length, int rank, size_t bucket, int slot) {
    world_check(r->world,
                MPI_Irecv(into, (int)length, MPI_FLOAT, rank, tag_of(r, bucket, slot), r->world->comm,
                          &r->receives[r->receive_count]),
                "MPI_Irecv");
    r->receive_bucket[r->receive_count++] = (int)bucket;
    r->state[bucket].missing++;
}

/* Receives for one bucket of which this rank owns `length` floats, the first of them number `before` of all it
 * owns. */
static void post_bucket(Reduction *r, size_t bucket, size_t before, size_t length) {
    for (size_t i = 0; i < r->node_count; i++) {
        const TreeNode *node = &r->nodes[i];
        if (node->rank == r->world->rank) continue;
        if (!is_neighbour(r->world, node->rank))
            post_receive(r, r->receive + r->node_receive[i] + before, length, node->rank, bucket, node->slot);
        else if (node->slot == 0)
            post_receive(r, NULL, 0, node->rank, bucket, 0);
    }
}

/* Room for the pieces that this update receives. It depends on whose rows the window touches, so it may have to
 * grow, in the first updates above all; a quarter more than needed makes that rare. */
static void make_room(Reduction *r, size_t floats) {
    if (floats <= r->receive_room) return;
    Error error = {0};
    memory_free(r->receive);
    r->receive_room = floats + floats / 4;
    r->receive = memory_allocate(r->receive_room, sizeof *r->receive, &error);
    if (r->receive == NULL) world_abort(r->world, &error);
}

void exchange_begin(Reduction *r) {
    size_t total = 0, first, length, remote = 0;
    for (size_t b = 0; b < r->buckets; b++) {
        reduction_owned(r, b, &first, &length);
        total += length;
    }
    for (size_t i = 0; i < r->node_count; i++)
        if (!is_neighbour(r->world, r->nodes[i].rank)) r->node_receive[i] = total * remote++;
    make_room(r, total * remote);
    r->receive_count = r->send_count = 0;
    size_t before = 0;
    for (size_t b = 0; b < r->buckets; b++) {
        reduction_owned(r, b, &first, &length);
        if (length > 0) post_bucket(r, b, before, length);
        before += length;
    }
}

static void send(Reduction *r, const float *from, size_t length, int rank, size_t bucket, int slot) {
    world_check(r->world,
                MPI_Isend(from, (int)length, MPI_FLOAT, rank, tag_of(r, bucket, slot), r->world->comm,
                          &r->sends[r->send_count++]),
                "MPI_Isend");
}

void exchange_announce(Reduction *r, size_t bucket) {
    int mine = reduction_rank_nodes(r, r->world->rank);
    shared_fence(r->shared);
    for (int step = 1; step < r->world->size && mine > 0; step++) {
        int rank = (r->world->rank + step) % r->world->size; /* not all to rank 0 first */
        size_t first, length;
        reduction_part_of(r, bucket, rank, &first, &length);
        if (length == 0) continue;
        if (is_neighbour(r->world, rank)) {
            send(r, NULL, 0, rank, bucket, 0);
            continue;
        }
        for (int slot = 0; slot < mine; slot++)
            send(r, r->mine + (size_t)slot * r->slot_length + first, length, rank, bucket, slot);
    }
    r->state[bucket].announced = true;
    exchange_progress(r, false);
}

void exchange_progress(Reduction *r, bool wait) {
    int arrived = 0;
    if (r->receive_count > 0) {
        int code = wait ? MPI_Waitsome(r->receive_count, r->receives, &arrived, r->arrived, MPI_STATUSES_IGNORE)
                        : MPI_Testsome(r->receive_count, r->receives, &arrived, r->arrived, MPI_STATUSES_IGNORE);
        world_check(r->world, code, "receiving gradients");
        if (arrived == MPI_UNDEFINED) arrived = 0; /* nothing is outstanding any more */
    }
    for (int i = 0; i < arrived; i++) r->state[r->receive_bucket[r->arrived[i]]].missing--;
    for (size_t b = 0; b < r->buckets; b++) {
        BucketState *state = &r->state[b];
        if (state->announced && state->missing == 0 && !state->summed) reduction_sum(r, b);
    }
}

void exchange_end(Reduction *r) {
    world_check(r->world, MPI_Waitall(r->send_count, r->sends, MPI_STATUSES_IGNORE), "sending gradients");
}

/* The rank of `node` that receives what `owner` has to tell that node. */
static int receiver_of(const World *world, int node, int owner) {
    int size = 0;
    for (int r = 0; r < world->size; r++) size += world->node_of[r] == node;
    for (int r = 0; r < world->size; r++)
        if (world->node_of[r] == node && world->local_of[r] == owner % size) return r;
    return -1; /* cannot be: every node has its local ranks 0 … size − 1 */
}

/* Messages of one owner's parts, to or from this rank. */
static void distribute_from(Reduction *r, float *values, int owner, int peer, size_t first_bucket, size_t count) {
    bool sending = owner == r->world->rank;
    for (size_t b = first_bucket; b < first_bucket + count; b++) {
        size_t first, length;
        reduction_part_of(r, b, owner, &first, &length);
        if (length == 0) continue;
        MPI_Request *request = &r->sends[r->send_count++];
        int code =
            sending ? MPI_Isend(values + first, (int)length, MPI_FLOAT, peer, tag_of(r, b, 0), r->world->comm, request)
                    : MPI_Irecv(values + first, (int)length, MPI_FLOAT, peer, tag_of(r, b, 0), r->world->comm, request);
        world_check(r->world, code, "distributing parameters");
    }
}

void reduction_distribute(Reduction *r, float *values, size_t first, size_t count) {
    const World *world = r->world;
    double start = MPI_Wtime();
    int here = world->node_of[world->rank];
    r->send_count = 0;
    for (int owner = 0; owner < world->size && world->nodes > 1; owner++)
        if (world->node_of[owner] != here && receiver_of(world, here, owner) == world->rank)
            distribute_from(r, values, owner, owner, first, count);
    for (int node = 0; node < world->nodes; node++)
        if (node != here) distribute_from(r, values, world->rank, receiver_of(world, node, world->rank), first, count);
    world_check(world, MPI_Waitall(r->send_count, r->sends, MPI_STATUSES_IGNORE), "distributing parameters");
    shared_fence(r->shared);
    world_check(world, MPI_Barrier(world->node), "MPI_Barrier");
    shared_fence(r->shared);
    r->waited += MPI_Wtime() - start;
}
