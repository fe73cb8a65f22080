/* The values of a first configuration, and their reasons. See starter.h. */
#include "cli/starter.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <inttypes.h>
#include <string.h>

#define BLOCK 4096                   /* samples read at a time */
#define BLOCKS_MOST 256              /* that are read of a file */
#define SAMPLES_OF_BATCH_32 1000     /* below, an epoch would have too few updates */
#define SECONDS_BETWEEN_SAVES 1800.0 /* in an epoch that takes much longer */
#define LOG_LINES 100
#define LOGGING_STEPS 500 /* Trainer's default */

/* --- What a token file holds --- */

/* The least length that has at least `share` of all samples at or below it. */
static int32_t quantile(const int64_t *lengths, int32_t longest, int64_t count, double share) {
    int64_t seen = 0;
    for (int32_t length = 0; length < longest; length++)
        if ((double)(seen += lengths[length]) >= share * (double)count) return length;
    return longest;
}

/* The label, or the targets, of a sample. */
static void count_labels(Survey *survey, const Samples *samples, int64_t i, const DatasetInfo *info) {
    if (samples->labels && samples->labels[i] < info->labels) survey->counts[samples->labels[i]]++;
    for (int64_t k = 0; samples->targets && k < info->labels; k++) {
        const double target = (double)samples->targets[i * info->labels + k];
        survey->counts[k] += target == 1.0;
        survey->sums[k] += target;
        survey->squares[k] += target * target;
    }
}

Status survey_read(Survey *survey, Dataset *dataset, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    const int64_t blocks = int64_divide_up(info->samples, BLOCK), step = int64_divide_up(blocks, BLOCKS_MOST);
    int64_t *lengths = memory_allocate((size_t)info->longest + 1, sizeof *lengths, error), indices[BLOCK];
    *survey = (Survey){.samples = info->samples, .tokens = info->tokens};
    for (int64_t block = 0; lengths && block < blocks && !error->status; block += step) {
        const int64_t first = block * BLOCK, count = int64_min(info->samples - first, BLOCK);
        Samples samples = {0};
        for (int64_t i = 0; i < count; i++) indices[i] = first + i;
        if (dataset_load(dataset, indices, count, &samples, error)) break;
        for (int64_t i = 0; i < count; i++) {
            lengths[int64_min(samples.starts[i + 1] - samples.starts[i], info->longest)]++;
            count_labels(survey, &samples, i, info);
        }
        survey->read += count;
        samples_free(&samples);
    }
    if (!error->status) {
        survey->median = quantile(lengths, info->longest, survey->read, 0.5);
        survey->most = quantile(lengths, info->longest, survey->read, 0.95);
    }
    memory_free(lengths);
    return error->status;
}

/* --- The rows --- */

static void add(Starter *starter, const char *key, const char *value, const char *reason) {
    StarterRow *row = &starter->rows[starter->count++];
    *row = (StarterRow){.key = key};
    snprintf(row->value, sizeof row->value, "%s", value);
    snprintf(row->reason, sizeof row->reason, "%s", reason);
}

static void add_number(Starter *starter, const char *key, int64_t value, const char *reason) {
    char text[STARTER_VALUE];
    snprintf(text, sizeof text, "%" PRId64, value);
    add(starter, key, text, reason);
}

static void add_path(Starter *starter, const char *key, const char *path, const char *reason) {
    add(starter, key, "", reason);
    starter->rows[starter->count - 1].path = path;
}

void starter_begin(Starter *starter, const char *model, const char *data, const char *eval, const char *output_dir,
                   int64_t samples) {
    const bool large = samples >= SAMPLES_OF_BATCH_32;
    *starter = (Starter){.count = 0};
    add_path(starter, "model_name_or_path", model, "Paths count from the folder in which linnet is started.");
    add_path(starter, "train_file", data, "");
    if (eval) add_path(starter, "eval_file", eval, "");
    add_path(starter, "output_dir", output_dir, "");
    add(starter, "resume_from_checkpoint", "\"auto\"",
        "Started again, a run goes on from its newest checkpoint. At the first start there is none.");
    add(starter, "num_train_epochs", "3", "Trainer's default.");
    add_number(starter, "global_batch_size", large ? 32 : int64_min(8, samples),
               large
                   ? "Samples of an update, the same on any number of ranks, which share them. 16 and 32 are usual for "
                     "fine-tuning."
                   : "Samples of an update, the same on any number of ranks, which share them: Trainer's default of 8, "
                     "since a larger batch would leave few updates of so few samples.");
    add(starter, "per_device_train_batch_size", "8",
        "Samples that a rank computes at a time: Trainer's default. It changes memory and speed, not the batch of an update.");
    add(starter, "per_device_eval_batch_size", "32",
        "Evaluation keeps nothing for a backward pass and has room for more.");
    add(starter, "learning_rate", "5e-05",
        "Trainer's default, for pre-trained weights; 2e-5 to 1e-4 are usual. A model of linnet init learns from about 1e-3.");
    add(starter, "lr_scheduler_type", "\"linear\"",
        "Trainer's defaults: the rate falls to 0 over the run, without warm-up or weight decay.");
    add(starter, "warmup_steps", "0", "");
    add(starter, "weight_decay", "0.0", "");
    add(starter, "seed", "42", "Order of the samples, dropout and a new head follow from it.");
}

