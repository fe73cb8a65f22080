/* What `linnet inspect` prints of a token file. See inspect_data.h. */
#include "cli/inspect_data.h"
#include "linnet/core/describe.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "linnet/data/dataset_statistics.h"
#include "linnet/model/model_folder.h"
#include "linnet/tokenizer/decode.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A text with several labels: two of its samples with different ones. */
typedef struct {
    char *text; /**< NULL without a tokenizer; [size] UTF-8 */
    size_t size;
    int64_t rows[2];
    int32_t labels[2];
} Example;

typedef struct {
    const InspectData *options;
    Dataset *dataset;
    const DatasetInfo *info; /**< of the dataset */
    TokenizerSpec spec;
    int32_t positions; /**< of the model; 0: not known */
    DatasetStatistics statistics;
    Example examples[STATISTICS_EXAMPLES];
    int examples_count;
} Inspection;

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static Status read_tokenizer(Inspection *inspection, Error *error) {
    const char *folder = inspection->options->tokenizer;
    ModelConfig config = {0};
    if (!folder) return STATUS_OK;
    if (tokenizer_spec_read(&inspection->spec, folder, error)) return error->status;
    if (strcmp(inspection->spec.digest, inspection->info->tokenizer_digest) != 0)
        return error_set(error, STATUS_INPUT, "%s was prepared with another tokenizer than that of %s",
                         inspection->info->path, folder);
    if (!file_is_in(folder, "config.json")) return STATUS_OK;
    if (!model_folder_load_config(&config, folder, error)) inspection->positions = config.positions;
    model_config_free(&config);
    return error->status;
}

static Status read_example(Inspection *inspection, const int64_t indices[2], Example *example, Error *error) {
    Samples samples = {0};
    if (dataset_load(inspection->dataset, indices, 2, &samples, error)) return error->status;
    for (int i = 0; i < 2; i++) {
        example->rows[i] = samples.rows[i];
        example->labels[i] = samples.labels[i];
    }
    if (inspection->options->tokenizer && !tokenizer_decode(&inspection->spec, samples.ids, (size_t)samples.starts[1],
                                                            &example->text, &example->size, error))
        example->size = utf8_valid_length(example->text, example->size); /* a truncated text may end in a character */
    samples_free(&samples);
    return error->status;
}

static Status read_all(Inspection *inspection, Error *error) {
    if (dataset_open(&inspection->dataset, inspection->options->path, error)) return error->status;
    inspection->info = dataset_info(inspection->dataset);
    if (read_tokenizer(inspection, error) || dataset_verify(inspection->dataset, 0, inspection->info->samples, error) ||
        dataset_statistics(inspection->dataset, inspection->positions, &inspection->statistics, error))
        return error->status;
    inspection->examples_count = (int)int64_min(inspection->statistics.ambiguous, STATISTICS_EXAMPLES);
    for (int i = 0; i < inspection->examples_count && !error->status; i++)
        read_example(inspection, inspection->statistics.examples[i], &inspection->examples[i], error);
    return error->status;
}

/* --- Lines -------------------------------------------------------------------------------------------------------- */

static void print_info(const DatasetInfo *info) {
    describe_line("kind", "token file");
    describe_line("path", "%s", info->path);
    describe_line("samples", "%" PRId64, info->samples);
    describe_line("tokens", "%" PRId64 ", the longest sample %d, none over %d", info->tokens, info->longest,
                  info->max_length);
    if (*info->part) describe_line("part", "%s", info->part);
    if (info->pairs) describe_line("texts", "two in each sample");
    describe_line("vocabulary", "%d, end-of-text %d, ids of %d bits", info->vocabulary, info->end_of_text,
                  info->id_bits);
    describe_line("tokenizer", "%s", info->tokenizer_digest);
    describe_line("source", "%s, %" PRId64 " bytes, SHA-256 %s", info->source_name, info->source_size,
                  info->source_digest);
}

static void print_labels(const DatasetInfo *info, const DatasetStatistics *statistics) {
    if (info->labels == 0) describe_line("labels", "none");
    for (int32_t i = 0; i < info->labels; i++)
        describe_line("label", "%d %s: %" PRId64 " samples, %.1f %%", i, info->label_names[i], statistics->per_label[i],
                      100.0 * (double)statistics->per_label[i] / (double)info->samples);
}

static void print_example(const Inspection *inspection, const Example *example) {
    char *const *names = inspection->info->label_names;
    Quoted text;
    describe_line("", "row %" PRId64 " %s, row %" PRId64 " %s%s%s", example->rows[0], names[example->labels[0]],
                  example->rows[1], names[example->labels[1]], example->text ? ": " : "",
                  example->text ? quoted(example->text, example->size, &text) : "");
}

