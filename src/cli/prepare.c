/* linnet prepare: from a table of labelled texts to a token file. */
#include "cli/commands.h"
#include "cli/label_options.h"
#include "cli/options.h"
#include "cli/table_options.h"
#include "linnet/core/escape.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/text/preparation.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    PrepareOptions prepare;
    OptionList inputs;
    LabelOptions labels;
    const char *balance;
    int64_t max_length, pack, subset, subset_seed, split_seed;
    bool no_labels, helped;
} Command;

static Status choose_balance(Command *command, Error *error) {
    static const char *const NAMES[] = {
        [BALANCE_NONE] = "", [BALANCE_UNDERSAMPLE] = "undersample", [BALANCE_OVERSAMPLE] = "oversample"};
    const char *told = command->balance;
    for (ClassBalance kind = BALANCE_UNDERSAMPLE; told && kind <= BALANCE_OVERSAMPLE; kind++) {
        command->prepare.class_balance = kind;
        if (strcmp(told, NAMES[kind]) == 0) return STATUS_OK;
    }
    if (!told) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "--class-balance: expected undersample or oversample, got %s",
                     *told ? told : "''");
}

/* The samples of --pack have no text of their own that these options could be about. */
static Status check_pack(const Command *command, Error *error) {
    const PrepareOptions *prepare = &command->prepare;
    const struct {
        bool given;
        const char *name;
    } others[] = {
        {command->max_length != 0, "max-length"},           {command->subset != 0, "subset"},
        {prepare->pair_column != NULL, "text-pair-column"}, {prepare->split != 0, "split"},
        {command->balance != NULL, "class-balance"},        {command->labels.columns != NULL, "label-columns"},
        {command->labels.problem != NULL, "problem-type"},  {command->labels.separator != NULL, "label-separator"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].given)
            return error_set(error, STATUS_INPUT, "--pack: samples of %" PRId64 " tokens of all texts: leave --%s out",
                             command->pack, others[i].name);
    return STATUS_OK;
}

static Status parse(Command *command, int argc, char **argv, Error *error) {
    PrepareOptions *prepare = &command->prepare;
    const Option table[] = {
        {"input", OPTION_FILES, &command->inputs,
         "FILE: the table, or several, or a pattern ('*.csv'), or - for standard input", true, 0, 0},
        {"output", OPTION_TEXT, &prepare->output, "FILE.h5: the token file to write", true, 0, 0},
        {"tokenizer", OPTION_TEXT, &prepare->tokenizer,
         "DIR: a folder with tokenizer.json, or vocab.json and merges.txt", true, 0, 0},
        {"text-column", OPTION_TEXT, &prepare->text_column, TEXT_COLUMN_HELP, false, 0, 0},
        {"text-pair-column", OPTION_TEXT, &prepare->pair_column, TEXT_PAIR_COLUMN_HELP, false, 0, 0},
        {"label-column", OPTION_TEXT, &command->labels.column, LABEL_COLUMN_HELP, false, 0, 0},
        {"label-columns", OPTION_TEXT, &command->labels.columns, LABEL_COLUMNS_HELP, false, 0, 0},
        {"label-separator", OPTION_TEXT, &command->labels.separator, LABEL_SEPARATOR_HELP, false, 0, 0},
        {"problem-type", OPTION_TEXT, &command->labels.problem,
         "TYPE: single_label_classification (default), multi_label_classification (default with --label-columns) "
         "or regression",
         false, 0, 0},
        {"no-labels", OPTION_FLAG, &command->no_labels, "the table has no labels (a file for predictions)", false, 0,
         0},
        {"labels", OPTION_TEXT, &command->labels.names,
         "NAMES: labels 0, 1, ... (default negative,neutral,positive, or the columns' names)", false, 0, 0},
        {"max-length", OPTION_INT, &command->max_length,
         "N: truncate texts to N tokens (default: the tokenizer's limit, or 1024)", false, 1, INT32_MAX},
        {"pack", OPTION_INT, &command->pack,
         "N: for linnet pretrain, join texts, an end-of-text behind each, and cut them into samples of N tokens", false,
         2, INT32_MAX},
        {"subset", OPTION_INT, &command->subset, "N: the first N rows of a shuffle (default: all rows)", false, 1,
         INT64_MAX},
        {"subset-seed", OPTION_INT, &command->subset_seed, "N: seed of that shuffle (default 42)", false, 0, INT64_MAX},
        {"a file for evaluation, balanced classes", OPTION_GROUP, NULL, "", false, 0, 0},
        {"split", OPTION_NUMBER, &prepare->split,
         "F: the share of the samples for --output; the others go to --eval-output; duplicates stay together", false, 0,
         0},
        {"eval-output", OPTION_TEXT, &prepare->eval_output, "FILE.h5: the token file for evaluation, with --split",
         false, 0, 0},
        {"stratify", OPTION_FLAG, &prepare->stratify, "split each class in that proportion", false, 0, 0},
        {"near-duplicates", OPTION_NUMBER, &prepare->near_duplicates,
         "S: texts of this Jaccard similarity stay together (default 0.8; 1: equal ones)", false, 0, 0},
        {"class-balance", OPTION_TEXT, &command->balance,
         "undersample|oversample: as many samples of each class in --output", false, 0, 0},
        {"split-seed", OPTION_INT, &command->split_seed, "N: seed of the split and of the balance (default 42)", false,
         0, INT64_MAX},
        TABLE_OPTIONS(prepare->table),
    };
    const CommandLine line = {
        .synopsis = "linnet prepare --input FILE ... --output FILE.h5 --tokenizer DIR [OPTIONS]",
        .example = "linnet prepare --input train.csv --output train.h5 --tokenizer gpt2",
        .summary = "Convert a table of texts (CSV, TSV, JSON or lines) to a token file for train and evaluate.",
        .options = table,
        .count = sizeof table / sizeof *table,
    };
    bool quiet = false;
    if (options_parse(&line, argc, argv, &command->helped, &quiet, NULL, error)) return error->status;
    log_setup(0, 1, quiet);
    prepare->inputs = command->inputs.items;
    prepare->input_count = command->inputs.count;
    if (command->pack && check_pack(command, error)) return error->status;
    prepare->pack = (int32_t)command->pack;
    prepare->max_length = (int32_t)command->max_length;
    prepare->subset = command->subset;
    prepare->subset_seed = (uint64_t)command->subset_seed;
    prepare->split_seed = (uint64_t)command->split_seed;
    if (prepare->near_duplicates > 0 && prepare->split == 0)
        return error_set(error, STATUS_INPUT, "--near-duplicates belongs to --split: add --split 0.9, or leave it out");
    if (prepare->near_duplicates == 0) prepare->near_duplicates = PREPARE_NEAR_DUPLICATES;
    return choose_balance(command, error);
}

