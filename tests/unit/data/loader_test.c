/* The loader: prefetch chunks, the shares of ranks and units, reading ahead, errors. */
#include "linnet/comm/tree.h"
#include "linnet/core/integers.h"
#include "linnet/data/loader.h"
#include "linnet/data/order.h"
#include "linnet/model/unit_groups.h"
#include "unit/model_files.h"
#include "unit/token_file.h"
#include <hdf5.h>
#include <unistd.h>

enum { MOST = 200 }; /* samples of a test's data set */

static const double WEIGHTS[3] = {0.1, 2.75, 0.0}; /* of labels; their sums are rounded */
static const CostModel MODEL = {POOLING_PADDED_END, 1024, 768};

static Dataset *make_dataset(int64_t samples) {
    Error error = {0};
    const char *path = in_folder("loader.h5");
    write_samples(path, samples, &error);
    assert_fine(&error);
    return open_good(path);
}

/* Put a wrong label into a token file. */
static void set_label(const char *path, int64_t sample, uint8_t label) {
    const hsize_t first = (hsize_t)sample, one = 1;
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), labels = H5Dopen2(file, "labels", H5P_DEFAULT);
    const hid_t place = H5Dget_space(labels), memory = H5Screate_simple(1, &one, NULL);
    assert_true(H5Sselect_hyperslab(place, H5S_SELECT_SET, &first, NULL, &one, NULL) >= 0);
    assert_true(H5Dwrite(labels, H5T_NATIVE_UINT8, memory, place, H5P_DEFAULT, &label) >= 0);
    H5Sclose(memory);
    H5Sclose(place);
    H5Dclose(labels);
    assert_true(H5Fclose(file) >= 0);
}

static Loader *make_loader(Dataset *dataset, const LoaderPlan *plan) {
    Loader *loader = NULL;
    Error error = {0};
    loader_create(&loader, dataset, plan, &error);
    assert_fine(&error);
    return loader;
}

/* An epoch's order [samples], as order.h has it. */
static void make_order(int64_t *order, int64_t samples, const LoaderPlan *plan, int64_t epoch) {
    const uint64_t seed = plan->seed + (uint64_t)epoch;
    const BlockOrder blocks = block_order(samples, seed);
    if (plan->order == DATA_ORDER_TORCH) order_randperm(order, samples, seed);
    for (int64_t i = 0; i < samples && plan->order == DATA_ORDER_BLOCKS; i++) order[i] = block_order_at(&blocks, i);
}

/* The sample must be the token file's at this index. */
static void assert_sample(const LoaderSample *sample, int64_t index) {
    assert_int_equal(sample->index, index);
    assert_int_equal(sample->length, length_of(index));
    assert_int_equal(sample->label, label_of(index));
    for (size_t i = 0; i < sample->length; i++) assert_int_equal(sample->ids[i], token_of(index, i));
}

/* Check this rank's samples of a global batch against the epoch's order; adds to seen [samples of the data set]. */
static void check_global_batch(const Loader *loader, const GlobalBatch *global_batch, const int64_t *order,
                               int64_t samples, const LoaderPlan *plan, int *seen) {
    int64_t first, count, tokens = 0;
    int32_t lengths[64];
    double weight = 0.0;
    Dealer dealer;
    Error error = {0};
    for (int64_t i = 0; i < samples; i++) {
        lengths[i] = (int32_t)length_of(order[i]);
        tokens += lengths[i];
        weight += plan->label_weights ? plan->label_weights[label_of(order[i])] : 1.0;
    }
    int taking_part = samples < plan->units ? (int)samples : plan->units;
    even_part(taking_part, plan->ranks, plan->rank, &first, &count);
    assert_int_equal(dealer_create(&dealer, &plan->cost_model, samples, taking_part, &error), STATUS_OK);
    dealer_deal(&dealer, lengths, samples, taking_part);
    assert_int_equal(global_batch->samples, samples);
    assert_int_equal(global_batch->tokens, tokens);
    assert_true(global_batch->weight == weight);
    assert_int_equal(global_batch->units, taking_part);
    assert_int_equal(global_batch->first_unit, first);
    assert_int_equal(global_batch->unit_count, count);
    for (int64_t u = 0; u < count; u++) {
        const int64_t *unit = dealer.unit_starts + first + u, *numbers = global_batch->unit_starts + u;
        assert_int_equal(numbers[1] - numbers[0], unit[1] - unit[0]);
        for (int64_t i = 0; i < unit[1] - unit[0]; i++) {
            const LoaderSample sample = loader_sample(loader, numbers[0] + i);
            assert_int_equal(sample.position, dealer.positions[unit[0] + i]);
            assert_sample(&sample, order[sample.position]);
            seen[sample.index]++;
        }
    }
    dealer_destroy(&dealer);
}