static void print_lines(const Inspection *inspection) {
    const DatasetInfo *info = inspection->info;
    const DatasetStatistics *statistics = &inspection->statistics;
    print_info(info);
    print_labels(info, statistics);
    describe_line("lengths", "%d to %d tokens, median %d, 95 %% up to %d, 99 %% up to %d", statistics->shortest,
                  statistics->longest, statistics->median, statistics->percentile_95, statistics->percentile_99);
    describe_line("at the limit", "%" PRId64 " samples of %d tokens", statistics->at_limit, info->max_length);
    if (inspection->positions > 0)
        describe_line("too long", "%" PRId64 " samples of more tokens than the model's %d positions",
                      statistics->longer, inspection->positions);
    describe_line("duplicates", "%" PRId64 " samples with the tokens of an earlier one", statistics->duplicates);
    describe_line("ambiguous", "%" PRId64 " texts with several labels, %" PRId64 " samples", statistics->ambiguous,
                  statistics->ambiguous_samples);
    for (int i = 0; i < inspection->examples_count; i++) print_example(inspection, &inspection->examples[i]);
    describe_line("verified", "offsets, tokens and labels of all samples");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void add_number(cJSON *object, const char *name, int64_t number) {
    json_add_real(object, name, (double)number);
}

static void add_info(cJSON *tree, const DatasetInfo *info) {
    cJSON_AddStringToObject(tree, "kind", "token file");
    cJSON_AddStringToObject(tree, "path", info->path);
    add_number(tree, "samples", info->samples);
    add_number(tree, "tokens", info->tokens);
    add_number(tree, "max_length", info->max_length);
    cJSON_AddBoolToObject(tree, "text_pairs", info->pairs);
    add_number(tree, "vocabulary_size", info->vocabulary);
    add_number(tree, "end_of_text", info->end_of_text);
    cJSON_AddStringToObject(tree, "tokenizer_digest", info->tokenizer_digest);
    cJSON_AddStringToObject(tree, "source_name", info->source_name);
    add_number(tree, "source_size", info->source_size);
    cJSON_AddStringToObject(tree, "source_digest", info->source_digest);
    if (*info->part) cJSON_AddStringToObject(tree, "part", info->part);
}

static void add_labels(cJSON *tree, const DatasetInfo *info, const DatasetStatistics *statistics) {
    cJSON *labels = cJSON_AddArrayToObject(tree, "labels");
    for (int32_t i = 0; i < info->labels; i++) {
        cJSON *label = cJSON_CreateObject();
        cJSON_AddStringToObject(label, "name", info->label_names[i]);
        add_number(label, "samples", statistics->per_label[i]);
        json_add_real(label, "share", (double)statistics->per_label[i] / (double)info->samples);
        cJSON_AddItemToArray(labels, label);
    }
}

static void add_examples(cJSON *tree, const Inspection *inspection) {
    cJSON *examples = cJSON_AddArrayToObject(tree, "ambiguous_examples");
    for (const Example *example = inspection->examples; example < inspection->examples + inspection->examples_count;
         example++) {
        cJSON *item = cJSON_CreateObject(), *samples;
        if (example->text) {
            example->text[example->size] = '\0';
            cJSON_AddStringToObject(item, "text", example->text);
        }
        samples = cJSON_AddArrayToObject(item, "samples");
        for (int i = 0; i < 2; i++) {
            cJSON *sample = cJSON_CreateObject();
            add_number(sample, "row", example->rows[i]);
            cJSON_AddStringToObject(sample, "label", inspection->info->label_names[example->labels[i]]);
            cJSON_AddItemToArray(samples, sample);
        }
        cJSON_AddItemToArray(examples, item);
    }
}

static Status print_json(const Inspection *inspection, Error *error) {
    const DatasetStatistics *statistics = &inspection->statistics;
    cJSON *tree = cJSON_CreateObject(), *lengths;
    add_info(tree, inspection->info);
    add_labels(tree, inspection->info, statistics);
    lengths = cJSON_AddObjectToObject(tree, "lengths");
    add_number(lengths, "min", statistics->shortest);
    add_number(lengths, "median", statistics->median);
    add_number(lengths, "p95", statistics->percentile_95);
    add_number(lengths, "p99", statistics->percentile_99);
    add_number(lengths, "max", statistics->longest);
    add_number(tree, "at_max_length", statistics->at_limit);
    if (inspection->positions > 0) add_number(tree, "n_positions", inspection->positions);
    if (inspection->positions > 0) add_number(tree, "longer_than_n_positions", statistics->longer);
    add_number(tree, "duplicates", statistics->duplicates);
    add_number(tree, "ambiguous_texts", statistics->ambiguous);
    add_number(tree, "ambiguous_samples", statistics->ambiguous_samples);
    add_examples(tree, inspection);
    char *text = json_text(tree, true, "standard output", error);
    if (text) fputs(text, stdout);
    memory_free(text);
    cJSON_Delete(tree);
    return error->status;
}

Status inspect_data(const InspectData *options, Error *error) {
    Inspection inspection = {.options = options};
    if (!read_all(&inspection, error)) {
        if (options->json)
            print_json(&inspection, error);
        else
            print_lines(&inspection);
    }
    for (int i = 0; i < STATISTICS_EXAMPLES; i++) memory_free(inspection.examples[i].text);
    tokenizer_spec_free(&inspection.spec);
    dataset_close(inspection.dataset);
    return error->status;
}
