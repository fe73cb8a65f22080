/* From a table to a token file: labels, subsets, truncation, and refused input. */
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/data/order.h"
#include "linnet/text/preparation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

#define TOKENIZER "tests/golden/tokenizer_small"

static char input[256], output[256];
static char *names[] = {"negative", "neutral", "positive"};

static int make_output(void **state) {
    if (make_folder(state)) return -1;
    snprintf(output, sizeof output, "%s/out.h5", folder);
    return 0;
}

static void write_table(const char *name, const char *text) {
    Error error = {0};
    snprintf(input, sizeof input, "%s/%s", folder, name);
    assert_int_equal(file_replace(input, text, strlen(text), &error), STATUS_OK);
}

static PrepareOptions usual_options(void) {
    static char *const inputs[] = {input};
    return (PrepareOptions){.inputs = inputs,
                            .input_count = 1,
                            .output = output,
                            .tokenizer = TOKENIZER,
                            .text_column = "text",
                            .label_column = "sentiment",
                            .label_names = names,
                            .labels = 3,
                            .max_length = 1024,
                            .subset_seed = 42};
}

/* Prepare, then load all samples of the token file. */
static PrepareSummary prepare_and_load(const PrepareOptions *options, DatasetInfo *info, Samples *samples) {
    Error error = {0};
    PrepareSummary summary;
    Dataset *dataset = NULL;
    if (prepare(options, &summary, &error)) fail_msg("%s", error.message);
    if (dataset_open(&dataset, output, &error)) fail_msg("%s", error.message);
    *info = *dataset_info(dataset);
    int64_t *indices = memory_allocate((size_t)info->samples, sizeof *indices, &error);
    assert_non_null(indices);
    for (int64_t i = 0; i < info->samples; i++) indices[i] = i;
    if (dataset_verify(dataset, 0, info->samples, &error)) fail_msg("%s", error.message);
    if (dataset_load(dataset, indices, info->samples, samples, &error)) fail_msg("%s", error.message);
    memory_free(indices);
    dataset_close(dataset);
    return summary;
}

/* Neither the file nor a temporary file exists. */
static void assert_nothing_left(void) {
    char command[512];
    snprintf(command, sizeof command, "ls %s | grep -q out.h5", folder);
    assert_int_not_equal(system(command), 0);
}

static void assert_refused(const PrepareOptions *options, const char *const *parts) {
    Error error = {0};
    PrepareSummary summary;
    assert_int_equal(prepare(options, &summary, &error), STATUS_INPUT);
    assert_names(error.message, parts);
    assert_nothing_left();
}

static void test_table_becomes_a_token_file(void **state) {
    (void)state;
    const char *text = "id,text,sentiment\n1,sing song,positive\n2,,0\n3,\"sing, song\",neutral\n4,sing song,2\n";
    write_table("t.csv", text);
    PrepareOptions options = usual_options();
    DatasetInfo info;
    Samples samples;
    Error error = {0};
    PrepareSummary summary = prepare_and_load(&options, &info, &samples);
    static const uint8_t labels[4] = {2, 0, 1, 2};
    assert_int_equal(samples.count, 4);
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(samples.labels[i], labels[i]);
        assert_int_equal(samples.rows[i], i);
    }
    assert_int_equal(samples.starts[2] - samples.starts[1], 1); /* the empty text */
    assert_int_equal(samples.ids[samples.starts[1]], info.end_of_text);
    int64_t size = samples.starts[1];
    assert_int_equal(samples.starts[4] - samples.starts[3], size);
    assert_memory_equal(samples.ids, samples.ids + samples.starts[3], (size_t)size * sizeof *samples.ids);
    assert_int_equal(summary.rows, 4);
    assert_int_equal(summary.training.samples, 4);
    assert_int_equal(summary.training.tokens, samples.starts[4]);
    assert_int_equal(summary.longest, samples.starts[3] - samples.starts[2]);
    assert_int_equal(summary.truncated, 0);
    assert_int_equal(summary.training.per_label[0], 1);
    assert_int_equal(summary.training.per_label[1], 1);
    assert_int_equal(summary.training.per_label[2], 2);
    char digest[DIGEST_TEXT];
    assert_int_equal(digest_file(input, digest, &error), STATUS_OK);
    assert_string_equal(info.source_digest, digest);
    assert_string_equal(info.source_name, "t.csv");
    assert_int_equal(info.source_size, (int64_t)strlen(text));
    samples_free(&samples);
    unlink(output);
}

static void test_json_lines_are_the_same(void **state) {
    (void)state;
    PrepareOptions options = usual_options();
    DatasetInfo info;
    Samples table, lines;
    write_table("t.csv", "text,sentiment\nsing,1\n,negative\n");
    prepare_and_load(&options, &info, &table);
    write_table("t.jsonl", "{\"sentiment\": 1, \"text\": \"sing\"}\n{\"text\": null, \"sentiment\": \"negative\"}\n");
    prepare_and_load(&options, &info, &lines);
    assert_int_equal(lines.count, 2);
    assert_memory_equal(lines.starts, table.starts, 3 * sizeof *table.starts);
    assert_memory_equal(lines.ids, table.ids, (size_t)table.starts[2] * sizeof *table.ids);
    assert_memory_equal(lines.labels, table.labels, 2);
    samples_free(&table);
    samples_free(&lines);
    unlink(output);
}

