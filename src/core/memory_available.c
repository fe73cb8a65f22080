/* How much memory there is, and is left. See memory.h. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 4352 /* bytes of the longest path and a file's name */

/* The number after a name in a file of lines "name number"; SIZE_MAX if the name is missing. */
static size_t read_field(const char *path, const char *name) {
    char line[256];
    size_t length = strlen(name), value = SIZE_MAX;
    FILE *file = fopen(path, "re");
    if (!file) return SIZE_MAX;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && sscanf(line + length, "%zu", &value) == 1) break;
    fclose(file);
    return value;
}

/* The files of control groups, version 2 and version 1. */
typedef struct {
    const char *mark, *root, *limit, *usage, *cache;
} GroupKind;

static const GroupKind KINDS[] = {
    {"::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "},
};

static size_t field_in(const char *folder, const char *file, const char *name) {
    char path[PATH_ROOM + 64];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return read_field(path, name);
}

/* One group's limit: a word or a number larger than any memory where it is not set. */
static size_t group_limit(const GroupKind *kind, const char *folder) {
    return field_in(folder, kind->limit, "");
}

/* Bytes left to one group: its limit minus its usage, without file pages that the system can drop at once. */
static size_t group_left(const GroupKind *kind, const char *folder) {
    size_t limit = group_limit(kind, folder), usage = field_in(folder, kind->usage, "");
    size_t droppable = field_in(folder, "memory.stat", kind->cache);
    if (limit == SIZE_MAX || usage == SIZE_MAX) return SIZE_MAX;
    if (droppable != SIZE_MAX && droppable <= usage) usage -= droppable;
    return usage < limit ? limit - usage : 0;
}

/* The minimum of group_limit() or group_left() over a group and its parents; `group` starts with a slash. */
typedef size_t GroupBytes(const GroupKind *kind, const char *folder);
static size_t least_of(GroupBytes *bytes, const GroupKind *kind, const char *group) {
    char folder[PATH_ROOM];
    size_t root = strlen(kind->root), least = SIZE_MAX;
    int length = snprintf(folder, sizeof folder, "%s%s", kind->root, group);
    if (length < 0 || (size_t)length >= sizeof folder) return SIZE_MAX;
    for (char *end = folder + length; end && end >= folder + root; end = strrchr(folder, '/')) {
        *end = '\0';
        least = size_min(least, bytes(kind, folder));
        if (end == folder + root) break;
    }
    return least;
}

/* The same for the groups of this process. */
static size_t least_of_own(GroupBytes *bytes) {
    char line[PATH_ROOM];
    size_t least = SIZE_MAX;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups && fgets(line, sizeof line, groups)) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
            const char *mark = strstr(line, KINDS[i].mark);
            if (mark) least = size_min(least, least_of(bytes, &KINDS[i], mark + strlen(KINDS[i].mark)));
        }
    }
    if (groups) fclose(groups);
    return least;
}

size_t memory_available(void) {
    size_t kilobytes = read_field("/proc/meminfo", "MemAvailable:");
    return size_min(kilobytes > SIZE_MAX / 1024 ? SIZE_MAX : kilobytes * 1024, least_of_own(group_left));
}

size_t memory_total(void) {
    return size_min((size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE), least_of_own(group_limit));
}

Status memory_check(size_t bytes, const char *what, Error *error) {
    const size_t total = memory_total();
    if (bytes <= total) return STATUS_OK;
    return error_set(error, STATUS_FAILURE,
                     "out of memory: %s take %.0f MB, this machine or its control group has %.0f MB", what,
                     (double)bytes / 1e6, (double)total / 1e6);
}
