/* Reading files once for all ranks. See broadcast_files.h. */
#include "linnet/comm/broadcast_files.h"
#include "linnet/core/file.h"
#include "linnet/core/file_copies.h"
#include "linnet/core/file_source.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/network_disk.h"
#include "linnet/core/progress.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 8 << 20 /* bytes of a message */, FILES_MOST = 4096 /* of a folder */ };

/* A file of the folder, as all ranks know it. */
typedef struct {
    char name[NAME_MAX + 1]; /* empty: the path itself is the file */
    int64_t size;
    uint32_t mode;
    int32_t copied;
} Listed;

/* Where the ranks of a host find the copy of a file: a descriptor of their leader. */
typedef struct {
    int64_t process, file;
    uint64_t device, inode;
} Place;

typedef struct {
    const World *world;
    const char *path;
    MPI_Comm host,
        leaders;          /* the ranks of this host; of each host the first, where this rank is not one MPI_COMM_NULL */
    int host_rank, hosts; /* hosts: on leaders */
    Listed *files;        /* [count] */
    int64_t count;        /* 0: nothing is copied */
    int *copies;          /* [count] descriptors; −1: none */
    char *buffer;         /* [PIECE] on leaders */
} Job;

/* --- What there is ------------------------------------------------------------------------------------------------ */

static void find_hosts(Job *job) {
    const World *world = job->world;
    world_check(world, MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &job->host),
                "MPI_Comm_split_type");
    MPI_Comm_rank(job->host, &job->host_rank);
    world_check(world, MPI_Comm_split(world->comm, job->host_rank == 0 ? 0 : MPI_UNDEFINED, world->rank, &job->leaders),
                "MPI_Comm_split");
    MPI_Comm_set_errhandler(job->host, MPI_ERRORS_RETURN);
    if (job->leaders == MPI_COMM_NULL) return;
    MPI_Comm_set_errhandler(job->leaders, MPI_ERRORS_RETURN);
    MPI_Comm_size(job->leaders, &job->hosts);
}

/* Add a file; false where there is none of that name, or too many. */
static bool add_file(Job *job, const char *name, Error *error) {
    char path[PATH_MAX];
    struct stat about;
    const int length = snprintf(path, sizeof path, "%s%s%s", job->path, *name ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &about)) return true; /* as good as missing */
    if (job->count == FILES_MOST) return false;
    const size_t used = (size_t)job->count * sizeof *job->files;
    Listed *files = memory_resize(job->files, used, (size_t)job->count + 1, sizeof *files, error);
    if (!files) return false;
    job->files = files;
    Listed *file = &files[job->count++];
    *file = (Listed){.size = (int64_t)about.st_size, .mode = (uint32_t)about.st_mode};
    memcpy(file->name, name, strlen(name) + 1);
    return true;
}

static void list_folder(Job *job, BroadcastChoice *choice, Error *error) {
    DIR *folder = opendir(job->path);
    bool complete = folder != NULL;
    for (const struct dirent *entry; complete && (errno = 0, entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            complete = add_file(job, entry->d_name, error);
    complete = complete && errno == 0;
    if (folder) closedir(folder);
    if (!complete) job->count = 0;
    for (int64_t i = 0; i < job->count; i++) {
        Listed *file = &job->files[i];
        file->copied = S_ISREG(file->mode) && choice(job->path, file->name);
    }
}

static void list_file(Job *job, Error *error) {
    add_file(job, "", error);
    if (job->count == 0) return;
    Listed *file = &job->files[0];
    file->copied = S_ISREG(file->mode) && file->size <= BROADCAST_PART_BYTES;
    if (!file->copied) job->count = 0;
    if (S_ISREG(file->mode) && !file->copied)
        log_info("%s has %.1f GB: every rank reads its part of the file itself", job->path, (double)file->size / 1e9);
}

/* Rank 0 lists; all get the list. Collective. */
static Status list(Job *job, BroadcastChoice *choice, Error *error) {
    const World *world = job->world;
    if (world->rank == 0 && (job->hosts > 1 || network_disk(job->path))) {
        if (choice)
            list_folder(job, choice, error);
        else
            list_file(job, error);
    }
    world_broadcast(world, &job->count, sizeof job->count);
    if (world->rank != 0) job->files = memory_allocate((size_t)job->count, sizeof *job->files, error);
    job->copies = memory_allocate((size_t)job->count, sizeof *job->copies, error);
    if (job->host_rank == 0 && job->count > 0) job->buffer = memory_allocate(PIECE, 1, error);
    for (int64_t i = 0; job->copies && i < job->count; i++) job->copies[i] = -1;
    if (world_agree(world, error, true)) return error->status;
    world_broadcast(world, job->files, (size_t)job->count * sizeof *job->files);
    return STATUS_OK;
}

/* --- Copies on each host ------------------------------------------------------------------------------------------ */

static int64_t bytes_of(const Job *job) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < job->count; i++) bytes += job->files[i].copied ? job->files[i].size : 0;
    return bytes;
}

/* A file without a name. Some sites allow only such as can never be made executable (sysctl vm.memfd_noexec), which
 * kernels before 6.3 do not know. */
static int memory_file(void) {
    const unsigned not_executable = 8; /* MFD_NOEXEC_SEAL, which older headers lack */
    const int file = memfd_create("linnet", MFD_CLOEXEC | not_executable);
    return file < 0 && errno == EINVAL ? memfd_create("linnet", MFD_CLOEXEC) : file;
}

/* Make the files of this host, still without bytes; false where it cannot, as where they would be larger than files may
 * be (ulimit -f). */