/* The samples of each label, or the values of each target. */
static void print_labels(const PrepareOptions *options, const PreparePart *part) {
    const bool numbers = options->problem == PROBLEM_REGRESSION;
    const double samples = (double)part->samples;
    for (size_t i = 0; i < options->labels; i++) {
        const TargetRange *range = &part->ranges[i];
        printf("%s", i ? ", " : numbers ? "targets: " : "labels: ");
        escape_print(stdout, ESCAPE_OUTPUT, options->label_names[i], strlen(options->label_names[i]));
        if (numbers)
            printf(" %g to %g, mean %g", range->low, range->high, range->sum / (double)range->count);
        else
            printf(" %" PRId64, part->per_label[i]);
        if (options->split > 0 && !numbers) printf(" (%.1f %%)", 100.0 * (double)part->per_label[i] / samples);
    }
    puts(options->labels > 0 ? "" : "labels: none");
}

static void print_split(const PrepareOptions *options, const PrepareSummary *summary) {
    printf("%s: %" PRId64 " samples, %" PRId64 " tokens\n", options->eval_output, summary->evaluation.samples,
           summary->evaluation.tokens);
    print_labels(options, &summary->evaluation);
    printf("duplicates that stay together: %" PRId64 " equal, %" PRId64 " nearly equal; the largest group: %" PRId64
           " samples\n",
           summary->equal, summary->near, summary->largest_group);
}

static void print_summary(const PrepareOptions *options, const PrepareSummary *summary) {
    printf("%s: %" PRId64 " samples of %" PRId64 " rows", options->output, summary->training.samples, summary->rows);
    if (summary->files > 1) printf(" in %" PRId64 " files", summary->files);
    printf(", %" PRId64 " tokens\n", summary->training.tokens);
    if (options->pack)
        printf("packed: samples of %" PRId32 " tokens; dropped behind the last one: %" PRId64 " tokens\n",
               options->pack, summary->dropped);
    else
        printf("longest: %" PRId32 " tokens; truncated to %" PRId32 " tokens: %" PRId64 "\n", summary->longest,
               summary->max_length, summary->truncated);
    if (summary->empty)
        printf("empty texts, %s: %" PRId64 " (null: %" PRId64 ")\n",
               options->pack ? "left out" : "one end-of-text token each", summary->empty, summary->null);
    if (summary->replaced) printf("bytes replaced by U+FFFD: %" PRId64 " times\n", summary->replaced);
    if (options->class_balance == BALANCE_UNDERSAMPLE)
        printf("left out to balance the classes: %" PRId64 " samples\n", summary->left_out);
    if (options->class_balance == BALANCE_OVERSAMPLE)
        printf("repeated to balance the classes: %" PRId64 " samples\n", summary->repeated);
    print_labels(options, &summary->training);
    if (options->split > 0) print_split(options, summary);
}

static Status run(Command *command, Error *error) {
    PrepareSummary summary;
    PrepareOptions *options = &command->prepare;
    char room[PATH_MAX];
    options->tokenizer = hub_cache_resolve(options->tokenizer, room, error);
    if (error->status) return error->status;
    LabelLists lists = {0};
    if (!label_options_read(&command->labels, command->no_labels || command->pack, &lists, options, error) &&
        !prepare(options, &summary, error))
        print_summary(options, &summary);
    label_lists_free(&lists);
    return error->status;
}

int command_prepare(int argc, char **argv) {
    Error error = {0};
    Command command = {.prepare = {.text_column = "text"}, .subset_seed = 42, .split_seed = 42};
    if (!parse(&command, argc, argv, &error) && !command.helped) run(&command, &error);
    options_free_list(&command.inputs);
    if (error.status) log_error("%s", error.message);
    return (int)error.status;
}