void starter_replace_head(Starter *starter) {
    add(starter, "ignore_mismatched_sizes", "true",
        "The model's head is not one for the data's labels: start with a new one. Without this key the run is refused.");
}

void starter_change(Starter *starter, const char *key, const char *value, const char *reason) {
    for (size_t i = 0; i < starter->count; i++) {
        StarterRow *row = &starter->rows[i];
        if (strcmp(row->key, key) != 0) continue;
        snprintf(row->value, sizeof row->value, "%s", value);
        snprintf(row->reason, sizeof row->reason, "%s", reason);
    }
}

/* The strategy of evaluating and saving: epochs, or updates where an epoch takes long. */
static void add_strategy(Starter *starter, bool evaluated, int64_t steps_per_epoch, double seconds) {
    char why[256], epoch[DURATION_TEXT];
    const bool steps = (double)steps_per_epoch * seconds > 2 * SECONDS_BETWEEN_SAVES;
    const char *strategy = steps ? "\"steps\"" : "\"epoch\"";
    const int64_t every = int64_max(1, (int64_t)(SECONDS_BETWEEN_SAVES / seconds));
    duration_text((double)steps_per_epoch * seconds, epoch);
    snprintf(why, sizeof why, "An epoch takes about %s: %s%s.", epoch, evaluated ? "evaluate and save " : "save ",
             steps ? "about every 30 minutes" : "at the end of each");
    add(starter, "eval_strategy", evaluated ? strategy : "\"no\"",
        evaluated ? why : "There is no file for evaluation: give one by --eval FILE.h5, or as eval_file.");
    if (evaluated && steps) add_number(starter, "eval_steps", every, "");
    add(starter, "save_strategy", strategy, evaluated ? "" : why);
    if (steps) add_number(starter, "save_steps", every, "");
}

/* The metric that ranks checkpoints. */
static void add_metric(Starter *starter, Problem problem) {
    static const struct {
        const char *metric, *reason;
    } ROWS[] = {
        [PROBLEM_SINGLE_LABEL] = {"\"accuracy\"",
                                  "End with the checkpoint of the best accuracy; f1 or loss are possible, too."},
        [PROBLEM_MULTI_LABEL] = {"\"f1_micro\"",
                                 "End with the checkpoint of the best micro F1; f1 (macro), average_precision or loss "
                                 "are possible, too."},
        [PROBLEM_REGRESSION] =
            {"\"rmse\"", "End with the checkpoint of the least error; pearson, spearmanr, mae or r2 are possible, "
                         "too."},
    };
    add(starter, "load_best_model_at_end", "true", ROWS[problem].reason);
    add(starter, "metric_for_best_model", ROWS[problem].metric, "");
    if (problem == PROBLEM_REGRESSION) add(starter, "greater_is_better", "false", "");
}

void starter_schedule(Starter *starter, bool evaluated, Problem problem, int64_t updates, int64_t steps_per_epoch,
                      double seconds) {
    add_number(starter, "logging_steps", int64_max(1, int64_min(LOGGING_STEPS, updates / LOG_LINES)),
               updates < 2 * LOG_LINES               ? "A line for each update of this short run."
               : updates / LOG_LINES < LOGGING_STEPS ? "About 100 lines in the run."
                                                     : "Trainer's default.");
    add_strategy(starter, evaluated, steps_per_epoch, seconds);
    add(starter, "save_total_limit", "2", "Checkpoints to keep: the newest ones, and the best.");
    if (evaluated) add_metric(starter, problem);
}
