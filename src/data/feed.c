/* A rank's samples, window by window. See feed.h. */
#include "linnet/feed.h"

#include "linnet/memory.h"
#include "linnet/order.h"
#include "linnet/world.h"

struct Feed {
    Dataset *dataset; /* borrowed */
    FeedPlan plan;
    int64_t samples;      /* of the data set */
    int32_t *all_lengths; /* [samples] by index in the token file */
    int64_t *order;       /* [samples] of the epoch under way */
    int32_t *lengths;     /* [samples] in that order */
    int64_t *mine;        /* [samples] the indices this rank loads, in order of use */
    int64_t *place;       /* [windows] where in `loaded` this rank's samples of a window start */
    int64_t *unit_starts; /* [units + 1] of the window under way */
    Samples loaded;
    int64_t first_window;  /* loaded */
    int64_t window;        /* under way */
    int64_t first_of_mine; /* position in it of this rank's first sample */
};

Status feed_create(Feed **feed, Dataset *dataset, const FeedPlan *plan, Error *error) {
    Feed *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    *new = (Feed){.dataset = dataset, .plan = *plan, .samples = dataset_info(dataset)->samples};
    size_t n = (size_t) new->samples;
    new->all_lengths = memory_allocate(n, sizeof *new->all_lengths, error);
    new->order = memory_allocate(n, sizeof *new->order, error);
    new->lengths = memory_allocate(n, sizeof *new->lengths, error);
    new->mine = memory_allocate(n, sizeof *new->mine, error);
    new->place = memory_allocate((size_t)feed_windows(new), sizeof *new->place, error);
    new->unit_starts = memory_allocate((size_t)plan->units + 1, sizeof *new->unit_starts, error);
    if (error->status == STATUS_OK) dataset_lengths(dataset, new->all_lengths, error);
    if (error->status != STATUS_OK) {
        feed_destroy(new);
        return error->status;
    }
    *feed = new;
    return STATUS_OK;
}

void feed_destroy(Feed *feed) {
    if (feed == NULL) return;
    samples_free(&feed->loaded);
    memory_free(feed->all_lengths);
    memory_free(feed->order);
    memory_free(feed->lengths);
    memory_free(feed->mine);
    memory_free(feed->place);
    memory_free(feed->unit_starts);
    memory_free(feed);
}

int64_t feed_windows(const Feed *feed) {
    return (feed->samples + feed->plan.window - 1) / feed->plan.window;
}

int64_t feed_largest_unit(const Feed *feed) {
    int64_t most = 0;
    for (int64_t i = 0; i < feed->samples; i++)
        if (feed->all_lengths[i] > most) most = feed->all_lengths[i];
    int64_t samples = feed->plan.window < feed->samples ? feed->plan.window : feed->samples;
    return most * ((samples + feed->plan.units - 1) / feed->plan.units + 1);
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

/* Samples of a window, and their lengths in the epoch's order. */
static int64_t window_samples(const Feed *feed, int64_t window) {
    int64_t left = feed->samples - window * feed->plan.window;
    return left < feed->plan.window ? left : feed->plan.window;
}

/* Cut a window; this rank's samples are then positions *first … *end − 1. */
static void cut_window(Feed *feed, int64_t window, Window *out, int64_t *first, int64_t *end) {
    const int32_t *lengths = feed->lengths + window * feed->plan.window;
    int64_t samples = window_samples(feed, window), first_unit, unit_count;
    int units = samples < feed->plan.units ? (int)samples : feed->plan.units;
    feed_cut(feed->unit_starts, lengths, samples, units);
    world_deal(units, feed->plan.ranks, feed->plan.rank, &first_unit, &unit_count); /* as the reduction deals */
    *first = feed->unit_starts[first_unit];
    *end = feed->unit_starts[first_unit + unit_count];
    *out = (Window){.samples = samples,
                    .units = units,
                    .first_unit = (int)first_unit,
                    .unit_count = (int)unit_count,
                    .unit_starts = feed->unit_starts};
    for (int64_t i = 0; i < samples; i++) out->tokens += lengths[i];
}

Status feed_epoch(Feed *feed, int64_t epoch, int64_t first_window, Error *error) {
    order_randperm(feed->order, feed->samples, feed->plan.seed + (uint64_t)epoch);
    for (int64_t i = 0; i < feed->samples; i++) feed->lengths[i] = feed->all_lengths[feed->order[i]];
    int64_t count = 0;
    for (int64_t w = first_window; w < feed_windows(feed); w++) {
        Window window;
        int64_t first, end;
        cut_window(feed, w, &window, &first, &end);
        feed->place[w] = count;
        for (int64_t i = first; i < end; i++) feed->mine[count++] = feed->order[w * feed->plan.window + i];
    }
    samples_free(&feed->loaded);
    feed->first_window = first_window;
    return dataset_load(feed->dataset, feed->mine, count, &feed->loaded, error);
}

bool feed_holds(const Feed *feed, int64_t window) {
    return window >= feed->first_window && window < feed_windows(feed);
}

void feed_window(Feed *feed, int64_t window, Window *out) {
    int64_t end;
    cut_window(feed, window, out, &feed->first_of_mine, &end);
    feed->window = window;
}

FeedSample feed_sample(const Feed *feed, int64_t position) {
    int64_t i = feed->place[feed->window] + position - feed->first_of_mine;
    const Samples *loaded = &feed->loaded;
    return (FeedSample){.ids = loaded->ids + loaded->starts[i],
                        .length = (size_t)(loaded->starts[i + 1] - loaded->starts[i]),
                        .label = loaded->labels[i],
                        .index = loaded->indices[i]};
}