/* Units that run together are the largest subtree that fits. */
static void check_at_once(const Loader *loader, const GlobalBatch *global_batch, const LoaderPlan *plan,
                          const DatasetInfo *info, size_t capacity) {
    const BatchRule rule = {.pooling = MODEL.pooling, .positions = MODEL.positions}; /* a row more a sample */
    int end = global_batch->first_unit + global_batch->unit_count;
    bool unsplit = true;
    for (int unit = global_batch->first_unit, count; unit < end; unit += count) {
        count = unit_group_size(loader, global_batch, unit, &rule, capacity, true);
        assert_true(count >= 1 && unit + count <= end && tree_is_node(global_batch->units, unit, count));
        int64_t rows = 0, part = (int64_t)unit_group_part_rows(loader, global_batch, unit, count, &rule, capacity);
        for (int most = 1; unit + most <= end; most++) {
            const int64_t *starts = global_batch->unit_starts + (unit + most - 1 - global_batch->first_unit);
            for (int64_t i = starts[0]; i < starts[1]; i++) rows += (int64_t)loader_sample(loader, i).length + 1;
            if (most == count && most > 1) assert_true(rows <= (int64_t)capacity);
            if (most == 1 && count == 1) { /* in the fewest even parts */
                int64_t parts = (rows + (int64_t)capacity - 1) / (int64_t)capacity;
                assert_true(part <= (int64_t)capacity && part * parts >= rows && (part - 1) * parts < rows);
            }
            if (most <= count || !tree_is_node(global_batch->units, unit, most)) continue;
            assert_true(rows > (int64_t)capacity);
            unsplit = false;
        }
    }
    if (unit_groups_unsplit(info, plan, capacity, true)) assert_true(unsplit);
}

