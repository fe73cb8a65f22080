#include "linnet/feed.h"
#include "linnet/order.h"
#include "linnet/random.h"
#include "linnet/world.h"
#include "unit/model_files.h"
#include "unit/token_file.h"

/** Any number in [0, limit), the same at every run. */
static int32_t any(int32_t limit) {
    static Mt19937 generator = {.next = -1};
    if (generator.next < 0) mt19937_seed(&generator, 11);
    return (int32_t)(mt19937_next(&generator) % (uint32_t)limit);
}

/** Where unit u should start when the one before starts at `before`: of the boundaries that leave every unit a
 *  sample, the first of those nearest to u/units of the tokens. */
static int64_t nearest_cut(const int32_t *lengths, int64_t samples, int units, int u, int64_t before) {
    int64_t total = 0, passed = 0, best = -1, least = INT64_MAX;
    for (int64_t i = 0; i < samples; i++) total += lengths[i];
    for (int64_t at = 0; at <= samples - (units - u); passed += lengths[at++]) {
        int64_t distance = llabs(passed * units - total * u);
        if (at <= before || distance >= least) continue;
        least = distance;
        best = at;
    }
    return best;
}

static void check_cut(const int32_t *lengths, int64_t samples, int units) {
    int64_t starts[65], total = 0, longest = 0;
    feed_cut(starts, lengths, samples, units);
    for (int64_t i = 0; i < samples; i++) {
        total += lengths[i];
        if (lengths[i] > longest) longest = lengths[i];
    }
    assert_int_equal(starts[0], 0);
    assert_int_equal(starts[units], samples);
    for (int u = 0; u < units; u++) {
        assert_true(starts[u] < starts[u + 1]);
        int64_t tokens = 0;
        for (int64_t i = starts[u]; i < starts[u + 1]; i++) tokens += lengths[i];
        /* A cut lies at most half a sample from where it ought to be, or leaves a unit one sample. */
        assert_true(tokens * units <= total + longest * units);
        if (u > 0) assert_int_equal(starts[u], nearest_cut(lengths, samples, units, u, starts[u - 1]));
    }
}

static void test_cut(void **state) {
    (void)state;
    int32_t lengths[64];
    for (int round = 0; round < 3000; round++) {
        int64_t samples = 1 + any(64);
        int32_t longest = round % 3 == 0 ? 1 : round % 3 == 1 ? 30 : 1024;
        for (int64_t i = 0; i < samples; i++) lengths[i] = 1 + any(longest);
        check_cut(lengths, samples, 1 + any((int32_t)samples));
        check_cut(lengths, samples, (int)samples);
    }
}

static void test_cut_by_tokens(void **state) {
    (void)state;
    int64_t starts[4];
    feed_cut(starts, (const int32_t[]){900, 10, 10, 10, 10}, 5, 2);
    assert_int_equal(starts[1], 1);
    feed_cut(starts, (const int32_t[]){10, 10, 10, 10, 900}, 5, 2);
    assert_int_equal(starts[1], 4);
    feed_cut(starts, (const int32_t[]){10, 10, 10, 10, 10, 10}, 6, 3);
    assert_int_equal(starts[1], 2);
    assert_int_equal(starts[2], 4);
}

static Dataset *make_dataset(int64_t samples) {
    Error error = {0};
    const char *path = in_folder("feed.h5");
    write_samples(path, samples, &error);
    assert_fine(&error);
    return open_good(path);
}

static Feed *make_feed(Dataset *dataset, int64_t window, int units, int ranks, int rank) {
    Feed *feed = NULL;
    Error error = {0};
    const FeedPlan plan = {.window = window, .units = units, .ranks = ranks, .rank = rank, .seed = 42};
    feed_create(&feed, dataset, &plan, &error);
    assert_fine(&error);
    return feed;
}

/** A sample must be the one that the token file has at this index. */
static void assert_sample(const FeedSample *sample, int64_t index) {
    assert_int_equal(sample->index, index);
    assert_int_equal(sample->length, length_of(index));
    assert_int_equal(sample->label, label_of(index));
    for (size_t i = 0; i < sample->length; i++) assert_int_equal(sample->ids[i], token_of(index, i));
}

