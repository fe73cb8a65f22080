/* What the samples of a token file are like. See dataset_statistics.h. */
#include "linnet/data/dataset_statistics.h"
#include "linnet/core/hash.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include "linnet/core/progress.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 /* samples read at a time */ };

/* A sample, sorted by the hash of its tokens. */
typedef struct {
    uint64_t hash[2];
    int64_t index;
    int32_t length;
    uint64_t label; /* or a hash of the labels that apply; 0 with regression */
} Seen;

static int compare_hashes(const void *left, const void *right) {
    const Seen *a = left, *b = right;
    for (int i = 0; i < 2; i++)
        if (a->hash[i] != b->hash[i]) return a->hash[i] < b->hash[i] ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int compare_lengths(const void *left, const void *right) {
    const int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

/* What tells the labels of sample i from those of others. */
static uint64_t label_key(const DatasetInfo *info, const Samples *samples, int64_t i) {
    if (samples->labels) return samples->labels[i];
    if (info->problem == PROBLEM_REGRESSION) return 0;
    return hash_add(HASH_START, samples->targets + i * info->labels, (size_t)info->labels * sizeof *samples->targets);
}

static void count_labels(DatasetStatistics *statistics, const DatasetInfo *info, const Samples *samples, int64_t i) {
    if (samples->labels) statistics->per_label[samples->labels[i]]++;
    for (int64_t k = 0; samples->targets && k < info->labels; k++) {
        const double target = (double)samples->targets[i * info->labels + k];
        statistics->per_label[k] += target == 1.0;
        target_range_add(&statistics->ranges[k], target);
    }
}

static void see(Seen *seen, const DatasetInfo *info, const Samples *samples, int64_t i) {
    const int32_t *ids = samples->ids + samples->starts[i];
    const int64_t length = samples->starts[i + 1] - samples->starts[i];
    uint64_t other = 0;
    for (int64_t k = 0; k < length; k++) other = mix_bits(other ^ (uint32_t)ids[k]) + 1;
    *seen = (Seen){.hash = {hash_add(HASH_START, ids, (size_t)length * sizeof *ids), other},
                   .index = samples->indices[i],
                   .length = (int32_t)length,
                   .label = label_key(info, samples, i)};
}

static Status read_samples(Dataset *dataset, DatasetStatistics *statistics, Seen *seen, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    const int64_t all = info->samples;
    int64_t indices[BLOCK];
    progress_begin("count", "samples", all);
    for (int64_t first = 0; first < all && !error->status; first += BLOCK) {
        const int64_t count = int64_min(all - first, BLOCK);
        Samples samples = {0};
        for (int64_t i = 0; i < count; i++) indices[i] = first + i;
        progress_set(first, NULL);
        if (dataset_load(dataset, indices, count, &samples, error)) break;
        for (int64_t i = 0; i < count; i++) {
            see(&seen[first + i], info, &samples, i);
            count_labels(statistics, info, &samples, i);
        }
        samples_free(&samples);
    }
    progress_end();
    return error->status;
}

static int32_t percentile(const int32_t *sorted, int64_t count, int percent) {
    return sorted[int64_divide_up(count * percent, 100) - 1];
}

static Status count_lengths(DatasetStatistics *statistics, const Seen *seen, const DatasetInfo *info, int32_t positions,
                            Error *error) {
    const int64_t count = info->samples;
    int32_t *lengths = memory_allocate((size_t)count, sizeof *lengths, error);
    if (!lengths) return error->status;
    for (int64_t i = 0; i < count; i++) {
        lengths[i] = seen[i].length;
        statistics->at_limit += lengths[i] == info->max_length;
        statistics->longer += positions > 0 && lengths[i] > positions;
    }
    qsort(lengths, (size_t)count, sizeof *lengths, compare_lengths);
    statistics->shortest = lengths[0];
    statistics->median = percentile(lengths, count, 50);
    statistics->percentile_95 = percentile(lengths, count, 95);
    statistics->percentile_99 = percentile(lengths, count, 99);
    statistics->longest = lengths[count - 1];
    memory_free(lengths);
    return STATUS_OK;
}

/* Keep the examples with the first samples, in their order. */
static void keep_example(DatasetStatistics *statistics, int64_t sample, int64_t other) {
    int64_t place = int64_min(statistics->ambiguous, STATISTICS_EXAMPLES);
    for (; place > 0 && statistics->examples[place - 1][0] > sample; place--)
        if (place < STATISTICS_EXAMPLES)
            memcpy(statistics->examples[place], statistics->examples[place - 1], sizeof *statistics->examples);
    if (place == STATISTICS_EXAMPLES) return;
    statistics->examples[place][0] = sample;
    statistics->examples[place][1] = other;
}

/* Equal samples [count], in their order. */
static void count_equal(DatasetStatistics *statistics, const Seen *equal, int64_t count) {
    statistics->duplicates += count - 1;
    int64_t other = 1;
    while (other < count && equal[other].label == equal[0].label) other++;
    if (other == count) return;
    keep_example(statistics, equal[0].index, equal[other].index);
    statistics->ambiguous++;
    statistics->ambiguous_samples += count;
}

Status dataset_statistics(Dataset *dataset, int32_t positions, DatasetStatistics *statistics, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    *statistics = (DatasetStatistics){0};
    Seen *seen = memory_allocate((size_t)info->samples, sizeof *seen, error);
    if (!seen || read_samples(dataset, statistics, seen, error) ||
        count_lengths(statistics, seen, info, positions, error))
        goto cleanup;
    qsort(seen, (size_t)info->samples, sizeof *seen, compare_hashes);
    for (int64_t start = 0, end; start < info->samples; start = end) {
        for (end = start + 1; end < info->samples && memcmp(seen[end].hash, seen[start].hash, sizeof seen->hash) == 0;)
            end++;
        count_equal(statistics, seen + start, end - start);
    }
cleanup:
    memory_free(seen);
    return error->status;
}
