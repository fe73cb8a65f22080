/* Token files: what is written comes back, in any order; bad samples, locks and full disks. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/data/order.h"
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/token_file.h"

#define SMALL 48
#define LARGE 30000 /* with 65 tokens a sample: 30 chunks of tokens, 4 of offsets and rows */

static char *small, *large, *broken;

/* --- Writing and reading back --- */

static void test_info_comes_back(void **state) {
    (void)state;
    Dataset *dataset = open_good(small);
    const DatasetInfo *info = dataset_info(dataset);
    int64_t tokens = 0;
    size_t longest = 0;
    for (int64_t i = 0; i < SMALL; i++) {
        tokens += (int64_t)length_of(i);
        if (length_of(i) > longest) longest = length_of(i);
    }
    assert_int_equal(info->samples, SMALL);
    assert_int_equal(info->tokens, tokens);
    assert_int_equal(info->longest, longest);
    assert_int_equal(info->vocabulary, VOCABULARY);
    assert_int_equal(info->end_of_text, 50256);
    assert_int_equal(info->id_bits, 16);
    assert_int_equal(info->max_length, 1024);
    assert_int_equal(info->labels, 3);
    assert_string_equal(info->label_names[0], "negative");
    assert_string_equal(info->label_names[1], "neutral");
    assert_string_equal(info->label_names[2], "sehr gut 😀");
    assert_string_equal(info->tokenizer_digest, DIGEST_A);
    assert_string_equal(info->source_name, "tweets.csv");
    assert_string_equal(info->source_digest, DIGEST_B);
    assert_int_equal(info->source_size, 12345);
    dataset_close(dataset);
    dataset_close(NULL);
}

static void test_verify_covers_all_blocks(void **state) {
    (void)state;
    Error error = {0};
    Dataset *dataset = open_good(large);
    assert_int_equal(dataset_verify(dataset, 0, LARGE, &error), STATUS_OK);
    assert_int_equal(dataset_verify(dataset, 12345, 10001, &error), STATUS_OK);
    assert_int_equal(dataset_verify(dataset, LARGE, 0, &error), STATUS_OK);
    dataset_close(dataset);
}

/* Lengths and samples come in the order of the request. */
static void assert_loads(Dataset *dataset, const int64_t *indices, int64_t count) {
    Samples samples = {0};
    Error error = {0};
    int32_t *lengths = malloc((size_t)count * sizeof *lengths + 1);
    assert_non_null(lengths);
    if (dataset_lengths(dataset, indices, count, lengths, &error)) fail_msg("%s", error.message);
    for (int64_t i = 0; i < count; i++) assert_int_equal(lengths[i], length_of(indices[i]));
    free(lengths);
    uint16_t *labels = malloc(((size_t)count + 1) * sizeof *labels);
    assert_non_null(labels);
    if (dataset_labels(dataset, indices, count, labels, &error)) fail_msg("%s", error.message);
    for (int64_t i = 0; i < count; i++) assert_int_equal(labels[i], label_of(indices[i]));
    free(labels);
    if (dataset_load(dataset, indices, count, &samples, &error)) fail_msg("%s", error.message);
    assert_int_equal(samples.count, count);
    assert_int_equal(samples.starts[0], 0);
    for (int64_t i = 0; i < count; i++) {
        const int64_t sample = indices[i], start = samples.starts[i];
        assert_int_equal(samples.indices[i], sample);
        assert_int_equal(samples.labels[i], label_of(sample));
        assert_int_equal(samples.rows[i], row_of(sample));
        assert_int_equal(samples.starts[i + 1] - start, length_of(sample));
        for (size_t k = 0; k < length_of(sample); k++)
            assert_int_equal(samples.ids[start + (int64_t)k], token_of(sample, k));
    }
    samples_free(&samples);
    assert_null(samples.ids);
}

static void test_loads_in_any_order(void **state) {
    (void)state;
    Dataset *dataset = open_good(large);
    int64_t *order = malloc(LARGE * sizeof *order);
    assert_non_null(order);
    order_randperm(order, LARGE, 42);
    assert_loads(dataset, order, LARGE);
    for (int64_t first = 0; first < LARGE; first += 3000) assert_loads(dataset, order + first, 7);
    assert_loads(dataset, (int64_t[]){LARGE - 1, 0, 5, 5, 4, 5, LARGE - 1, 12000}, 8);
    assert_loads(dataset, (int64_t[]){LARGE - 1}, 1);
    assert_loads(dataset, NULL, 0);
    free(order);
    dataset_close(dataset);
}

