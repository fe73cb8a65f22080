/* Time by phase. See profile.h. */
#include "linnet/core/profile.h"

#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 16 };

typedef struct {
    Region phase;
    double start, seconds; /* seconds since the profile was made */
} Stretch;

struct Profile {
    double began; /* by clock_now() */
    double seconds[REGION_COUNT], operations[REGION_COUNT];
    struct {
        Region phase;
        double start;
        double inside; /* seconds in phases inside this one */
    } stack[DEPTH];
    int depth;
    Stretch *stretches;
    size_t count, capacity;
};

double profile_elapsed(const Profile *profile) {
    return clock_now() - profile->began;
}

Status profile_create(Profile **profile, Error *error) {
    Profile *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    new->began = clock_now();
    *profile = new;
    return STATUS_OK;
}

void profile_destroy(Profile *profile) {
    if (profile == NULL) return;
    memory_free(profile->stretches);
    memory_free(profile);
}

void profile_enter(Profile *profile, Region phase) {
    if (profile == NULL || profile->depth == DEPTH) return;
    int top = profile->depth++;
    profile->stack[top].phase = phase;
    profile->stack[top].start = profile_elapsed(profile);
    profile->stack[top].inside = 0.0;
}

/* Remember a stretch for the trace; without memory for it the trace is shorter, the totals are not. */
static void remember(Profile *profile, Stretch stretch) {
    if (profile->count == profile->capacity) {
        Error ignored = {0};
        size_t capacity = 2 * profile->capacity + 1024;
        Stretch *more =
            memory_resize(profile->stretches, profile->count * sizeof stretch, capacity, sizeof stretch, &ignored);
        if (more == NULL) return;
        profile->stretches = more;
        profile->capacity = capacity;
    }
    profile->stretches[profile->count++] = stretch;
}

void profile_leave(Profile *profile, double operations) {
    if (profile == NULL || profile->depth == 0) return;
    int top = --profile->depth;
    Region phase = profile->stack[top].phase;
    double start = profile->stack[top].start, seconds = profile_elapsed(profile) - start;
    Region charged = profile->stack[0].phase == REGION_EVALUATION ? REGION_EVALUATION : phase;
    profile->seconds[charged] += seconds - profile->stack[top].inside;
    profile->operations[charged] += operations;
    if (top > 0) profile->stack[top - 1].inside += seconds;
    remember(profile, (Stretch){phase, start, seconds});
}

const char *region_name(Region phase) {
    static const char *const names[REGION_COUNT] = {"data",   "forward",   "attention",  "backward", "reduction",
                                                    "gather", "optimizer", "evaluation", "save"};
    return names[phase];
}

double profile_seconds(const Profile *profile, Region phase) {
    return profile->seconds[phase];
}
double profile_operations(const Profile *profile, Region phase) {
    return profile->operations[phase];
}

Status profile_save_trace(const Profile *profile, int rank, const char *path, Error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) return error_set(error, STATUS_FAILURE, "out of memory for %s", path);
    fputs("{\"traceEvents\":[", file);
    for (size_t i = 0; i < profile->count; i++) {
        const Stretch *s = &profile->stretches[i];
        fprintf(file, "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%.3f,\"dur\":%.3f}",
                i > 0 ? "," : "", region_name(s->phase), rank, s->start * 1e6, s->seconds * 1e6);
    }
    fputs("\n],\"displayTimeUnit\":\"ms\"}\n", file);
    if (fclose(file) != 0) error_set(error, STATUS_FAILURE, "out of memory for %s", path);
    if (error->status == STATUS_OK) file_replace(path, text, size, error);
    free(text);
    return error->status;
}