static void test_long_texts_are_truncated(void **state) {
    (void)state;
    write_table("t.csv", "text,sentiment\nQXQXQXQX,0\nQ,0\nQXQ,0\n");
    PrepareOptions options = usual_options();
    options.max_length = 3;
    DatasetInfo info;
    Samples samples;
    PrepareSummary summary = prepare_and_load(&options, &info, &samples);
    assert_int_equal(summary.truncated, 1);
    assert_int_equal(summary.longest, 3);
    assert_int_equal(samples.starts[1], 3);
    assert_int_equal(info.max_length, 3);
    assert_memory_equal(samples.ids, samples.ids + samples.starts[2], 3 * sizeof *samples.ids);
    samples_free(&samples);
    unlink(output);
}

static void test_subset_is_the_shuffle_s_first(void **state) {
    (void)state;
    char text[4096] = "text,sentiment\n";
    enum { ROWS = 100, SUBSET = 30 };
    for (int i = 0; i < ROWS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s,%d\n", i, "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
                 i % 3);
    write_table("t.csv", text);
    int64_t order[ROWS];
    order_shuffle(order, ROWS, 7);
    PrepareOptions options = usual_options();
    DatasetInfo info;
    Samples all, some;
    prepare_and_load(&options, &info, &all);
    options.subset = SUBSET;
    options.subset_seed = 7;
    PrepareSummary summary = prepare_and_load(&options, &info, &some);
    assert_int_equal(summary.rows, ROWS);
    assert_int_equal(some.count, SUBSET);
    for (int64_t i = 0; i < SUBSET; i++) {
        int64_t row = order[i], size = all.starts[row + 1] - all.starts[row];
        assert_int_equal(some.rows[i], row);
        assert_int_equal(some.labels[i], row % 3);
        assert_int_equal(some.starts[i + 1] - some.starts[i], size);
        assert_memory_equal(some.ids + some.starts[i], all.ids + all.starts[row], (size_t)size * sizeof *all.ids);
    }
    samples_free(&all);
    samples_free(&some);
    unlink(output);
    options.subset = ROWS + 1;
    assert_refused(&options, NAMES("t.csv: ", "101", "100"));
}

static void test_bad_tables_are_refused(void **state) {
    (void)state;
    PrepareOptions options = usual_options();
    write_table("t.csv", "text,sentiment\nsing,neutral\nsong,neutra l\n");
    assert_refused(&options, NAMES("t.csv:3:6: ", "\"neutra l\"", "\"negative\", \"neutral\", \"positive\""));
    write_table("t.csv", "text,sentiment\nsing,3\n");
    assert_refused(&options, NAMES("t.csv:2:6: ", "\"3\"", "0 to 2"));
    write_table("t.csv", "text,sentiment\nsing,\n");
    assert_refused(&options, NAMES("t.csv:2:6: ", "the label is empty"));
    write_table("t.csv", "text,label\nsing,1\n");
    assert_refused(&options, NAMES("t.csv:1: ", "\"sentiment\"", "\"text\", \"label\""));
    write_table("t.csv", "text,sentiment\n");
    assert_refused(&options, NAMES("t.csv: ", "no rows"));
    write_table("t.csv", "text,sentiment\nsing,1\n\"sing,1\n");
    assert_refused(&options, NAMES("t.csv:3:1: ", "quote"));
    write_table("t.csv", "text,sentiment\nsing,1\n");
    options.tokenizer = folder;
    assert_refused(&options, NAMES("vocab.json"));
}

static void test_bad_options_are_refused(void **state) {
    (void)state;
    write_table("t.csv", "text,sentiment\nsing,1\n");
    char *twice[] = {"a", "b", "a"}, *empty[] = {"a", ""};
    PrepareOptions options = usual_options();
    options.label_names = twice;
    assert_refused(&options, NAMES("label", "\"a\"", "twice"));
    options.label_names = empty;
    options.labels = 2;
    assert_refused(&options, NAMES("label 1", "empty"));
    options.labels = 0;
    assert_refused(&options, NAMES("labels", "got 0"));
    options = usual_options();
    options.max_length = -1;
    assert_refused(&options, NAMES("length", "got -1"));
    options = usual_options();
    options.output = input;
    assert_refused(&options, NAMES("t.csv: ", "output"));
    options = usual_options();
    static char nowhere[] = "/tmp/nowhere/t.csv", *const missing[] = {nowhere};
    options.inputs = missing;
    assert_refused(&options, NAMES("/tmp/nowhere/t.csv: ", "No such file"));
}

/* An error must not remove the token file that existed before. */
static void test_old_file_stays(void **state) {
    (void)state;
    PrepareOptions options = usual_options();
    DatasetInfo info;
    Samples samples;
    char before[DIGEST_TEXT], after[DIGEST_TEXT];
    Error error = {0}, refused = {0};
    PrepareSummary summary;
    write_table("t.csv", "text,sentiment\nsing,1\n");
    prepare_and_load(&options, &info, &samples);
    samples_free(&samples);
    assert_int_equal(digest_file(output, before, &error), STATUS_OK);
    write_table("t.csv", "text,sentiment\nsing,1\nsong,9\n");
    assert_int_equal(prepare(&options, &summary, &refused), STATUS_INPUT);
    assert_int_equal(digest_file(output, after, &error), STATUS_OK);
    assert_string_equal(before, after);
    unlink(output);
    assert_nothing_left();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_becomes_a_token_file),
        cmocka_unit_test(test_json_lines_are_the_same),
        cmocka_unit_test(test_long_texts_are_truncated),
        cmocka_unit_test(test_subset_is_the_shuffle_s_first),
        cmocka_unit_test(test_bad_tables_are_refused),
        cmocka_unit_test(test_bad_options_are_refused),
        cmocka_unit_test(test_old_file_stays),
    };
    return cmocka_run_group_tests(tests, make_output, remove_folder);
}
