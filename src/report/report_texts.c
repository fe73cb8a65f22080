/* The evaluation data of a run: the lengths of its samples, and texts decoded from their tokens. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/tokenizer/decode.h"
#include "linnet/tokenizer/tokenizer.h"
#include "report/report_run.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void run_free_texts(Run *run) {
    for (int64_t i = 0; run->texts.texts && i < run->predictions.count; i++) memory_free(run->texts.texts[i]);
    memory_free(run->texts.texts);
    memory_free(run->texts.sizes);
    memory_free(run->texts.lengths);
    run->texts = (RunTexts){0};
}

/* Whether the token file is the one that the predictions are of. */
static Status check_data(const Run *run, Dataset *data, Error *error) {
    const DatasetInfo *info = dataset_info(data);
    if (info->samples != run->predictions.count)
        return error_set(error, STATUS_INPUT, "%s has %" PRId64 " samples now, the predictions are of %" PRId64,
                         info->path, info->samples, run->predictions.count);
    if (run->has_model && !run->eval_name && *run->state.eval_digest &&
        (strcmp(run->state.eval_digest, info->source_digest) != 0 || run->state.eval_tokens != info->tokens))
        return error_set(error, STATUS_INPUT, "%s is made from another table now", info->path);
    return STATUS_OK;
}

static Status read_lengths(Run *run, Dataset *data, Error *error) {
    const int64_t count = run->predictions.count;
    int64_t *all = memory_allocate((size_t)count, sizeof *all, error);
    run->texts.lengths = memory_allocate((size_t)count, sizeof *run->texts.lengths, error);
    for (int64_t i = 0; all && i < count; i++) all[i] = i;
    if (!error->status) dataset_lengths(data, all, count, run->texts.lengths, error);
    memory_free(all);
    return error->status;
}

/* The tokenizer with which the data was prepared: that of the run's model, else of the model that it started from. */
static Status open_tokenizer(const Run *run, const DatasetInfo *info, TokenizerSpec *spec, Error *error) {
    const char *base = run_setting_text(run, "model_name_or_path");
    const char *const folders[] = {run->path, base};
    for (size_t i = 0; i < 2; i++) {
        Error failure = {0};
        if (!folders[i] || !tokenizer_folder_has_one(folders[i])) continue;
        if (!tokenizer_spec_read(spec, folders[i], &failure) && strcmp(spec->digest, info->tokenizer_digest) == 0)
            return STATUS_OK;
        tokenizer_spec_free(spec);
        *spec = (TokenizerSpec){0};
    }
    return error_set(error, STATUS_INPUT, "neither %s nor the model that it started from has the tokenizer of %s",
                     run->path, info->path);
}

static Status decode_texts(Run *run, Dataset *data, const int64_t *indices, size_t count, Error *error) {
    TokenizerSpec spec = {0};
    Samples samples = {0};
    const size_t all = (size_t)run->predictions.count;
    if (open_tokenizer(run, dataset_info(data), &spec, error)) return error->status;
    run->texts.texts = memory_allocate(all, sizeof *run->texts.texts, error);
    run->texts.sizes = memory_allocate(all, sizeof *run->texts.sizes, error);
    if (!error->status) dataset_load(data, indices, (int64_t)count, &samples, error);
    for (size_t i = 0; i < count && !error->status; i++) {
        const int64_t at = indices[i];
        if (samples.rows[i] != run->predictions.rows[at])
            error_set(error, STATUS_INPUT, "%s has its samples in another order now", dataset_info(data)->path);
        else if (!run->texts.texts[at])
            tokenizer_decode(&spec, samples.ids + samples.starts[i],
                             (size_t)(samples.starts[i + 1] - samples.starts[i]), &run->texts.texts[at],
                             &run->texts.sizes[at], error);
    }
    samples_free(&samples);
    tokenizer_spec_free(&spec);
    return error->status;
}

Status run_read_texts(Run *run, const int64_t *indices, size_t count, Error *error) {
    Error failure = {0};
    Dataset *data = NULL;
    const char *path = run->eval_path;
    if (run->predictions.count == 0) return STATUS_OK;
    if (!path) error_set(&failure, STATUS_INPUT, "the run's settings name no eval_file");
    if (!failure.status && !dataset_open(&data, path, &failure) && !check_data(run, data, &failure) &&
        !dataset_verify(data, 0, run->predictions.count, &failure) && !read_lengths(run, data, &failure))
        decode_texts(run, data, indices, count, &failure);
    dataset_close(data);
    if (!failure.status) return STATUS_OK;
    if (failure.status == STATUS_FAILURE) return error_set(error, failure.status, "%s", failure.message);
    log_warning("%s: the report of %s shows rows of the table in place of texts", failure.message, run->path);
    for (int64_t i = 0; run->texts.texts && i < run->predictions.count; i++) memory_free(run->texts.texts[i]);
    memory_free(run->texts.texts);
    run->texts.texts = NULL;
    snprintf(run->texts.missing, sizeof run->texts.missing, "%.500s", failure.message);
    return STATUS_OK;
}
