/* Reading a prefetch chunk of global batches: its order, its lengths, this rank's samples. See loader_chunk.h. */
#include "data/loader_chunk.h"

#include "linnet/comm/world.h"
#include "linnet/core/memory.h"

int64_t chunk_batches(int64_t samples, const LoaderPlan *plan) {
    int64_t steps_per_epoch = (samples + plan->global_batch - 1) / plan->global_batch,
            most = plan->chunk / plan->global_batch;
    if (most < 1) most = 1;
    return steps_per_epoch < most ? steps_per_epoch : most;
}

int64_t chunk_samples(const ChunkReader *reader) {
    int64_t samples = reader->chunk * reader->plan.global_batch;
    return samples < reader->samples ? samples : reader->samples;
}

Status chunk_reader_create(ChunkReader *reader, Dataset *dataset, const LoaderPlan *plan, Error *error) {
    *reader = (ChunkReader){.dataset = dataset, .plan = *plan, .order_epoch = -1};
    reader->samples = dataset_info(dataset)->samples;
    reader->steps_per_epoch = (reader->samples + plan->global_batch - 1) / plan->global_batch;
    reader->chunk = chunk_batches(reader->samples, plan);
    if (plan->order == DATA_ORDER_TORCH)
        reader->order = memory_allocate((size_t)reader->samples, sizeof *reader->order, error);
    reader->indices = memory_allocate((size_t)chunk_samples(reader), sizeof *reader->indices, error);
    reader->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *reader->unit_starts, error);
    return error->status;
}

void chunk_reader_free(ChunkReader *reader) {
    memory_free(reader->order);
    memory_free(reader->indices);
    memory_free(reader->unit_starts);
}

Status chunk_create(Chunk *chunk, const ChunkReader *reader, Error *error) {
    chunk->lengths = memory_allocate((size_t)chunk_samples(reader), sizeof *chunk->lengths, error);
    chunk->place = memory_allocate((size_t)reader->chunk, sizeof *chunk->place, error);
    return error->status;
}

void chunk_free(Chunk *chunk) {
    samples_free(&chunk->loaded);
    memory_free(chunk->lengths);
    memory_free(chunk->place);
}

bool chunk_holds(const Chunk *chunk, int64_t epoch, int64_t global_batch) {
    return chunk->epoch == epoch && chunk->first <= global_batch && global_batch < chunk->end;
}

/* Samples of a global batch of the epoch. */
static int64_t batch_samples(const ChunkReader *reader, int64_t global_batch) {
    int64_t left = reader->samples - global_batch * reader->plan.global_batch;
    return left < reader->plan.global_batch ? left : reader->plan.global_batch;
}

/* The rows at count positions of an epoch's order, from `start` on. */
static void find_rows(ChunkReader *reader, int64_t epoch, int64_t start, int64_t count) {
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

void chunk_cut(const ChunkReader *reader, const Chunk *chunk, int64_t index, int64_t *unit_starts,
               GlobalBatch *global_batch, int64_t *first, int64_t *end) {
    const LoaderPlan *plan = &reader->plan;
    const int32_t *lengths = chunk->lengths + (index - chunk->first) * plan->global_batch;
    int64_t samples = batch_samples(reader, index), first_unit, unit_count;
    int units = samples < plan->units ? (int)samples : plan->units;
    loader_cut_units(unit_starts, lengths, samples, units);
    world_deal(units, plan->ranks, plan->rank, &first_unit, &unit_count); /* as the reduction deals */
    *first = unit_starts[first_unit];
    *end = unit_starts[first_unit + unit_count];
    *global_batch = (GlobalBatch){.samples = samples,
                                  .units = units,
                                  .first_unit = (int)first_unit,
                                  .unit_count = (int)unit_count,
                                  .unit_starts = unit_starts};
    for (int64_t i = 0; i < samples; i++) global_batch->tokens += lengths[i];
}

/* Leave of the indices this rank's own, global batch by global batch; returns their number. */
static int64_t keep_own(ChunkReader *reader, Chunk *chunk) {
    int64_t count = 0;
    for (int64_t w = chunk->first; w < chunk->end; w++) {
        GlobalBatch global_batch;
        int64_t first, end, start = (w - chunk->first) * reader->plan.global_batch;
        chunk_cut(reader, chunk, w, reader->unit_starts, &global_batch, &first, &end);
        chunk->place[w - chunk->first] = count;
        for (int64_t i = first; i < end; i++) reader->indices[count++] = reader->indices[start + i];
    }
    return count;
}

Status chunk_read(ChunkReader *reader, Chunk *chunk, int64_t epoch, int64_t first, Error *error) {
    const int64_t global_batch = reader->plan.global_batch, left = reader->steps_per_epoch - first;
    chunk->epoch = epoch;
    chunk->first = first;
    chunk->end = first + (left < reader->chunk ? left : reader->chunk);
    const int64_t start = first * global_batch, rest = reader->samples - start;
    const int64_t samples = rest < (chunk->end - first) * global_batch ? rest : (chunk->end - first) * global_batch;
    samples_free(&chunk->loaded);
    find_rows(reader, epoch, start, samples);
    if (dataset_lengths(reader->dataset, reader->indices, samples, chunk->lengths, error)) return error->status;
    const int64_t own = keep_own(reader, chunk);
    return dataset_load(reader->dataset, reader->indices, own, &chunk->loaded, error);
}
