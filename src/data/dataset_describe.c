/* Describing and checking a token file for `linnet inspect`. */
#include "linnet/core/describe.h"
#include "linnet/core/integers.h"
#include "linnet/core/progress.h"
#include "linnet/data/dataset.h"
#include <inttypes.h>

#define BLOCK 4096 /* samples read at a time */

static Status print_labels(Dataset *dataset, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    int64_t counts[DATASET_LABELS_MAX + 1] = {0}, indices[BLOCK];
    progress_begin("count", "samples", info->samples);
    for (int64_t first = 0; first < info->samples; first += BLOCK) {
        const int64_t count = int64_min(info->samples - first, BLOCK);
        Samples samples = {0};
        for (int64_t i = 0; i < count; i++) indices[i] = first + i;
        progress_set(first, NULL);
        if (dataset_load(dataset, indices, count, &samples, error)) break;
        for (int64_t i = 0; i < count; i++) counts[samples.labels[i]]++;
        samples_free(&samples);
    }
    progress_end();
    if (error->status) return error->status;
    if (info->labels == 0) describe_line("labels", "none");
    for (int32_t i = 0; i < info->labels; i++)
        describe_line("label", "%d %s: %" PRId64 " samples", i, info->label_names[i], counts[i]);
    return STATUS_OK;
}

static void print_info(const char *path, const DatasetInfo *info) {
    describe_line("kind", "token file");
    describe_line("path", "%s", path);
    describe_line("samples", "%" PRId64, info->samples);
    describe_line("tokens", "%" PRId64 ", the longest sample %d, none over %d", info->tokens, info->longest,
                  info->max_length);
    describe_line("vocabulary", "%d, end-of-text %d, ids of %d bits", info->vocabulary, info->end_of_text,
                  info->id_bits);
    describe_line("tokenizer", "%s", info->tokenizer_digest);
    describe_line("source", "%s, %" PRId64 " bytes, SHA-256 %s", info->source_name, info->source_size,
                  info->source_digest);
}

Status dataset_describe(const char *path, Error *error) {
    Dataset *dataset = NULL;
    if (dataset_open(&dataset, path, error)) return error->status;
    const DatasetInfo *info = dataset_info(dataset);
    print_info(path, info);
    if (!dataset_verify(dataset, 0, info->samples, error) && !print_labels(dataset, error))
        describe_line("verified", "offsets, tokens and labels of all samples");
    dataset_close(dataset);
    return error->status;
}
