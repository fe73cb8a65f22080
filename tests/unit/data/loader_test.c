/* The loader: prefetch chunks, the shares of ranks and units, reading ahead, errors. */
#include "linnet/comm/tree.h"
#include "linnet/core/integers.h"
#include "linnet/core/random.h"
#include "linnet/data/loader.h"
#include "linnet/data/order.h"
#include "linnet/model/unit_groups.h"
#include "unit/model_files.h"
#include "unit/token_file.h"
#include <hdf5.h>
#include <unistd.h>

enum { MOST = 200 }; /* samples of a test's data set */

/* Any number in [0, limit), the same at every run. */
static int32_t any(int32_t limit) {
    static Mt19937 generator = {.next = -1};
    if (generator.next < 0) mt19937_seed(&generator, 11);
    return (int32_t)(mt19937_next(&generator) % (uint32_t)limit);
}

/* Where unit u must start when the unit before it starts at `before`: of the boundaries that leave a sample to every
 * unit, the first of those nearest to u/units of the tokens. */
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
    loader_cut_units(starts, lengths, samples, units);
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
        /* A cut is at most half a sample from the ideal place, or leaves a unit one sample. */
        assert_true(tokens * units <= total + longest * units);
        if (u > 0) assert_int_equal(starts[u], nearest_cut(lengths, samples, units, u, starts[u - 1]));
    }
}

