/* Where the time of a run went. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/profile.h"
#include "linnet/core/text.h"
#include "report/report_run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- From the profile: profile-RANK.json, a line a visit of a region, in the order in which they were left ---------- */

/* A visit with the seconds of all that was inside it. */
typedef struct {
    double start;
    double seconds[REGION_COUNT];
} Visit;

typedef struct {
    Visit *visits; /* those that no visit read so far has around it */
    size_t count, capacity;
} Visits;

#define LONGEST 1e15 /* microseconds, 30 years: no visit takes longer */

static int find_region(const char *name) {
    for (int r = 0; r < REGION_COUNT; r++)
        if (strcmp(region_name((Region)r), name) == 0) return r;
    return -1;
}

/* Visits inside this one were left, and so written, before it. Each region is charged with its time outside the regions
 * inside it, and an evaluation with all, as in profile.h. */
static Status add_visit(Visits *v, int region, double start, double seconds, Error *error) {
    Visit visit = {.start = start};
    double inside = 0.0;
    for (; v->count > 0 && v->visits[v->count - 1].start >= start; v->count--)
        for (int r = 0; r < REGION_COUNT; r++) {
            const double part = v->visits[v->count - 1].seconds[r];
            visit.seconds[region == REGION_EVALUATION ? REGION_EVALUATION : r] += part;
            inside += part;
        }
    visit.seconds[region] += fmax(seconds - inside, 0.0);
    if (v->count == v->capacity) {
        Visit *more = memory_resize(v->visits, v->count * sizeof visit, 2 * v->capacity + 64, sizeof visit, error);
        if (!more) return error->status;
        v->visits = more;
        v->capacity = 2 * v->capacity + 64;
    }
    v->visits[v->count++] = visit;
    return STATUS_OK;
}

/* Add the seconds of a rank's profile. Other lines, as those of a trace that somebody has edited, count for nothing. */
static Status add_profile(const char *path, double seconds[REGION_COUNT], Error *error) {
    FILE *file = NULL;
    Visits visits = {0};
    char line[256];
    if (file_open_stream(path, &file, error)) return error->status;
    while (!error->status && fgets(line, sizeof line, file)) {
        char name[16];
        double start, duration;
        if (sscanf(line, "{\"name\":\"%15[a-z-]\",\"ph\":\"X\",\"pid\":%*d,\"tid\":0,\"ts\":%lf,\"dur\":%lf}", name,
                   &start, &duration) != 3)
            continue;
        const int region = find_region(name);
        if (region >= 0 && isfinite(start) && duration >= 0.0 && duration < LONGEST)
            add_visit(&visits, region, start, duration / 1e6, error);
    }
    for (size_t i = 0; i < visits.count; i++)
        for (int r = 0; r < REGION_COUNT; r++) seconds[r] += visits.visits[i].seconds[r];
    fclose(file);
    memory_free(visits.visits);
    return error->status;
}

static void add(RunTimes *times, const char *name, double seconds) {
    times->name[times->count] = name;
    times->seconds[times->count++] = seconds;
}

/* The mean of the ranks whose profiles are in the folder; nothing if there are none. */
static Status read_profiles(Run *run, Error *error) {
    double seconds[REGION_COUNT] = {0};
    int ranks = 0;
    for (bool found = true; found && !error->status; ranks += found) {
        char name[64];
        snprintf(name, sizeof name, "profile-%d.json", ranks);
        char *path = file_join(run->path, name, error);
        found = path && file_exists(path);
        if (found) add_profile(path, seconds, error);
        memory_free(path);
    }
    run->times.ranks = ranks;
    for (int r = 0; ranks > 0 && r < REGION_COUNT; r++)
        if (seconds[r] > 0.0) add(&run->times, region_name((Region)r), seconds[r] / ranks);
    return error->status;
}

/* --- From the log -------------------------------------------------------------------------------------------------- */

/* A line of training says how many samples a second there were since the line before; samples follow from the epochs. */
static double update_seconds(const Run *run) {
    double seconds = 0.0, epoch = 0.0;
    const cJSON *event;
    cJSON_ArrayForEach(event, run->log) {
        const double rate = event_number(event, "samples_per_second"), now = event_number(event, "epoch");
        if (isnan(rate)) continue;
        if (rate > 0.0) seconds += (now - epoch) * (double)run->state.samples / rate;
        epoch = now;
    }
    return seconds;
}

/* Of all evaluation files. */
static double evaluation_seconds(const Run *run) {
    double seconds = 0.0;
    const cJSON *event, *field;
    cJSON_ArrayForEach(event, run->log) {
        if (event == run->summary) break;
        cJSON_ArrayForEach(field, event) {
            const double runtime = event_number(event, field->string);
            const bool counts = strncmp(field->string, "eval_", 5) == 0 && text_ends_with(field->string, "_runtime");
            if (counts && !isnan(runtime)) seconds += runtime;
        }
    }
    return seconds;
}

static void read_log(Run *run) {
    RunTimes *times = &run->times;
    const double updates = update_seconds(run), evaluation = evaluation_seconds(run);
    const double total = run->summary ? event_number(run->summary, "train_runtime") : NAN;
    if (updates > 0.0) add(times, "updates", updates);
    if (evaluation > 0.0) add(times, "evaluation", evaluation);
    if (isnan(total) || updates <= 0.0) return;
    times->since_restart = updates + evaluation > total * 1.001;
    if (!times->since_restart) add(times, "loading, saving, other", fmax(total - updates - evaluation, 0.0));
}

Status run_read_times(Run *run, Error *error) {
    Error failure = {0};
    if (read_profiles(run, &failure)) {
        log_warning("%s: the times in the report of %s are from its log", failure.message, run->path);
        run->times = (RunTimes){0};
    }
    if (run->times.count == 0) {
        run->times.ranks = 0;
        read_log(run);
    }
    return error->status;
}
