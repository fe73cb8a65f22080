/* How much memory is left. See memory.h. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/* Bytes left to one group: its limit minus its usage, without file pages that the system can drop at once. A limit
 * that is not set is a word or a number larger than any memory. */
static size_t group_left(const GroupKind *kind, const char *folder) {
    size_t limit = field_in(folder, kind->limit, ""), usage = field_in(folder, kind->usage, "");
    size_t droppable = field_in(folder, "memory.stat", kind->cache);
    if (limit == SIZE_MAX || usage == SIZE_MAX) return SIZE_MAX;
    if (droppable != SIZE_MAX && droppable <= usage) usage -= droppable;
    return usage < limit ? limit - usage : 0;
}

/* The minimum over a group and its parents; `group` starts with a slash. */
static size_t groups_left(const GroupKind *kind, const char *group) {
    char folder[PATH_ROOM];
    size_t root = strlen(kind->root), least = SIZE_MAX;
    int length = snprintf(folder, sizeof folder, "%s%s", kind->root, group);
    if (length < 0 || (size_t)length >= sizeof folder) return SIZE_MAX;
    for (char *end = folder + length; end && end >= folder + root; end = strrchr(folder, '/')) {
        *end = '\0';
        least = size_min(least, group_left(kind, folder));
        if (end == folder + root) break;
    }
    return least;
}

size_t memory_available(void) {
    char line[PATH_ROOM];
    size_t kilobytes = read_field("/proc/meminfo", "MemAvailable:");
    size_t least = kilobytes > SIZE_MAX / 1024 ? SIZE_MAX : kilobytes * 1024;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups && fgets(line, sizeof line, groups)) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
            const char *mark = strstr(line, KINDS[i].mark);
            if (mark) least = size_min(least, groups_left(&KINDS[i], mark + strlen(KINDS[i].mark)));
        }
    }
    if (groups) fclose(groups);
    return least;
}