static void test_refuses_samples_that_are_not_there(void **state) {
    (void)state;
    Dataset *dataset = open_good(small);
    Samples samples = {0};
    Error above = {0}, below = {0}, length = {0};
    int32_t lengths[1];
    assert_int_equal(dataset_load(dataset, (int64_t[]){0, SMALL}, 2, &samples, &above), STATUS_INPUT);
    assert_names(above.message, NAMES(small, "sample", "48"));
    assert_int_equal(dataset_load(dataset, (int64_t[]){-1}, 1, &samples, &below), STATUS_INPUT);
    assert_int_equal(dataset_lengths(dataset, (int64_t[]){SMALL}, 1, lengths, &length), STATUS_INPUT);
    assert_null(samples.starts);
    dataset_close(dataset);
}

static void test_reading_can_be_stopped(void **state) {
    (void)state;
    Dataset *dataset = open_good(small);
    Samples samples = {0};
    Error loading = {0}, measuring = {0};
    int32_t lengths[1];
    dataset_stop(dataset);
    assert_int_equal(dataset_load(dataset, (int64_t[]){0}, 1, &samples, &loading), STATUS_STOPPED);
    assert_int_equal(dataset_lengths(dataset, (int64_t[]){0}, 1, lengths, &measuring), STATUS_STOPPED);
    assert_null(samples.starts);
    dataset_close(dataset);
}

static void test_counts_labels(void **state) {
    (void)state;
    Dataset *dataset = open_good(large);
    int64_t counts[DATASET_LABELS_MAX] = {0}, expected[DATASET_LABELS_MAX] = {0};
    Error error = {0};
    for (int64_t i = 5; i < LARGE; i++) expected[label_of(i)]++;
    dataset_count_labels(dataset, 5, 100, counts, &error);
    dataset_count_labels(dataset, 105, LARGE - 105, counts, &error); /* adds */
    assert_int_equal(error.status, STATUS_OK);
    assert_memory_equal(counts, expected, sizeof counts);
    dataset_close(dataset);
}

/* A sample longer than one read (512 Ki tokens), between short ones. */
static void test_loads_a_sample_longer_than_a_run(void **state) {
    (void)state;
    const size_t length = 1500000;
    DatasetInfo info = make_info();
    info.max_length = 2000000;
    DatasetWriter *writer = NULL;
    Error error = {0};
    int32_t *ids = malloc(length * sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < length; i++) ids[i] = token_of(3, i);
    assert_int_equal(dataset_writer_create(&writer, broken, &info, &error), STATUS_OK);
    dataset_writer_add(writer, ids, 10, 0, 0, &error);
    dataset_writer_add(writer, ids, length, 1, 1, &error);
    dataset_writer_add(writer, ids, 20, 2, 2, &error);
    assert_int_equal(dataset_writer_finish(writer, DIGEST_B, 0, &error), STATUS_OK);
    dataset_writer_destroy(writer);

    Dataset *dataset = open_good(broken);
    Samples samples = {0};
    assert_int_equal(dataset_verify(dataset, 0, 3, &error), STATUS_OK);
    assert_int_equal(dataset_load(dataset, (int64_t[]){2, 1, 0}, 3, &samples, &error), STATUS_OK);
    for (size_t i = 0; i < 20; i++) assert_int_equal(samples.ids[i], ids[i]);
    for (size_t i = 0; i < length; i++) assert_int_equal(samples.ids[20 + i], ids[i]);
    for (size_t i = 0; i < 10; i++) assert_int_equal(samples.ids[20 + length + i], ids[i]);
    samples_free(&samples);
    dataset_close(dataset);
    free(ids);
}

