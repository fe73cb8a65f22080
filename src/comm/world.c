/* Ranks and nodes, agreement and abort. See world.h. */
#include "linnet/comm/world.h"
#include "linnet/core/integers.h"
#include "linnet/core/launcher.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 30 }; /* the most bytes or elements of one MPI call, whose counts are ints */

void world_check(const World *world, int code, const char *what) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    Error error = {0};
    error_set(&error, STATUS_FAILURE, "%s failed: %.*s", what, length, text);
    /* Most often another rank has ended: then the heartbeat, which knows which one and where, reports that in this
     * second and ends this process. */
    if (world->hooks.heartbeat) sleep(1);
    world_abort(world, &error);
}

void run_place_text(const char *host, RunPhase phase, int64_t step, char text[RUN_PLACE_TEXT]) {
    static const char *const names[] = {"at the start",      "while loading", "in update",
                                        "in the evaluation", "while saving",  "at the end"};
    int length = snprintf(text, RUN_PLACE_TEXT, "%s, %s", host, names[phase]);
    if (phase == RUN_UPDATE) snprintf(text + length, RUN_PLACE_TEXT - (size_t)length, " %lld", (long long)step);
}

void world_phase(World *world, RunPhase phase, int64_t step) {
    bool changed = atomic_exchange(&world->phase, (int)phase) != (int)phase;
    atomic_store(&world->step, step);
    if (world->hooks.phase_entered) world->hooks.phase_entered(world->hooks.heartbeat, changed);
}

void world_tell(const World *world, const Error *error) {
    char where[RUN_PLACE_TEXT];
    run_place_text(world->host, (RunPhase)atomic_load(&world->phase), atomic_load(&world->step), where);
    if (world->size > 1)
        log_error_at(world->rank, where, "%s", error->message);
    else
        log_error("%s", error->message);
}

_Noreturn void world_abort(const World *world, const Error *error) {
    world_tell(world, error);
    if (world->hooks.aborting) world->hooks.aborting(world->hooks.heartbeat);
    temporary_clean();
    fflush(NULL);
    MPI_Abort(world->comm, (int)error->status);
    _Exit((int)error->status);
}

/* A process that is alone in MPI_COMM_WORLD although its launcher started several was started by the launcher of
 * another MPI (or by srun without a PMI that this MPI knows): each would train by itself and overwrite the others'
 * files. */
static Status refuse_stray(const World *world, Error *error) {
    const Launcher launcher = launcher_find();
    char count[LAUNCHER_TEXT], library[MPI_MAX_LIBRARY_VERSION_STRING];
    int size = 0;
    if (world->size > 1 || !launcher_is_several(&launcher)) return STATUS_OK;
    launcher_count_text(&launcher, count);
    MPI_Get_library_version(library, &size);
    return error_set(error, STATUS_INPUT, "the launcher started %s but MPI sees one: start this linnet with %s", count,
                     launcher_advice(library));
}

/* Fill node_of and local_of of every rank from the node's communicator, whose making returned `code`. */
static void find_nodes(World *world, int code) {
    world_check(world, code, "making the node's communicator");
    MPI_Comm_set_errhandler(world->node, MPI_ERRORS_RETURN);
    MPI_Comm_rank(world->node, &world->node_rank);
    MPI_Comm_size(world->node, &world->node_size);
    int lowest = world->rank, *node_of = world->node_of;
    world_check(world, MPI_Bcast(&lowest, 1, MPI_INT, 0, world->node), "MPI_Bcast");
    world_check(world, MPI_Allgather(&lowest, 1, MPI_INT, node_of, 1, MPI_INT, world->comm), "MPI_Allgather");
    world_check(world, MPI_Allgather(&world->node_rank, 1, MPI_INT, world->local_of, 1, MPI_INT, world->comm),
                "MPI_Allgather");
    world->nodes = 0;
    for (int r = 0; r < world->size; r++) node_of[r] = node_of[r] == r ? world->nodes++ : node_of[node_of[r]];
}

/* Find out what MPI knows about the ranks. */
static Status find_ranks(World *world, Error *error) {
    world->comm = MPI_COMM_WORLD;
    MPI_Comm_set_errhandler(world->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(world->comm, &world->rank);
    MPI_Comm_size(world->comm, &world->size);
    gethostname(world->host, sizeof world->host - 1);
    if (refuse_stray(world, error)) {
        log_error("%s", error->message); /* it is alone, or believes so */
        return error->status;
    }
    world->node_of = memory_allocate((size_t)world->size, sizeof *world->node_of, error);
    world->local_of = memory_allocate((size_t)world->size, sizeof *world->local_of, error);
    world->hosts = memory_allocate((size_t)world->size, sizeof *world->hosts, error);
    if (world_agree(world, error, true)) return error->status;
    find_nodes(world, MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &world->node));
    world_check(world,
                MPI_Allgather(world->host, WORLD_HOST, MPI_CHAR, world->hosts, WORLD_HOST, MPI_CHAR, world->comm),
                "MPI_Allgather");
    return STATUS_OK;
}

