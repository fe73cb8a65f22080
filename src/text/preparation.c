/* From a table of texts to a token file, or two. See preparation.h. */
#include "linnet/text/preparation.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/data/dataset.h"
#include "linnet/text/table_paths.h"
#include "linnet/tokenizer/tokenizer.h"
#include "text/packer.h"
#include "text/row_plan.h"
#include "text/sample_fields.h"
#include "text/subset.h"
#include "text/tables.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TRAINING, EVALUATION, FILES };

typedef struct {
    const PrepareOptions *options;
    PrepareSummary *summary;
    TablePaths paths;
    SampleFields sample; /**< of the current row */
    Tables *tables;
    Tokenizer *tokenizer;
    DatasetWriter *writers[FILES];
    Packer *packer;     /**< NULL without `pack` */
    Subset *subset;     /**< NULL without a subset */
    bool planned;       /**< there is a plan */
    RowPlan plan;       /**< of the rows, or of those of the subset */
    int64_t counted;    /**< rows of an earlier pass over the tables; −1: there was none */
    int32_t max_length; /**< by the options or the tokenizer */
} Preparation;

static const char *output_path(const PrepareOptions *options, int file) {
    return file == TRAINING ? options->output : options->eval_output;
}

/* --- Checks before anything is read ------------------------------------------------------------------------------- */

/* What works on classes needs one of each sample. */
static Status check_classes(const PrepareOptions *options, Error *error) {
    const char *option = options->stratify                        ? "--stratify"
                         : options->class_balance != BALANCE_NONE ? "--class-balance"
                                                                  : NULL;
    if (!option) return STATUS_OK;
    if (!options->label_column && !options->label_columns)
        return error_set(error, STATUS_INPUT, "%s needs labels: leave --no-labels out", option);
    if (!problem_has_targets(options->problem)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s needs one label a sample, but --problem-type is %s", option,
                     problem_name(options->problem));
}

static Status check_split(const PrepareOptions *options, Error *error) {
    const bool splits = options->split != 0;
    if (splits && !(options->split > 0 && options->split < 1))
        return error_set(error, STATUS_INPUT,
                         "--split: expected the share of the samples for training, above 0 and below 1, got %g",
                         options->split);
    if (splits && !options->eval_output)
        return error_set(error, STATUS_INPUT, "--split needs --eval-output FILE.h5, the token file for evaluation");
    if (!splits && options->eval_output)
        return error_set(error, STATUS_INPUT,
                         "--eval-output is written with --split only: add --split 0.9, or leave it out");
    if (!splits && options->stratify)
        return error_set(error, STATUS_INPUT, "--stratify belongs to --split: add --split 0.9, or leave it out");
    if (splits && !(options->near_duplicates >= DUPLICATES_LEAST && options->near_duplicates <= 1))
        return error_set(error, STATUS_INPUT, "--near-duplicates: expected a similarity from %g to 1, got %g",
                         DUPLICATES_LEAST, options->near_duplicates);
    return check_classes(options, error);
}

static Status check_output(const Preparation *preparation, const char *output, Error *error) {
    for (size_t i = 0; i < preparation->paths.count; i++)
        if (file_same(preparation->paths.items[i], output))
            return error_set(error, STATUS_INPUT, "%s: the output is the input table: choose another file", output);
    return file_probe(output, error) ? error->status
                                     : file_check_replaced(output, "\x89HDF\r\n\x1a\n", "a token file", error);
}

static Status check_options(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    if (sample_fields_init(&preparation->sample, options, error)) return error->status;
    if (options->max_length < 0)
        return error_set(error, STATUS_INPUT, "expected a maximum length of at least 1 token, got %d",
                         options->max_length);
    if (check_split(options, error) ||
        table_paths_expand(&preparation->paths, options->inputs, options->input_count, error) ||
        check_output(preparation, options->output, error))
        return error->status;
    if (!options->eval_output) return STATUS_OK;
    if (file_same_place(options->output, options->eval_output))
        return error_set(error, STATUS_INPUT, "%s: is the training file as well: choose another --eval-output",
                         options->eval_output);
    return check_output(preparation, options->eval_output, error);
}

/* --- Passes over the tables --------------------------------------------------------------------------------------- */

