/* The keys that linnet acts on: type, default, range and help of each. */
#include "settings/settings_table.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/settings/metric_names.h"
#include <assert.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#define KEY(field) .key = #field, .offset = offsetof(Settings, field)
#define PATH .type = SETTING_PATH, .fallback = "null"
#define COUNT_MAX 2147483647.0         /* MPI counts in int32 */
#define SEED_MAX 4294967295.0          /* as in Trainer: NumPy takes 32 bits */
#define INTEGER_MAX 9007199254740992.0 /* 2^53: up to here float64, and so every JSON reader, holds each integer */
#define AS_TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(text) #text

static const char *const EVAL_STRATEGIES[] = {"no", "steps", "epoch", NULL};
static const char *const SAVE_STRATEGIES[] = {"no", "steps", "epoch", "best", NULL};
static const char *const OBJECTIVES[] = {"classification", "language_modeling", NULL};
static const char *const SAVE_FAILURES[] = {"continue", "stop", NULL};
static const char *const NAN_CHOICES[] = {"stop", "skip", NULL};
static const char *const REDUCTIONS[] = {"ordered", "mpi", NULL};
static const char *const DTYPES[] = {"float32", "bfloat16", NULL};
/* In the order of ScheduleKind. */
static const char *const SCHEDULES[] = {"linear",
                                        "cosine",
                                        "cosine_with_restarts",
                                        "polynomial",
                                        "constant",
                                        "constant_with_warmup",
                                        "inverse_sqrt",
                                        "cosine_with_min_lr",
                                        "cosine_warmup_with_min_lr",
                                        "warmup_stable_decay",
                                        "reduce_lr_on_plateau",
                                        NULL};
static const char *const POOLINGS[] = {"last_token", "padded_end", NULL};

static const char *const REPORTS[] = {"tensorboard", "csv", NULL};
/* What else report_to may name in Transformers 4 and 5. */
static const char *const OTHER_REPORTS[] = {"azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub",
                                            "dvclive",  "flyte",   "kubeflow",   "mlflow",   "neptune",
                                            "swanlab",  "trackio", "wandb",      NULL};