static void test_cuts_are_nearest(void **state) {
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

static void test_units_are_cut_by_tokens(void **state) {
    (void)state;
    int64_t starts[4];
    loader_cut_units(starts, (const int32_t[]){900, 10, 10, 10, 10}, 5, 2);
    assert_int_equal(starts[1], 1);
    loader_cut_units(starts, (const int32_t[]){10, 10, 10, 10, 900}, 5, 2);
    assert_int_equal(starts[1], 4);
    loader_cut_units(starts, (const int32_t[]){10, 10, 10, 10, 10, 10}, 6, 3);
    assert_int_equal(starts[1], 2);
    assert_int_equal(starts[2], 4);
}

/* Rows of the rank with the most rows of a global batch, one more a sample than its tokens. */
static int64_t largest_share(const int32_t *lengths, int64_t samples, const LoaderPlan *plan) {
    int64_t starts[65], most = 0, first, count;
    int units = samples < plan->units ? (int)samples : plan->units;
    loader_cut_units(starts, lengths, samples, units);
    for (int rank = 0; rank < plan->ranks; rank++) {
        int64_t rows = 0;
        even_part(units, plan->ranks, rank, &first, &count);
        for (int64_t i = starts[first]; i < starts[first + count]; i++) rows += lengths[i] + 1;
        if (rows > most) most = rows;
    }
    return most;
}

/* Short texts and long ones: the shortest have most rows for their tokens. Global batches that are a multiple of the
 * units, where nothing is rounded up, and those that end an epoch. */
static void test_largest_share_is_a_bound(void **state) {
    (void)state;
    enum { GLOBAL_BATCH = 64 };
    for (int units = 1; units <= GLOBAL_BATCH; units *= 2)
        for (int ranks = 1; ranks <= units; ranks++)
            for (int32_t longest = 1; longest <= 20; longest++) {
                LoaderPlan plan = {.global_batch = GLOBAL_BATCH, .units = units, .ranks = ranks};
                DatasetInfo info = {.samples = 1000, .longest = longest};
                for (int round = 0; round < 20; round++) {
                    int32_t lengths[GLOBAL_BATCH], shorts = any(GLOBAL_BATCH);
                    for (int i = 0; i < GLOBAL_BATCH; i++)
                        lengths[i] = round % 4 == 0 ? 1 + any(longest) : i < GLOBAL_BATCH - shorts ? longest : 1;
                    int64_t samples = round % 4 == 1 ? 1 + any(GLOBAL_BATCH) : GLOBAL_BATCH;
                    assert_true(largest_share(lengths, samples, &plan) <= loader_largest_share(&info, &plan));
                }
            }
}

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

/* Check the global batch against the epoch's order. */
static void check_global_batch(const GlobalBatch *global_batch, const int64_t *order, int64_t samples, int units,
                               int ranks, int rank) {
    int64_t first, count, tokens = 0, starts[65];
    int32_t lengths[64];
    for (int64_t i = 0; i < samples; i++) {
        lengths[i] = (int32_t)length_of(order[i]);
        tokens += lengths[i];
    }
    int taking_part = samples < units ? (int)samples : units;
    even_part(taking_part, ranks, rank, &first, &count);
    loader_cut_units(starts, lengths, samples, taking_part);
    assert_int_equal(global_batch->samples, samples);
    assert_int_equal(global_batch->tokens, tokens);
    assert_int_equal(global_batch->units, taking_part);
    assert_int_equal(global_batch->first_unit, first);
    assert_int_equal(global_batch->unit_count, count);
    assert_memory_equal(global_batch->unit_starts, starts, (size_t)(taking_part + 1) * sizeof *starts);
}

/* Units that run together are the largest subtree that fits. */
static void check_at_once(const Loader *loader, const GlobalBatch *global_batch, const LoaderPlan *plan,
                          const DatasetInfo *info, size_t capacity) {
    const BatchRule rule = {POOLING_PADDED_END, 0, 0, 1000}; /* a row more a sample */
    int end = global_batch->first_unit + global_batch->unit_count;
    bool unsplit = true;
    for (int unit = global_batch->first_unit, count; unit < end; unit += count) {
        count = unit_group_size(loader, global_batch, unit, &rule, capacity, true);
        assert_true(count >= 1 && unit + count <= end && tree_is_node(global_batch->units, unit, count));
        int64_t rows = 0, part = (int64_t)unit_group_part_rows(loader, global_batch, unit, count, &rule, capacity);
        for (int most = 1; unit + most <= end; most++) {
            int64_t from = global_batch->unit_starts[unit + most - 1], to = global_batch->unit_starts[unit + most];
            for (int64_t i = from; i < to; i++) rows += (int64_t)loader_sample(loader, i).length + 1;
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
    GlobalBatch global_batch;
    int64_t start = batch_index * plan->global_batch, left = samples - start, rows = 0;
    loader_global_batch(loader, batch_index, &global_batch);
    check_global_batch(&global_batch, order + start, left < plan->global_batch ? left : plan->global_batch, plan->units,
                       plan->ranks, plan->rank);
    for (int u = global_batch.first_unit; u < global_batch.first_unit + global_batch.unit_count; u++) {
        for (int64_t i = global_batch.unit_starts[u]; i < global_batch.unit_starts[u + 1]; i++) {
            LoaderSample sample = loader_sample(loader, i);
            assert_sample(&sample, order[start + i]);
            rows += (int64_t)sample.length + 1;
            seen[sample.index]++;
        }
    }
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
                                                           .ranks = jobs[j].ranks,
                                                           .order = order,
                                                           .chunk = chunks[s]});
}

/* A resumed run starts in the middle of an epoch. */
static void test_starts_within_an_epoch(void **state) {
    (void)state;
    enum { SAMPLES = 50, FROM = 2 };
    for (DataOrder order = DATA_ORDER_TORCH; order <= DATA_ORDER_BLOCKS; order++) {
        const LoaderPlan plan = {.global_batch = 12,
                                 .units = 3,
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
    const LoaderPlan plan = {.global_batch = 10, .units = 2, .ranks = 1, .seed = 42, .updates = 100, .chunk = 20};
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
    const LoaderPlan plan = {.global_batch = 10, .units = 2, .ranks = 1, .seed = 42, .updates = 100, .chunk = 20};
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
    LoaderPlan plan = {
        .global_batch = 64, .units = 8, .ranks = 4, .order = DATA_ORDER_BLOCKS, .chunk = loader_chunk_samples(&many)};
    assert_int_equal(plan.chunk, ORDER_GROUP);
    assert_true(loader_bytes(&many, &plan) == loader_bytes(&million, &plan));
    assert_true(loader_bytes(&many, &plan) < 64e6);
    assert_true(loader_order_bytes(many.samples, DATA_ORDER_BLOCKS) == 0.0);
    const double blocks = loader_bytes(&many, &plan);
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
        cmocka_unit_test(test_cuts_are_nearest),         cmocka_unit_test(test_units_are_cut_by_tokens),
        cmocka_unit_test(test_largest_share_is_a_bound), cmocka_unit_test(test_epochs_visit_every_sample_once),
        cmocka_unit_test(test_starts_within_an_epoch),   cmocka_unit_test(test_failure_ahead_waits_for_its_chunk),
        cmocka_unit_test(test_next_chunk_is_read_ahead), cmocka_unit_test(test_bytes_follow_the_chunk),
        cmocka_unit_test(test_null_can_be_destroyed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
