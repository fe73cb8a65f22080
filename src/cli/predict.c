/* linnet predict: the labels of texts. Answers on standard output come from one process, with all its threads. */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/predict_output.h"
#include "cli/table_options.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/predict/predict_print.h"
#include "linnet/text/table_paths.h"
#include <string.h>

typedef struct {
    const char *model, *adapter, *input, *text_column, *pair_column;
    OptionList inputs;
    TablePaths paths; /**< of the inputs; `input` is the first */
    TableOptions table;
    AnswerStyle style;
    PredictFileOptions file; /* --output and what belongs to it */
    int64_t batch_size;
    char model_room[PATH_MAX];
    OptionList texts;
    bool helped, quiet;
} Command;

/* Each row of the table, or each line of standard input. */
static Status predict_table(Predictor *predictor, const Command *command, Error *error) {
    TableOptions table = command->table;
    if (!command->input && !table.format) table.format = "lines";
    if (!command->input)
        return predict_print_table(predictor, "-", &table, command->text_column, command->pair_column, &command->style,
                                   error);
    for (size_t i = 0; i < command->paths.count && !error->status; i++)
        predict_print_table(predictor, command->paths.items[i], &table, command->text_column, command->pair_column,
                            &command->style, error);
    return error->status;
}

static Status predict(Predictor *predictor, const Command *command, Error *error) {
    if (command->texts.count > 0)
        return predict_print_texts(predictor, command->texts.items, command->texts.count, &command->style, error);
    if (command->paths.count == 1 && file_kind_of(command->input) == FILE_KIND_HDF5)
        return predict_print_samples(predictor, command->input, &command->style, error);
    return predict_table(predictor, command, error);
}

/* Who gives the name of a file wants it to be read, unless it stands behind `--`. */
static Status refuse_file_names(const Command *command, int argc, char **argv, Error *error) {
    const OptionList *texts = &command->texts;
    int first = 0; /* argument behind `--` */
    while (first < argc && strcmp(argv[first++], "--") != 0) continue;
    for (size_t i = 0; i + (size_t)(argc - first) < texts->count; i++)
        if (file_exists(texts->items[i]))
            return error_set(
                error, STATUS_INPUT,
                "%s is a file: read it with linnet predict --model %s --input %s, or put the text behind --",
                texts->items[i], command->model, texts->items[i]);
    return STATUS_OK;
}

/* The options of a job that writes a file. */
static Status complete_file_options(Command *command, Error *error) {
    PredictFileOptions *file = &command->file;
    file->model = command->model;
    file->adapter = command->adapter;
    file->input = command->input ? command->input : "-";
    file->text_column = command->text_column;
    file->pair_column = command->pair_column;
    file->table = command->table;
    file->threshold = command->style.threshold;
    file->batch_size = command->batch_size;
    if (!command->input && !file->table.format) file->table.format = "lines";
    if (file->output && (command->style.json || command->style.top_k > 0))
        return error_set(
            error, STATUS_INPUT,
            "--output: expected no --json and no --top-k besides it: the file's name tells the format, and "
            "every label has its probability");
    return predict_output_require(file, command->texts.count > 0, error);
}

