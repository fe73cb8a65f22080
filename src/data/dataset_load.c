/* Loading given samples: their places in the file are sorted and merged into runs, so that the number of reads follows
 * the chunks that hold them, not the samples. See dataset.h. */
#include "data/dataset_columns.h"
#include "linnet/core/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RUN_BYTES ((size_t)2 << 20) /* of one read, unless a sample is longer */

/* Elements of a column and their place in the output. */
typedef struct {
    int64_t from, count, to;
} Piece;

/* A wanted sample: its index in the file and its position in the request. */
typedef struct {
    int64_t index, position;
} Wanted;

/* The number of pieces [count] that make one run, and in *end its end. A gap of less than a chunk is read too: its
 * chunk must be read anyway. */
static int64_t take_run(const Piece *pieces, int64_t count, int64_t gap, int64_t most, int64_t *end) {
    const int64_t first = pieces[0].from;
    int64_t taken = 1;
    *end = first + pieces[0].count;
    for (; taken < count; taken++) {
        const int64_t from = pieces[taken].from, last = from + pieces[taken].count;
        if (from < first || from - *end >= gap || last - first > most) break;
        if (last > *end) *end = last;
    }
    return taken;
}

/* Copy pieces [count] of a column into out. In rising order they take few reads, in any other they are slow. */
static Status gather(Dataset *dataset, ColumnName name, const Piece *pieces, int64_t count, void *out, Error *error) {
    const size_t size = column_kinds[name].size;
    const int64_t most = (int64_t)(RUN_BYTES / size), gap = (int64_t)column_kinds[name].chunk;
    char *target = out, *block = memory_allocate(RUN_BYTES, 1, error);
    if (!block) return error->status;
    for (int64_t done = 0, taken; done < count && !error->status; done += taken) {
        const Piece *run = pieces + done;
        int64_t end;
        if (atomic_load(&dataset->stopped)) {
            error_set(error, STATUS_STOPPED, "%s: reading was stopped", dataset->path);
            break;
        }
        taken = take_run(run, count - done, gap, most, &end);
        if (end - run->from > most) { /* one piece, longer than the block */
            column_read(dataset, name, run->from, run->count, target + (size_t)run->to * size, error);
            continue;
        }
        if (column_read(dataset, name, run->from, end - run->from, block, error)) break;
        for (int64_t i = 0; i < taken; i++)
            memcpy(target + (size_t)run[i].to * size, block + (size_t)(run[i].from - run->from) * size,
                   (size_t)run[i].count * size);
    }
    memory_free(block);
    return error->status;
}

