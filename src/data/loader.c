/* A rank's samples, global batch by global batch: the prefetch chunk that is worked on, and the thread that reads the next. See loader.h. */
#include "linnet/data/loader.h"

#include "data/loader_chunk.h"
#include "linnet/core/memory.h"
#include <pthread.h>
#include <signal.h>

#define CHUNK_TOKENS ((int64_t)1 << 25)

struct Loader {
    ChunkReader reader; /* the thread's while it runs */
    Chunk now;          /* worked on */
    Chunk ahead;        /* read ahead, and the thread's while it runs */
    Error ahead_error;  /* likewise */
    pthread_t thread;
    bool reading;          /* the thread is to be joined */
    int64_t *unit_starts;  /* [units + 1] of the global batch under way */
    int64_t global_batch;  /* under way */
    int64_t first_of_mine; /* position in it of this rank's first sample */
};

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
    const double steps_per_epoch = (double)chunk_batches(info->samples, plan),
                 all = steps_per_epoch * (double)plan->global_batch;
    const double samples = all < (double)info->samples ? all : (double)info->samples;
    const double loaded = samples / plan->ranks * (3 * sizeof(int64_t) + sizeof(uint8_t) + mean * sizeof(uint16_t));
    const double chunks = 2.0 * (loaded + samples * sizeof(int32_t) + steps_per_epoch * sizeof(int64_t));
    return chunks + samples * (sizeof(int64_t) + DATASET_WORK_BYTES) + loader_order_bytes(info->samples, plan->order);
}

Status loader_create(Loader **loader, Dataset *dataset, const LoaderPlan *plan, Error *error) {
    Loader *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    if (chunk_reader_create(&new->reader, dataset, plan, error) || chunk_create(&new->now, &new->reader, error) ||
        chunk_create(&new->ahead, &new->reader, error))
        goto cleanup;
    new->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *new->unit_starts, error);
    if (new->unit_starts == NULL) goto cleanup;
    *loader = new;
    new = NULL;
cleanup:
    loader_destroy(new);
    return error->status;
}

/* --- Reading ahead --- */

static void *read_ahead(void *context) {
    Loader *loader = context;
    chunk_read(&loader->reader, &loader->ahead, loader->ahead.epoch, loader->ahead.first, &loader->ahead_error);
    return NULL;
}

/* Start on what comes behind the prefetch chunk that is worked on. Without a thread it is read when it is asked for. */
static void start_ahead(Loader *loader) {
    const bool over = loader->now.end == loader->reader.steps_per_epoch;
    const int64_t epoch = loader->now.epoch + over, first = over ? 0 : loader->now.end;
    loader->ahead.epoch = epoch;
    loader->ahead.first = loader->ahead.end = first; /* nothing yet */
    if (epoch * loader->reader.steps_per_epoch + first >= loader->reader.plan.updates) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread starts with its maker's mask */
    loader->reading = pthread_create(&loader->thread, NULL, read_ahead, loader) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_ahead(Loader *loader) {
    if (loader->reading) pthread_join(loader->thread, NULL);
    loader->reading = false;
}

void loader_destroy(Loader *loader) {
    if (loader == NULL) return;
    if (loader->reading) dataset_stop(loader->reader.dataset);
    end_ahead(loader);
    chunk_free(&loader->now);
    chunk_free(&loader->ahead);
    chunk_reader_free(&loader->reader);
    memory_free(loader->unit_starts);
    memory_free(loader);
}

bool loader_has(const Loader *loader, int64_t epoch, int64_t global_batch) {
    return chunk_holds(&loader->now, epoch, global_batch);
}

Status loader_load(Loader *loader, int64_t epoch, int64_t global_batch, Error *error) {
    end_ahead(loader);
    if (!chunk_holds(&loader->ahead, epoch, global_batch)) {
        loader->ahead_error = (Error){0};
        chunk_read(&loader->reader, &loader->ahead, epoch, global_batch, &loader->ahead_error);
    }
    if (loader->ahead_error.status != STATUS_OK)
        return error_set(error, loader->ahead_error.status, "%s", loader->ahead_error.message);
    const Chunk done = loader->now;
    loader->now = loader->ahead;
    loader->ahead = done;
    start_ahead(loader);
    return STATUS_OK;
}

/* --- The global batch under way --- */

int64_t loader_steps_per_epoch(const Loader *loader) {
    return loader->reader.steps_per_epoch;
}

int64_t loader_largest_share(const DatasetInfo *info, const LoaderPlan *plan) {
    int64_t samples = plan->global_batch < info->samples ? plan->global_batch : info->samples;
    int64_t units = (plan->units + plan->ranks - 1) / plan->ranks; /* of a rank, which hold equally many tokens … */
    int64_t most = (samples * units + plan->units - 1) / plan->units + 1; /* … but for a part of a sample */
    /* Texts of one token have the most rows for their tokens, two. A share of nothing else has fewer rows all the same
     * than one of the longest texts, since it pulls the mean down; unless it is a small part of the global batch. */
    int64_t rows = units * (info->longest + 1) < plan->units ? 2 * info->longest : info->longest + 1;
    return (most < samples ? most : samples) * rows;
}

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

void loader_global_batch(Loader *loader, int64_t global_batch, GlobalBatch *out) {
    int64_t end;
    chunk_cut(&loader->reader, &loader->now, global_batch, loader->unit_starts, out, &loader->first_of_mine, &end);
    loader->global_batch = global_batch;
}

LoaderSample loader_sample(const Loader *loader, int64_t position) {
    const Samples *loaded = &loader->now.loaded;
    int64_t i = loader->now.place[loader->global_batch - loader->now.first] + position - loader->first_of_mine;
    return (LoaderSample){.ids = loaded->ids + loaded->starts[i],
                          .length = (size_t)(loaded->starts[i + 1] - loaded->starts[i]),
                          .label = loaded->labels[i],
                          .index = loaded->indices[i]};
}