static Status parse(Command *command, int argc, char **argv, Error *error) {
    const Option table[] = {
        {"model", OPTION_TEXT, &command->model, "DIR: a trained model folder, checkpoint or LoRA adapter", true, 0, 0},
        {"adapter", OPTION_TEXT, &command->adapter, "DIR: a LoRA adapter of that model, which classifies", false, 0, 0},
        {"json", OPTION_FLAG, &command->style.json, "print one object a line: {\"text\", \"label\", \"probabilities\"}",
         false, 0, 0},
        {"input", OPTION_LIST, &command->inputs,
         "FILE: read the texts from a table or a pattern ('*.csv'), a token file or - (standard input)", false, 0, 0},
        {"output", OPTION_TEXT, &command->file.output,
         "FILE: write the table with its predictions: .csv, .tsv or .jsonl; also under mpirun or srun", false, 0, 0},
        {"threads", OPTION_INT, &command->file.threads,
         "N: threads per rank with --output (default 0: one per core that the rank may use)", false, 0, 4096},
        {"rank-timeout", OPTION_INT, &command->file.rank_timeout,
         "N: seconds without a heartbeat after which a rank counts as lost (default 5; 0: never)", false, 0, 86400},
        {"top-k", OPTION_INT, &command->style.top_k,
         "N: print the N most probable labels, each with its probability (default 1; in JSON all)", false, 1,
         METRICS_LABELS_MAX},
        {"threshold", OPTION_NUMBER, &command->style.threshold,
         "P: print - (in JSON null) in place of a label with a probability below P; of several labels print those from "
         "P on (default 0.5)",
         false, 0, 0},
        {"batch-size", OPTION_INT, &command->batch_size, "N: texts that run together (default 32)", false, 1, 1 << 20},
        {"text-column", OPTION_TEXT, &command->text_column, TEXT_COLUMN_HELP, false, 0, 0},
        {"text-pair-column", OPTION_TEXT, &command->pair_column, TEXT_PAIR_COLUMN_HELP, false, 0, 0},
        TABLE_OPTIONS(command->table),
    };
    const CommandLine line = {
        .synopsis = "linnet predict --model DIR [--json] [--top-k N] [TEXT ... | --input FILE [--output FILE]]",
        .summary =
            "Print the label of each text, with its probability and the text. Texts are arguments, rows of a table,\n"
            "or lines of standard input.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = "linnet predict --model run \"what a lovely day\"",
        .operands = "TEXT",
    };
    OptionList *texts = &command->texts;
    if (options_parse(&line, argc, argv, &command->helped, &command->quiet, texts, error) || command->helped)
        return error->status;
    log_setup(0, 1, command->quiet);
    command->model = hub_cache_resolve(command->model, command->model_room, error);
    if (error->status) return error->status;
    if (table_paths_expand(&command->paths, command->inputs.items, command->inputs.count, error)) return error->status;
    if (command->paths.count > 0) command->input = command->paths.items[0];
    if (command->file.output && command->paths.count > 1)
        return error_set(error, STATUS_INPUT,
                         "--output: expected one --input besides it, got %zu: write a file for each",
                         command->paths.count);
    if (command->pair_column && (!command->input || file_kind_of(command->input) == FILE_KIND_HDF5))
        return error_set(error, STATUS_INPUT, "--text-pair-column: expected a table with that column as --input");
    if (command->input && texts->count > 0)
        return error_set(error, STATUS_INPUT, "--input: expected no text besides it, got %zu", texts->count);
    if (command->style.threshold > 1)
        return error_set(error, STATUS_INPUT, "--threshold: expected a probability of at most 1, got %g",
                         command->style.threshold);
    if (refuse_file_names(command, argc, argv, error)) return error->status;
    return complete_file_options(command, error);
}

/* Answer on standard output. */
static void answer(const Command *command, Error *error) {
    Predictor *predictor = NULL;
    if (!error->status && !predictor_open(&predictor, command->model, command->adapter, command->batch_size, error)) {
        const AnswerStyle *style = &command->style;
        const char *option = style->threshold > 0 ? "--threshold" : style->top_k > 0 ? "--top-k" : NULL;
        if (!option || !predictor_require_probabilities(predictor, option, error)) predict(predictor, command, error);
        const PredictCounts counts = predictor_counts(predictor);
        predictor_warn_truncated(predictor, &counts);
    }
    if (error->status && launcher_speaks()) log_error("%s", error->message);
    predictor_close(predictor);
}

int command_predict(int argc, char **argv) {
    Command command = {.text_column = "text",
                       .batch_size = PREDICT_BATCH_SIZE,
                       .file = {.rank_timeout = (int64_t)HEARTBEAT_LIMIT_DEFAULT}};
    Error error = {0};
    parse(&command, argc, argv, &error);
    if (!command.helped && command.file.output)
        predict_output_run(&command.file, command.quiet, &error);
    else if (!command.helped)
        answer(&command, &error);
    options_free_list(&command.texts);
    options_free_list(&command.inputs);
    table_paths_free(&command.paths);
    return (int)error.status;
}
