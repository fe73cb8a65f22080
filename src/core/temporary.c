/* Names of temporary files and folders, and removing what is left of them. See temporary.h. */
#include "linnet/core/temporary.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENDING ".tmp"
/* Seconds without a change after which a name of another host counts as left: no writer rests that long. */
#define OTHERS_AGE (24 * 60 * 60)

/* --- Names --- */

#define SUFFIX 64 /* bytes of .HOST-PLACE-PID.tmp, with the final zero */
static char host[25], place[sizeof "-01234567"];
static pthread_once_t named = PTHREAD_ONCE_INIT;

/* FNV-1a. */
static uint32_t hash(uint32_t sum, const void *bytes, size_t size) {
    for (const unsigned char *byte = bytes; size > 0; size--) sum = (sum ^ *byte++) * UINT32_C(16777619);
    return sum;
}

/* A process id means something in one boot of a host and there in one container. */
static void find_place(void) {
    char name[256] = "", boot[64] = "";
    struct stat space = {0};
    gethostname(name, sizeof name - 1);
    const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file >= 0 && read(file, boot, sizeof boot - 1) < 0) boot[0] = '\0';
    if (file >= 0) close(file);
    if (stat("/proc/self/ns/pid", &space)) space.st_ino = 0;
    uint32_t sum = hash(UINT32_C(2166136261), name, strlen(name));
    sum = hash(hash(sum, boot, strlen(boot)), &space.st_ino, sizeof space.st_ino);
    snprintf(place, sizeof place, "-%08x", (unsigned)sum);
    snprintf(host, sizeof host, "%.*s", (int)strcspn(name, "./"), name);
}

/* The length of the folder in a path, with its slash. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The length of what a temporary name keeps of a file's name. */
static int kept_length(const char *name) {
    const size_t most = NAME_MAX - (SUFFIX - 1), length = strlen(name);
    return (int)(length < most ? length : most);
}

char *temporary_path(const char *path, Error *error) {
    pthread_once(&named, find_place);
    const size_t folder = folder_length(path), size = strlen(path) + SUFFIX;
    char *temporary = memory_allocate(size, 1, error);
    if (temporary)
        snprintf(temporary, size, "%.*s.%s%s-%ld" ENDING, (int)folder + kept_length(path + folder), path, host, place,
                 (long)getpid());
    return temporary;
}

/* --- What others left --- */

/* A process that was killed and not yet waited for has no program any more. */
static bool is_running(pid_t process) {
    char path[64], target[8];
    if (kill(process, 0)) return errno == EPERM;
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)process);
    return readlink(path, target, sizeof target) >= 0 || errno != ENOENT || access("/proc/self/exe", F_OK) != 0;
}

/* Whether an entry of the folder is a temporary name of `name` [kept] whose writer has ended. Only what belongs to this
 * user counts. */
static bool is_left(int folder, const char *entry, const char *name, size_t kept) {
    struct stat about;
    const size_t length = strlen(entry), ending = sizeof ENDING - 1;
    if (length <= kept + ending || strncmp(entry, name, kept) != 0 || entry[kept] != '.') return false;
    const char *number = entry + length - ending, *end = number;
    if (strcmp(end, ENDING) != 0) return false;
    while (number > entry + kept && isdigit((unsigned char)number[-1])) number--;
    const long process = strtol(number, NULL, 10);
    if (process <= 0 || process > INT_MAX || number - entry <= (ptrdiff_t)(kept + sizeof place)) return false;
    const char *there = number - sizeof place; /* -PLACE- stands before the number */
    if (there[0] != '-' || number[-1] != '-' || strspn(there + 1, "0123456789abcdef") != sizeof place - 2) return false;
    if (memchr(entry + kept + 1, '.', (size_t)(there - entry) - kept - 1)) return false; /* a host's name has no dot */
    if (fstatat(folder, entry, &about, AT_SYMLINK_NOFOLLOW) || about.st_uid != geteuid() ||
        !(S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)))
        return false;
    if (strncmp(there, place, sizeof place - 1) != 0) return about.st_mtime < time(NULL) - OTHERS_AGE;
    return process == (long)getpid() || !is_running((pid_t)process);
}

