/* A rank's samples, global batch by global batch, read ahead by a thread. See loader.h. */
#include "linnet/data/loader.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/thread.h"

#define CHUNK_TOKENS ((int64_t)1 << 24)

/* Consecutive global batches of an epoch, loaded. */
typedef struct {
    int64_t epoch, first, end; /**< global batches first … end − 1; none in a chunk of zeros */
    int32_t *lengths;          /**< [samples of a chunk] all ranks' samples, in the epoch's order */
    int64_t *places;           /**< [global batches of a chunk] where in `loaded` this rank's samples of each start */
    Samples loaded;            /**< this rank's samples */
} Chunk;

/* What reading a chunk needs; the thread's while it runs. */
typedef struct {
    Dataset *dataset; /**< borrowed */
    LoaderPlan plan;
    int64_t samples;         /**< of the data set */
    int64_t steps_per_epoch; /**< global batches of an epoch */
    int64_t batches;         /**< global batches of a chunk */
    int64_t *order;          /**< [samples] of epoch order_epoch; NULL: computed entry by entry */
    int64_t order_epoch;     /**< −1: none yet */
    int64_t *indices;        /**< [samples of a chunk] */
    int64_t *unit_starts;    /**< [units + 1] */
} Reader;

struct Loader {
    Reader reader;
    Chunk now;         /**< the chunk in use */
    Chunk ahead;       /**< the next one; the thread's while it runs */
    Error ahead_error; /**< likewise */
    pthread_t thread;
    bool reading;          /**< the thread must be joined */
    int64_t *unit_starts;  /**< [units + 1] of the current global batch */
    int64_t global_batch;  /**< the current one */
    int64_t first_of_mine; /**< position in it of this rank's first sample */
};

/* --- Sizes --- */

static int64_t steps_per_epoch(int64_t samples, const LoaderPlan *plan) {
    return int64_divide_up(samples, plan->global_batch);
}

/* Global batches of a chunk. */
static int64_t chunk_batches(int64_t samples, const LoaderPlan *plan) {
    return int64_min(steps_per_epoch(samples, plan), int64_max(plan->chunk / plan->global_batch, 1));
}

/* Samples of a chunk at most. */
static int64_t chunk_samples(int64_t samples, const LoaderPlan *plan) {
    return int64_min(chunk_batches(samples, plan) * plan->global_batch, samples);
}

int64_t loader_chunk_samples(const DatasetInfo *info) {
    const double mean = (double)info->tokens / (double)info->samples;
    const double fit = (double)CHUNK_TOKENS / mean;
    return fit < ORDER_GROUP ? (int64_t)fit : ORDER_GROUP;
}

double loader_order_bytes(int64_t samples, DataOrder order) {
    return order == DATA_ORDER_TORCH ? (double)samples * sizeof(int64_t) : 0.0;
}

double loader_bytes(const DatasetInfo *info, const LoaderPlan *plan) {
    const double mean = (double)info->tokens / (double)info->samples;
    const double batches = (double)chunk_batches(info->samples, plan);
    const double samples = (double)chunk_samples(info->samples, plan);
    const double loaded = samples / plan->ranks * (3 * sizeof(int64_t) + sizeof(uint8_t) + mean * sizeof(int32_t));
    const double chunks = 2.0 * (loaded + samples * sizeof(int32_t) + batches * sizeof(int64_t));
    return chunks + samples * (sizeof(int64_t) + DATASET_WORK_BYTES) + loader_order_bytes(info->samples, plan->order);
}

int64_t loader_largest_share(const DatasetInfo *info, const LoaderPlan *plan) {
    int64_t samples = int64_min(plan->global_batch, info->samples);
    int64_t units = int64_divide_up(plan->units, plan->ranks);        /* of a rank, of about equally many tokens … */
    int64_t most = int64_divide_up(samples * units, plan->units) + 1; /* … up to a part of a sample */
    /* A text of one token has two rows, the most for its tokens. Yet a share of only such texts has fewer rows than one
     * of the longest, because short texts lower the mean, unless the share is a small part of the global batch. */
    int64_t rows = units * (info->longest + 1) < plan->units ? 2 * info->longest : info->longest + 1;
    return int64_min(most, samples) * rows;
}

