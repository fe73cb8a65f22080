#ifndef LINNET_TESTS_TOKEN_FILE_H
#define LINNET_TESTS_TOKEN_FILE_H
/* A token file whose content follows from its size, for the tests of datasets. After cmocka.h. */
#include "linnet/data/dataset.h"
#include "unit/message.h"

#define VOCABULARY 50257
#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static inline size_t length_of(int64_t sample) {
    return (size_t)(1 + sample * 37 % 129);
}
static inline int32_t token_of(int64_t sample, size_t i) {
    return (int32_t)((sample * 7919 + (int64_t)i * 104729) % VOCABULARY);
}
static inline int32_t label_of(int64_t sample) {
    return (int32_t)(sample * 5 % 3);
}
static inline int64_t row_of(int64_t sample) {
    return sample * 3 + ((int64_t)1 << 33);
}

static inline DatasetInfo make_info(void) {
    static char *names[] = {"negative", "neutral", "sehr gut 😀"};
    DatasetInfo info = {.vocabulary = VOCABULARY,
                        .end_of_text = 50256,
                        .max_length = 1024,
                        .labels = 3,
                        .label_names = names,
                        .tokenizer_digest = DIGEST_A,
                        .source_name = "tweets.csv"};
    return info;
}

static inline Status add_sample(DatasetWriter *writer, int64_t sample, Error *error) {
    int32_t ids[129];
    for (size_t i = 0; i < length_of(sample); i++) ids[i] = token_of(sample, i);
    return dataset_writer_add(writer, ids, length_of(sample), label_of(sample), row_of(sample), error);
}

static inline Status write_samples(const char *path, int64_t samples, Error *error) {
    const DatasetInfo info = make_info();
    DatasetWriter *writer = NULL;
    if (dataset_writer_create(&writer, path, &info, error)) return error->status;
    for (int64_t i = 0; i < samples; i++)
        if (add_sample(writer, i, error)) break;
    if (!error->status) dataset_writer_finish(writer, DIGEST_B, 12345, error);
    dataset_writer_destroy(writer);
    return error->status;
}

static inline Dataset *open_good(const char *path) {
    Dataset *dataset = NULL;
    Error error = {0};
    if (dataset_open(&dataset, path, &error)) fail_msg("%s", error.message);
    return dataset;
}

#endif