/* This rank's samples of one global batch of an epoch; adds to seen [samples]. */
static void visit(Loader *loader, int64_t batch_index, const LoaderPlan *plan, int64_t samples, const int64_t *order,
                  int *seen) {
    int64_t start = batch_index * plan->global_batch, left = samples - start, rows = 0;
    const GlobalBatch global_batch = loader_global_batch(loader, batch_index);
    check_global_batch(loader, &global_batch, order + start, left < plan->global_batch ? left : plan->global_batch,
                       plan, seen);
    for (int64_t i = global_batch.unit_starts[0]; i < global_batch.unit_starts[global_batch.unit_count]; i++)
        rows += (int64_t)loader_sample(loader, i).length + 1;
    DatasetInfo info = {.samples = samples};
    for (int64_t i = 0; i < samples; i++)
        if ((int32_t)length_of(i) > info.longest) info.longest = (int32_t)length_of(i);
    assert_true(rows <= loader_largest_share(&info, plan));
    static const size_t capacities[] = {1, 40, 100, 300, 2000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
        check_at_once(loader, &global_batch, plan, &info, capacities[i]);
}

/* An epoch's global batches from `first` on, loaded as they are needed; returns how often. */
static int visit_epoch(Loader *loader, int64_t epoch, int64_t first, const LoaderPlan *plan, int64_t samples,
                       int *seen) {
    int64_t order[MOST];
    int loads = 0;
    make_order(order, samples, plan, epoch);
    for (int64_t w = first; w * plan->global_batch < samples; w++) {
        Error error = {0};
        if (!loader_has(loader, epoch, w)) {
            loader_load(loader, epoch, w, &error);
            loads++;
        }
        assert_fine(&error);
        assert_true(loader_has(loader, epoch, w));
        assert_false(loader_has(loader, epoch + 1, w));
        visit(loader, w, plan, samples, order, seen);
    }
    return loads;
}

/* All ranks' loaders over complete epochs: every sample exactly once, in the plan's order, as many global batches at a
 * time as a prefetch chunk has. Chunks make no difference: each global batch is the one of the complete order. */
static void check_epochs(int64_t samples, LoaderPlan plan) {
    enum { EPOCHS = 3 };
    Dataset *dataset = make_dataset(samples);
    int seen[EPOCHS][MOST] = {{0}};
    const int64_t steps_per_epoch = (samples + plan.global_batch - 1) / plan.global_batch;
    const int64_t chunk = plan.chunk < plan.global_batch ? 1 : plan.chunk / plan.global_batch;
    plan.seed = 42;
    plan.updates = EPOCHS * steps_per_epoch;
    for (plan.rank = 0; plan.rank < plan.ranks; plan.rank++) {
        Loader *loader = make_loader(dataset, &plan);
        for (int epoch = 0; epoch < EPOCHS; epoch++)
            assert_int_equal(visit_epoch(loader, epoch, 0, &plan, samples, seen[epoch]),
                             (steps_per_epoch + chunk - 1) / chunk);
        loader_destroy(loader);
    }
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (int64_t i = 0; i < samples; i++) assert_int_equal(seen[epoch][i], 1);
    dataset_close(dataset);
}

static void test_epochs_visit_every_sample_once(void **state) {
    (void)state;
    static const struct {
        int64_t samples, global_batch;
        int units, ranks;
    } jobs[] = {
        {150, 16, 4, 4}, /* the last global batch holds 6 samples */
        {147, 16, 8, 3}, /* units that ranks do not divide; the last global batch has 3 samples for 8 units */
        {33, 16, 5, 2},  /* a last global batch of one sample */
        {32, 16, 16, 1}, /* full global batches, a sample a unit */
        {20, 4, 2, 5},   /* more ranks than units: some have nothing to do */
        {3, 64, 8, 4},   /* less than one global batch, fewer samples than units and ranks */
        {1, 1, 1, 1},
    };
    /* all, three global batches, two, one that is larger than the chunk */
    static const int64_t chunks[] = {1000, 49, 32, 1};
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++)
        for (size_t s = 0; s < sizeof chunks / sizeof *chunks; s++)
            for (DataOrder order = DATA_ORDER_TORCH; order <= DATA_ORDER_BLOCKS; order++)
                check_epochs(jobs[j].samples, (LoaderPlan){.global_batch = jobs[j].global_batch,
                                                           .units = jobs[j].units,
                                                           .cost_model = MODEL,
                                                           .ranks = jobs[j].ranks,
                                                           .order = order,
                                                           .chunk = chunks[s],
                                                           .label_weights = s % 2 == 0 ? WEIGHTS : NULL});
}

/* A resumed run starts in the middle of an epoch. */
static void test_starts_within_an_epoch(void **state) {
    (void)state;
    enum { SAMPLES = 50, FROM = 2 };
    for (DataOrder order = DATA_ORDER_TORCH; order <= DATA_ORDER_BLOCKS; order++) {
        const LoaderPlan plan = {.global_batch = 12,
                                 .units = 3,
                                 .cost_model = MODEL,
                                 .ranks = 2,
                                 .rank = 1,
                                 .seed = 42,
                                 .order = order,
                                 .updates = 100,
                                 .chunk = 24};
        Dataset *dataset = make_dataset(SAMPLES);
        Loader *loader = make_loader(dataset, &plan);
        int seen[MOST] = {0};
        assert_int_equal(visit_epoch(loader, 5, FROM, &plan, SAMPLES, seen), 2);
        assert_int_equal(visit_epoch(loader, 2, 0, &plan, SAMPLES, seen), 3); /* not what was read ahead */
        loader_destroy(loader);
        dataset_close(dataset);
    }
}

