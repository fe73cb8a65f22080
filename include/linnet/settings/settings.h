#ifndef LINNET_SETTINGS_SETTINGS_H
#define LINNET_SETTINGS_SETTINGS_H
/** The configuration of a run: JSON with the names, defaults and meanings of Hugging Face `TrainingArguments`, and
 *  a few more keys for what Trainer does not have. One table (src/settings/settings_table.c) has a row per key with its
 *  type, default, range and help; reading, the resolved file and docs/reference/settings.md all use it.
 *
 *  Rank 0 loads the file; the other ranks parse its resolved text (settings_parse()), so that all ranks have the same
 *  settings even if the file changes. Nothing here is collective. */
#include "linnet/comm/reduction_kind.h"
#include "linnet/core/error.h"
#include "linnet/data/order.h"
#include "linnet/data/pooling.h"
#include "linnet/settings/named_files.h"
#include "linnet/settings/schedule_options.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the model learns: labels, or the next token of each text. */
typedef enum { OBJECTIVE_CLASSIFICATION, OBJECTIVE_LANGUAGE } Objective;
typedef enum { STRATEGY_NO, STRATEGY_STEPS, STRATEGY_EPOCH, STRATEGY_BEST } Strategy;
typedef enum { WIRE_FLOAT32, WIRE_BFLOAT16 } WireType;
typedef enum { SAVE_FAILURE_CONTINUE, SAVE_FAILURE_STOP } SaveFailure;
typedef enum { ON_NAN_STOP, ON_NAN_SKIP } OnNan;
/** What report_to chooses, as bits. */
typedef enum { REPORT_TENSORBOARD = 1, REPORT_CSV = 2 } ReportTo;

/** The Settings own their texts; an absent text is NULL. */
typedef struct {
    char *model_name_or_path;     /**< a Hugging Face GPT-2 folder */
    bool ignore_mismatched_sizes; /**< a new head where the labels of model and data differ */
    char *train_file;             /**< token file */
    NamedFiles eval_file;         /**< token files */
    char *output_dir;
    bool overwrite_output_dir;           /**< own: over another run's checkpoints */
    Objective objective;                 /**< own */
    double num_train_epochs;             /**< may be a fraction */
    int64_t max_steps;                   /**< updates; > 0 overrides num_train_epochs */
    int64_t per_device_train_batch_size; /**< samples; a device is a rank */
    int64_t per_device_eval_batch_size;
    int64_t gradient_accumulation_steps;
    double learning_rate;
    double head_learning_rate; /**< own: of score.weight; negative: learning_rate */
    double layerwise_lr_decay; /**< own: factor of the rate for each layer further below the head */
    int64_t freeze_layers;     /**< own: the lowest so many layers do not learn */
    bool freeze_embeddings;    /**< own */
    ScheduleKind lr_scheduler_type;
    char *lr_scheduler_kwargs; /**< a JSON object, or NULL */
    ScheduleOptions schedule;  /**< what it says, and defaults; no key of its own */
    double warmup_steps;       /**< updates; below 1 a fraction of all updates, as in Transformers 5 */
    double weight_decay;
    double adam_beta1, adam_beta2, adam_epsilon;
    double max_grad_norm; /**< 0 = no clipping */
    double label_smoothing_factor;
    char *class_weights;       /**< own: JSON: "balanced", a list, or an object by label (class_weights.h); or NULL */
    char *class_weights_place; /**< where it was given, for messages; no key of its own */
    double focal_gamma;        /**< own: γ of the focal loss; 0 = off */
    int64_t seed;
    double logging_steps, eval_steps, save_steps; /**< updates; below 1 a fraction of all updates */
    bool logging_first_step;
    bool disable_tqdm;  /**< no progress bar on a terminal */
    uint32_t report_to; /**< the sum of ReportTo's: where the log goes besides metrics.jsonl */
    char *logging_dir;  /**< as in Transformers 4: for TensorBoard's files; NULL: see tensorboard_folder() */
    Strategy eval_strategy, save_strategy;
    double eval_delay; /**< updates or epochs */
    bool eval_on_start;
    int64_t save_total_limit; /**< 0 = keep all */
    bool save_only_model;     /**< checkpoints without the optimizer's state */
    bool load_best_model_at_end;
    /** One of METRIC_NAMES (metric_names.h), or a score of a class, behind the name of the file where eval_file has names,
     *  without the prefix eval_; NULL: none. Whether there is such a class only the data tell. */
    char *metric_for_best_model;
    bool greater_is_better;          /**< if not set: true unless the name ends in "loss" */
    int64_t early_stopping_patience; /**< evaluations; 0 = off */
    double early_stopping_threshold;
    char *resume_from_checkpoint; /**< NULL, "auto" (or true: the newest in output_dir, if any), or a folder */
    bool gradient_checkpointing;
    bool bf16;
    Pooling pooling;             /**< own: last_token or padded_end */
    int64_t global_batch_size;   /**< own: samples per update; 0 = per_device × accumulation × ranks */
    DataOrder data_order;        /**< own: torch or blocks */
    int64_t reduction_units;     /**< own: 0 = one unit per rank */
    ReductionKind reduction;     /**< own */
    WireType reduction_dtype;    /**< own: of gradients that hosts send each other */
    bool overlap_comm;           /**< own: communicate while computing */
    bool broadcast_files;        /**< own: rank 0 reads the model and the token files for all ranks */
    bool save_in_background;     /**< own: write checkpoints from a copy in memory while training continues */
    SaveFailure on_save_failure; /**< own */
    OnNan on_nan;                /**< own: what to do when the loss or gradient is not finite */
    double dropout;              /**< own: probability of every dropout; negative = the model's own */
    int64_t lora_r;              /**< own: rank of the LoRA adapters that learn; 0 = none, the model itself learns */
    double lora_alpha;           /**< own: they are scaled by lora_alpha / lora_r */
    double lora_dropout;         /**< own: of an adapter's inputs */
    char *lora_target_modules;   /**< own: a JSON list of names, or NULL */
    int64_t threads_per_rank;    /**< own: 0 = one per core that the rank may use */
    double rank_timeout;         /**< own: seconds without a heartbeat after which a rank counts as lost; 0 = never */
} Settings;