/* Remove what is left beside `path`. It harms nobody, so failing to remove it is no error. */
static void sweep(const char *path) {
    char parent[PATH_MAX], left[PATH_MAX + NAME_MAX];
    const size_t length = folder_length(path), kept = (size_t)kept_length(path + length);
    if (length >= sizeof parent) return;
    snprintf(parent, sizeof parent, "%.*s", (int)length, path);
    DIR *folder = opendir(length ? parent : ".");
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_left(dirfd(folder), entry->d_name, path + length, kept)) continue;
        Error ignored = {0};
        snprintf(left, sizeof left, "%s%s", parent, entry->d_name);
        log_info("%s was left by a process that was killed: removing it", left);
        file_remove(left, &ignored);
    }
    if (folder) closedir(folder);
}

/* --- What this process has begun --- */

enum { FREE, CHANGING, NOTED, SLOTS = 16 };
static struct {
    atomic_int state;
    char path[PATH_MAX];
} slots[SLOTS];

/* A name that is not noted, because there are too many, is only left longer. */
static void note(const char *temporary) {
    for (int i = 0; i < SLOTS; i++) {
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&slots[i].state, &expected, CHANGING)) continue;
        snprintf(slots[i].path, sizeof slots[i].path, "%s", temporary);
        atomic_store(&slots[i].state, NOTED);
        return;
    }
}

static void forget(const char *temporary) {
    for (int i = 0; i < SLOTS; i++)
        if (atomic_load(&slots[i].state) == NOTED && strcmp(slots[i].path, temporary) == 0)
            atomic_store(&slots[i].state, FREE);
}

char *temporary_begin(const char *path, Error *error) {
    char *temporary = temporary_path(path, error);
    if (!temporary) return NULL;
    sweep(path);
    note(temporary);
    return temporary;
}

void temporary_end(char *temporary) {
    if (temporary) forget(temporary);
    memory_free(temporary);
}

/* An entry as the system call gives it, which, unlike readdir(3), a signal's handler may use. */
typedef struct {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char kind;
    char name[];
} Entry;

/* Remove a folder of files. Another thread may be making one more. */
static void remove_folder(const char *path) {
    _Alignas(Entry) char block[4096];
    for (int attempt = 0; attempt < 3; attempt++) {
        const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0) return;
        for (long size; (size = syscall(SYS_getdents64, folder, block, sizeof block)) > 0;)
            for (long at = 0; at < size;) {
                const Entry *entry = (const Entry *)(const void *)(block + at);
                unlinkat(folder, entry->name, 0);
                at += entry->length;
            }
        close(folder);
        if (rmdir(path) == 0) return;
    }
}

void temporary_clean(void) {
    const int kept = errno;
    for (int i = SLOTS - 1; i >= 0; i--) {
        if (atomic_load(&slots[i].state) != NOTED) continue;
        if (unlink(slots[i].path) && errno != ENOENT) remove_folder(slots[i].path);
    }
    errno = kept;
}

static void end_by_signal(int number) {
    progress_clear();
    static const char line[] = "linnet: error: the limit of CPU time (ulimit -t) is reached\n";
    if (number == SIGXCPU && write(STDERR_FILENO, line, sizeof line - 1) < 0) errno = 0; /* nowhere to report it */
    temporary_clean();
    signal(number, SIG_DFL);
    raise(number); /* ends the process when this handler returns */
}

void temporary_catch_signals(void) {
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction action = {.sa_handler = end_by_signal, .sa_flags = SA_RESTART}, before;
        sigemptyset(&action.sa_mask);
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(ends[i], &action, NULL);
    }
    struct rlimit cpu;
    if (getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_max != RLIM_INFINITY && cpu.rlim_max > 1 &&
        cpu.rlim_cur >= cpu.rlim_max) {
        cpu.rlim_cur = cpu.rlim_max - 1; /* at the hard limit the system kills without a warning */
        setrlimit(RLIMIT_CPU, &cpu);
    }
}
