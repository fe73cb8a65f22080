#include "settings/settings_table.h"
#include "linnet/heartbeat/heartbeat.h"
#include <assert.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#define KEY(field) .key = #field, .offset = offsetof(Settings, field)
#define PATH .type = SETTING_PATH, .fallback = "null"
/* int32 is what MPI counts with, 2^53 the last number that every JSON reader keeps whole. */
#define COUNT_MAX 2147483647.0
#define SEED_MAX 4294967295.0 /* Trainer's too: NumPy takes 32 bits */
#define WHOLE_MAX 9007199254740992.0

static const char *const EVAL_STRATEGIES[] = {"no", "steps", "epoch", NULL};
static const char *const SAVE_STRATEGIES[] = {"no", "steps", "epoch", "best", NULL};
static const char *const SAVE_FAILURES[] = {"continue", "stop", NULL};
static const char *const REDUCTIONS[] = {"ordered", "mpi", NULL};
static const char *const DTYPES[] = {"float32", "bfloat16", NULL};
static const char *const SCHEDULES[] = {"linear", "cosine", "constant", "constant_with_warmup", NULL};
static const char *const POOLINGS[] = {"last_token", "padded_end", NULL};
static const char *const METRICS[] = {"loss", "accuracy", "f1", NULL};

const SettingRow SETTING_ROWS[] = {
    {KEY(model_name_or_path), PATH, .required = true, .help = "a Hugging Face GPT-2 folder to start from"},
    {KEY(train_file), PATH, .required = true, .help = "token file to train on, made by `linnet prepare`"},
    {KEY(eval_file), PATH, .help = "token file to evaluate on"},
    {KEY(output_dir), PATH, .required = true, .help = "folder for the model, its checkpoints and the log"},
    {KEY(num_train_epochs), .type = SETTING_REAL, .fallback = "3.0", .open = true, .maximum = 1e9,
     .help = "passes over the training data; may be a fraction"},
    {KEY(max_steps), .type = SETTING_INT, .fallback = "-1", .minimum = -1, .maximum = WHOLE_MAX,
     .help = "updates of the whole run; above 0 it overrides `num_train_epochs`"},
    {KEY(per_device_train_batch_size), .type = SETTING_INT, .fallback = "8", .minimum = 1, .maximum = COUNT_MAX,
     .help = "samples of a micro-batch of one rank"},
    {KEY(per_device_eval_batch_size), .type = SETTING_INT, .fallback = "8", .minimum = 1, .maximum = COUNT_MAX,
     .help = "samples that one rank evaluates together"},
    {KEY(gradient_accumulation_steps), .type = SETTING_INT, .fallback = "1", .minimum = 1, .maximum = COUNT_MAX,
     .help = "micro-batches of one rank in an update"},
    {KEY(learning_rate), .type = SETTING_REAL, .fallback = "5e-05", .maximum = DBL_MAX,
     .help = "AdamW's rate at the schedule's peak"},
    {KEY(lr_scheduler_type), .type = SETTING_CHOICE, .fallback = "\"linear\"", .choices = SCHEDULES,
     .help = "how the rate changes over the run; `constant` ignores `warmup_steps`"},
    {KEY(warmup_steps), .type = SETTING_REAL, .fallback = "0", .maximum = WHOLE_MAX,
     .help = "updates in which the rate rises from 0; below 1 a share of all updates, rounded up"},
    {KEY(weight_decay), .type = SETTING_REAL, .fallback = "0.0", .maximum = DBL_MAX,
     .help = "AdamW's decay; biases and LayerNorm weights have none"},
    {KEY(adam_beta1), .type = SETTING_REAL, .fallback = "0.9", .maximum = 1, .open_end = true,
     .help = "AdamW's decay of the first moment"},
    {KEY(adam_beta2), .type = SETTING_REAL, .fallback = "0.999", .maximum = 1, .open_end = true,
     .help = "AdamW's decay of the second moment"},
    {KEY(adam_epsilon), .type = SETTING_REAL, .fallback = "1e-08", .maximum = DBL_MAX,
     .help = "AdamW's term against division by zero"},
    {KEY(max_grad_norm), .type = SETTING_REAL, .fallback = "1.0", .maximum = DBL_MAX,
     .help = "longer gradients are cut to this norm; 0 cuts none"},
    {KEY(label_smoothing_factor), .type = SETTING_REAL, .fallback = "0.0", .maximum = 1,
     .help = "share of every label spread over all labels"},
    {KEY(seed), .type = SETTING_INT, .fallback = "42", .maximum = SEED_MAX,
     .help = "of the epochs' orders, dropout and a new head's weights"},
    {KEY(logging_steps), .type = SETTING_STEPS, .fallback = "500", .open = true, .maximum = WHOLE_MAX,
     .help = "updates from one log line to the next; below 1 a share of all updates"},
    {KEY(eval_strategy), .type = SETTING_CHOICE, .fallback = "\"no\"", .choices = EVAL_STRATEGIES,
     .help = "when to evaluate on `eval_file`"},
    {KEY(eval_steps), .type = SETTING_STEPS, .fallback = "null", .maximum = WHOLE_MAX,
     .help = "updates from one evaluation to the next; null or 0: `logging_steps`; below 1 a share of all updates"},
    {KEY(save_strategy), .type = SETTING_CHOICE, .fallback = "\"steps\"", .choices = SAVE_STRATEGIES,
     .help = "when to write a checkpoint; `best`: whenever the metric is better than ever"},
    {KEY(save_steps), .type = SETTING_STEPS, .fallback = "500", .open = true, .maximum = WHOLE_MAX,
     .help = "updates from one checkpoint to the next; below 1 a share of all updates"},
    {KEY(save_total_limit), .type = SETTING_INT, .fallback = "null", .maximum = COUNT_MAX,
     .help = "checkpoints to keep, the best and the newest among them; null or 0 keeps all"},
    {KEY(load_best_model_at_end), .type = SETTING_BOOL, .fallback = "false",
     .help = "end with the best checkpoint's weights; needs `eval_strategy` and a matching `save_strategy`"},
    {KEY(metric_for_best_model), .type = SETTING_METRIC, .fallback = "null", .choices = METRICS,
     .help = "what makes a checkpoint the best; `loss` when null and `load_best_model_at_end`"},
    {KEY(greater_is_better), .type = SETTING_BOOL, .fallback = "null",
     .help = "whether more of the metric is better; null: true for all but `loss`"},
    {KEY(early_stopping_patience), .type = SETTING_INT, .fallback = "null", .maximum = COUNT_MAX,
     .help = "stop after so many evaluations in a row without a better metric, as `EarlyStoppingCallback`; null or 0: "
             "never"},
    {KEY(resume_from_checkpoint), .type = SETTING_RESUME, .fallback = "null",
     .help = "a checkpoint to go on from; true or \"auto\": the newest in `output_dir`, if there is one"},
    {KEY(bf16), .type = SETTING_BOOL, .fallback = "false",
     .help = "multiply matrices in bfloat16 where the processor has AVX512-BF16 (or AMX, which is experimental); else in float32, "
             "with a warning"},
    {KEY(pooling), .type = SETTING_CHOICE, .fallback = "\"last_token\"", .own = true, .choices = POOLINGS,
     .help = "the token that the head reads: the last of the text, or position 1023 as in the tutorial"},
    {KEY(global_batch_size), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = COUNT_MAX,
     .help = "samples of an update, whatever the number of ranks; in place of `gradient_accumulation_steps`"},
    {KEY(data_order), .type = SETTING_CHOICE, .fallback = "\"torch\"", .own = true, .choices = DATA_ORDER_NAMES,
     .help =
         "order of an epoch's samples: `torch.randperm` as Trainer, which takes 8 bytes a sample on each rank; or blocks of 4,096 "
         "neighbours mixed in groups of 262,144, which takes none and reads few pieces of the file"},
    {KEY(reduction_units), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = 65536,
     .help = "cut each update into so many units: the same bits on any number of ranks up to it; null: one a rank"},
    {KEY(reduction), .type = SETTING_CHOICE, .fallback = "\"ordered\"", .own = true, .choices = REDUCTIONS,
     .help =
         "how ranks sum gradients: along a fixed tree, or as MPI_Allreduce does, whose last bits depend on the number of "
         "ranks"},
    {KEY(reduction_dtype), .type = SETTING_CHOICE, .fallback = "\"float32\"", .own = true, .choices = DTYPES,
     .help =
         "of the gradients that hosts send one another; `bfloat16` halves the bytes, for slow links, and the bits then "
         "depend on the hosts"},
    {KEY(overlap_comm), .type = SETTING_BOOL, .fallback = "true", .own = true,
     .help =
         "send gradients during the backward pass and receive parameters during the next forward pass; false: between "
         "passes"},
    {KEY(save_in_background), .type = SETTING_BOOL, .fallback = "true", .own = true,
     .help =
         "write checkpoints from a copy in memory while training goes on; false: training waits, and rank 0 needs no "
         "memory for a copy"},
    {KEY(on_save_failure), .type = SETTING_CHOICE, .fallback = "\"continue\"", .own = true, .choices = SAVE_FAILURES,
     .help =
         "what a run does when a checkpoint or a log line cannot be written, as on a full disk: go on with a warning, "
         "or end"},
    {KEY(dropout), .type = SETTING_REAL, .fallback = "null", .none = -1, .own = true, .maximum = 1, .open_end = true,
     .help = "every dropout of the model; null: the model's own"},
    {KEY(threads_per_rank), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = 4096,
     .help = "threads of one rank; null: as many as it may use cores"},
    {KEY(rank_timeout), .type = SETTING_REAL, .fallback = "5.0", .own = true, .maximum = 86400,
     .help = "seconds without a sign of life after which a rank counts as lost and the run ends; a busy rank gives "
             "signs; 0: never"},
};

