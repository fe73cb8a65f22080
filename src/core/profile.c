/* Time and operations by region, and their trace. See profile.h. */
#include "linnet/core/profile.h"
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 16 };

typedef struct {
    Region region;
    double start, seconds; /**< start: since the profile was made */
} Visit;

/* A region that has been entered and not left. */
typedef struct {
    Region region;
    double start;
    double inside; /**< seconds in regions inside this one */
} Entered;

struct Profile {
    double began; /**< by clock_now() */
    double seconds[REGION_COUNT], operations[REGION_COUNT];
    Entered stack[DEPTH];
    int depth;
    Visit *visits;
    size_t count, capacity;
};

double profile_elapsed(const Profile *profile) {
    return clock_now() - profile->began;
}

Status profile_create(Profile **profile, Error *error) {
    Profile *new = memory_allocate(1, sizeof *new, error);
    if (!new) return error->status;
    new->began = clock_now();
    *profile = new;
    return STATUS_OK;
}

void profile_destroy(Profile *profile) {
    if (!profile) return;
    memory_free(profile->visits);
    memory_free(profile);
}

void profile_enter(Profile *profile, Region region) {
    if (!profile || profile->depth == DEPTH) return;
    profile->stack[profile->depth++] = (Entered){region, profile_elapsed(profile), 0.0};
}

/* Keep a visit for the trace. Without memory the trace is shorter; the totals stay right. */
static void remember(Profile *profile, Visit visit) {
    if (profile->count == profile->capacity) {
        Error ignored = {0};
        size_t capacity = 2 * profile->capacity + 1024;
        Visit *more = memory_resize(profile->visits, profile->count * sizeof visit, capacity, sizeof visit, &ignored);
        if (!more) return;
        profile->visits = more;
        profile->capacity = capacity;
    }
    profile->visits[profile->count++] = visit;
}

void profile_leave(Profile *profile, double operations) {
    if (!profile || profile->depth == 0) return;
    const Entered *left = &profile->stack[--profile->depth];
    double seconds = profile_elapsed(profile) - left->start;
    Region charged = profile->stack[0].region == REGION_EVALUATION ? REGION_EVALUATION : left->region;
    profile->seconds[charged] += seconds - left->inside;
    profile->operations[charged] += operations;
    if (profile->depth > 0) profile->stack[profile->depth - 1].inside += seconds;
    remember(profile, (Visit){left->region, left->start, seconds});
}

const char *region_name(Region region) {
    static const char *const names[REGION_COUNT] = {"data",       "forward",   "attention",  "backward", "reduction",
                                                    "all-gather", "optimizer", "evaluation", "save"};
    return names[region];
}

double profile_seconds(const Profile *profile, Region region) {
    return profile->seconds[region];
}
double profile_operations(const Profile *profile, Region region) {
    return profile->operations[region];
}

Status profile_save_trace(const Profile *profile, int rank, const char *path, Error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file) return error_set(error, STATUS_FAILURE, "%s: out of memory", path);
    fputs("{\"traceEvents\":[", file);
    for (size_t i = 0; i < profile->count; i++) {
        const Visit *s = &profile->visits[i];
        fprintf(file, "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%.3f,\"dur\":%.3f}",
                i > 0 ? "," : "", region_name(s->region), rank, s->start * 1e6, s->seconds * 1e6);
    }
    fputs("\n],\"displayTimeUnit\":\"ms\"}\n", file);
    if (fclose(file) != 0) error_set(error, STATUS_FAILURE, "%s: out of memory", path);
    if (error->status == STATUS_OK) file_replace(path, text, size, error);
    free(text);
    return error->status;
}
