/* Reading a span of windows: its order, its lengths, this rank's samples. See loader_chunk.h. */
#include "data/loader_chunk.h"

#include "linnet/comm/world.h"
#include "linnet/core/memory.h"

int64_t span_windows(int64_t samples, const FeedPlan *plan) {
    int64_t windows = (samples + plan->window - 1) / plan->window, most = plan->span / plan->window;
    if (most < 1) most = 1;
    return windows < most ? windows : most;
}

int64_t span_samples(const SpanReader *reader) {
    int64_t samples = reader->span * reader->plan.window;
    return samples < reader->samples ? samples : reader->samples;
}

Status span_reader_create(SpanReader *reader, Dataset *dataset, const FeedPlan *plan, Error *error) {
    *reader = (SpanReader){.dataset = dataset, .plan = *plan, .order_epoch = -1};
    reader->samples = dataset_info(dataset)->samples;
    reader->windows = (reader->samples + plan->window - 1) / plan->window;
    reader->span = span_windows(reader->samples, plan);
    if (plan->order == DATA_ORDER_TORCH)
        reader->order = memory_allocate((size_t)reader->samples, sizeof *reader->order, error);
    reader->indices = memory_allocate((size_t)span_samples(reader), sizeof *reader->indices, error);
    reader->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *reader->unit_starts, error);
    return error->status;
}

void span_reader_free(SpanReader *reader) {
    memory_free(reader->order);
    memory_free(reader->indices);
    memory_free(reader->unit_starts);
}

Status span_create(Span *span, const SpanReader *reader, Error *error) {
    span->lengths = memory_allocate((size_t)span_samples(reader), sizeof *span->lengths, error);
    span->place = memory_allocate((size_t)reader->span, sizeof *span->place, error);
    return error->status;
}

void span_free(Span *span) {
    samples_free(&span->loaded);
    memory_free(span->lengths);
    memory_free(span->place);
}

bool span_holds(const Span *span, int64_t epoch, int64_t window) {
    return span->epoch == epoch && span->first <= window && window < span->end;
}

/* Samples of a window of the epoch. */
static int64_t window_samples(const SpanReader *reader, int64_t window) {
    int64_t left = reader->samples - window * reader->plan.window;
    return left < reader->plan.window ? left : reader->plan.window;
}

/* The rows at count positions of an epoch's order, from `start` on. */
static void find_rows(SpanReader *reader, int64_t epoch, int64_t start, int64_t count) {
    const uint64_t seed = reader->plan.seed + (uint64_t)epoch;
    if (reader->plan.order == DATA_ORDER_BLOCKS) {
        const BlockOrder order = block_order(reader->samples, seed);
        for (int64_t i = 0; i < count; i++) reader->indices[i] = block_order_at(&order, start + i);
        return;
    }
    if (reader->order_epoch != epoch) order_randperm(reader->order, reader->samples, seed);
    reader->order_epoch = epoch;
    for (int64_t i = 0; i < count; i++) reader->indices[i] = reader->order[start + i];
}

void span_cut(const SpanReader *reader, const Span *span, int64_t index, int64_t *unit_starts, Window *window,
              int64_t *first, int64_t *end) {
    const FeedPlan *plan = &reader->plan;
    const int32_t *lengths = span->lengths + (index - span->first) * plan->window;
    int64_t samples = window_samples(reader, index), first_unit, unit_count;
    int units = samples < plan->units ? (int)samples : plan->units;
    feed_cut(unit_starts, lengths, samples, units);
    world_deal(units, plan->ranks, plan->rank, &first_unit, &unit_count); /* as the reduction deals */
    *first = unit_starts[first_unit];
    *end = unit_starts[first_unit + unit_count];
    *window = (Window){.samples = samples,
                       .units = units,
                       .first_unit = (int)first_unit,
                       .unit_count = (int)unit_count,
                       .unit_starts = unit_starts};
    for (int64_t i = 0; i < samples; i++) window->tokens += lengths[i];
}

/* Leave of the indices this rank's own, window by window; returns their number. */
static int64_t keep_own(SpanReader *reader, Span *span) {
    int64_t count = 0;
    for (int64_t w = span->first; w < span->end; w++) {
        Window window;
        int64_t first, end, start = (w - span->first) * reader->plan.window;
        span_cut(reader, span, w, reader->unit_starts, &window, &first, &end);
        span->place[w - span->first] = count;
        for (int64_t i = first; i < end; i++) reader->indices[count++] = reader->indices[start + i];
    }
    return count;
}

Status span_read(SpanReader *reader, Span *span, int64_t epoch, int64_t first, Error *error) {
    const int64_t window = reader->plan.window, left = reader->windows - first;
    span->epoch = epoch;
    span->first = first;
    span->end = first + (left < reader->span ? left : reader->span);
    const int64_t start = first * window, rest = reader->samples - start;
    const int64_t samples = rest < (span->end - first) * window ? rest : (span->end - first) * window;
    samples_free(&span->loaded);
    find_rows(reader, epoch, start, samples);
    if (dataset_lengths(reader->dataset, reader->indices, samples, span->lengths, error)) return error->status;
    const int64_t own = keep_own(reader, span);
    return dataset_load(reader->dataset, reader->indices, own, &span->loaded, error);
}
