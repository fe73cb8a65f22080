/* Flags in memory that a node's ranks share. See ready_flags.h. */
#include "comm/ready_flags.h"

#include <stdatomic.h>

typedef _Atomic uint64_t ReadyFlag;

Status ready_flags_create(ReadyFlags *flags, const World *world, size_t buckets, Error *error) {
    *flags = (ReadyFlags){.world = world};
    return shared_create(&flags->shared, world, buckets * sizeof(ReadyFlag), error);
}

void ready_flags_destroy(ReadyFlags *flags) {
    shared_destroy(flags->shared);
    flags->shared = NULL;
}

void ready_flags_set(const ReadyFlags *flags, size_t bucket, uint64_t update) {
    ReadyFlag *mine = shared_block(flags->shared, flags->world->node_rank);
    shared_fence(flags->shared); /* a barrier for all memory that the node shares */
    atomic_store_explicit(&mine[bucket], update, memory_order_release);
}

bool ready_flags_all(const ReadyFlags *flags, size_t bucket, uint64_t update) {
    for (int rank = 0; rank < flags->world->node_size; rank++) {
        ReadyFlag *theirs = shared_block(flags->shared, rank);
        if (atomic_load_explicit(&theirs[bucket], memory_order_acquire) < update) return false;
    }
    shared_fence(flags->shared);
    return true;
}
