/* A rank's samples, global batch by global batch, read ahead by a thread. See loader.h. */
#include "linnet/data/loader.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/thread.h"
#include "linnet/data/dealer.h"

#define CHUNK_TOKENS ((int64_t)1 << 24)

/* This rank's part of consecutive global batches of an epoch, loaded. */
typedef struct {
    int64_t epoch, first, end; /**< global batches first … end − 1; none in a chunk of zeros */
    int64_t *tokens;           /**< [global batches of a chunk] of text, over all ranks */
    double *weights;           /**< [global batches of a chunk] of their samples; NULL without label_weights */
    int64_t *predictions;      /**< [global batches of a chunk] likewise */
    int64_t *unit_starts; /**< [global batches of a chunk, units of a rank + 1] where in `loaded` each unit starts */
    int64_t *positions;   /**< [samples of a chunk] of each sample in `loaded`, its position in its global batch */
    Samples loaded;       /**< this rank's samples, by global batch, unit and position */
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
    int64_t *indices;        /**< [samples of a chunk] all ranks' samples, in the epoch's order */
    int32_t *lengths;        /**< [samples of a chunk] theirs */
    uint16_t *labels;        /**< [samples of a chunk] likewise; NULL without label_weights */
    int64_t *own;            /**< [samples of a chunk] indices of this rank's samples */
    Dealer dealer;
} Reader;