/* --- Cutting a global batch --- */

void loader_cut_units(int64_t *starts, const int32_t *lengths, int64_t samples, int units) {
    int64_t total = 0, passed = 0, at = 0;
    for (int64_t i = 0; i < samples; i++) total += lengths[i];
    starts[0] = 0;
    for (int u = 1; u < units; u++) {
        int64_t last = samples - (units - u); /* leaves a sample to each unit that follows */
        do passed += lengths[at++];
        while (at < last && 2 * (passed * units - total * u) < -(int64_t)lengths[at] * units);
        starts[u] = at;
    }
    starts[units] = samples;
}

/* Cut a global batch of a chunk: unit_starts [units + 1] is written and lent to *global_batch; this rank's samples are
 * then positions *first … *end − 1. */
static void cut_batch(const Reader *reader, const Chunk *chunk, int64_t index, int64_t *unit_starts,
                      GlobalBatch *global_batch, int64_t *first, int64_t *end) {
    const LoaderPlan *plan = &reader->plan;
    const int32_t *lengths = chunk->lengths + (index - chunk->first) * plan->global_batch;
    int64_t samples = int64_min(plan->global_batch, reader->samples - index * plan->global_batch);
    int64_t first_unit, unit_count;
    int units = (int)int64_min(plan->units, samples);
    loader_cut_units(unit_starts, lengths, samples, units);
    even_part(units, plan->ranks, plan->rank, &first_unit, &unit_count); /* as the reduction deals them */
    *first = unit_starts[first_unit];
    *end = unit_starts[first_unit + unit_count];
    *global_batch = (GlobalBatch){samples, 0, units, (int)first_unit, (int)unit_count, unit_starts};
    for (int64_t i = 0; i < samples; i++) global_batch->tokens += lengths[i];
}

/* --- Reading a chunk --- */

static Status create_reader(Reader *reader, Dataset *dataset, const LoaderPlan *plan, Error *error) {
    const int64_t samples = dataset_info(dataset)->samples;
    *reader = (Reader){.dataset = dataset,
                       .plan = *plan,
                       .samples = samples,
                       .steps_per_epoch = steps_per_epoch(samples, plan),
                       .batches = chunk_batches(samples, plan),
                       .order_epoch = -1};
    if (plan->order == DATA_ORDER_TORCH) reader->order = memory_allocate((size_t)samples, sizeof *reader->order, error);
    reader->indices = memory_allocate((size_t)chunk_samples(samples, plan), sizeof *reader->indices, error);
    reader->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *reader->unit_starts, error);
    return error->status;
}

static Status create_chunk(Chunk *chunk, const Reader *reader, Error *error) {
    const int64_t samples = chunk_samples(reader->samples, &reader->plan);
    chunk->lengths = memory_allocate((size_t)samples, sizeof *chunk->lengths, error);
    chunk->places = memory_allocate((size_t)reader->batches, sizeof *chunk->places, error);
    return error->status;
}

static void free_chunk(Chunk *chunk) {
    samples_free(&chunk->loaded);
    memory_free(chunk->lengths);
    memory_free(chunk->places);
}

static bool chunk_holds(const Chunk *chunk, int64_t epoch, int64_t global_batch) {
    return chunk->epoch == epoch && chunk->first <= global_batch && global_batch < chunk->end;
}