static bool make_copies(const Job *job) {
    if (memory_available() / 2 < (size_t)bytes_of(job)) return false;
    for (int64_t i = 0; i < job->count; i++) {
        if (!job->files[i].copied) continue;
        job->copies[i] = memory_file();
        if (job->copies[i] < 0 || ftruncate(job->copies[i], (off_t)job->files[i].size)) return false;
    }
    return true;
}

/* Copy one file from rank 0's file system to every host. Leaders call it together; after an error they go on to the
 * end, with bytes that do not matter. */
static void copy_file(const Job *job, int64_t index, Error *error) {
    const Listed *file = &job->files[index];
    const bool reader = job->world->rank == 0;
    FileSource source = {.file = -1};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", job->path, *file->name ? "/" : "", file->name);
    if (reader) file_source_open(&source, path, error);
    for (int64_t at = 0, size; at < file->size; at += size) {
        size_t got = 0;
        size = int64_min(file->size - at, PIECE);
        if (reader && !error->status && !file_source_read(&source, job->buffer, (size_t)size, at, &got, error) &&
            got < (size_t)size)
            error_set(error, STATUS_INPUT, "%s: was cut short while it was read", path);
        world_check(job->world, MPI_Bcast(job->buffer, (int)size, MPI_BYTE, 0, job->leaders), "MPI_Bcast");
        if (!error->status && !file_write_all(job->copies[index], job->buffer, (size_t)size))
            error_set(error, STATUS_FAILURE, "%s: cannot keep a copy in memory: %s", path, strerror(errno));
        progress_add_bytes(size);
    }
    file_source_close(&source);
}

/* Open the leader's copies; false where this rank cannot, as in a container of its own. */
static bool open_copies(const Job *job, const Place *places) {
    for (int64_t i = 0; i < job->count; i++) {
        struct stat about;
        char path[64];
        if (!job->files[i].copied) continue;
        snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)places[i].process, (long long)places[i].file);
        job->copies[i] = open(path, O_RDWR | O_CLOEXEC);
        if (job->copies[i] < 0 || fstat(job->copies[i], &about) || about.st_dev != places[i].device ||
            about.st_ino != places[i].inode)
            return false;
    }
    return true;
}

/* The other ranks of a host get the copies of their leader. Collective over the host; false where this rank cannot. */
static bool share_copies(const Job *job, Place *places) {
    for (int64_t i = 0; i < job->count && job->host_rank == 0; i++) {
        struct stat about = {0}; /* of a file that no rank will find, where there is no copy */
        if (job->copies[i] >= 0) fstat(job->copies[i], &about);
        places[i] = (Place){getpid(), job->copies[i], about.st_dev, about.st_ino};
    }
    const int bytes = (int)((size_t)job->count * sizeof *places);
    world_check(job->world, MPI_Bcast(places, bytes, MPI_BYTE, 0, job->host), "MPI_Bcast");
    return job->host_rank == 0 ? access("/proc/self/fd", X_OK) == 0 : open_copies(job, places);
}

/* From now on this rank reads the copies. */
static void use_copies(Job *job, bool folder, Error *error) {
    if (folder) file_copies_add_folder(job->path, error);
    for (int64_t i = 0; i < job->count && !error->status; i++) {
        const Listed *file = &job->files[i];
        char *path = *file->name ? file_join(job->path, file->name, error) : memory_text(job->path, error);
        if (!path) break;
        file_copies_add(path, file->mode, file->size, job->copies[i], error);
        job->copies[i] = -1; /* the list's now */
        memory_free(path);
    }
}

/* Whether any rank has a reason not to go on, which is told once. Collective. */
static bool must_give_up(const Job *job, bool able) {
    int64_t unable = able ? 0 : job->world->rank + 1;
    world_max_integers(job->world, &unable, 1);
    if (!unable) return false;
    log_info("%s: rank %d on %s cannot share a copy in memory: every rank reads the files itself", job->path,
             (int)unable - 1, job->world->hosts[unable - 1]);
    return true;
}

/* Collective. */
static Status copy_all(Job *job, bool folder, Error *error) {
    const World *world = job->world;
    if (must_give_up(job, job->host_rank != 0 || make_copies(job))) return STATUS_OK;
    progress_begin("read", "bytes", bytes_of(job));
    for (int64_t i = 0; i < job->count && job->host_rank == 0; i++)
        if (job->files[i].copied) copy_file(job, i, error);
    progress_end();
    Place *places = memory_allocate((size_t)job->count, sizeof *places, error);
    /* The second agreement keeps the leaders' descriptors open until all ranks have opened them. */
    if (!world_agree(world, error, true) && !must_give_up(job, share_copies(job, places))) {
        use_copies(job, folder, error);
        world_agree(world, error, true);
    }
    if (error->status) file_copies_clear();
    memory_free(places);
    return error->status;
}

Status broadcast_files(const World *world, const char *path, BroadcastChoice *choice, Error *error) {
    Job job = {.world = world, .path = path};
    if (world->size == 1) return error->status;
    find_hosts(&job);
    if (!list(&job, choice, error) && job.count > 0) copy_all(&job, choice != NULL, error);
    for (int64_t i = 0; job.copies && i < job.count; i++)
        if (job.copies[i] >= 0) close(job.copies[i]);
    memory_free(job.files);
    memory_free(job.copies);
    memory_free(job.buffer);
    MPI_Comm_free(&job.host);
    if (job.leaders != MPI_COMM_NULL) MPI_Comm_free(&job.leaders);
    return error->status;
}

void broadcast_files_end(void) {
    file_copies_clear();
}
