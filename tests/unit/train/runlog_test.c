/* runlog.h: metrics.jsonl, lines for people, and the history. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/report/metrics_files.h"
#include "linnet/train/runlog.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static char path[96];

static int open_folder(void **state) {
    log_setup(0, 1, true); /* the lines for people have a test of their own */
    if (make_folder(state)) return -1;
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    return 0;
}

static void expect_file(const char *expected) {
    Error error = {0};
    char *text = NULL;
    assert_int_equal(file_read(path, &text, NULL, &error), STATUS_OK);
    assert_string_equal(text, expected);
    memory_free(text);
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static RunLog *open_log(const char *history_text, int64_t step) {
    RunLog *log = NULL;
    Error error = {0};
    cJSON *history = history_text ? cJSON_Parse(history_text) : NULL;
    assert_int_equal(runlog_open(&log, folder, history, step, &error), STATUS_OK);
    cJSON_Delete(history);
    return log;
}

static void add(RunLog *log, cJSON *event) {
    Error error = {0};
    assert_int_equal(runlog_add(log, event, &error), STATUS_OK);
}

#define TRAIN_LINE                                                                                                     \
    "{\"step\":10,\"epoch\":0.5,\"loss\":1.25,\"grad_norm\":2.5,\"learning_rate\":4.5e-05,\"tokens_per_second\":1000," \
    "\"samples_per_second\":40}\n"
#define EVAL_LINE                                                                                                      \
    "{\"step\":10,\"epoch\":0.5,\"eval_loss\":1,\"eval_accuracy\":0.75,\"eval_f1\":0.5,\"eval_mcc\":0,"                \
    "\"eval_auroc\":null,\"eval_ece\":0.25,\"eval_runtime\":4,\"eval_samples_per_second\":25,\"eval_precision\":0,"    \
    "\"eval_recall\":0,\"eval_f1_weighted\":0,\"eval_precision_weighted\":0,\"eval_recall_weighted\":0,"               \
    "\"eval_auroc_weighted\":0,\"eval_precision_a,b\":0,\"eval_recall_a,b\":0,\"eval_f1_a,b\":0,"                      \
    "\"eval_support_a,b\":0}\n"

static cJSON *train_event(void) {
    return runlog_train_event(10, 0.5, 1.25, 2.5, 4.5e-5, 1000, 40);
}

static cJSON *eval_event(void) {
    ScoreList list;
    score_list_names(&list, PROBLEM_SINGLE_LABEL, 1, (char *[]){"a,b"});
    list.scores[METRIC_LOSS].value = 1;
    list.scores[METRIC_ACCURACY].value = 0.75;
    list.scores[METRIC_F1].value = 0.5;
    list.scores[METRIC_AUROC].value = NAN;
    list.scores[METRIC_ECE].value = 0.25;
    return runlog_eval_event(10, 0.5, "eval_", &list, 4, 100);
}

static void test_writes_a_line_an_event_at_once(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    add(log, train_event());
    expect_file(TRAIN_LINE);
    add(log, eval_event());
    expect_file(TRAIN_LINE EVAL_LINE);
    assert_int_equal(cJSON_GetArraySize(runlog_history(log)), 2);
    runlog_close(log);
}

static void test_starts_a_new_run_with_an_empty_file(void **state) {
    (void)state;
    write_file("{\"step\":1,\"loss\":9}\n");
    RunLog *log = open_log(NULL, 0);
    expect_file("");
    assert_int_equal(cJSON_GetArraySize(runlog_history(log)), 0);
    runlog_close(log);
}

#define HISTORY "[{\"step\":1,\"loss\":0.1},{\"step\":2,\"loss\":0.3},{\"step\":3,\"loss\":1}]"

static void test_resumes_as_if_never_stopped(void **state) {
    (void)state;
    static const char *const left_behind[] = {
        "{\"step\":1,\"loss\":0.1}\n{\"step\":2,\"loss\":0.3}\n{\"step\":3,\"loss\":1}\n{\"step\":4,\"loss\":2}\n",
        "{\"step\":1,\"loss\":0.1}\n{\"step\":2,\"lo", /* cut off in the middle of a line */
        "",
    };
    for (size_t i = 0; i < sizeof left_behind / sizeof *left_behind; i++) {
        write_file(left_behind[i]);
        RunLog *log = open_log(HISTORY, 2);
        assert_int_equal(cJSON_GetArraySize(runlog_history(log)), 2);
        add(log, cJSON_Parse("{\"step\":3,\"loss\":1}"));
        expect_file("{\"step\":1,\"loss\":0.1}\n{\"step\":2,\"loss\":0.3}\n{\"step\":3,\"loss\":1}\n");
        assert_int_equal(cJSON_GetArraySize(runlog_history(log)), 3);
        runlog_close(log);
    }
}

static void test_writes_json_also_where_a_number_is_none(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    add(log, runlog_train_event(1, 0.1, NAN, INFINITY, 0, 0, 0));
    expect_file(
        "{\"step\":1,\"epoch\":0.1,\"loss\":null,\"grad_norm\":null,\"learning_rate\":0,\"tokens_per_second\":0,"
        "\"samples_per_second\":0}\n");
    ScoreList list;
    score_list_names(&list, PROBLEM_SINGLE_LABEL, 0, NULL);
    cJSON *event = runlog_eval_event(1, 1, "eval_a_", &list, 0, 10); /* a clock too coarse to see the evaluation */
    assert_true(cJSON_GetObjectItem(event, "eval_a_samples_per_second")->valuedouble == 0);
    cJSON_Delete(event);
    runlog_close(log);
}

/** What `call` writes to standard error. */
static void capture(RunLog *log, cJSON *event, char *text, size_t size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    int old = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_setup(0, 1, false);
    add(log, event);
    log_setup(0, 1, true);
    dup2(old, STDERR_FILENO);
    close(old);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_tells_people(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    char text[512];
    capture(log, train_event(), text, sizeof text);
    assert_string_equal(text, "step 10  epoch 0.5  loss 1.25  grad_norm 2.5  learning_rate 4.5e-05  tokens_per_second "
                              "1000  samples_per_second 40\n");
    capture(log, eval_event(), text, sizeof text); /* without the scores that come behind the speed */
    assert_string_equal(text,
                        "step 10  epoch 0.5  eval_loss 1  eval_accuracy 0.75  eval_f1 0.5  eval_mcc 0  eval_auroc nan  "
                        "eval_ece 0.25  eval_runtime 4  eval_samples_per_second 25\n");
    runlog_close(log);
}

static void test_names_the_file_that_cannot_be_opened(void **state) {
    (void)state;
    RunLog *log = NULL;
    Error error = {0};
    assert_int_equal(runlog_open(&log, "/nonexistent/folder", NULL, 0, &error), STATUS_FAILURE);
    assert_null(log);
    assert_names(error.message, NAMES("/nonexistent/folder/metrics.jsonl: ", "No such file"));
}

static void test_reports_a_full_disk(void **state) {
    (void)state;
    unlink(path);
    assert_int_equal(symlink("/dev/full", path), 0);
    RunLog *log = open_log(NULL, 0);
    Error error = {0};
    assert_int_equal(runlog_add(log, train_event(), &error), STATUS_FAILURE);
    assert_names(error.message, NAMES("metrics.jsonl: ", "No space left"));
    runlog_close(log);
}

#define LINE(step) "{\"step\":" #step ",\"loss\":0.5}\n"

/** Lines that a full disk refused follow as soon as there is room; none is there by half or twice. */
static void test_catches_up_when_there_is_room(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    Error error = {0};
    struct rlimit old, low;
    add(log, cJSON_Parse(LINE(1)));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = sizeof LINE(1) - 1 + 5; /* room for a part of the second line */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    Status second = runlog_add(log, cJSON_Parse(LINE(2)), &error);
    bool behind = runlog_is_behind(log);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(second, STATUS_FAILURE);
    assert_true(behind);
    expect_file(LINE(1));
    add(log, cJSON_Parse(LINE(3)));
    assert_false(runlog_is_behind(log));
    expect_file(LINE(1) LINE(2) LINE(3));
    runlog_close(log);
}

/** After the file was moved or removed, a new one gets all lines. */
static void test_follows_its_path(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    add(log, cJSON_Parse(LINE(1)));
    assert_int_equal(unlink(path), 0);
    add(log, cJSON_Parse(LINE(2)));
    expect_file(LINE(1) LINE(2));
    runlog_close(log);
}

/** The header of metrics.csv has every field that events have. */
static void test_csv_has_a_column_for_every_field(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    Error error = {0};
    EventFile *csv = NULL;
    cJSON *evaluations = cJSON_CreateArray();
    assert_true(cJSON_AddItemToArray(evaluations, eval_event()));
    assert_int_equal(metrics_csv_open(&csv, folder, runlog_history(log), evaluations, &error), STATUS_OK);
    cJSON_Delete(evaluations);
    runlog_add_file(log, csv);
    add(log, train_event());
    add(log, eval_event());
    add(log, runlog_summary_event(10, 0.5, NAN, 2, 3, 4));
    snprintf(path, sizeof path, "%s/metrics.csv", folder);
    expect_file(
        "step,epoch,loss,grad_norm,learning_rate,tokens_per_second,samples_per_second,eval_loss,eval_accuracy,"
        "eval_f1,eval_mcc,eval_auroc,eval_ece,eval_runtime,eval_samples_per_second,eval_precision,eval_recall,"
        "eval_f1_weighted,eval_precision_weighted,eval_recall_weighted,eval_auroc_weighted,"
        "\"eval_precision_a,b\",\"eval_recall_a,b\",\"eval_f1_a,b\",\"eval_support_a,b\",train_loss,train_runtime,"
        "train_samples_per_second,train_steps_per_second\n"
        "10,0.5,1.25,2.5,4.5e-05,1000,40,,,,,,,,,,,,,,,,,,,,,,\n"
        "10,0.5,,,,,,1,0.75,0.5,0,NaN,0.25,4,25,0,0,0,0,0,0,0,0,0,0,,,,\n"
        "10,0.5,,,,,,,,,,,,,,,,,,,,,,,,NaN,2,3,4\n");
    runlog_close(log);
}

/** The summary is of one start; evaluations are found by their step. */
static void test_resumes_without_the_summary(void **state) {
    (void)state;
    RunLog *log = open_log("[{\"step\":2,\"eval_loss\":0.5},{\"step\":2,\"train_loss\":1,\"train_runtime\":3}]", 2);
    expect_file("{\"step\":2,\"eval_loss\":0.5}\n");
    assert_true(runlog_has_evaluation(log, "eval_loss", 2));
    assert_false(runlog_has_evaluation(log, "eval_loss", 1));
    assert_false(runlog_has_evaluation(log, "eval_a_loss", 2));
    runlog_close(log);
}

static void test_reports_an_event_there_was_no_memory_for(void **state) {
    (void)state;
    RunLog *log = open_log(NULL, 0);
    Error error = {0};
    assert_int_equal(runlog_add(log, NULL, &error), STATUS_FAILURE);
    assert_names(error.message, NAMES("log", "memory"));
    runlog_close(log);
    runlog_close(NULL);
}

int main(void) {
#define TEST(test_name) cmocka_unit_test_setup_teardown(test_name, open_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_writes_a_line_an_event_at_once),
        TEST(test_starts_a_new_run_with_an_empty_file),
        TEST(test_resumes_as_if_never_stopped),
        TEST(test_writes_json_also_where_a_number_is_none),
        TEST(test_tells_people),
        TEST(test_names_the_file_that_cannot_be_opened),
        TEST(test_reports_a_full_disk),
        TEST(test_catches_up_when_there_is_room),
        TEST(test_follows_its_path),
        TEST(test_csv_has_a_column_for_every_field),
        TEST(test_resumes_without_the_summary),
        TEST(test_reports_an_event_there_was_no_memory_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
