/* Dealing samples to units: against a plain search for the least unit, and how even the shares of ranks are. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/random.h"
#include "linnet/data/dealer.h"
#include "linnet/data/order.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 100 }; /* samples of a random global batch */

static const CostModel SMALL = {POOLING_LAST_TOKEN, 1024, 768};
static const CostModel PADDED = {POOLING_PADDED_END, 1024, 768};
static const CostModel NARROW = {POOLING_LAST_TOKEN, 100, 1}; /* attention costs most */

/* Any number in [0, limit), the same at every run. */
static int32_t any(int32_t limit) {
    static Mt19937 generator = {.next = -1};
    if (generator.next < 0) mt19937_seed(&generator, 5);
    return (int32_t)(mt19937_next(&generator) % (uint32_t)limit);
}

static Dealer make_dealer(const CostModel *model, int64_t samples, int units) {
    Dealer dealer;
    Error error = {0};
    assert_int_equal(dealer_create(&dealer, model, samples, units, &error), STATUS_OK);
    return dealer;
}

static void test_rows_and_costs(void **state) {
    (void)state;
    assert_int_equal(sample_rows(&SMALL, 18), 18);
    assert_int_equal(sample_rows(&PADDED, 18), 19);
    for (const CostModel *model = &SMALL; model; model = model == &SMALL ? &PADDED : NULL) {
        assert_int_equal(sample_rows(model, 1024), 1024);
        assert_int_equal(sample_rows(model, 5000), 1024); /* truncated */
    }
    assert_int_equal(sample_rows(&PADDED, 1023), 1024);
    assert_int_equal(sample_cost(&SMALL, 18), 18);
    assert_int_equal(sample_cost(&PADDED, 18), 19);
    assert_true(sample_cost(&SMALL, 1024) > 1024 + 100 && sample_cost(&SMALL, 1024) < 1024 + 500);
    assert_int_equal(sample_cost(&SMALL, 5000), sample_cost(&SMALL, 1024));
    for (int64_t length = 2; length < 1100; length++)
        assert_true(sample_cost(&NARROW, length) >= sample_cost(&NARROW, length - 1));
}

/* The example of dealer.h. */
static void test_example(void **state) {
    (void)state;
    Dealer dealer = make_dealer(&SMALL, 6, 2);
    dealer_deal(&dealer, (const int32_t[]){7, 9, 2, 4, 5, 4}, 6, 2);
    assert_memory_equal(dealer.unit_starts, ((const int64_t[]){0, 3, 6}), 3 * sizeof(int64_t));
    assert_memory_equal(dealer.positions, ((const int64_t[]){0, 4, 5, 1, 2, 3}), 6 * sizeof(int64_t));
    dealer_destroy(&dealer);
}

/* The unit of each position, before units are put in order, found by searching all units for each sample. */
static void deal_ref(int *unit_of, const CostModel *model, const int32_t *lengths, int64_t samples, int units) {
    int64_t costs[MOST] = {0};
    bool dealt[MOST] = {false};
    for (int64_t n = 0; n < samples; n++) {
        int64_t next = -1;
        int least = 0;
        for (int64_t i = 0; i < samples; i++)
            if (!dealt[i] && (next < 0 || sample_rows(model, lengths[i]) > sample_rows(model, lengths[next]))) next = i;
        for (int u = 1; u < units; u++)
            if (costs[u] < costs[least]) least = u;
        dealt[next] = true;
        unit_of[next] = least;
        costs[least] += sample_cost(model, lengths[next]);
    }
}

/* The units are the reference's under other numbers, and hold ascending positions. */
static void check_units(const Dealer *dealer, const int *unit_of, int64_t samples, int units) {
    bool seen[MOST] = {false};
    assert_int_equal(dealer->unit_starts[0], 0);
    assert_int_equal(dealer->unit_starts[units], samples);
    for (int u = 0; u < units; u++) {
        const int64_t start = dealer->unit_starts[u], end = dealer->unit_starts[u + 1];
        assert_true(start < end);
        const int expected = unit_of[dealer->positions[start]];
        assert_false(seen[expected]);
        seen[expected] = true;
        for (int64_t i = start; i < end; i++) {
            assert_int_equal(unit_of[dealer->positions[i]], expected);
            if (i > start) assert_true(dealer->positions[i] > dealer->positions[i - 1]);
        }
    }
}

/* Costs of the dearest of some ranks, each of which has a run of units. */
static int64_t largest_share(const Dealer *dealer, const int32_t *lengths, int units, int ranks) {
    int64_t most = 0, first, count;
    for (int rank = 0; rank < ranks; rank++) {
        int64_t cost = 0;
        even_part(units, ranks, rank, &first, &count);
        for (int64_t i = dealer->unit_starts[first]; i < dealer->unit_starts[first + count]; i++)
            cost += sample_cost(&dealer->cost_model, lengths[dealer->positions[i]]);
        most = int64_max(most, cost);
    }
    return most;
}

