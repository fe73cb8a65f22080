/* linnet evaluate: a model on a token file or a table, by all ranks. */
#include "cli/commands.h"
#include "cli/label_options.h"
#include "cli/options.h"
#include "cli/table_options.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/evaluate_file.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/heartbeat/job.h"

/* `error` may hold what is wrong with the command line. */
static Status run(const EvaluateOptions *options, bool quiet, Error *error) {
    World *world = NULL;
    Error start = {0};
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, quiet);
        if (world_agree(world, error, true) == STATUS_OK) evaluate_file(world, options, error);
    }
    job_finish(world, error->status);
    return error->status;
}

int command_evaluate(int argc, char **argv) {
    EvaluateOptions options = {
        .batch_size = 8, .rank_timeout = (int64_t)HEARTBEAT_LIMIT_DEFAULT, .text_column = "text"};
    const char *labels = NULL, *columns = NULL;
    bool helped = false, quiet = false;
    char room[PATH_MAX];
    Error error = {0};
    const Option table[] = {
        {"model", OPTION_TEXT, &options.model, "DIR: a model folder, checkpoint or LoRA adapter", true, 0, 0},
        {"adapter", OPTION_TEXT, &options.adapter, "DIR: a LoRA adapter of that model, which classifies", false, 0, 0},
        {"data", OPTION_TEXT, &options.data,
         "FILE: a token file, or a table of labelled texts (CSV, TSV, JSON), or a pattern of tables ('*.csv')", true, 0,
         0},
        {"predictions", OPTION_TEXT, &options.predictions, "FILE.tsv: write the prediction for each sample", false, 0,
         0},
        {"json", OPTION_FLAG, &options.json, "print the scores as one JSON object, with the names of the training log",
         false, 0, 0},
        {"batch-size", OPTION_INT, &options.batch_size, "N: samples that run together (default 8)", false, 1, 1 << 20},
        {"threads", OPTION_INT, &options.threads, "N: threads per rank (default 0: one per core that the rank may use)",
         false, 0, 4096},
        {"text-column", OPTION_TEXT, &options.text_column, TEXT_COLUMN_HELP, false, 0, 0},
        {"text-pair-column", OPTION_TEXT, &options.pair_column, TEXT_PAIR_COLUMN_HELP, false, 0, 0},
        {"label-column", OPTION_TEXT, &options.label_column, LABEL_COLUMN_HELP, false, 0, 0},
        {"label-columns", OPTION_TEXT, &columns,
         "NAMES: a column for each of the model's labels or targets, in its order (default: called like them)", false,
         0, 0},
        {"label-separator", OPTION_TEXT, &options.label_separator, LABEL_SEPARATOR_HELP, false, 0, 0},
        {"labels", OPTION_TEXT, &labels, "NAMES: what the table calls the model's labels (default: as the model does)",
         false, 0, 0},
        TABLE_OPTIONS(options.table),
        {"rank-timeout", OPTION_INT, &options.rank_timeout,
         "N: seconds without a heartbeat after which a rank counts as lost (default 5; 0: never)", false, 0, 86400},
    };
    const CommandLine line = {
        .synopsis = "linnet evaluate --model DIR --data FILE [--predictions FILE.tsv]",
        .summary =
            "Print accuracy, macro F1, MCC, AUROC, calibration error, loss, the confusion matrix and the scores of each\n"
            "class of a model on a token file or a table; of a language model, loss and perplexity on a token file. Runs\n"
            "alone, or under mpirun or srun.",
        .example = "linnet evaluate --model run --data test.h5",
        .options = table,
        .count = sizeof table / sizeof *table,
    };
    if (!options_parse(&line, argc, argv, &helped, &quiet, NULL, &error) && !helped)
        options.model = hub_cache_resolve(options.model, room, &error);
    if (labels && !helped && !error.status) options.label_names = options_split(labels, &options.labels, &error);
    if (columns && !helped && !error.status)
        options.label_columns = options_split(columns, &options.label_column_count, &error);
    if (!helped) run(&options, quiet, &error);
    memory_free(options.label_names);
    memory_free(options.label_columns);
    return (int)error.status;
}
