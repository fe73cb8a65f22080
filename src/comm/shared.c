/* Memory shared by the ranks of a node. See shared.h. */
#include "linnet/comm/shared.h"
#include "linnet/core/environment.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WINDOW_ROOM ((size_t)1 << 20) /* bytes of shared memory that MPI needs besides, at most */

struct Shared {
    const World *world; /* borrowed */
    MPI_Win window;     /* MPI_WIN_NULL where the node has one rank, whose block is plain memory */
    void **blocks;      /* [node_size] */
    size_t bytes;       /* of this rank's block */
};

/* An address rounded up to the alignment of memory_allocate(). */
static void *align(void *address) {
    return (void *)(((uintptr_t)address + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT);
}

static Status open_window(Shared *shared, size_t bytes, Error *error) {
    const World *world = shared->world;
    void *mine = NULL;
    int code = MPI_Win_allocate_shared((MPI_Aint)(bytes + MEMORY_ALIGNMENT), 1, MPI_INFO_NULL, world->node, &mine,
                                       &shared->window);
    if (code != MPI_SUCCESS)
        return error_set(error, STATUS_FAILURE, "cannot allocate %zu bytes of memory shared by the ranks on %s", bytes,
                         world->host);
    world_check(world, MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window), "MPI_Win_lock_all");
    for (int r = 0; r < world->node_size; r++) {
        MPI_Aint size = 0;
        int unit = 0;
        world_check(world, MPI_Win_shared_query(shared->window, r, &size, &unit, &shared->blocks[r]),
                    "MPI_Win_shared_query");
        shared->blocks[r] = align(shared->blocks[r]);
    }
    return STATUS_OK;
}

Status shared_create(Shared **shared, const World *world, size_t bytes, Error *error) {
    Shared *new = memory_allocate(1, sizeof *new, error);
    if (new) {
        *new = (Shared){.world = world, .window = MPI_WIN_NULL, .bytes = bytes};
        new->blocks = memory_allocate((size_t)world->node_size, sizeof *new->blocks, error);
    }
    if (world_agree(world, error, true) == STATUS_OK) {
        if (world->node_size == 1)
            new->blocks[0] = memory_allocate(bytes, 1, error);
        else
            open_window(new, bytes, error);
        world_agree(world, error, true);
    }
    if (error->status == STATUS_OK)
        *shared = new;
    else
        shared_destroy(new);
    return error->status;
}

void *shared_block(const Shared *shared, int node_rank) {
    return shared->blocks[node_rank];
}

void shared_fence(const Shared *shared) {
    if (shared->window != MPI_WIN_NULL) world_check(shared->world, MPI_Win_sync(shared->window), "MPI_Win_sync");
}

void ready_flag_set(const Shared *flags, size_t index, uint64_t update) {
    ReadyFlag *mine = shared_block(flags, flags->world->node_rank);
    shared_fence(flags); /* a barrier for all memory that the node shares */
    atomic_store_explicit(&mine[index], update, memory_order_release);
}

bool ready_flags_all(const Shared *flags, size_t index, uint64_t update) {
    for (int rank = 0; rank < flags->world->node_size; rank++) {
        ReadyFlag *theirs = shared_block(flags, rank);
        if (atomic_load_explicit(&theirs[index], memory_order_acquire) < update) return false;
    }
    shared_fence(flags);
    return true;
}

void shared_discard(Shared *shared) {
    /* Where the system refuses, the memory stays as it is: no rank may rely on zeros. */
    int advice = shared->window == MPI_WIN_NULL ? MADV_DONTNEED : MADV_REMOVE;
    memory_advise(shared->blocks[shared->world->node_rank], shared->bytes, advice);
}

void shared_destroy(Shared *shared) {
    if (!shared) return;
    if (shared->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(shared->window);
        MPI_Win_free(&shared->window);
    } else if (shared->blocks) {
        memory_free(shared->blocks[0]);
    }
    memory_free(shared->blocks);
    memory_free(shared);
}

/* Where MPI keeps the file by way of which it shares memory: Open MPI takes its folder for temporary files where it
 * cannot write to /dev/shm. */
static const char *window_folder(void) {
    const char *temporary = getenv("TMPDIR");
    if (access("/dev/shm", W_OK) == 0) return "/dev/shm";
    return temporary && *temporary ? temporary : "/tmp";
}

/* Whether this node may share memory and has room for `bytes`. */
static bool fits(size_t bytes) {
    static const char *const WORDS[] = {"0", "1", NULL};
    if (environment_word("LINNET_SHARED_MEMORY", WORDS, "the ranks of a host share memory") == 0) return false;
    struct rlimit files;
    struct statvfs room;
    /* Where Open MPI cannot make the file, all but one rank wait for ever. */
    if (getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur < bytes + WINDOW_ROOM) return false;
    if (statvfs(window_folder(), &room) != 0) return true; /* MPI may share memory in another way */
    return (size_t)room.f_bavail * room.f_frsize >= bytes;
}

void shared_choose(World *world, size_t bytes) {
    int64_t alone = world->node_size > 1 && !fits(bytes);
    world_max_integers(world, &alone, 1);
    if (!alone) return;
    log_info("every rank keeps its own copy of the model: /dev/shm or the size that files may have (ulimit -f) is too "
             "small to share it, or LINNET_SHARED_MEMORY is 0");
    world_isolate(world);
}