/* A bad sample is an error when its prefetch chunk is needed, not before. */
static void test_failure_ahead_waits_for_its_chunk(void **state) {
    (void)state;
    enum { SAMPLES = 50 };
    const LoaderPlan plan = {
        .global_batch = 10, .units = 2, .cost_model = MODEL, .ranks = 1, .seed = 42, .updates = 100, .chunk = 20};
    int64_t order[SAMPLES];
    Error error = {0};
    int seen[MOST] = {0};
    dataset_close(make_dataset(SAMPLES));
    make_order(order, SAMPLES, &plan, 0);
    set_label(in_folder("loader.h5"), order[25], 200);
    Dataset *dataset = open_good(in_folder("loader.h5"));
    Loader *loader = make_loader(dataset, &plan);
    loader_load(loader, 0, 0, &error);
    assert_fine(&error);
    for (int64_t w = 0; w < 2; w++) visit(loader, w, &plan, SAMPLES, order, seen);
    assert_int_equal(loader_load(loader, 0, 2, &error), STATUS_INPUT);
    assert_names(error.message, NAMES("loader.h5: ", "labels[", "200"));
    loader_destroy(loader);
    dataset_close(dataset);
}

/* The next chunk needs no reading once the thread has had enough time: 1 ms, or 2 ms, … */
static void test_next_chunk_is_read_ahead(void **state) {
    (void)state;
    const LoaderPlan plan = {
        .global_batch = 10, .units = 2, .cost_model = MODEL, .ranks = 1, .seed = 42, .updates = 100, .chunk = 20};
    bool there = false;
    for (unsigned microseconds = 1000; microseconds < 4000000 && !there; microseconds *= 2) {
        Error error = {0};
        Dataset *dataset = make_dataset(50);
        Loader *loader = make_loader(dataset, &plan);
        loader_load(loader, 0, 0, &error);
        assert_fine(&error);
        usleep(microseconds);
        dataset_stop(dataset);
        there = loader_load(loader, 0, 2, &error) == STATUS_OK;
        assert_int_equal(error.status, there ? STATUS_OK : STATUS_STOPPED);
        loader_destroy(loader);
        dataset_close(dataset);
    }
    assert_true(there);
}

/* A thousand million samples take no more memory than a million, except for torch's order. */
static void test_bytes_follow_the_chunk(void **state) {
    (void)state;
    const DatasetInfo million = {.samples = 1000000, .tokens = 20000000};
    const DatasetInfo many = {.samples = 1000000000, .tokens = 20000000000};
    const DatasetInfo long_texts = {.samples = 1000000000, .tokens = 1000000000000};
    LoaderPlan plan = {.global_batch = 64,
                       .units = 8,
                       .cost_model = MODEL,
                       .ranks = 4,
                       .order = DATA_ORDER_BLOCKS,
                       .chunk = loader_chunk_samples(&many)};
    assert_int_equal(plan.chunk, ORDER_GROUP);
    assert_true(loader_bytes(&many, &plan) == loader_bytes(&million, &plan));
    assert_true(loader_bytes(&many, &plan) < 64e6);
    assert_true(loader_order_bytes(many.samples, DATA_ORDER_BLOCKS) == 0.0);
    const double blocks = loader_bytes(&many, &plan);
    plan.label_weights = WEIGHTS; /* the label of each sample, and sums of two chunks */
    assert_true(loader_bytes(&many, &plan) == blocks + 2.0 * ORDER_GROUP + 2.0 * 8 * ORDER_GROUP / 64);
    plan.label_weights = NULL;
    plan.order = DATA_ORDER_TORCH;
    assert_true(loader_bytes(&many, &plan) == blocks + 8e9);
    assert_true(loader_order_bytes(many.samples, DATA_ORDER_TORCH) == 8e9);
    plan.chunk = loader_chunk_samples(&long_texts); /* fewer, since each takes 4 kB */
    assert_int_equal(plan.chunk, (1 << 24) / 1000);
    plan.global_batch = 1 << 20; /* more samples than a chunk: a chunk of one global batch */
    plan.order = DATA_ORDER_BLOCKS;
    assert_true(loader_bytes(&many, &plan) > 2.0 * (1 << 20) / 4 * 20 * sizeof(int32_t));
}

static void test_null_can_be_destroyed(void **state) {
    (void)state;
    loader_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs_visit_every_sample_once),
        cmocka_unit_test(test_starts_within_an_epoch),
        cmocka_unit_test(test_failure_ahead_waits_for_its_chunk),
        cmocka_unit_test(test_next_chunk_is_read_ahead),
        cmocka_unit_test(test_bytes_follow_the_chunk),
        cmocka_unit_test(test_null_can_be_destroyed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
