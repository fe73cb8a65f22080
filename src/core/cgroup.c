/* Finding the groups of this process. See cgroup.h. */
#include "core/cgroup.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROOT "/sys/fs/cgroup"

/* `group` starts with a slash. */
static void visit_with_parents(const char *root, const char *group, CgroupVisit *visit, void *context) {
    char folder[CGROUP_PATH];
    const size_t root_length = strlen(root);
    int length = snprintf(folder, sizeof folder, "%s%s", root, group);
    if (length < 0 || (size_t)length >= sizeof folder) return;
    for (char *end = folder + length; end && end >= folder + root_length; end = strrchr(folder, '/')) {
        *end = '\0';
        visit(folder, context);
        if (end == folder + root_length) break;
    }
}

/* Whether a list of names with commas between them has `name`. */
static bool lists(const char *names, size_t length, const char *name) {
    const size_t wanted = strlen(name);
    for (const char *at = names; at < names + length;) {
        const size_t left = (size_t)(names + length - at), item = strcspn(at, ",:");
        if (item == wanted && item <= left && strncmp(at, name, wanted) == 0) return true;
        at += item + 1;
    }
    return false;
}

/* A line "ID:CONTROLLERS:GROUP"; version 2 has no controllers. */
static void visit_line(char *line, const char *controller, CgroupVisit *visit, void *context) {
    char root[sizeof ROOT + 64];
    const char *names = strchr(line, ':');
    const char *group = names ? strchr(names + 1, ':') : NULL;
    if (!group || group[1] != '/') return;
    const size_t length = (size_t)(group - ++names);
    if (length == 0) {
        visit_with_parents(ROOT, group + 1, visit, context);
    } else if (lists(names, length, controller)) {
        snprintf(root, sizeof root, ROOT "/%s", controller);
        visit_with_parents(root, group + 1, visit, context);
    }
}

void cgroup_visit(const char *controller, CgroupVisit *visit, void *context) {
    char line[CGROUP_PATH];
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups && fgets(line, sizeof line, groups)) {
        line[strcspn(line, "\n")] = '\0';
        visit_line(line, controller, visit, context);
    }
    if (groups) fclose(groups);
}
