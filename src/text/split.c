/* Groups of duplicates into training and evaluation. See split.h. */
#include "text/split.h"
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sample, sorted by its group's place. */
typedef struct {
    uint64_t place;
    int64_t group, sample;
} Member;

typedef struct {
    int64_t samples, groups; /**< of the class */
    int64_t wanted;          /**< in the evaluation part */
    int64_t taken;
    int64_t here; /**< of the group that is looked at */
} ClassCount;

typedef struct {
    const SplitRule *rule;
    int64_t count;
    Member *members; /**< [count] */
    ClassCount classes[DATASET_LABELS_MAX];
} Split;

static int compare_members(const void *left, const void *right) {
    const Member *a = left, *b = right;
    if (a->place != b->place) return a->place < b->place ? -1 : 1;
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

static ClassCount *class_of(Split *split, const Member *member) {
    return &split->classes[split->rule->labels ? split->rule->labels[member->sample] : 0];
}

/* Sort the samples by their groups' places: the least hash of a text of the group, so that no order of the table
 * counts. */
static Status sort_members(Split *split, const TextList *texts, const Duplicates *groups, Error *error) {
    const uint64_t key = mix_bits(split->rule->seed + 1);
    uint64_t *places = memory_allocate((size_t)split->count, sizeof *places, error);
    if (!places) return error->status;
    memset(places, 0xFF, (size_t)split->count * sizeof *places);
    for (int64_t i = 0; i < split->count; i++) {
        const uint64_t hash = mix_bits(text_list_hash(texts, i) ^ key);
        uint64_t *place = &places[groups->group[i]];
        if (hash < *place) *place = hash;
    }
    for (int64_t i = 0; i < split->count; i++)
        split->members[i] = (Member){places[groups->group[i]], groups->group[i], i};
    memory_free(places);
    qsort(split->members, (size_t)split->count, sizeof *split->members, compare_members);
    return STATUS_OK;
}

/* The end of the group that starts at this member. */
static int64_t group_end(const Split *split, int64_t start) {
    int64_t end = start + 1;
    while (end < split->count && split->members[end].group == split->members[start].group) end++;
    return end;
}

static Status refuse_class(const Split *split, const ClassCount *class, Error *error) {
    const char *of = class->samples == 1 ? "has one sample only" : "has only texts that are duplicates of one another";
    Quoted shown;
    if (!split->rule->labels)
        return error_set(error, STATUS_INPUT, "cannot split the table: it %s, and duplicates stay together", of);
    const char *name = split->rule->label_names[class - split->classes];
    return error_set(error, STATUS_INPUT,
                     "cannot split by classes: %s %s, and duplicates stay together: leave out --stratify, or add "
                     "samples of that class",
                     quoted(name, strlen(name), &shown), of);
}

/* Count samples and groups of the classes, and how many of each are wanted. */
static Status count_classes(Split *split, Error *error) {
    for (int64_t start = 0, end; start < split->count; start = end) {
        end = group_end(split, start);
        for (int64_t i = start; i < end; i++) {
            ClassCount *class = class_of(split, &split->members[i]);
            class->samples++;
            class->groups += class->here++ == 0;
        }
        for (int64_t i = start; i < end; i++) class_of(split, &split->members[i])->here = 0;
    }
    for (ClassCount *class = split->classes; class < split->classes + DATASET_LABELS_MAX; class ++) {
        if (class->samples == 0) continue;
        if (class->groups < 2) return refuse_class(split, class, error);
        const int64_t training = llround(split->rule->share * (double)class->samples);
        class->wanted = class->samples - int64_max(1, int64_min(training, class->samples - 1));
    }
    return STATUS_OK;
}

/* Whether all samples of a group have room in the evaluation part; then they are counted there. */
static bool take_group(Split *split, int64_t start, int64_t end) {
    bool fits = true;
    for (int64_t i = start; i < end; i++) {
        ClassCount *class = class_of(split, &split->members[i]);
        class->here++;
        fits = fits && class->taken + class->here <= class->wanted;
    }
    for (int64_t i = start; i < end; i++) {
        ClassCount *class = class_of(split, &split->members[i]);
        if (fits) class->taken += class->here;
        class->here = 0;
    }
    return fits;
}

static Status check_taken(const Split *split, Error *error) {
    int64_t taken = 0;
    for (const ClassCount *class = split->classes; class < split->classes + DATASET_LABELS_MAX; class ++) {
        taken += class->taken;
        if (class->samples == 0 || class->taken > 0 || !split->rule->labels) continue;
        const char *name = split->rule->label_names[class - split->classes];
        Quoted shown;
        log_warning("the evaluation file has no sample of %s: each group of duplicates with one is larger than that "
                    "class's share, %" PRId64,
                    quoted(name, strlen(name), &shown), class->wanted);
    }
    if (taken > 0) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "cannot split the table: each group of duplicates is larger than the evaluation part, and they "
                     "stay together");
}

Status split_samples(const SplitRule *rule, const TextList *texts, const Duplicates *groups, uint8_t *evaluation,
                     Error *error) {
    Split *split = memory_allocate(1, sizeof *split, error);
    if (!split) return error->status;
    split->rule = rule;
    split->count = texts->count;
    split->members = memory_allocate((size_t)texts->count, sizeof *split->members, error);
    if (!split->members || sort_members(split, texts, groups, error) || count_classes(split, error)) goto cleanup;
    for (int64_t start = 0, end; start < split->count; start = end) {
        end = group_end(split, start);
        const bool taken = take_group(split, start, end);
        for (int64_t i = start; i < end; i++) evaluation[split->members[i].sample] = taken;
    }
    check_taken(split, error);
cleanup:
    memory_free(split->members);
    memory_free(split);
    return error->status;
}