/* An upper bound that only guards the arithmetic is of no interest to a reader. */
bool setting_tells_maximum(const SettingRow *row) {
    return row->maximum < WHOLE_MAX;
}

static void number_range(const SettingRow *row, char *text, size_t room) {
    const char *lower = row->open ? "above" : "at least", *upper = row->open_end ? "below" : "at most";
    const char *kind = row->type == SETTING_INT ? "a whole number" : "a number";
    const char *whole = row->type == SETTING_STEPS ? ", whole if above 1" : "";
    if (!setting_tells_maximum(row))
        snprintf(text, room, "%s, %s %.10g%s", kind, lower, row->minimum, whole);
    else
        snprintf(text, room, "%s, %s %.10g and %s %.10g%s", kind, lower, row->minimum, upper, row->maximum, whole);
}

static void choice_range(const SettingRow *row, char *text, size_t room) {
    size_t used = 0;
    for (const char *const *choice = row->choices; *choice && used < room; choice++) {
        const char *before = choice == row->choices ? "" : choice[1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, room - used, "%s%s", before, *choice);
    }
}

void setting_range(const SettingRow *row, char text[SETTING_RANGE_TEXT]) {
    switch (row->type) {
    case SETTING_PATH:
        snprintf(text, SETTING_RANGE_TEXT, "a path");
        break;
    case SETTING_RESUME:
        snprintf(text, SETTING_RANGE_TEXT, "true, false, \"auto\" or a folder");
        break;
    case SETTING_BOOL:
        snprintf(text, SETTING_RANGE_TEXT, "true or false");
        break;
    case SETTING_INT:
    case SETTING_REAL:
    case SETTING_STEPS:
        number_range(row, text, SETTING_RANGE_TEXT);
        break;
    case SETTING_METRIC:
    case SETTING_CHOICE:
        choice_range(row, text, SETTING_RANGE_TEXT);
        break;
    }
}

void *setting_field(const SettingRow *row, Settings *settings) {
    return (char *)settings + row->offset;
}

const void *setting_field_const(const SettingRow *row, const Settings *settings) {
    return (const char *)settings + row->offset;
}

static_assert(sizeof SETTING_ROWS / sizeof *SETTING_ROWS == SETTINGS_COUNT, "SETTINGS_COUNT counts the rows");