struct Loader {
    Reader reader;
    Chunk now;         /**< the chunk in use */
    Chunk ahead;       /**< the next one; the thread's while it runs */
    Error ahead_error; /**< likewise */
    pthread_t thread;
    bool reading; /**< the thread must be joined */
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

/* Units of a rank at most. */
static int64_t units_of_rank(const LoaderPlan *plan) {
    return int64_divide_up(plan->units, plan->ranks);
}

double loader_bytes(const DatasetInfo *info, const LoaderPlan *plan) {
    const double mean = (double)info->tokens / (double)info->samples;
    const double batches = (double)chunk_batches(info->samples, plan);
    const double samples = (double)chunk_samples(info->samples, plan), own = samples / plan->ranks;
    const double loaded = own * (4 * sizeof(int64_t) + dataset_label_bytes(info) + mean * sizeof(int32_t));
    const double chunk = loaded + batches * (double)(units_of_rank(plan) + 3) * sizeof(int64_t);
    const double weights = plan->label_weights ? samples * sizeof(uint16_t) + 2.0 * batches * sizeof(double) : 0.0;
    const double reader = samples * (sizeof(int64_t) + sizeof(int32_t) + DATASET_WORK_BYTES) + own * sizeof(int64_t) +
                          dealer_bytes(&plan->cost_model, int64_min(plan->global_batch, info->samples), plan->units);
    return 2.0 * chunk + reader + weights + loader_order_bytes(info->samples, plan->order);
}

int64_t loader_largest_share(const DatasetInfo *info, const LoaderPlan *plan) {
    const int64_t samples = int64_min(plan->global_batch, info->samples), units = int64_min(plan->units, samples);
    return units_cost_most(&plan->cost_model, samples, units, int64_divide_up(units, plan->ranks), info->longest);
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
    reader->lengths = memory_allocate((size_t)chunk_samples(samples, plan), sizeof *reader->lengths, error);
    reader->own = memory_allocate((size_t)chunk_samples(samples, plan), sizeof *reader->own, error);
    if (plan->label_weights)
        reader->labels = memory_allocate((size_t)chunk_samples(samples, plan), sizeof *reader->labels, error);
    return dealer_create(&reader->dealer, &plan->cost_model, int64_min(plan->global_batch, samples), plan->units,
                         error);
}

static Status create_chunk(Chunk *chunk, const Reader *reader, Error *error) {
    const size_t samples = (size_t)chunk_samples(reader->samples, &reader->plan), batches = (size_t)reader->batches;
    const size_t starts = (size_t)units_of_rank(&reader->plan) + 1;
    chunk->tokens = memory_allocate(batches, sizeof *chunk->tokens, error);
    chunk->predictions = memory_allocate(batches, sizeof *chunk->predictions, error);
    if (reader->labels) chunk->weights = memory_allocate(batches, sizeof *chunk->weights, error);
    chunk->unit_starts = memory_allocate(batches, starts * sizeof *chunk->unit_starts, error);
    chunk->positions = memory_allocate(samples, sizeof *chunk->positions, error);
    return error->status;
}

static void free_chunk(Chunk *chunk) {
    samples_free(&chunk->loaded);
    memory_free(chunk->tokens);
    memory_free(chunk->weights);
    memory_free(chunk->predictions);
    memory_free(chunk->unit_starts);
    memory_free(chunk->positions);
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

/* Where in a chunk the samples of each of this rank's units of a global batch start. */
static int64_t *find_unit_starts(const Reader *reader, const Chunk *chunk, int64_t global_batch) {
    return chunk->unit_starts + (global_batch - chunk->first) * (units_of_rank(&reader->plan) + 1);
}

/* Add this rank's samples of a global batch to the `count` before; returns their number then. `start` is where the
 * global batch starts in the chunk. */
static int64_t take_own(Reader *reader, Chunk *chunk, int64_t start, const GlobalBatch *global_batch,
                        int64_t *unit_starts, int64_t count) {
    const Dealer *dealer = &reader->dealer;
    for (int u = 0; u < global_batch->unit_count; u++) {
        const int64_t *unit = dealer->unit_starts + global_batch->first_unit + u;
        unit_starts[u] = count;
        for (int64_t i = unit[0]; i < unit[1]; i++) {
            chunk->positions[count] = dealer->positions[i];
            reader->own[count++] = reader->indices[start + dealer->positions[i]];
        }
    }
    unit_starts[global_batch->unit_count] = count;
    return count;
}

/* Samples and units of a global batch, and which of them are this rank's. */
static GlobalBatch shape_of(const Reader *reader, int64_t index) {
    const LoaderPlan *plan = &reader->plan;
    const int64_t samples = int64_min(plan->global_batch, reader->samples - index * plan->global_batch);
    const int units = (int)int64_min(plan->units, samples);
    int64_t first_unit, unit_count;
    even_part(units, plan->ranks, plan->rank, &first_unit, &unit_count); /* as the reduction deals them */
    return (GlobalBatch){
        .samples = samples, .units = units, .first_unit = (int)first_unit, .unit_count = (int)unit_count};
}

/* What samples `start` … of a chunk weigh together. */
static double sum_weights(const Reader *reader, int64_t start, int64_t samples) {
    double sum = 0.0;
    for (int64_t i = start; i < start + samples; i++) sum += reader->plan.label_weights[reader->labels[i]];
    return sum;
}

/* Deal the global batches of a chunk, and fill reader->own with this rank's samples; returns their number. */
static int64_t deal_chunk(Reader *reader, Chunk *chunk) {
    int64_t count = 0;
    for (int64_t b = chunk->first; b < chunk->end; b++) {
        const GlobalBatch shape = shape_of(reader, b);
        const int64_t start = (b - chunk->first) * reader->plan.global_batch;
        const int32_t *lengths = reader->lengths + start;
        int64_t tokens = 0, rows = 0;
        for (int64_t i = 0; i < shape.samples; i++) {
            tokens += lengths[i];
            rows += sample_rows(&reader->plan.cost_model, lengths[i]);
        }
        chunk->tokens[b - chunk->first] = tokens;
        chunk->predictions[b - chunk->first] = rows - shape.samples;
        if (reader->labels) chunk->weights[b - chunk->first] = sum_weights(reader, start, shape.samples);
        dealer_deal(&reader->dealer, lengths, shape.samples, shape.units);
        count = take_own(reader, chunk, start, &shape, find_unit_starts(reader, chunk, b), count);
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
    if (dataset_lengths(reader->dataset, reader->indices, samples, reader->lengths, error)) return error->status;
    if (reader->labels && dataset_labels(reader->dataset, reader->indices, samples, reader->labels, error))
        return error->status;
    const int64_t own = deal_chunk(reader, chunk);
    return dataset_load(reader->dataset, reader->own, own, &chunk->loaded, error);
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
    if (!create_reader(&new->reader, dataset, plan, error) && !create_chunk(&new->now, &new->reader, error) &&
        !create_chunk(&new->ahead, &new->reader, error))
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
    memory_free(loader->reader.lengths);
    memory_free(loader->reader.labels);
    memory_free(loader->reader.own);
    dealer_destroy(&loader->reader.dealer);
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

GlobalBatch loader_global_batch(const Loader *loader, int64_t global_batch) {
    const Chunk *now = &loader->now;
    GlobalBatch found = shape_of(&loader->reader, global_batch);
    found.tokens = now->tokens[global_batch - now->first];
    found.weight = now->weights ? now->weights[global_batch - now->first] : (double)found.samples;
    found.predictions = now->predictions[global_batch - now->first];
    found.unit_starts = find_unit_starts(&loader->reader, now, global_batch);
    return found;
}

LoaderSample loader_sample(const Loader *loader, int64_t number) {
    const Chunk *now = &loader->now;
    const Samples *loaded = &now->loaded;
    const int64_t start = loaded->starts[number], end = loaded->starts[number + 1];
    const size_t labels = (size_t)dataset_info(loader->reader.dataset)->labels;
    return (LoaderSample){.ids = loaded->ids + start,
                          .length = (size_t)(end - start),
                          .label = loaded->labels ? loaded->labels[number] : 0,
                          .targets = loaded->targets ? loaded->targets + (size_t)number * labels : NULL,
                          .index = loaded->indices[number],
                          .position = now->positions[number]};
}