static Status open_tables(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    const TablePaths *paths = &preparation->paths;
    const int passes = 1 + (options->subset != 0) + preparation->planned;
    const SampleFields *sample = &preparation->sample;
    preparation->summary->files = (int64_t)paths->count;
    if (tables_open(&preparation->tables, paths->items, paths->count, &options->table, sample->columns, sample->count,
                    passes > 1, error))
        return error->status;
    if (sample->targets && sample->rule.list) tables_take_lists(preparation->tables, sample->label);
    progress_total(tables_size(preparation->tables) * passes);
    return STATUS_OK;
}

/* First pass for a subset: the number of rows decides which are drawn. */
static Status draw_subset(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    Tables *tables = preparation->tables;
    SampleFields *sample = &preparation->sample;
    const bool several = preparation->paths.count > 1;
    int64_t rows = 0;
    for (bool more; !tables_next(tables, sample->fields, &more, error) && more;) rows++;
    if (error->status) return error->status;
    preparation->counted = rows;
    if (options->subset < 0 || options->subset > rows)
        return error_set(error, STATUS_INPUT, "%s: expected a subset of at most %s %" PRId64 " rows, got %" PRId64,
                         several ? "all tables" : tables_name(tables), several ? "their" : "the table's", rows,
                         options->subset);
    if (subset_create(&preparation->subset, rows, options->subset, options->subset_seed, error) ||
        (sample->targets && subset_take_targets(preparation->subset, sample->labels.count, error)))
        return error->status;
    return tables_rewind(tables, error);
}

static Status refuse_change(const Preparation *preparation, Error *error) {
    return error_set(error, STATUS_INPUT, "%s: the file changed while it was read", tables_name(preparation->tables));
}

/* The pass before the plan: its texts and classes. */
static Status plan_rows(Preparation *preparation, Error *error) {
    Subset *subset = preparation->subset;
    SampleFields *sample = &preparation->sample;
    bool more = true;
    int32_t label;
    int64_t row = 0;
    for (; !tables_next(preparation->tables, sample->fields, &more, error) && more; row++) {
        if (subset && !subset_wants(subset, row)) continue;
        if (sample_fields_label(sample, tables_name(preparation->tables), &label, error) ||
            row_plan_add(&preparation->plan, preparation->options, sample->fields, sample->pair ? 2 : 1, label,
                         error) ||
            (subset && subset_keep(subset, NULL, 0, label, NULL, error)))
            break;
    }
    if (error->status) return error->status;
    if (preparation->counted >= 0 && preparation->counted != row) return refuse_change(preparation, error);
    preparation->counted = row;
    if (subset) subset_rewind(subset);
    if (row_plan_make(&preparation->plan, preparation->options, preparation->summary, error)) return error->status;
    return tables_rewind(preparation->tables, error);
}

/* Count a sample that has been written, by its label or by its targets [targets_count]. */
static void count_sample(PreparePart *part, const SubsetSample *sample, size_t targets_count) {
    for (size_t k = 0; sample->targets && k < targets_count; k++) {
        const double target = (double)sample->targets[k];
        part->per_label[k] += target == 1.0;
        target_range_add(&part->ranges[k], target);
    }
    if (!sample->targets) part->per_label[sample->label]++;
    part->samples++;
    part->tokens += (int64_t)sample->count;
}

/* Write a sample as often as the plan says. */
static Status write_sample(Preparation *preparation, const SubsetSample *s, Error *error) {
    const RowPlan *plan = &preparation->plan;
    const int file = preparation->planned && plan->evaluation[s->index] ? EVALUATION : TRAINING;
    PreparePart *part = file == TRAINING ? &preparation->summary->training : &preparation->summary->evaluation;
    DatasetWriter *writer = preparation->writers[file];
    const uint32_t copies = preparation->planned ? plan->copies[s->index] : 1;
    for (uint32_t i = 0; i < copies; i++) {
        if (s->targets ? dataset_writer_add_targets(writer, s->ids, s->count, s->targets, s->row, error)
                       : dataset_writer_add(writer, s->ids, s->count, s->label, s->row, error))
            return error->status;
        count_sample(part, s, preparation->sample.labels.count);
    }
    return STATUS_OK;
}