const SettingRow SETTING_ROWS[] = {
    {KEY(model_name_or_path), PATH, .required = true, .help = "the Hugging Face GPT-2 folder to start from"},
    {KEY(ignore_mismatched_sizes), .type = SETTING_BOOL, .fallback = "false",
     .help =
         "start with a new classification head where the model's labels are not those of the data (other names, number "
         "or order); false: refuse such data. `from_pretrained()` has this argument, too"},
    {KEY(train_file), PATH, .required = true, .help = "token file to train on, made by `linnet prepare`"},
    {KEY(eval_file), .type = SETTING_FILES, .fallback = "null",
     .help =
         "token file to evaluate on; or several, as an object of names and paths, `{\"a\": \"a.h5\", \"b\": \"b.h5\"}`, "
         "like the dict of data sets that Trainer takes: each is evaluated in turn, and its scores are called "
         "`eval_a_loss`, ..."},
    {KEY(output_dir), PATH, .required = true, .place = true,
     .help = "folder for the model, its checkpoints and the log"},
    {KEY(overwrite_output_dir), .type = SETTING_BOOL, .fallback = "false", .place = true, .own = true,
     .help =
         "as in Transformers 4, for a new run where `output_dir` has checkpoints of another one: remove these. A run "
         "that `resume_from_checkpoint` continues keeps its own"},
    {KEY(objective), .type = SETTING_CHOICE, .fallback = "\"classification\"", .own = true, .fixed = true,
     .choices = OBJECTIVES,
     .help = "what the model learns: the labels of texts, or, with `linnet pretrain`, the next token of each text"},
    {KEY(num_train_epochs), .type = SETTING_REAL, .fallback = "3.0", .open = true, .maximum = 1e9,
     .help = "passes over the training data; may be a fraction"},
    {KEY(max_steps), .type = SETTING_INT, .fallback = "-1", .minimum = -1, .maximum = INTEGER_MAX,
     .help = "updates in the run; above 0 it overrides `num_train_epochs`"},
    {KEY(per_device_train_batch_size), .type = SETTING_INT, .fallback = "8", .minimum = 1, .maximum = COUNT_MAX,
     .help = "samples in a micro-batch of one rank"},
    {KEY(per_device_eval_batch_size), .type = SETTING_INT, .fallback = "8", .minimum = 1, .maximum = COUNT_MAX,
     .help = "samples that one rank evaluates at a time"},
    {KEY(gradient_accumulation_steps), .type = SETTING_INT, .fallback = "1", .minimum = 1, .maximum = COUNT_MAX,
     .help = "micro-batches of one rank per update"},
    {KEY(learning_rate), .type = SETTING_REAL, .fallback = "5e-05", .maximum = DBL_MAX, .updates = true,
     .help = "peak learning rate of the schedule"},
    {KEY(lr_scheduler_type), .type = SETTING_CHOICE, .fallback = "\"linear\"", .updates = true, .choices = SCHEDULES,
     .help =
         "learning rate schedule; `constant` and `reduce_lr_on_plateau` ignore `warmup_steps`. `reduce_lr_on_plateau` "
         "lowers the rate where `metric_for_best_model` no longer improves from one evaluation to the next"},
    {KEY(lr_scheduler_kwargs), .type = SETTING_OBJECT, .fallback = "null", .updates = true,
     .help =
         "options of the schedule, with the names and defaults of Transformers: `num_cycles` (cosine schedules, "
         "`warmup_stable_decay`); `lr_end`, `power` (`polynomial`); `timescale` (`inverse_sqrt`); `min_lr` or "
         "`min_lr_rate`, `warmup_lr_rate` (cosine schedules with a lowest rate); `num_decay_steps`, "
         "`num_stable_steps`, `warmup_type`, `decay_type`, `min_lr_ratio` (`warmup_stable_decay`); `mode`, `factor`, "
         "`patience`, `threshold`, `threshold_mode`, `cooldown`, `min_lr`, `eps` (`reduce_lr_on_plateau`, as in torch's "
         "ReduceLROnPlateau)"},
    {KEY(warmup_steps), .type = SETTING_REAL, .fallback = "0", .maximum = INTEGER_MAX, .updates = true,
     .help = "updates over which the learning rate rises from 0; below 1, a fraction of all updates, rounded up"},
    {KEY(weight_decay), .type = SETTING_REAL, .fallback = "0.0", .maximum = DBL_MAX, .updates = true,
     .help = "AdamW's weight decay; not applied to biases and LayerNorm weights"},
    {KEY(adam_beta1), .type = SETTING_REAL, .fallback = "0.9", .maximum = 1, .open_end = true, .updates = true,
     .help = "AdamW's decay rate of the first moment"},
    {KEY(adam_beta2), .type = SETTING_REAL, .fallback = "0.999", .maximum = 1, .open_end = true, .updates = true,
     .help = "AdamW's decay rate of the second moment"},
    {KEY(adam_epsilon), .type = SETTING_REAL, .fallback = "1e-08", .maximum = DBL_MAX, .updates = true,
     .help = "added to AdamW's denominator to prevent division by zero"},
    {KEY(max_grad_norm), .type = SETTING_REAL, .fallback = "1.0", .maximum = DBL_MAX, .null_is_zero = true,
     .updates = true,
     .help = "gradient clipping: a gradient with a larger norm is scaled down to this norm; 0 or null: no clipping"},
    {KEY(label_smoothing_factor), .type = SETTING_REAL, .fallback = "0.0", .maximum = 1, .updates = true,
     .help = "label smoothing: this share of each label is spread evenly over all classes"},
    {KEY(class_weights), .type = SETTING_WEIGHTS, .fallback = "null", .own = true, .updates = true,
     .help =
         "weight of each class in the loss, as `weight` of PyTorch's `CrossEntropyLoss`. `[0.5, 1, 2]`: a weight for each "
         "label, in their order; `{\"neutral\": 0.5}`: by name, 1 for labels that are not named; `\"balanced\"`: samples "
         "/ (labels x samples of the label) of `train_file`, as scikit-learn's"},
    {KEY(focal_gamma), .type = SETTING_REAL, .fallback = "0.0", .own = true, .maximum = 100, .updates = true,
     .help = "focal loss: the cross-entropy of a sample is multiplied by (1 - p)^`focal_gamma`, with p the probability "
             "of its label, so that samples that are right already count less; 2 is usual; 0: off"},
    {KEY(seed), .type = SETTING_INT, .fallback = "42", .maximum = SEED_MAX, .fixed = true,
     .help = "random seed for the order of samples, for dropout and for the weights of a new head"},
    {KEY(logging_steps), .type = SETTING_STEPS, .fallback = "500", .open = true, .maximum = INTEGER_MAX,
     .help = "updates between two log lines; below 1, a fraction of all updates"},
    {KEY(logging_first_step), .type = SETTING_BOOL, .fallback = "false", .help = "log the first update, too"},
    {KEY(disable_tqdm), .type = SETTING_BOOL, .fallback = "false",
     .help = "show no progress bar on a terminal, but a line every 30 seconds, as in a batch job, if nothing else is "
             "logged; `--quiet` turns both off"},
    {KEY(report_to), .type = SETTING_LIST, .fallback = "\"none\"", .place = true, .choices = REPORTS,
     .ignored = OTHER_REPORTS,
     .help =
         "where the log goes besides `metrics.jsonl`. `tensorboard`: event files in `logging_dir`; `csv`: `metrics.csv` in "
         "`output_dir`. The names of other programs that Trainer reports to have no effect, and a warning names them"},
    {KEY(logging_dir), PATH, .place = true, .own = true,
     .help =
         "as in Transformers 4, the folder for TensorBoard's event files; null: the environment variable "
         "`TENSORBOARD_LOGGING_DIR` or, where it is not set, `output_dir`/runs/DATE_RUN. A folder runs/DATE_HOST that "
         "Trainer chose counts as null"},
    {KEY(eval_strategy), .type = SETTING_CHOICE, .fallback = "\"no\"", .choices = EVAL_STRATEGIES,
     .help = "when to evaluate on `eval_file`"},
    {KEY(eval_steps), .type = SETTING_STEPS, .fallback = "null", .maximum = INTEGER_MAX,
     .help = "updates between two evaluations; null or 0: `logging_steps`; below 1, a fraction of all updates"},
    {KEY(eval_delay), .type = SETTING_REAL, .fallback = "0", .maximum = INTEGER_MAX,
     .help =
         "evaluate no earlier than this update, or this epoch if `eval_strategy` is \"epoch\"; at the last update in "
         "any case"},
    {KEY(eval_on_start), .type = SETTING_BOOL, .fallback = "false",
     .help = "evaluate before the first update, too, with the step 0 in the log; it ranks no checkpoint. A resumed run "
             "does not do it again"},
    {KEY(save_strategy), .type = SETTING_CHOICE, .fallback = "\"steps\"", .choices = SAVE_STRATEGIES,
     .help = "when to write a checkpoint; `best`: whenever the metric improves"},
    {KEY(save_steps), .type = SETTING_STEPS, .fallback = "500", .open = true, .maximum = INTEGER_MAX,
     .help = "updates between two checkpoints; below 1, a fraction of all updates"},
    {KEY(save_total_limit), .type = SETTING_INT, .fallback = "null", .maximum = COUNT_MAX,
     .help = "number of checkpoints to keep, including the best and the newest; null or 0: keep all"},
    {KEY(save_only_model), .type = SETTING_BOOL, .fallback = "false",
     .help =
         "checkpoints without the optimizer's state, which are a third as large and cannot be resumed; the one that a "
         "stop signal makes has it"},
    {KEY(load_best_model_at_end), .type = SETTING_BOOL, .fallback = "false",
     .help = "end with the weights of the best checkpoint; needs `eval_strategy` and a matching `save_strategy`"},
    {KEY(metric_for_best_model), .type = SETTING_METRIC, .fallback = "null", .choices = METRIC_NAMES,
     .help =
         "metric that ranks checkpoints, with or without `eval_` before it: up to `auroc_weighted` of a single label a "
         "sample; `loss`, `accuracy`, `f1`, `f1_micro` or `average_precision` (mAP) of several labels; `loss` and from "
         "`mse` on of regression; also `precision_`, `recall_` or `f1_` and the name of a label; `NAME_accuracy` where "
         "`eval_file` has names. null: `loss` if `load_best_model_at_end` is set or `lr_scheduler_type` is "
         "`reduce_lr_on_plateau`"},
    {KEY(greater_is_better), .type = SETTING_BOOL, .fallback = "null",
     .help = "whether a larger metric is better; null: true unless its name ends in `loss`, as in Trainer, also for "
             "`mse`, `rmse`, `mae` and `ece`, of which less is better: a warning says so"},
    {KEY(early_stopping_patience), .type = SETTING_INT, .fallback = "null", .maximum = COUNT_MAX,
     .help =
         "stop after this many evaluations in a row without a better metric, as `EarlyStoppingCallback` does; null or 0: never stop early"},
    {KEY(early_stopping_threshold), .type = SETTING_REAL, .fallback = "0.0", .maximum = DBL_MAX,
     .help = "how much better than the best so far the metric must be for `early_stopping_patience` to count it as "
             "better"},
    {KEY(resume_from_checkpoint), .type = SETTING_RESUME, .fallback = "null", .place = true,
     .help =
         "checkpoint to resume from; true or \"auto\": the newest one of the run in `output_dir`, if there is one. The "
         "texts \"true\" and \"false\" are truth values; a folder of that name is \"./true\""},
    {KEY(gradient_checkpointing), .type = SETTING_BOOL, .fallback = "false",
     .help =
         "keep only the input of each layer for the backward pass, which computes the other activations again: less "
         "memory, about a third more time, the same bits"},
    {KEY(bf16), .type = SETTING_BOOL, .fallback = "false",
     .help =
         "multiply matrices in bfloat16 if every processor has AVX512-BF16 (or AMX, which is experimental); otherwise "
         "in float32, with a warning"},
    {KEY(pooling), .type = SETTING_CHOICE, .fallback = "\"last_token\"", .own = true, .fixed = true,
     .choices = POOLINGS,
     .help =
         "token that the head reads: the last token of the text, or position 1023 of the padded text as in the tutorial"},
    {KEY(global_batch_size), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = COUNT_MAX,
     .help =
         "samples per update, for any number of ranks; replaces `gradient_accumulation_steps`; null: micro-batch size x accumulation steps x ranks"},
    {KEY(data_order), .type = SETTING_CHOICE, .fallback = "\"torch\"", .own = true, .fixed = true,
     .choices = DATA_ORDER_NAMES,
     .help =
         "order of samples in an epoch. `torch`: `torch.randperm`, as Trainer; takes 8 bytes per sample on each rank. "
         "`blocks`: shuffled blocks of 4,096 neighbouring samples in groups of 262,144; takes no such memory and reads "
         "the file in few pieces"},
    {KEY(reduction_units), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = 65536,
     .help = "number of reduction units per update. A reduction unit is a part of the global batch with one partial "
             "gradient; the result has the same bits on any number of ranks up to this number. null: one per rank"},
    {KEY(reduction), .type = SETTING_CHOICE, .fallback = "\"ordered\"", .own = true, .choices = REDUCTIONS,
     .help =
         "how ranks sum gradients. `ordered`: along a fixed tree. `mpi`: by MPI_Allreduce, whose rounding depends on the number of ranks"},
    {KEY(reduction_dtype), .type = SETTING_CHOICE, .fallback = "\"float32\"", .own = true, .choices = DTYPES,
     .help =
         "type of the gradients that hosts send each other. `bfloat16` halves the bytes, for slow networks; rounding then depends on which ranks share a host"},
    {KEY(overlap_comm), .type = SETTING_BOOL, .fallback = "true", .own = true,
     .help =
         "send gradients during the backward pass and receive parameters during the next forward pass; false: communicate between passes"},
    {KEY(broadcast_files), .type = SETTING_BOOL, .fallback = "true", .own = true,
     .help =
         "read the model's files, and each token file of at most 1 GiB, once: rank 0 sends them to the other hosts, and the "
         "ranks of a host share one copy in memory. Only where that spares a file server: on several hosts, or on a network "
         "file system. false: every rank reads the files itself, for example where every host has them on a disk of its own"},
    {KEY(save_in_background), .type = SETTING_BOOL, .fallback = "true", .own = true,
     .help =
         "write checkpoints from a copy in memory while training continues; false: training waits, and rank 0 needs no memory for a copy"},
    {KEY(on_save_failure), .type = SETTING_CHOICE, .fallback = "\"continue\"", .own = true, .choices = SAVE_FAILURES,
     .help =
         "what to do if a checkpoint or a log line cannot be written, for example because the disk is full: continue with a warning, or stop"},
    {KEY(on_nan), .type = SETTING_CHOICE, .fallback = "\"stop\"", .own = true, .choices = NAN_CHOICES,
     .help =
         "what to do if the loss or the gradient of an update is NaN or infinite. `stop`: end the run with exit code 2 "
         "and name the cause. `skip`: leave the weights, the moments and the learning rate schedule as they are and go on "
         "with the next global batch, with a warning; stop after 10 such updates in a row"},
    {KEY(head_learning_rate), .type = SETTING_REAL, .fallback = "null", .none = -1, .own = true, .maximum = DBL_MAX,
     .updates = true,
     .help =
         "peak learning rate of the head (`score.weight`); the schedule scales it as it does `learning_rate`, which "
         "null stands for"},
    {KEY(layerwise_lr_decay), .type = SETTING_REAL, .fallback = "1.0", .own = true, .open = true, .maximum = 1,
     .updates = true,
     .help =
         "factor of the learning rate from a layer to the one below it, as in ELECTRA and BEiT: what follows the last layer "
         "has `learning_rate`, layer l of L has `learning_rate` times this to the power L - l (l from 0), the embeddings "
         "to the power L + 1"},
    {KEY(freeze_layers), .type = SETTING_INT, .fallback = "0", .own = true, .fixed = true, .maximum = COUNT_MAX,
     .help =
         "number of the lowest layers that keep their weights, at most all of the model's: what follows the last layer (the "
         "final LayerNorm and the head) always learns. `freeze_embeddings` decides about the embeddings"},
    {KEY(freeze_embeddings), .type = SETTING_BOOL, .fallback = "false", .own = true, .fixed = true,
     .help =
         "whether the token and the position embedding keep their weights, too. The backward pass then ends at the lowest "
         "layer that learns"},
    {KEY(dropout), .type = SETTING_REAL, .fallback = "null", .none = -1, .own = true, .maximum = 1, .open_end = true,
     .updates = true, .help = "probability of every dropout in the model; null: the model's own values"},
    {KEY(lora_r), .type = SETTING_INT, .fallback = "0", .own = true, .fixed = true, .maximum = 65536,
     .help =
         "rank of LoRA adapters (PEFT's `r`): only they and the head learn, and the run saves them in PEFT's format; the "
         "model's own weights stay as they are. 0: no adapters, the model itself learns"},
    {KEY(lora_alpha), .type = SETTING_REAL, .fallback = "8.0", .own = true, .fixed = true, .maximum = DBL_MAX,
     .help = "adapters are scaled by `lora_alpha` / `lora_r`, as in PEFT"},
    {KEY(lora_dropout), .type = SETTING_REAL, .fallback = "0.0", .own = true, .maximum = 1, .open_end = true,
     .updates = true, .help = "probability of the dropout of an adapter's inputs; `dropout` does not set it"},
    {KEY(lora_target_modules), .type = SETTING_NAMES, .fallback = "null", .own = true, .fixed = true,
     .help =
         "linear layers that get an adapter: names or ends of names as in PEFT (`c_attn`, `attn.c_proj`, `mlp.c_proj`, "
         "`c_fc`, `h.0.attn.c_attn`), or \"all-linear\"; null: `c_attn`"},
    {KEY(threads_per_rank), .type = SETTING_INT, .fallback = "null", .own = true, .minimum = 1, .maximum = 4096,
     .help = "threads per rank; null: one for each core that the rank may use"},
    {KEY(rank_timeout), .type = SETTING_REAL, .fallback = AS_TEXT(HEARTBEAT_LIMIT_DEFAULT), .own = true,
     .maximum = 86400,
     .help =
         "seconds without a heartbeat after which a rank counts as lost and the run ends; a busy rank still sends heartbeats; 0: never"},
};

