/* A rank's samples, window by window: the span that is worked on, and the thread that reads the next. See loader.h. */
#include "linnet/data/loader.h"

#include "data/loader_chunk.h"
#include "linnet/core/memory.h"
#include <pthread.h>
#include <signal.h>

#define SPAN_TOKENS ((int64_t)1 << 25)

struct Feed {
    SpanReader reader; /* the thread's while it runs */
    Span now;          /* worked on */
    Span ahead;        /* read ahead, and the thread's while it runs */
    Error ahead_error; /* likewise */
    pthread_t thread;
    bool reading;          /* the thread is to be joined */
    int64_t *unit_starts;  /* [units + 1] of the window under way */
    int64_t window;        /* under way */
    int64_t first_of_mine; /* position in it of this rank's first sample */
};

int64_t feed_span(const DatasetInfo *info) {
    const double mean = (double)info->tokens / (double)info->samples;
    const double fit = (double)SPAN_TOKENS / mean;
    return fit < ORDER_GROUP ? (int64_t)fit : ORDER_GROUP;
}

double feed_order_bytes(int64_t samples, DataOrder order) {
    return order == DATA_ORDER_TORCH ? (double)samples * sizeof(int64_t) : 0.0;
}

double feed_bytes(const DatasetInfo *info, const FeedPlan *plan) {
    const double mean = (double)info->tokens / (double)info->samples;
    const double windows = (double)span_windows(info->samples, plan), all = windows * (double)plan->window;
    const double samples = all < (double)info->samples ? all : (double)info->samples;
    const double loaded = samples / plan->ranks * (3 * sizeof(int64_t) + sizeof(uint8_t) + mean * sizeof(uint16_t));
    const double spans = 2.0 * (loaded + samples * sizeof(int32_t) + windows * sizeof(int64_t));
    return spans + samples * (sizeof(int64_t) + DATASET_WORK_BYTES) + feed_order_bytes(info->samples, plan->order);
}

Status feed_create(Feed **feed, Dataset *dataset, const FeedPlan *plan, Error *error) {
    Feed *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    if (span_reader_create(&new->reader, dataset, plan, error) || span_create(&new->now, &new->reader, error) ||
        span_create(&new->ahead, &new->reader, error))
        goto cleanup;
    new->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *new->unit_starts, error);
    if (new->unit_starts == NULL) goto cleanup;
    *feed = new;
    new = NULL;
cleanup:
    feed_destroy(new);
    return error->status;
}

/* --- Reading ahead --- */

static void *read_ahead(void *context) {
    Feed *feed = context;
    span_read(&feed->reader, &feed->ahead, feed->ahead.epoch, feed->ahead.first, &feed->ahead_error);
    return NULL;
}

/* Start on what comes behind the span that is worked on. Without a thread it is read when it is asked for. */
static void start_ahead(Feed *feed) {
    const bool over = feed->now.end == feed->reader.windows;
    const int64_t epoch = feed->now.epoch + over, first = over ? 0 : feed->now.end;
    feed->ahead.epoch = epoch;
    feed->ahead.first = feed->ahead.end = first; /* nothing yet */
    if (epoch * feed->reader.windows + first >= feed->reader.plan.updates) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread starts with its maker's mask */
    feed->reading = pthread_create(&feed->thread, NULL, read_ahead, feed) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_ahead(Feed *feed) {
    if (feed->reading) pthread_join(feed->thread, NULL);
    feed->reading = false;
}

void feed_destroy(Feed *feed) {
    if (feed == NULL) return;
    if (feed->reading) dataset_stop(feed->reader.dataset);
    end_ahead(feed);
    span_free(&feed->now);
    span_free(&feed->ahead);
    span_reader_free(&feed->reader);
    memory_free(feed->unit_starts);
    memory_free(feed);
}

bool feed_has(const Feed *feed, int64_t epoch, int64_t window) {
    return span_holds(&feed->now, epoch, window);
}

Status feed_load(Feed *feed, int64_t epoch, int64_t window, Error *error) {
    end_ahead(feed);
    if (!span_holds(&feed->ahead, epoch, window)) {
        feed->ahead_error = (Error){0};
        span_read(&feed->reader, &feed->ahead, epoch, window, &feed->ahead_error);
    }
    if (feed->ahead_error.status != STATUS_OK)
        return error_set(error, feed->ahead_error.status, "%s", feed->ahead_error.message);
    const Span done = feed->now;
    feed->now = feed->ahead;
    feed->ahead = done;
    start_ahead(feed);
    return STATUS_OK;
}

/* --- The window under way --- */

int64_t feed_windows(const Feed *feed) {
    return feed->reader.windows;
}

int64_t feed_largest_share(const DatasetInfo *info, const FeedPlan *plan) {
    int64_t samples = plan->window < info->samples ? plan->window : info->samples;
    int64_t units = (plan->units + plan->ranks - 1) / plan->ranks; /* of a rank, which hold equally many tokens … */
    int64_t most = (samples * units + plan->units - 1) / plan->units + 1; /* … but for a part of a sample */
    /* Texts of one token have the most rows for their tokens, two. A share of nothing else has fewer rows all the same
     * than one of the longest texts, since it pulls the mean down; unless it is a small part of the window. */
    int64_t rows = units * (info->longest + 1) < plan->units ? 2 * info->longest : info->longest + 1;
    return (most < samples ? most : samples) * rows;
}

void feed_cut(int64_t *starts, const int32_t *lengths, int64_t samples, int units) {
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

void feed_window(Feed *feed, int64_t window, Window *out) {
    int64_t end;
    span_cut(&feed->reader, &feed->now, window, feed->unit_starts, out, &feed->first_of_mine, &end);
    feed->window = window;
}

FeedSample feed_sample(const Feed *feed, int64_t position) {
    const Samples *loaded = &feed->now.loaded;
    int64_t i = feed->now.place[feed->window - feed->now.first] + position - feed->first_of_mine;
    return (FeedSample){.ids = loaded->ids + loaded->starts[i],
                        .length = (size_t)(loaded->starts[i + 1] - loaded->starts[i]),
                        .label = loaded->labels[i],
                        .index = loaded->indices[i]};
}