/** Load a JSON file, which may have comments (json_blank_comments()) (NULL: none, the command line gives all keys), apply `overrides` [count] ("key=value" of --set, or
 *  "--key=value"; of two for one key the last counts) and fill in defaults. An override's value is JSON, a word or a
 *  number as HfArgumentParser takes it (True, yes, 1, .5, None), or a bare text.
 *
 *  STATUS_INPUT: one line with every mistake: unknown keys with the nearest known one, wrong types, values out of range,
 *  values of TrainingArguments' keys that ask for what linnet cannot do, each with its file and line; repeated keys; or,
 *  where there is none of these, the first contradiction (global_batch_size together with gradient_accumulation_steps;
 *  load_best_model_at_end without matching eval and save strategies, as in Trainer; eval_strategy or early stopping
 *  without eval_file; …). Keys of Transformers 4 that have another name now give it their value. A warning names these,
 *  and the keys without effect whose value is not the default. Of a model_name_or_path that is a folder of the hub's
 *  cache, the snapshot is taken (hub_cache.h). */
Status settings_load(Settings *settings, const char *path, const char *const *overrides, size_t count, Error *error);

/** The same without warnings, for a file that settings_load() has warned of. */
Status settings_load_again(Settings *settings, const char *path, const char *const *overrides, size_t count,
                           Error *error);

/** Whether there is such a key, of linnet or of TrainingArguments and its scripts; *flag: it takes true or false. */
bool settings_find(const char *key, bool *flag);
/** Whether a key of TrainingArguments has a list as its value, so that several values may follow it on the command
 *  line. */
bool settings_takes_several(const char *key);
/** The key that is nearest to a mistyped one; NULL if none is near. */
const char *settings_nearest(const char *word);
/** Whether a text of the command line is true or false, by HfArgumentParser's words; *truth: which. */
bool settings_truth(const char *text, bool *truth);

/** A key that linnet acts on. */
typedef struct {
    const char *key, *help;     /**< help: one line, in Markdown */
    const char *fallback;       /**< the default as JSON; NULL for a key that has none */
    const char *const *choices; /**< its values, ends with NULL; NULL where they are not words */
    bool flag, path;            /**< true or false; a file or folder */
} SettingInfo;
/** Key `index`, from 0, of the table; false behind the last one. */
bool settings_info(size_t index, SettingInfo *info);

/** Parse a resolved text that settings_text() made; `name` stands for it in messages. */
Status settings_parse(Settings *settings, const char *text, const char *name, Error *error);

/** All keys with their resolved values, as indented JSON; settings_parse() gives the same Settings back, bit for
 *  bit (floats with 17 digits if needed). Free with memory_free(). NULL if out of memory. */
char *settings_text(const Settings *settings, Error *error);

/** A key that has another value than before, both as JSON. */
typedef struct {
    const char *key, *was, *is;
    bool fixed;   /**< a run has one value from its start to its end: seed, pooling, data_order */
    bool updates; /**< acts on updates alone: learning_rate, lr_scheduler_type, weight_decay, ... */
} SettingChange;

/** Call `changed` for each key whose value differs from that in `before`, the object of an earlier settings_text(). NULL:
 *  nothing to compare, as with a key that it lacks; a fixed one had its default there. Left out are the keys that say
 *  where a run reads and writes: output_dir, overwrite_output_dir, resume_from_checkpoint. */
Status settings_compare(const Settings *settings, const cJSON *before,
                        void (*changed)(void *context, const SettingChange *change), void *context, Error *error);

/** The table as a Markdown page (docs/reference/settings.md); free with memory_free(). */
char *settings_markdown(Error *error);

void settings_free(Settings *settings);

#endif