/* "an integer from 0 to 4294967295". An upper bound of INTEGER_MAX or more only guards the arithmetic, so it is left
 * out unless `maximum` asks for it. */
static void number_range(const SettingRow *row, bool maximum, char text[SETTING_RANGE_TEXT]) {
    const char *kind = row->type == SETTING_REAL    ? "a number"
                       : row->type == SETTING_STEPS ? "a fraction between 0 and 1, or an integer"
                                                    : "an integer";
    double minimum = row->type == SETTING_STEPS && row->open ? 1 : row->minimum;
    const char *lower = row->type == SETTING_REAL && row->open ? "above" : "of at least";
    if (!maximum && row->maximum >= INTEGER_MAX)
        snprintf(text, SETTING_RANGE_TEXT, "%s %s %.10g", kind, lower, minimum);
    else if (row->open || row->open_end)
        snprintf(text, SETTING_RANGE_TEXT, "%s %s %.10g and %s %.16g", kind, lower, minimum,
                 row->open_end ? "below" : "at most", row->maximum);
    else
        snprintf(text, SETTING_RANGE_TEXT, "%s from %.10g to %.16g", kind, minimum, row->maximum);
}

/* "steps, epoch or best", behind `used` bytes of the text. */
static size_t choice_range(const SettingRow *row, char text[SETTING_RANGE_TEXT], size_t used) {
    for (const char *const *choice = row->choices; *choice && used < SETTING_RANGE_TEXT; choice++) {
        const char *before = choice == row->choices ? "" : choice[1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, SETTING_RANGE_TEXT - used, "%s%s", before, *choice);
    }
    return used;
}