static int compare_wanted(const void *left, const void *right) {
    const Wanted *a = left, *b = right;
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

/* Fill wanted [count] in the order of rising indices. */
static Status sort_wanted(const Dataset *dataset, const int64_t *indices, int64_t count, Wanted *wanted, Error *error) {
    for (int64_t i = 0; i < count; i++) {
        if (indices[i] < 0 || indices[i] >= dataset->info.samples)
            return error_set(error, STATUS_INPUT, "%s: expected a sample from 0 to %lld, got %lld", dataset->path,
                             (long long)dataset->info.samples - 1, (long long)indices[i]);
        wanted[i] = (Wanted){indices[i], i};
    }
    qsort(wanted, (size_t)count, sizeof *wanted, compare_wanted);
    return STATUS_OK;
}

/* The working memory of a load, in the order of rising indices. */
typedef struct {
    Wanted *wanted;  /**< [count] */
    Piece *pieces;   /**< [count] */
    int64_t *bounds; /**< [count × 2] where each sample starts and ends in tokens */
} Plan;

static_assert(sizeof(Wanted) + sizeof(Piece) + 2 * sizeof(int64_t) == DATASET_WORK_BYTES, "dataset.h states this size");

static Status plan_create(Plan *plan, int64_t count, Error *error) {
    plan->wanted = memory_allocate((size_t)count, sizeof *plan->wanted, error);
    plan->pieces = memory_allocate((size_t)count, sizeof *plan->pieces, error);
    plan->bounds = memory_allocate((size_t)count, 2 * sizeof *plan->bounds, error);
    return error->status;
}

static void plan_free(Plan *plan) {
    memory_free(plan->wanted);
    memory_free(plan->pieces);
    memory_free(plan->bounds);
}

/* Sort the samples of a request, then read and check their bounds. */
static Status find_bounds(Dataset *dataset, const int64_t *indices, int64_t count, const Plan *plan, Error *error) {
    if (sort_wanted(dataset, indices, count, plan->wanted, error)) return error->status;
    for (int64_t i = 0; i < count; i++) plan->pieces[i] = (Piece){plan->wanted[i].index, 2, 2 * i};
    if (gather(dataset, COLUMN_OFFSETS, plan->pieces, count, plan->bounds, error)) return error->status;
    for (int64_t i = 0; i < count; i++)
        if (dataset_check_offsets(dataset, plan->bounds + 2 * i, plan->wanted[i].index, 1, error)) break;
    return error->status;
}

Status dataset_lengths(Dataset *dataset, const int64_t *indices, int64_t count, int32_t *lengths, Error *error) {
    Plan plan = {0};
    if (!plan_create(&plan, count, error) && !find_bounds(dataset, indices, count, &plan, error))
        for (int64_t i = 0; i < count; i++)
            lengths[plan.wanted[i].position] = (int32_t)(plan.bounds[2 * i + 1] - plan.bounds[2 * i]);
    plan_free(&plan);
    return error->status;
}

/* The pieces of a column that has `width` elements a sample. */
static void find_pieces(const Plan *plan, int64_t count, int64_t width) {
    for (int64_t i = 0; i < count; i++)
        plan->pieces[i] = (Piece){plan->wanted[i].index * width, width, plan->wanted[i].position * width};
}

static Status load_rows(Dataset *dataset, const Plan *plan, int64_t count, Samples *samples, Error *error) {
    find_pieces(plan, count, 1);
    return gather(dataset, COLUMN_ROWS, plan->pieces, count, samples->rows, error);
}

/* The labels of the samples of a plan; each is checked. */
static Status gather_labels(Dataset *dataset, const int64_t *indices, int64_t count, const Plan *plan, uint16_t *labels,
                            Error *error) {
    find_pieces(plan, count, 1);
    if (gather(dataset, COLUMN_LABELS, plan->pieces, count, labels, error)) return error->status;
    for (int64_t i = 0; i < count; i++)
        if (dataset_check_label(dataset, labels[i], indices[i], error)) break;
    return error->status;
}

static Status load_labels(Dataset *dataset, const Plan *plan, int64_t count, Samples *samples, Error *error) {
    samples->labels = memory_allocate((size_t)count, sizeof *samples->labels, error);
    if (!samples->labels) return error->status;
    return gather_labels(dataset, samples->indices, count, plan, samples->labels, error);
}

Status dataset_labels(Dataset *dataset, const int64_t *indices, int64_t count, uint16_t *labels, Error *error) {
    Plan plan = {0};
    if (!plan_create(&plan, count, error) && !sort_wanted(dataset, indices, count, plan.wanted, error))
        gather_labels(dataset, indices, count, &plan, labels, error);
    plan_free(&plan);
    return error->status;
}

static Status load_targets(Dataset *dataset, const Plan *plan, int64_t count, Samples *samples, Error *error) {
    const int64_t width = dataset->info.labels;
    samples->targets = memory_allocate((size_t)count, (size_t)width * sizeof *samples->targets, error);
    if (!samples->targets) return error->status;
    find_pieces(plan, count, width);
    if (gather(dataset, COLUMN_TARGETS, plan->pieces, count, samples->targets, error)) return error->status;
    for (int64_t i = 0; i < count; i++)
        if (dataset_check_targets(dataset, samples->targets + i * width, width, samples->indices[i] * width, error))
            break;
    return error->status;
}

static Status load_ids(Dataset *dataset, const Plan *plan, int64_t count, Samples *samples, Error *error) {
    samples->ids = memory_allocate((size_t)samples->starts[count], sizeof *samples->ids, error);
    if (!samples->ids) return error->status;
    for (int64_t i = 0; i < count; i++) {
        const int64_t *bounds = plan->bounds + 2 * i;
        plan->pieces[i] = (Piece){bounds[0], bounds[1] - bounds[0], samples->starts[plan->wanted[i].position]};
    }
    if (gather(dataset, COLUMN_TOKENS, plan->pieces, count, samples->ids, error)) return error->status;
    for (const Piece *piece = plan->pieces; piece < plan->pieces + count; piece++)
        if (dataset_check_ids(dataset, samples->ids + piece->to, piece->count, piece->from, error)) break;
    return error->status;
}

Status dataset_load(Dataset *dataset, const int64_t *indices, int64_t count, Samples *samples, Error *error) {
    Plan plan = {0};
    Samples loaded = {.count = count,
                      .starts = memory_allocate((size_t)count + 1, sizeof *loaded.starts, error),
                      .indices = memory_allocate((size_t)count, sizeof *loaded.indices, error),
                      .rows = memory_allocate((size_t)count, sizeof *loaded.rows, error)};
    if (plan_create(&plan, count, error)) goto cleanup;
    if (count > 0) memcpy(loaded.indices, indices, (size_t)count * sizeof *indices);
    if (find_bounds(dataset, indices, count, &plan, error)) goto cleanup;
    for (int64_t i = 0; i < count; i++)
        loaded.starts[plan.wanted[i].position + 1] = plan.bounds[2 * i + 1] - plan.bounds[2 * i]; /* lengths */
    for (int64_t i = 0; i < count; i++) loaded.starts[i + 1] += loaded.starts[i];
    const bool targets = problem_has_targets(dataset->info.problem);
    if ((targets ? load_targets : load_labels)(dataset, &plan, count, &loaded, error) ||
        load_rows(dataset, &plan, count, &loaded, error) || load_ids(dataset, &plan, count, &loaded, error))
        goto cleanup;
    *samples = loaded;
    loaded = (Samples){0};
cleanup:
    samples_free(&loaded);
    plan_free(&plan);
    return error->status;
}

double dataset_label_bytes(const DatasetInfo *info) {
    if (!problem_has_targets(info->problem)) return sizeof(uint16_t);
    return (double)info->labels * (double)sizeof(float);
}

void dataset_stop(Dataset *dataset) {
    atomic_store(&dataset->stopped, true);
}

void samples_free(Samples *samples) {
    memory_free(samples->starts);
    memory_free(samples->ids);
    memory_free(samples->labels);
    memory_free(samples->targets);
    memory_free(samples->indices);
    memory_free(samples->rows);
    *samples = (Samples){0};
}