/* Fill indices [count] with the samples at an epoch's positions from `start` on. */
static void find_samples(Reader *reader, int64_t epoch, int64_t start, int64_t count) {
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

/* Keep only this rank's indices, global batch by global batch; returns their number. */
static int64_t keep_own(Reader *reader, Chunk *chunk) {
    int64_t count = 0;
    for (int64_t b = chunk->first; b < chunk->end; b++) {
        GlobalBatch global_batch;
        int64_t first, end, start = (b - chunk->first) * reader->plan.global_batch;
        cut_batch(reader, chunk, b, reader->unit_starts, &global_batch, &first, &end);
        chunk->places[b - chunk->first] = count;
        for (int64_t i = first; i < end; i++) reader->indices[count++] = reader->indices[start + i];
    }
    return count;
}

/* Read the global batches of an epoch from `first` on. After an error the chunk still names them. */
static Status read_chunk(Reader *reader, Chunk *chunk, int64_t epoch, int64_t first, Error *error) {
    const int64_t global_batch = reader->plan.global_batch, start = first * global_batch;
    chunk->epoch = epoch;
    chunk->first = first;
    chunk->end = first + int64_min(reader->batches, reader->steps_per_epoch - first);
    const int64_t samples = int64_min((chunk->end - first) * global_batch, reader->samples - start);
    samples_free(&chunk->loaded);
    find_samples(reader, epoch, start, samples);
    if (dataset_lengths(reader->dataset, reader->indices, samples, chunk->lengths, error)) return error->status;
    const int64_t own = keep_own(reader, chunk);
    return dataset_load(reader->dataset, reader->indices, own, &chunk->loaded, error);
}

/* --- Reading ahead --- */

static void *read_ahead(void *context) {
    Loader *loader = context;
    read_chunk(&loader->reader, &loader->ahead, loader->ahead.epoch, loader->ahead.first, &loader->ahead_error);
    return NULL;
}

/* Start to read the chunk after the one in use. Where no thread can be started it is read when it is asked for. */
static void start_ahead(Loader *loader) {
    const bool over = loader->now.end == loader->reader.steps_per_epoch;
    const int64_t epoch = loader->now.epoch + over, first = over ? 0 : loader->now.end;
    loader->ahead.epoch = epoch;
    loader->ahead.first = loader->ahead.end = first; /* nothing yet */
    if (epoch * loader->reader.steps_per_epoch + first >= loader->reader.plan.updates) return;
    loader->reading = thread_start(&loader->thread, read_ahead, loader);
}

static void end_ahead(Loader *loader) {
    if (loader->reading) pthread_join(loader->thread, NULL);
    loader->reading = false;
}

Status loader_create(Loader **loader, Dataset *dataset, const LoaderPlan *plan, Error *error) {
    Loader *new = memory_allocate(1, sizeof *new, error);
    if (!new) return error->status;
    new->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *new->unit_starts, error);
    if (new->unit_starts && !create_reader(&new->reader, dataset, plan, error) &&
        !create_chunk(&new->now, &new->reader, error) && !create_chunk(&new->ahead, &new->reader, error))
        *loader = new;
    else
        loader_destroy(new);
    return error->status;
}

void loader_destroy(Loader *loader) {
    if (!loader) return;
    if (loader->reading) dataset_stop(loader->reader.dataset);
    end_ahead(loader);
    free_chunk(&loader->now);
    free_chunk(&loader->ahead);
    memory_free(loader->reader.order);
    memory_free(loader->reader.indices);
    memory_free(loader->reader.unit_starts);
    memory_free(loader->unit_starts);
    memory_free(loader);
}

/* --- The chunk in use --- */

bool loader_has(const Loader *loader, int64_t epoch, int64_t global_batch) {
    return chunk_holds(&loader->now, epoch, global_batch);
}

Status loader_load(Loader *loader, int64_t epoch, int64_t global_batch, Error *error) {
    end_ahead(loader);
    if (!chunk_holds(&loader->ahead, epoch, global_batch)) {
        loader->ahead_error = (Error){0};
        read_chunk(&loader->reader, &loader->ahead, epoch, global_batch, &loader->ahead_error);
    }
    if (loader->ahead_error.status)
        return error_set(error, loader->ahead_error.status, "%s", loader->ahead_error.message);
    const Chunk done = loader->now;
    loader->now = loader->ahead;
    loader->ahead = done;
    start_ahead(loader);
    return STATUS_OK;
}

void loader_global_batch(Loader *loader, int64_t global_batch, GlobalBatch *out) {
    int64_t end;
    cut_batch(&loader->reader, &loader->now, global_batch, loader->unit_starts, out, &loader->first_of_mine, &end);
    loader->global_batch = global_batch;
}

LoaderSample loader_sample(const Loader *loader, int64_t position) {
    const Samples *loaded = &loader->now.loaded;
    int64_t i = loader->now.places[loader->global_batch - loader->now.first] + position - loader->first_of_mine;
    const int64_t start = loaded->starts[i], end = loaded->starts[i + 1];
    return (LoaderSample){loaded->ids + start, (size_t)(end - start), loaded->labels[i], loaded->indices[i]};
}