static void test_units_are_those_of_the_reference(void **state) {
    (void)state;
    static const CostModel *const models[] = {&SMALL, &PADDED, &NARROW};
    int32_t lengths[MOST];
    int unit_of[MOST];
    for (int round = 0; round < 3000; round++) {
        const CostModel *model = models[round % 3];
        const int64_t samples = 1 + any(MOST);
        const int units = 1 + any((int32_t)samples), ranks = 1 + any(units);
        const int32_t longest = round % 4 == 0 ? 1 : round % 4 == 1 ? 30 : 1100, shorts = any(MOST);
        Dealer dealer = make_dealer(model, MOST, MOST); /* larger than this global batch */
        for (int64_t i = 0; i < samples; i++)
            lengths[i] = round % 4 == 3 ? (i < shorts ? 1 : longest) : 1 + any(longest);
        dealer_deal(&dealer, lengths, samples, units);
        deal_ref(unit_of, model, lengths, samples, units);
        check_units(&dealer, unit_of, samples, units);
        assert_true(largest_share(&dealer, lengths, units, ranks) <=
                    units_cost_most(model, samples, units, int64_divide_up(units, ranks), longest));
        dealer_destroy(&dealer);
    }
}

/* --- How even the shares are --- */

/* The 27,481 tweets of the competition's train.csv by their length in GPT-2's tokens: entry n has n tokens. */
static const int16_t TWEETS[] = {
    0,   36,  207, 441, 635, 790, 866, 909, 974, 1044, 1087, 1070, 967, 1027, 1054, 983, 982, 887, 878, 867, 843,
    824, 813, 749, 734, 735, 698, 673, 676, 666, 645,  615,  570,  446, 422,  371,  325, 234, 173, 140, 103, 75,
    66,  52,  36,  23,  16,  16,  8,   8,   7,   4,    2,    1,    0,   0,    0,    0,   1,   1,   0,   2,   0,
    0,   0,   0,   0,   0,   0,   1,   1,   0,   0,    0,    0,    0,   0,    0,    0,   0,   0,   0,   0,   0,
    0,   0,   1,   0,   0,   0,   0,   0,   0,   0,    0,    0,    0,   0,    0,    0,   1};
enum { TWEET_COUNT = 27481 };

/* Their lengths in some order. */
static int32_t *shuffle_tweets(void) {
    Error error = {0};
    int32_t *lengths = memory_allocate(TWEET_COUNT, sizeof *lengths, &error);
    int64_t *order = memory_allocate(TWEET_COUNT, sizeof *order, &error), next = 0;
    assert_int_equal(error.status, STATUS_OK);
    order_randperm(order, TWEET_COUNT, 42);
    for (size_t length = 0; length < sizeof TWEETS / sizeof *TWEETS; length++)
        for (int16_t n = 0; n < TWEETS[length]; n++) lengths[order[next++]] = (int32_t)length;
    assert_int_equal(next, TWEET_COUNT);
    memory_free(order);
    return lengths;
}

/* The largest share of a rank over the mean share, mean over an epoch's full global batches but 200 at most. */
static double unevenness(const int32_t *lengths, int64_t global_batch, int units, int ranks) {
    Dealer dealer = make_dealer(&SMALL, global_batch, units);
    const int64_t steps = int64_min(TWEET_COUNT / global_batch, 200);
    double sum = 0.0;
    for (int64_t step = 0; step < steps; step++, lengths += global_batch) {
        int64_t tokens = 0;
        for (int64_t i = 0; i < global_batch; i++) tokens += lengths[i];
        dealer_deal(&dealer, lengths, global_batch, units);
        sum += (double)largest_share(&dealer, lengths, units, ranks) * ranks / (double)tokens;
    }
    dealer_destroy(&dealer);
    return sum / (double)steps;
}

/* Where samples were cut in the order's sequence the first five were 1.09, 1.20, 1.42, 1.05 and 1.11. With more units
 * than ranks, the order of the units matters: without it 2 ranks with 8 units of a sample have 1.4. */
static void test_shares_of_tweets_are_even(void **state) {
    (void)state;
    static const struct {
        int ranks, tweets, units;
        double most;
    } jobs[] = {
        {2, 4, 2, 1.03},  {8, 4, 8, 1.035}, {1024, 4, 1024, 1.12}, {8, 16, 8, 1.005}, {1024, 16, 1024, 1.006},
        {2, 4, 8, 1.035}, {2, 16, 8, 1.01}, {4, 8, 8, 1.01},       {4, 4, 16, 1.04},  {3, 12, 12, 1.01},
        {5, 8, 40, 1.03}, {7, 8, 28, 1.03}, {1, 8, 8, 1.0},
    };
    int32_t *lengths = shuffle_tweets();
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        const double found = unevenness(lengths, (int64_t)jobs[j].ranks * jobs[j].tweets, jobs[j].units, jobs[j].ranks);
        print_message("%d ranks x %d tweets, %d units: %.4f\n", jobs[j].ranks, jobs[j].tweets, jobs[j].units, found);
        assert_true(found >= 1.0 && found <= jobs[j].most);
    }
    memory_free(lengths);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_costs),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_units_are_those_of_the_reference),
        cmocka_unit_test(test_shares_of_tweets_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
