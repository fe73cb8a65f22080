/* Answers on standard output. See predict_print.h. */
#include "linnet/predict/predict_print.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/data/dataset.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define GROUP_BYTES ((size_t)16 << 20) /* of texts that wait for their batch */

/* Texts that are answered together. */
typedef struct {
    Predictor *predictor;     /* borrowed */
    const AnswerStyle *style; /* borrowed */
    size_t capacity, count;
    PredictText *texts;    /* [capacity] */
    int64_t *lines;        /* [capacity] where each text starts in the table */
    int32_t *best;         /* [capacity] */
    double *probabilities; /* [capacity, labels] */
    char *bytes;           /* [room] copies of a table's texts, one after the other */
    size_t used, room;
} Group;

static Status group_open(Group *group, Predictor *predictor, const AnswerStyle *style, Error *error) {
    const size_t capacity = predictor_batch_size(predictor), labels = (size_t)predictor_labels(predictor);
    *group = (Group){
        .predictor = predictor,
        .style = style,
        .capacity = capacity,
        .texts = memory_allocate(capacity, sizeof *group->texts, error),
        .lines = memory_allocate(capacity, sizeof *group->lines, error),
        .best = memory_allocate(capacity, sizeof *group->best, error),
        .probabilities = memory_allocate(capacity * labels, sizeof *group->probabilities, error),
    };
    return error->status;
}

static void group_close(Group *group) {
    memory_free(group->texts);
    memory_free(group->lines);
    memory_free(group->best);
    memory_free(group->probabilities);
    memory_free(group->bytes);
}

/* Whether answers go where nobody watches them come; on a terminal a bar would mix with them. */
static bool is_unwatched(void) {
    return isatty(STDOUT_FILENO) == 0;
}

/* *rows = those of a file, at whose first row it is then; 0: not known, as of a pipe, or one is refused, which will be
 * told when its turn comes. */
static Status count_rows(Records *records, int64_t *rows, Error *error) {
    const int64_t size = records_size(records);
    Field fields[2];
    Error refused = {0};
    *rows = 0;
    if (size == 0) return STATUS_OK;
    progress_begin("read", "bytes", size);
    for (bool more = true; more && !records_next(records, fields, &more, &refused);) *rows += more;
    progress_end();
    if (refused.status) *rows = 0;
    return records_rewind(records, error);
}

/* Print answer number i of the group. */
static void print_answer(const Group *group, size_t i, const Subject *subject) {
    const int32_t labels = predictor_labels(group->predictor);
    const Answer answer = {.labels = labels,
                           .label_names = predictor_label_names(group->predictor),
                           .best = group->best[i],
                           .probabilities = group->probabilities + i * (size_t)labels,
                           .problem = predictor_problem(group->predictor)};
    if (answer.best < 0) {
        fflush(stdout); /* so that both streams are in order */
        log_warning("the model's values overflow float32 for the next text: it has no label");
    }
    answer_print(stdout, group->style, &answer, subject);
}

/* Who wrote the texts may be waiting for their answers. */
static Status flush(Error *error) {
    if (fflush(stdout) == 0) return STATUS_OK;
    return error_set(error, STATUS_FAILURE, "cannot write to standard output: %s", strerror(errno));
}

/* Classify and print the first `count` texts; one that is refused is *failed. */
static Status answer_texts(Group *group, size_t count, size_t *failed, Error *error) {
    if (predictor_classify_all(group->predictor, group->texts, count, group->best, group->probabilities, NULL, failed,
                               error))
        return error->status;
    for (size_t i = 0; i < count; i++)
        print_answer(group, i, &(Subject){.text = group->texts[i].text, .size = group->texts[i].size});
    return flush(error);
}

/* Answer the group's texts and empty it. `table` (NULL: none) names the lines of texts that are refused. */
static Status group_answer(Group *group, const char *table, Error *error) {
    size_t failed, none;
    Error refused = {0};
    const size_t count = group->count;
    group->count = group->used = 0;
    if (count == 0 || !answer_texts(group, count, &failed, &refused)) return STATUS_OK;
    if (failed < count && answer_texts(group, failed, &none, error)) return error->status;
    if (failed < count && table)
        return error_set(error, refused.status, "%s:%" PRId64 ": %s", table, group->lines[failed], refused.message);
    *error = refused;
    return error->status;
}

Status predict_print_texts(Predictor *predictor, char *const *texts, size_t count, const AnswerStyle *style,
                           Error *error) {
    Group group;
    if (!group_open(&group, predictor, style, error))
        for (size_t i = 0; i < count && !error->status; i++) {
            group.texts[group.count++] = (PredictText){.text = texts[i], .size = strlen(texts[i])};
            if (group.count == group.capacity || i + 1 == count) group_answer(&group, NULL, error);
        }
    group_close(&group);
    return error->status;
}