/** What the window must be, from the epoch's order alone. */
static void check_window(const Window *window, const int64_t *order, int64_t samples, int units, int ranks, int rank) {
    int64_t first, count, tokens = 0, starts[65];
    int32_t lengths[64];
    for (int64_t i = 0; i < samples; i++) {
        lengths[i] = (int32_t)length_of(order[i]);
        tokens += lengths[i];
    }
    int taking_part = samples < units ? (int)samples : units;
    world_deal(taking_part, ranks, rank, &first, &count);
    feed_cut(starts, lengths, samples, taking_part);
    assert_int_equal(window->samples, samples);
    assert_int_equal(window->tokens, tokens);
    assert_int_equal(window->units, taking_part);
    assert_int_equal(window->first_unit, first);
    assert_int_equal(window->unit_count, count);
    assert_memory_equal(window->unit_starts, starts, (size_t)(taking_part + 1) * sizeof *starts);
}

/** This rank's samples of one window of an epoch; adds to seen [samples]. */
static void visit(Feed *feed, int64_t window_index, const FeedPlan *plan, int64_t samples, const int64_t *order,
                  int *seen) {
    Window window;
    int64_t start = window_index * plan->window, left = samples - start;
    feed_window(feed, window_index, &window);
    check_window(&window, order + start, left < plan->window ? left : plan->window, plan->units, plan->ranks,
                 plan->rank);
    for (int u = window.first_unit; u < window.first_unit + window.unit_count; u++) {
        int64_t tokens = 0;
        for (int64_t i = window.unit_starts[u]; i < window.unit_starts[u + 1]; i++) {
            FeedSample sample = feed_sample(feed, i);
            assert_sample(&sample, order[start + i]);
            tokens += (int64_t)sample.length;
            seen[sample.index]++;
        }
        assert_true(tokens <= feed_largest_unit(feed));
    }
}

/** All ranks' feeds over whole epochs: every sample exactly once, in torch's order. */
static void check_epochs(int64_t samples, int64_t window, int units, int ranks) {
    enum { EPOCHS = 3, MOST = 200 };
    Dataset *dataset = make_dataset(samples);
    int seen[EPOCHS][MOST] = {{0}};
    for (int rank = 0; rank < ranks; rank++) {
        const FeedPlan plan = {.window = window, .units = units, .ranks = ranks, .rank = rank};
        Feed *feed = make_feed(dataset, window, units, ranks, rank);
        assert_int_equal(feed_windows(feed), (samples + window - 1) / window);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            int64_t order[MOST];
            Error error = {0};
            feed_epoch(feed, epoch, 0, &error);
            assert_fine(&error);
            order_randperm(order, samples, 42 + (uint64_t)epoch);
            for (int64_t w = 0; w < feed_windows(feed); w++) visit(feed, w, &plan, samples, order, seen[epoch]);
        }
        feed_destroy(feed);
    }
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (int64_t i = 0; i < samples; i++) assert_int_equal(seen[epoch][i], 1);
    dataset_close(dataset);
}

static void test_epochs(void **state) {
    (void)state;
    check_epochs(150, 16, 4, 4); /* the last window holds 6 samples */
    check_epochs(147, 16, 8, 3); /* units that ranks do not divide; the last window has 3 samples for 8 units */
    check_epochs(33, 16, 5, 2);  /* a last window of one sample */
    check_epochs(32, 16, 16, 1); /* whole windows, a sample a unit */
    check_epochs(20, 4, 2, 5);   /* more ranks than units: some have nothing to do */
    check_epochs(3, 64, 8, 4);   /* less than one window, fewer samples than units and ranks */
    check_epochs(1, 1, 1, 1);
}

/** A resumed run starts in the middle of an epoch. */
static void test_from_a_later_window(void **state) {
    (void)state;
    enum { SAMPLES = 50, FROM = 2 };
    Dataset *dataset = make_dataset(SAMPLES);
    const FeedPlan plan = {.window = 12, .units = 3, .ranks = 2, .rank = 1};
    Feed *feed = make_feed(dataset, 12, 3, 2, 1);
    Error error = {0};
    int64_t order[SAMPLES];
    int seen[SAMPLES] = {0};
    feed_epoch(feed, 5, FROM, &error);
    assert_fine(&error);
    order_randperm(order, SAMPLES, 42 + 5);
    for (int64_t w = FROM; w < feed_windows(feed); w++) visit(feed, w, &plan, SAMPLES, order, seen);
    feed_destroy(feed);
    dataset_close(dataset);
}

static void test_destroy_nothing(void **state) {
    (void)state;
    feed_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_by_tokens),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_from_a_later_window),
        cmocka_unit_test(test_destroy_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