static Status encode(Preparation *preparation, const int32_t **ids, size_t *count, bool *truncated, Error *error) {
    Tokenizer *tokenizer = preparation->tokenizer;
    const Field *text = preparation->sample.fields, *pair = text + preparation->sample.pair;
    if (pair != text)
        return tokenizer_encode_pair(tokenizer, text->text, text->size, pair->text, pair->size, preparation->max_length,
                                     ids, count, truncated, error);
    return tokenizer_encode_sample(tokenizer, text->text, text->size, preparation->max_length, ids, count, truncated,
                                   error);
}

/* Add the row's text to the sample that is being filled; an empty one adds nothing. */
static Status pack_row(Preparation *preparation, int64_t row, Error *error) {
    const Field *text = preparation->sample.fields;
    const int32_t *ids;
    size_t count;
    bool truncated;
    preparation->summary->empty += text->size == 0;
    preparation->summary->null += text->null;
    if (text->size == 0) return STATUS_OK;
    if (tokenizer_encode_sample(preparation->tokenizer, text->text, text->size, INT32_MAX, &ids, &count, &truncated,
                                error))
        return error->status;
    return packer_add(preparation->packer, ids, count, row, error);
}

/* Encode the row's text and write the sample, or keep it for the subset, which has an order of its own. `index`: how many
 * rows that may be written are before it in the table. */
static Status take_row(Preparation *preparation, int64_t index, int64_t row, Error *error) {
    PrepareSummary *summary = preparation->summary;
    SampleFields *fields = &preparation->sample;
    SubsetSample sample = {.row = row, .index = index, .targets = fields->targets};
    bool truncated;
    if (preparation->planned && index >= preparation->plan.count) return refuse_change(preparation, error);
    if (sample_fields_label(fields, tables_name(preparation->tables), &sample.label, error) ||
        encode(preparation, &sample.ids, &sample.count, &truncated, error))
        return error->status;
    if (preparation->subset &&
        subset_keep(preparation->subset, sample.ids, sample.count, sample.label, sample.targets, error))
        return error->status;
    if (preparation->planned && preparation->plan.copies[index] == 0) return STATUS_OK;
    summary->truncated += truncated;
    const Field *text = fields->fields, *pair = text + fields->pair; /* or the text itself */
    summary->empty += text->size == 0 && pair->size == 0;
    summary->null += text->null && pair->null;
    if ((int32_t)sample.count > summary->longest) summary->longest = (int32_t)sample.count;
    return preparation->subset ? STATUS_OK : write_sample(preparation, &sample, error);
}

static Status read_tables(Preparation *preparation, Error *error) {
    bool more = true;
    int64_t index = 0;
    for (int64_t row = 0; !tables_next(preparation->tables, preparation->sample.fields, &more, error) && more; row++) {
        preparation->summary->rows = row + 1;
        if (preparation->subset && !subset_wants(preparation->subset, row)) continue;
        if (preparation->packer ? pack_row(preparation, row, error) : take_row(preparation, index++, row, error)) break;
    }
    SubsetSample sample;
    for (size_t place = 0; !error->status && preparation->subset && subset_sample(preparation->subset, place, &sample);
         place++)
        write_sample(preparation, &sample, error);
    return error->status;
}

/* --- The token files ---------------------------------------------------------------------------------------------- */

/* The name of the first table without its folder, and how many more there are. */
static void name_source(const Preparation *preparation, DatasetInfo *info) {
    const char *name = tables_name(preparation->tables), *slash = strrchr(name, '/');
    const size_t more = preparation->paths.count - 1;
    char others[40] = "";
    if (slash) name = slash + 1;
    if (more > 0) snprintf(others, sizeof others, " and %zu more", more);
    escape_text(ESCAPE_OUTPUT, name, strlen(name), info->source_name, sizeof info->source_name - strlen(others));
    strcat(info->source_name, others);
}

/* Which part of the table a file has, by the options that chose it. */
static void name_part(const PrepareOptions *options, int file, DatasetInfo *info) {
    const char *what = file == TRAINING ? "training" : "evaluation";
    char split[128] = "", balance[64] = "";
    *info->part = '\0';
    if (options->split > 0)
        snprintf(split, sizeof split, "%s part of --split %g%s --near-duplicates %g ", what, options->split,
                 options->stratify ? " --stratify" : "", options->near_duplicates);
    if (file == TRAINING && options->class_balance != BALANCE_NONE)
        snprintf(balance, sizeof balance, "--class-balance %s ",
                 options->class_balance == BALANCE_UNDERSAMPLE ? "undersample" : "oversample");
    if (*split || *balance)
        snprintf(info->part, sizeof info->part, "%s%s--split-seed %" PRIu64, split, balance, options->split_seed);
}