/* Room for so many more bytes of texts; those that are there move. */
static Status make_room(Group *group, size_t size, Error *error) {
    const size_t needed = group->used + size;
    if (needed <= group->room) return STATUS_OK;
    const char *old = group->bytes;
    const size_t room = 2 * needed;
    char *bytes = memory_allocate(room, 1, error);
    if (!bytes) return error->status;
    if (group->used > 0) memcpy(bytes, old, group->used);
    for (size_t i = 0; i < group->count; i++) {
        PredictText *text = &group->texts[i];
        text->text = bytes + (text->text - old);
        if (text->pair) text->pair = bytes + (text->pair - old);
    }
    memory_free(group->bytes);
    group->bytes = bytes;
    group->room = room;
    return STATUS_OK;
}

/* Copy a text behind the others; one byte more, so that an empty one is not NULL either. */
static const char *copy_text(Group *group, const Field *field) {
    char *copy = group->bytes + group->used;
    if (field->size > 0) memcpy(copy, field->text, field->size);
    group->used += field->size + 1;
    return copy;
}

/* Copy the texts [count], one or two, of a row, which the next row overwrites. */
static Status group_add(Group *group, const Field *fields, size_t count, Error *error) {
    if (make_room(group, fields[0].size + 1 + (count > 1 ? fields[1].size + 1 : 0), error)) return error->status;
    PredictText text = {.text = copy_text(group, &fields[0]), .size = fields[0].size};
    if (count > 1) text.pair = copy_text(group, &fields[1]);
    if (count > 1) text.pair_size = fields[1].size;
    group->lines[group->count] = fields[0].line;
    group->texts[group->count++] = text;
    return STATUS_OK;
}

/* Read rows of `texts` texts until a batch is full, or the next row would have to be waited for. */
static Status read_group(Group *group, Records *records, size_t texts, bool *more, Error *error) {
    Field fields[2];
    for (bool ready = true; ready && group->count < group->capacity && group->used < GROUP_BYTES;)
        if (records_next(records, fields, more, error) || !*more || group_add(group, fields, texts, error) ||
            records_ready(records, &ready, error))
            break;
    return error->status;
}

Status predict_print_table(Predictor *predictor, const char *input, const TableOptions *table, const char *text_column,
                           const char *pair_column, const AnswerStyle *style, Error *error) {
    const char *const columns[2] = {text_column, pair_column};
    const size_t texts = pair_column ? 2 : 1;
    const bool counted = strcmp(input, "-") != 0 && is_unwatched();
    Group group = {0};
    Records *records = NULL;
    int64_t rows = 0, answered = 0;
    bool more = true;
    if ((pair_column && predictor_takes_pairs(predictor, error)) ||
        records_open(&records, input, table, columns, texts, counted, error) ||
        (counted && count_rows(records, &rows, error)) || group_open(&group, predictor, style, error))
        goto cleanup;
    if (rows > 0) progress_begin("predict", "rows", rows);
    while (more && !error->status) {
        Error answering = {0};
        read_group(&group, records, texts, &more, error);
        answered += (int64_t)group.count;
        if (group_answer(&group, records_name(records), &answering)) *error = answering; /* of an earlier row */
        if (rows > 0) progress_set(answered, NULL);
    }
    if (rows > 0) progress_end();
cleanup:
    group_close(&group);
    records_close(records);
    return error->status;
}

/* Answer samples first … first + count − 1 of a token file; `indices` [count] is scratch. */
static Status print_samples(const Group *group, Dataset *dataset, int64_t first, int64_t count, int64_t *indices,
                            Error *error) {
    Samples samples = {0};
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (dataset_load(dataset, indices, count, &samples, error)) return error->status;
    predictor_classify_samples(group->predictor, &samples, group->best, group->probabilities, NULL, error);
    for (int64_t i = 0; i < count && !error->status; i++)
        print_answer(group, (size_t)i, &(Subject){.row = samples.rows[i]});
    samples_free(&samples);
    return error->status ? error->status : flush(error);
}

Status predict_print_samples(Predictor *predictor, const char *input, const AnswerStyle *style, Error *error) {
    Group group = {0};
    Dataset *dataset = NULL;
    if (!dataset_open(&dataset, input, error) && !predictor_check_data(predictor, dataset, error) &&
        !group_open(&group, predictor, style, error)) {
        const int64_t samples = dataset_info(dataset)->samples, most = (int64_t)group.capacity;
        if (is_unwatched()) progress_begin("predict", "samples", samples);
        for (int64_t first = 0; first < samples && !error->status; first += most) {
            print_samples(&group, dataset, first, int64_min(samples - first, most), group.lines, error);
            if (is_unwatched()) progress_set(first + most, NULL);
        }
        if (is_unwatched()) progress_end();
    }
    group_close(&group);
    dataset_close(dataset);
    return error->status;
}