/* The file has 16 bits an id as long as all ids fit, and the largest ids come back. */
static void test_the_vocabulary_decides_the_width_of_ids(void **state) {
    (void)state;
    static const struct {
        int32_t vocabulary, bits;
    } cases[] = {{2, 16}, {65536, 16}, {65537, 32}, {70000, 32}, {256000, 32}, {INT32_MAX, 32}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int32_t most = cases[i].vocabulary - 1, ids[] = {most, 0, most / 2, most};
        DatasetInfo info = make_info();
        info.vocabulary = cases[i].vocabulary;
        info.end_of_text = most;
        DatasetWriter *writer = NULL;
        Error error = {0}, outside = {0};
        Samples samples = {0};
        assert_int_equal(dataset_writer_create(&writer, broken, &info, &error), STATUS_OK);
        dataset_writer_add(writer, ids, 4, 0, 0, &error);
        dataset_writer_add(writer, ids, 1, 1, 1, &error);
        assert_int_equal(dataset_writer_add(writer, &(int32_t){most + 1}, 1, 1, 2, &outside), STATUS_INPUT);
        assert_int_equal(dataset_writer_finish(writer, DIGEST_B, 0, &error), STATUS_OK);
        dataset_writer_destroy(writer);

        Dataset *dataset = open_good(broken);
        assert_int_equal(dataset_info(dataset)->vocabulary, cases[i].vocabulary);
        assert_int_equal(dataset_info(dataset)->id_bits, cases[i].bits);
        assert_int_equal(dataset_verify(dataset, 0, 2, &error), STATUS_OK);
        assert_int_equal(dataset_load(dataset, (int64_t[]){1, 0}, 2, &samples, &error), STATUS_OK);
        assert_int_equal(samples.ids[0], most);
        for (size_t k = 0; k < 4; k++) assert_int_equal(samples.ids[1 + k], ids[k]);
        samples_free(&samples);
        dataset_close(dataset);
    }
}

/* Samples over a length are counted in any part of the file. */
static void test_counts_longer_samples(void **state) {
    (void)state;
    Dataset *dataset = open_good(large);
    static const int64_t parts[][2] = {{0, LARGE}, {0, 1}, {12345, 10001}, {LARGE - 1, 1}, {LARGE, 0}};
    static const int32_t limits[] = {0, 1, 64, 128, 129, 1024};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
            Error error = {0};
            int64_t expected = 0, longer = -1;
            for (int64_t i = parts[p][0]; i < parts[p][0] + parts[p][1]; i++)
                expected += length_of(i) > (size_t)limits[l];
            assert_int_equal(dataset_longer(dataset, parts[p][0], parts[p][1], limits[l], &longer, &error), STATUS_OK);
            assert_int_equal(longer, expected);
        }
    dataset_close(dataset);
}

/* NFS and Lustre often refuse locks. flock(2) is what HDF5 would use; an exclusive one held elsewhere makes it
 * fail. */
static void test_reading_takes_no_lock(void **state) {
    (void)state;
    int ready[2], release[2];
    assert_true(pipe(ready) == 0 && pipe(release) == 0);
    const pid_t child = fork();
    if (child == 0) {
        close(release[1]); /* then the child ends when this test ends, however it ends */
        const int own = open(small, O_RDWR);
        char held = own >= 0 && flock(own, LOCK_EX) == 0;
        _exit(write(ready[1], &held, 1) == 1 && read(release[0], &held, 1) == 0);
    }
    char held = 0;
    assert_int_equal(read(ready[0], &held, 1), 1);
    assert_int_equal(held, 1);
    dataset_close(open_good(small));
    close(release[1]);
    close(release[0]);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* --- What the writer refuses --- */

static void test_writer_refuses_bad_samples(void **state) {
    (void)state;
    static const struct {
        int32_t id;
        size_t count;
        int32_t label;
        int64_t row;
        const char *names[4];
    } cases[] = {
        {VOCABULARY, 1, 0, 7, {"row 7: ", "50257", "0 to 50256"}},
        {-1, 1, 0, 7, {"row 7: ", "-1", "0 to 50256"}},
        {0, 0, 0, 7, {"row 7: ", "got 0", "1 to 1024"}},
        {0, 1025, 0, 7, {"row 7: ", "1025", "1 to 1024"}},
        {0, 1, 3, 7, {"row 7: ", "label", "3", "0 to 2"}},
        {0, 1, -1, 7, {"row 7: ", "label", "-1", "0 to 2"}},
        {0, 1, 0, -1, {"row from 0", "-1"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const DatasetInfo info = make_info();
        DatasetWriter *writer = NULL;
        Error error = {0};
        int32_t ids[1025] = {cases[i].id};
        assert_int_equal(dataset_writer_create(&writer, broken, &info, &error), STATUS_OK);
        assert_int_equal(dataset_writer_add(writer, ids, cases[i].count, cases[i].label, cases[i].row, &error),
                         STATUS_INPUT);
        assert_names(error.message, cases[i].names);
        dataset_writer_destroy(writer);
    }
}

/* Whether a temporary file of any process lies beside `path`. */
static bool is_left(const char *path) {
    char pattern[512];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s.*.tmp", path);
    const bool left = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return left;
}

static void test_the_target_changes_only_when_all_is_written(void **state) {
    (void)state;
    Error error = {0}, empty = {0}, nowhere = {0};
    const DatasetInfo info = make_info();
    DatasetWriter *writer = NULL;
    assert_int_equal(file_replace(broken, "old", 3, &error), STATUS_OK);
    assert_int_equal(dataset_writer_create(&writer, broken, &info, &error), STATUS_OK);
    assert_int_equal(add_sample(writer, 0, &error), STATUS_OK);
    assert_true(is_left(broken));
    dataset_writer_destroy(writer);
    assert_false(is_left(broken));
    char *text = NULL;
    assert_int_equal(file_read(broken, &text, NULL, &error), STATUS_OK);
    assert_string_equal(text, "old");
    memory_free(text);

    assert_int_equal(write_samples(broken, 0, &empty), STATUS_INPUT);
    assert_names(empty.message, NAMES("no samples"));
    assert_false(is_left(broken));
    assert_int_equal(write_samples("/tmp/linnet-no-such-folder/x.h5", 1, &nowhere), STATUS_INPUT);
    assert_names(nowhere.message, NAMES("/tmp/linnet-no-such-folder/x.h5", "No such file"));
}

/* A full disk at any moment: a limit on the size of files makes write(2) fail. A child writes, so that its exit also
 * shows whether HDF5 survives. */
static Status write_with_limit(const char *path, rlim_t limit, int64_t samples) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit low = {limit, limit};
        Error error = {0};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &low)) _exit(99);
        write_samples(path, samples, &error);
        const bool names_it = !strncmp(error.message, path, strlen(path)) && strstr(error.message, "File too large");
        exit(error.status == STATUS_FAILURE && !names_it ? 98 : (int)error.status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) fail_msg("limit %ld: died of signal %d", (long)limit, WTERMSIG(status));
    return (Status)WEXITSTATUS(status);
}