/* Print an error of a rank that has no World. */
static void tell_unstarted(const Error *error) {
    const Launcher launcher = launcher_find();
    char host[WORLD_HOST] = "", where[RUN_PLACE_TEXT];
    gethostname(host, sizeof host - 1);
    run_place_text(host, RUN_START, 0, where);
    if (!launcher_is_alone(&launcher))
        log_error_at(launcher.rank, where, "%s", error->message);
    else
        log_error("%s", error->message);
}

Status world_start(World **world, Error *error) {
    World *new = calloc(1, sizeof *new);
    int provided = 0;
    if (!new) error_set(error, STATUS_FAILURE, "cannot start MPI: out of memory");
    if (!limits_mpi(error) && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        error_set(error, STATUS_FAILURE, "cannot start MPI");
    if (error->status) {
        if (launcher_speaks()) tell_unstarted(error);
        free(new);
        return error->status;
    }
    *world = new;
    return find_ranks(new, error);
}

void world_isolate(World *world) {
    MPI_Comm_free(&world->node);
    find_nodes(world, MPI_Comm_dup(MPI_COMM_SELF, &world->node));
}

void world_finalize(World *world) {
    if (world->node_size > 0) MPI_Comm_free(&world->node);
    MPI_Finalize();
}

void world_free(World *world) {
    memory_free(world->node_of);
    memory_free(world->local_of);
    memory_free(world->hosts);
    free(world);
}

Status world_agree(const World *world, Error *error, bool print) {
    int failing = error->status != STATUS_OK ? world->rank : INT_MAX, lowest = INT_MAX;
    world_check(world, MPI_Allreduce(&failing, &lowest, 1, MPI_INT, MPI_MIN, world->comm), "MPI_Allreduce");
    if (lowest == INT_MAX) return STATUS_OK;
    Error first = *error;
    world_check(world, MPI_Bcast(&first, (int)sizeof first, MPI_BYTE, lowest, world->comm), "MPI_Bcast");
    first.file = error->file; /* a pointer of another process means nothing here */
    first.rank = lowest;
    *error = first;
    if (print && world->rank == lowest) world_tell(world, error);
    return error->status;
}

void world_broadcast(const World *world, void *bytes, size_t size) {
    for (size_t done = 0; done < size; done += PIECE) {
        size_t piece = size_min(size - done, PIECE);
        world_check(world, MPI_Bcast((char *)bytes + done, (int)piece, MPI_BYTE, 0, world->comm), "MPI_Bcast");
    }
}

Status world_broadcast_text(const World *world, char **text, Error *error) {
    int64_t size = world->rank == 0 ? (int64_t)strlen(*text) + 1 : 0;
    world_broadcast(world, &size, sizeof size);
    if (world->rank != 0) *text = memory_allocate((size_t)size, 1, error);
    if (world_agree(world, error, true)) return error->status;
    world_broadcast(world, *text, (size_t)size);
    return STATUS_OK;
}

static void reduce(const World *world, void *values, size_t count, size_t width, MPI_Datatype type, MPI_Op op) {
    if (world->size == 1) return;
    for (size_t done = 0; done < count; done += PIECE / 8) {
        size_t piece = size_min(count - done, PIECE / 8);
        world_check(world,
                    MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * width, (int)piece, type, op, world->comm),
                    "MPI_Allreduce");
    }
}

void world_sum_doubles(const World *world, double *values, size_t count) {
    reduce(world, values, count, sizeof *values, MPI_DOUBLE, MPI_SUM);
}

void world_sum_integers(const World *world, int64_t *values, size_t count) {
    reduce(world, values, count, sizeof *values, MPI_INT64_T, MPI_SUM);
}

void world_max_integers(const World *world, int64_t *values, size_t count) {
    reduce(world, values, count, sizeof *values, MPI_INT64_T, MPI_MAX);
}

double world_slowest(const World *world, double seconds) {
    int64_t nanoseconds = (int64_t)(seconds * 1e9);
    world_max_integers(world, &nanoseconds, 1);
    return (double)nanoseconds * 1e-9;
}
