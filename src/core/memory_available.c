/* How much memory there is, and is left. See memory.h. */
#include "core/cgroup.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    const char *limit, *usage, *cache;
} GroupFiles;

static const GroupFiles FILES[] = {
    {"memory.max", "memory.current", "inactive_file "},
    {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "},
};
enum { VERSIONS = sizeof FILES / sizeof *FILES };

static size_t field_in(const char *folder, const char *file, const char *name) {
    char path[CGROUP_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return read_field(path, name);
}

/* The smallest limit: a word or a number larger than any memory where it is not set. */
static void visit_limit(const char *folder, void *least) {
    size_t *bytes = least;
    for (size_t i = 0; i < VERSIONS; i++) *bytes = size_min(*bytes, field_in(folder, FILES[i].limit, ""));
}

/* The fewest bytes left: the limit minus the usage, without file pages that the system can drop at once. */
static void visit_left(const char *folder, void *least) {
    size_t *bytes = least;
    for (size_t i = 0; i < VERSIONS; i++) {
        size_t limit = field_in(folder, FILES[i].limit, ""), usage = field_in(folder, FILES[i].usage, "");
        if (limit == SIZE_MAX || usage == SIZE_MAX) continue;
        size_t droppable = field_in(folder, "memory.stat", FILES[i].cache);
        if (droppable != SIZE_MAX && droppable <= usage) usage -= droppable;
        *bytes = size_min(*bytes, usage < limit ? limit - usage : 0);
    }
}

static size_t least_of_groups(CgroupVisit *visit) {
    size_t least = SIZE_MAX;
    cgroup_visit("memory", visit, &least);
    return least;
}

size_t memory_available(void) {
    size_t kilobytes = read_field("/proc/meminfo", "MemAvailable:");
    return size_min(kilobytes > SIZE_MAX / 1024 ? SIZE_MAX : kilobytes * 1024, least_of_groups(visit_left));
}

size_t memory_total(void) {
    return size_min((size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE), least_of_groups(visit_limit));
}

Status memory_check(size_t bytes, const char *what, Error *error) {
    const size_t total = memory_total();
    if (bytes <= total) return STATUS_OK;
    return error_set(error, STATUS_FAILURE,
                     "out of memory: %s take %.0f MB, this machine or its control group has %.0f MB", what,
                     (double)bytes / 1e6, (double)total / 1e6);
}
