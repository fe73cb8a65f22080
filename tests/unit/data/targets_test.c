/* Token files whose samples have a target for each label, and files of many labels. */
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/data/order.h"
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/token_file.h"

enum { SAMPLES = 20000, SOME = 5000, LABELS = 3 }; /* targets of several chunks */

static float target_of(Problem problem, int64_t sample, int k) {
    if (problem == PROBLEM_MULTI_LABEL) return (float)((sample + k) % 3 == 0);
    return (float)(sample * LABELS + k) / 8.0F - 100.0F;
}

static void write_targets(const char *path, Problem problem, int64_t samples) {
    DatasetInfo info = make_info();
    DatasetWriter *writer = NULL;
    Error error = {0};
    info.problem = problem;
    assert_int_equal(dataset_writer_create(&writer, path, &info, &error), STATUS_OK);
    for (int64_t i = 0; i < samples; i++) {
        const float targets[LABELS] = {target_of(problem, i, 0), target_of(problem, i, 1), target_of(problem, i, 2)};
        const int32_t id = token_of(i, 0);
        assert_int_equal(dataset_writer_add_targets(writer, &id, 1, targets, i, &error), STATUS_OK);
    }
    assert_int_equal(dataset_writer_finish(writer, DIGEST_B, 1, &error), STATUS_OK);
    dataset_writer_destroy(writer);
}

/** Any samples in any order have their own targets, and no labels. */
static void test_round_trip(void **state) {
    (void)state;
    static int64_t order[SAMPLES];
    for (Problem problem = PROBLEM_MULTI_LABEL; problem <= PROBLEM_REGRESSION; problem++) {
        Error error = {0};
        Samples samples = {0};
        write_targets(in_folder("targets.h5"), problem, SAMPLES);
        Dataset *dataset = open_good(in_folder("targets.h5"));
        assert_int_equal(dataset_info(dataset)->problem, problem);
        assert_int_equal(dataset_info(dataset)->labels, LABELS);
        assert_int_equal(dataset_verify(dataset, 0, SAMPLES, &error), STATUS_OK);
        order_shuffle(order, SAMPLES, 1);
        assert_int_equal(dataset_load(dataset, order, SOME, &samples, &error), STATUS_OK);
        assert_null(samples.labels);
        for (int64_t i = 0; i < SOME; i++)
            for (int k = 0; k < LABELS; k++)
                assert_true(samples.targets[i * LABELS + k] == target_of(problem, order[i], k));
        samples_free(&samples);
        dataset_close(dataset);
    }
}

/** The names take more bytes than an attribute of the usual kind may have, and labels more than a byte. */
static void test_most_labels(void **state) {
    (void)state;
    static char names[DATASET_LABELS_MAX][256];
    char *pointers[DATASET_LABELS_MAX];
    DatasetInfo info = make_info();
    DatasetWriter *writer = NULL;
    Error error = {0};
    Samples samples = {0};
    for (int k = 0; k < DATASET_LABELS_MAX; k++) {
        snprintf(names[k], sizeof names[k], "%0255d", k);
        pointers[k] = names[k];
    }
    info.labels = DATASET_LABELS_MAX;
    info.label_names = pointers;
    assert_int_equal(dataset_writer_create(&writer, in_folder("many.h5"), &info, &error), STATUS_OK);
    const int32_t id = 1, labels[] = {0, 255, 256, DATASET_LABELS_MAX - 1};
    for (int i = 0; i < 4; i++) assert_int_equal(dataset_writer_add(writer, &id, 1, labels[i], i, &error), STATUS_OK);
    assert_int_equal(dataset_writer_finish(writer, DIGEST_B, 1, &error), STATUS_OK);
    dataset_writer_destroy(writer);
    Dataset *dataset = open_good(in_folder("many.h5"));
    assert_int_equal(dataset_verify(dataset, 0, 4, &error), STATUS_OK);
    assert_string_equal(dataset_info(dataset)->label_names[DATASET_LABELS_MAX - 1], names[DATASET_LABELS_MAX - 1]);
    assert_int_equal(dataset_load(dataset, (const int64_t[]){3, 2, 1, 0}, 4, &samples, &error), STATUS_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(samples.labels[i], labels[3 - i]);
    samples_free(&samples);
    dataset_close(dataset);
}

/* --- Damage --- */

static void poke(hid_t file, float value) {
    const hsize_t at = 4, one = 1;
    const hid_t array = H5Dopen2(file, "targets", H5P_DEFAULT), stored = H5Dget_space(array);
    const hid_t held = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(stored, H5S_SELECT_SET, &at, NULL, &one, NULL);
    assert_true(H5Dwrite(array, H5T_NATIVE_FLOAT, held, stored, H5P_DEFAULT, &value) >= 0);
    H5Sclose(held);
    H5Sclose(stored);
    H5Dclose(array);
}

static void half(hid_t file) {
    poke(file, 0.5F);
}

static void no_number(hid_t file) {
    poke(file, NAN);
}

static void no_problem(hid_t file) {
    H5Adelete(file, "problem_type");
}

static void no_names(hid_t file) {
    H5Adelete(file, "label_names");
}

static void no_targets(hid_t file) {
    H5Ldelete(file, "targets", H5P_DEFAULT);
}

static void replace(hid_t file, hid_t type, hsize_t length) {
    const hid_t space = H5Screate_simple(1, &length, NULL);
    no_targets(file);
    const hid_t array = H5Dcreate2(file, "targets", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(array);
    H5Sclose(space);
}

static void wrong_type(hid_t file) {
    replace(file, H5T_IEEE_F64LE, (hsize_t)8 * LABELS);
}

static void wrong_length(hid_t file) {
    static const float zeros[8 * LABELS + 1] = {0};
    const hid_t array =
        (replace(file, H5T_IEEE_F32LE, (hsize_t)8 * LABELS + 1), H5Dopen2(file, "targets", H5P_DEFAULT));
    H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros);
    H5Dclose(array);
}

static void assert_refused(Problem problem, void (*change)(hid_t file), const char *word) {
    Error error = {0};
    Dataset *dataset = NULL;
    const char *path = in_folder("damaged.h5");
    write_targets(path, problem, 8);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    H5Pclose(access);
    change(file);
    assert_true(H5Fclose(file) >= 0);
    if (!dataset_open(&dataset, path, &error)) dataset_verify(dataset, 0, 8, &error);
    dataset_close(dataset);
    assert_int_equal(error.status, STATUS_INPUT);
    assert_names(error.message, NAMES(path, word));
}

static void test_refuses_damage(void **state) {
    (void)state;
    assert_refused(PROBLEM_MULTI_LABEL, half, "targets[4]: expected 0 or 1, got 0.5");
    assert_refused(PROBLEM_REGRESSION, no_number, "targets[4]: expected a finite number");
    assert_refused(PROBLEM_REGRESSION, no_problem, "\"problem_type\" is missing");
    assert_refused(PROBLEM_REGRESSION, no_names, "\"label_names\" is missing");
    assert_refused(PROBLEM_REGRESSION, no_targets, "\"targets\" is missing");
    assert_refused(PROBLEM_REGRESSION, wrong_type, "\"targets\": expected little-endian float32");
    assert_refused(PROBLEM_REGRESSION, wrong_length, "\"targets\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_most_labels),
        cmocka_unit_test(test_refuses_damage),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
