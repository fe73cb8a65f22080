#ifndef LINNET_TESTS_MPI_CHECK_H
#define LINNET_TESTS_MPI_CHECK_H
/** What the tests under several ranks share. A check that fails is printed and counted, and the program goes on: a
 *  rank that left would let the others hang. Every rank must go through the same collective calls whatever it
 *  finds. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/heartbeat/job.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int checks, failures;
static int checking_rank; /* for messages */

/** Count a check; the first few that fail are printed. */
static inline void check_at(bool holds, const char *file, int line, const char *text) {
    checks++;
    if (holds) return;
    if (failures++ < 10) fprintf(stderr, "rank %d: %s:%d: not so: %s\n", checking_rank, file, line, text);
}
#define CHECK(condition) check_at((condition), __FILE__, __LINE__, #condition)

/** An error where none should be ends the test on all ranks. */
static inline void fine_at(const World *world, const Error *error, int line) {
    if (error->status == STATUS_OK) return;
    fprintf(stderr, "line %d: unexpected error\n", line);
    world_abort(world, error);
}
#define FINE(world, error) fine_at((world), (error), __LINE__)

static inline World *check_start(void) {
    World *world = NULL;
    Error error = {0};
    if (job_start(&world, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    checking_rank = world->rank;
    /* Threads that spin on cores they do not have take many times as long: a rank that is alone has several. */
    omp_set_num_threads(world->size == 1 ? 2 : 1);
    return world;
}

/** End MPI and return the exit code: 1 when any rank found a fault, or checked nothing. */
static inline int check_finish(World *world) {
    int64_t idle = checks == 0, faults = failures;
    world_sum_integers(world, &idle, 1);
    world_sum_integers(world, &faults, 1);
    if (world->rank == 0 && faults > 0) fprintf(stderr, "%lld checks failed\n", (long long)faults);
    job_finish(world, STATUS_OK);
    return faults > 0 || idle > 0;
}

static inline void *check_allocate(const World *world, size_t count, size_t size) {
    Error error = {0};
    void *block = memory_allocate(count, size, &error);
    FINE(world, &error);
    return block;
}

/** How the ranks of a world lie on nodes. */
typedef enum {
    NODES_ONE,    /* all on one, as they really are */
    NODES_OF_TWO, /* 0 1 | 2 3: with 3 ranks the second node has one */
    NODES_TURNED, /* 0 2 | 1 3: dealt in turn, so that neighbours are not next to each other */
    NODES_ALONE,  /* every rank one of its own: all goes by messages */
    NODES_ARRANGEMENTS
} NodesKind;

/** Make believe that the ranks lie on nodes so; NODES_ALONE last, from which there is no way back. Collective. */
static inline void check_arrange(World *world, NodesKind kind) {
    if (kind == NODES_ONE) return;
    if (kind == NODES_ALONE) {
        world_isolate(world);
        return;
    }
    int color = kind == NODES_OF_TWO ? world->rank / 2 : world->rank % 2;
    MPI_Comm_free(&world->node);
    world_check(world, MPI_Comm_split(world->comm, color, world->rank, &world->node), "MPI_Comm_split");
    MPI_Comm_rank(world->node, &world->node_rank);
    MPI_Comm_size(world->node, &world->node_size);
    world->nodes = 0;
    for (int r = 0; r < world->size; r++) {
        world->node_of[r] = kind == NODES_OF_TWO ? r / 2 : r % 2;
        world->local_of[r] = kind == NODES_OF_TWO ? r % 2 : r / 2;
        if (world->node_of[r] >= world->nodes) world->nodes = world->node_of[r] + 1;
    }
}

/** A world of this rank alone, in addition to the one of all ranks; freed with solo_free(). */
static inline World *solo_world(const World *world) {
    World *solo = check_allocate(world, 1, sizeof *solo);
    *solo = (World){.comm = MPI_COMM_SELF, .node = MPI_COMM_SELF, .size = 1, .node_size = 1, .nodes = 1};
    solo->node_of = check_allocate(world, 1, sizeof(int));
    solo->local_of = check_allocate(world, 1, sizeof(int));
    snprintf(solo->host, sizeof solo->host, "%s", world->host);
    return solo;
}

static inline void solo_free(World *solo) {
    memory_free(solo->node_of);
    memory_free(solo->local_of);
    memory_free(solo);
}

/** Any float from three numbers: a few magnitudes, both signs, so that the order of a sum shows in its last bits. */
static inline float any_float(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t x = a * 0x9E3779B97F4A7C15U + b * 0xBF58476D1CE4E5B9U + c * 0x94D049BB133111EBU;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    x ^= x >> 31;
    float value = (float)(int32_t)(x & 0xFFFFFF) / (float)(1 << 23) - 1.0F;
    return value * (float)(1 << (x >> 40) % 5);
}

/** A new folder under /tmp with one name on all ranks; the path is freed with memory_free(). Collective. */
static inline char *check_folder(const World *world) {
    char name[] = "/tmp/linnet-mpi-XXXXXX";
    Error error = {0};
    if (world->rank == 0 && mkdtemp(name) == NULL) error_set(&error, STATUS_FAILURE, "no folder in /tmp");
    FINE(world, &error);
    world_broadcast(world, name, sizeof name);
    char *path = memory_text(name, &error);
    FINE(world, &error);
    return path;
}

/** Remove that folder with all in it, and free its path. Collective. */
static inline void check_remove(const World *world, char *folder) {
    Error error = {0};
    MPI_Barrier(world->comm);
    if (world->rank == 0) file_remove(folder, &error);
    FINE(world, &error);
    memory_free(folder);
}

#endif