static void test_a_full_disk_is_a_failure_and_leaves_nothing(void **state) {
    (void)state;
    struct stat about;
    assert_int_equal(stat(large, &about), 0);
    assert_int_equal(unlink(broken), 0);
    for (int part = 0; part < 16; part++) {
        assert_int_equal(write_with_limit(broken, (rlim_t)(about.st_size * part / 16), LARGE), STATUS_FAILURE);
        assert_false(file_exists(broken));
        assert_false(is_left(broken));
    }
    assert_int_equal(write_with_limit(broken, (rlim_t)about.st_size - 1, LARGE), STATUS_FAILURE);
    assert_false(file_exists(broken));
    assert_int_equal(write_with_limit(broken, (rlim_t)about.st_size + 65536, LARGE), STATUS_OK);
    assert_true(file_exists(broken));
}

static void test_the_same_samples_give_the_same_bytes(void **state) {
    (void)state;
    char first[DIGEST_TEXT], second[DIGEST_TEXT];
    Error error = {0};
    write_samples(broken, SMALL, &error);
    assert_int_equal(digest_file(small, first, &error), STATUS_OK);
    assert_int_equal(digest_file(broken, second, &error), STATUS_OK);
    assert_string_equal(first, second);
}

static int set_up(void **state) {
    Error error = {0};
    if (make_folder(state)) return -1;
    small = file_join(folder, "small.h5", &error);
    large = file_join(folder, "large.h5", &error);
    broken = file_join(folder, "broken.h5", &error);
    write_samples(small, SMALL, &error);
    write_samples(large, LARGE, &error);
    if (error.status) print_error("%s\n", error.message);
    return (int)error.status;
}

static int tear_down(void **state) {
    memory_free(small);
    memory_free(large);
    memory_free(broken);
    return remove_folder(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info_comes_back),
        cmocka_unit_test(test_verify_covers_all_blocks),
        cmocka_unit_test(test_loads_in_any_order),
        cmocka_unit_test(test_refuses_samples_that_are_not_there),
        cmocka_unit_test(test_reading_can_be_stopped),
        cmocka_unit_test(test_counts_labels),
        cmocka_unit_test(test_loads_a_sample_longer_than_a_run),
        cmocka_unit_test(test_the_vocabulary_decides_the_width_of_ids),
        cmocka_unit_test(test_counts_longer_samples),
        cmocka_unit_test(test_reading_takes_no_lock),
        cmocka_unit_test(test_writer_refuses_bad_samples),
        cmocka_unit_test(test_the_target_changes_only_when_all_is_written),
        cmocka_unit_test(test_a_full_disk_is_a_failure_and_leaves_nothing),
        cmocka_unit_test(test_the_same_samples_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