static void list_range(const SettingRow *row, char text[SETTING_RANGE_TEXT]) {
    const size_t used = choice_range(row, text, (size_t)snprintf(text, SETTING_RANGE_TEXT, "none, all, "));
    if (used < SETTING_RANGE_TEXT) snprintf(text + used, SETTING_RANGE_TEXT - used, ", or a list of these");
}

bool setting_ignores(const SettingRow *row, const char *name) {
    for (const char *const *other = row->ignored; other && *other; other++)
        if (strcmp(*other, name) == 0) return true;
    return false;
}

void setting_range(const SettingRow *row, bool maximum, char text[SETTING_RANGE_TEXT]) {
    if (row->type == SETTING_INT || row->type == SETTING_REAL || row->type == SETTING_STEPS)
        number_range(row, maximum, text);
    else if (row->type == SETTING_LIST)
        list_range(row, text);
    else if (row->choices)
        choice_range(row, text, 0);
    else
        snprintf(text, SETTING_RANGE_TEXT, "%s",
                 row->type == SETTING_PATH     ? "a path"
                 : row->type == SETTING_FILES  ? "a path, or an object of names and paths"
                 : row->type == SETTING_OBJECT ? "an object"
                 : row->type == SETTING_WEIGHTS
                     ? "a list of numbers of at least 0, not all 0, an object of such numbers by label, or \"balanced\""
                 : row->type == SETTING_NAMES  ? "a name or a list of names"
                 : row->type == SETTING_RESUME ? "true, false, \"auto\" or a folder"
                                               : "true or false");
}

bool setting_is_text(const SettingRow *row) {
    return row->type == SETTING_PATH || row->type == SETTING_RESUME || row->type == SETTING_METRIC ||
           row->type == SETTING_OBJECT || row->type == SETTING_WEIGHTS || row->type == SETTING_NAMES;
}

void *setting_field(const SettingRow *row, Settings *settings) {
    return (char *)settings + row->offset;
}

static_assert(sizeof SETTING_ROWS / sizeof *SETTING_ROWS == SETTINGS_COUNT, "SETTINGS_COUNT counts the rows");
