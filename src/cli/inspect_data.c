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

/* A text whose samples have different labels: two of them. */
typedef struct {
    char *text; /**< NULL without a tokenizer; [size] UTF-8 */
    size_t size;
    int64_t rows[2];
    int32_t labels[2];
    float *targets; /**< [2 · labels of the file] in their place where there are several a sample; else NULL */
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
        if (samples.labels) example->labels[i] = samples.labels[i];
    }
    example->targets = samples.targets;
    samples.targets = NULL;
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
    if (info->labels > 0) describe_line("problem", "%s", problem_name(info->problem));
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
    for (int32_t i = 0; i < info->labels; i++) {
        const TargetRange *range = &statistics->ranges[i];
        if (info->problem == PROBLEM_REGRESSION)
            describe_line("target", "%d %s: mean %g, from %g to %g", i, info->label_names[i],
                          range->sum / (double)range->count, range->low, range->high);
        else
            describe_line("label", "%d %s: %" PRId64 " samples, %.1f %%", i, info->label_names[i],
                          statistics->per_label[i], 100.0 * (double)statistics->per_label[i] / (double)info->samples);
    }
}

/* The labels of one of the example's samples, joined by "+"; those that do not fit into `text` are left out. */
static const char *example_labels(const DatasetInfo *info, const Example *example, int which, char *text, size_t size) {
    size_t used = 0;
    if (!example->targets) return info->label_names[example->labels[which]];
    snprintf(text, size, "no label");
    for (int32_t k = 0; k < info->labels && used < size; k++)
        if (example->targets[which * info->labels + k] > 0.0F)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "+" : "", info->label_names[k]);
    return text;
}

static void print_example(const Inspection *inspection, const Example *example) {
    const DatasetInfo *info = inspection->info;
    char labels[2][256];
    Quoted text;
    describe_line("", "row %" PRId64 " %s, row %" PRId64 " %s%s%s", example->rows[0],
                  example_labels(info, example, 0, labels[0], sizeof *labels), example->rows[1],
                  example_labels(info, example, 1, labels[1], sizeof *labels), example->text ? ": " : "",
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
    if (info->problem != PROBLEM_REGRESSION)
        describe_line("ambiguous", "%" PRId64 " texts with %s labels, %" PRId64 " samples", statistics->ambiguous,
                      info->problem == PROBLEM_MULTI_LABEL ? "different" : "several", statistics->ambiguous_samples);
    for (int i = 0; i < inspection->examples_count; i++) print_example(inspection, &inspection->examples[i]);
    describe_line("verified", "offsets, tokens and %s of all samples",
                  problem_has_targets(info->problem) ? "targets" : "labels");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void add_number(cJSON *object, const char *name, int64_t number) {
    json_add_real(object, name, (double)number);
}

static void add_info(cJSON *tree, const DatasetInfo *info) {
    cJSON_AddStringToObject(tree, "kind", "token file");
    cJSON_AddStringToObject(tree, "path", info->path);
    if (info->labels > 0) cJSON_AddStringToObject(tree, "problem_type", problem_name(info->problem));
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
    const bool numbers = info->problem == PROBLEM_REGRESSION;
    cJSON *labels = cJSON_AddArrayToObject(tree, numbers ? "targets" : "labels");
    for (int32_t i = 0; i < info->labels; i++) {
        const TargetRange *range = &statistics->ranges[i];
        cJSON *label = cJSON_CreateObject();
        cJSON_AddStringToObject(label, "name", info->label_names[i]);
        if (numbers) {
            json_add_real(label, "mean", range->sum / (double)range->count);
            json_add_real(label, "min", range->low);
            json_add_real(label, "max", range->high);
        } else {
            add_number(label, "samples", statistics->per_label[i]);
            json_add_real(label, "share", (double)statistics->per_label[i] / (double)info->samples);
        }
        cJSON_AddItemToArray(labels, label);
    }
}

static void add_example_labels(cJSON *sample, const DatasetInfo *info, const Example *example, int which) {
    if (!example->targets) {
        cJSON_AddStringToObject(sample, "label", info->label_names[example->labels[which]]);
        return;
    }
    cJSON *labels = cJSON_AddArrayToObject(sample, "labels");
    for (int32_t k = 0; k < info->labels; k++)
        if (example->targets[which * info->labels + k] > 0.0F)
            cJSON_AddItemToArray(labels, cJSON_CreateString(info->label_names[k]));
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
            add_example_labels(sample, inspection->info, example, i);
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
    if (inspection->info->problem != PROBLEM_REGRESSION) {
        add_number(tree, "ambiguous_texts", statistics->ambiguous);
        add_number(tree, "ambiguous_samples", statistics->ambiguous_samples);
        add_examples(tree, inspection);
    }
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
    for (int i = 0; i < STATISTICS_EXAMPLES; i++) {
        memory_free(inspection.examples[i].text);
        memory_free(inspection.examples[i].targets);
    }
    tokenizer_spec_free(&inspection.spec);
    dataset_close(inspection.dataset);
    return error->status;
}