static Status create_writers(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    DatasetInfo info = {.vocabulary = tokenizer_vocabulary(preparation->tokenizer),
                        .end_of_text = tokenizer_end_of_text(preparation->tokenizer),
                        .max_length = preparation->max_length,
                        .pairs = preparation->sample.pair > 0,
                        .problem = options->problem,
                        .labels = (int32_t)preparation->sample.labels.count,
                        .label_names = (char **)options->label_names}; /* the writer copies them */
    snprintf(info.tokenizer_digest, sizeof info.tokenizer_digest, "%s", tokenizer_digest(preparation->tokenizer));
    name_source(preparation, &info);
    for (int i = 0; i < FILES && !error->status; i++) {
        if (!output_path(options, i)) continue;
        name_part(options, i, &info);
        dataset_writer_create(&preparation->writers[i], output_path(options, i), &info, error);
    }
    if (error->status || options->pack == 0) return error->status;
    return packer_create(&preparation->packer, preparation->writers[TRAINING], options->pack, info.end_of_text, error);
}

/* Count what was packed. */
static Status finish_packing(Preparation *preparation, Error *error) {
    PrepareSummary *summary = preparation->summary;
    const int32_t length = preparation->options->pack;
    summary->training.samples = packer_samples(preparation->packer);
    summary->training.tokens = summary->training.samples * length;
    summary->dropped = packer_rest(preparation->packer);
    summary->longest = length;
    if (summary->training.samples > 0) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s: the texts have %" PRId64 " tokens, with the end-of-text behind each: fewer than one sample "
                     "of %d",
                     tables_name(preparation->tables), summary->dropped, length);
}

static Status finish(Preparation *preparation, Error *error) {
    TableSource source;
    if (preparation->packer && finish_packing(preparation, error)) return error->status;
    tables_source(preparation->tables, &source);
    if (preparation->counted >= 0 && preparation->counted != preparation->summary->rows)
        return refuse_change(preparation, error);
    preparation->summary->replaced = source.replaced;
    for (int i = 0; i < FILES && !error->status; i++)
        if (preparation->writers[i]) dataset_writer_finish(preparation->writers[i], source.digest, source.size, error);
    return error->status;
}

static Status convert(Preparation *preparation, Error *error) {
    if (open_tables(preparation, error)) return error->status;
    if (preparation->options->subset && draw_subset(preparation, error)) return error->status;
    if (preparation->planned && plan_rows(preparation, error)) return error->status;
    if (!create_writers(preparation, error) && !read_tables(preparation, error)) finish(preparation, error);
    return error->status;
}

Status prepare(const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    Preparation preparation = {
        .options = options, .summary = summary, .planned = row_plan_needed(options), .counted = -1};
    memset(summary, 0, sizeof *summary);
    if (check_options(&preparation, error)) goto cleanup;
    if (tokenizer_create(&preparation.tokenizer, options->tokenizer, error) ||
        (options->pair_column && tokenizer_takes_pairs(preparation.tokenizer, error)))
        goto cleanup;
    const int32_t positions = options->positions;
    preparation.max_length =
        tokenizer_max_length(preparation.tokenizer, options->max_length, positions ? positions : PREPARE_MAX_LENGTH);
    if (positions && preparation.max_length > positions) preparation.max_length = positions;
    if (options->pack) preparation.max_length = options->pack;
    summary->max_length = preparation.max_length;
    progress_begin("prepare", "bytes", 0);
    convert(&preparation, error);
    progress_end();
cleanup:
    tables_close(preparation.tables);
    sample_fields_free(&preparation.sample);
    packer_destroy(preparation.packer);
    table_paths_free(&preparation.paths);
    subset_destroy(preparation.subset);
    row_plan_free(&preparation.plan);
    for (int i = 0; i < FILES; i++) dataset_writer_destroy(preparation.writers[i]);
    tokenizer_destroy(preparation.tokenizer);
    return error->status;
}
