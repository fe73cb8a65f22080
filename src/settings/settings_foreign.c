/* The keys of TrainingArguments that linnet does not act on, and those that Transformers 5 renamed. */
#include "settings/settings_table.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The keys of TrainingArguments (Transformers 5.24) that are not in SETTING_ROWS, in two lists, each in the order of
 * TrainingArguments; data_seed is checked separately. linnet accepts a value if Trainer, given that value, computes and
 * writes the same as linnet. */
const ForeignRow FOREIGN_ROWS[] = {
    {"lr_scheduler_kwargs", "[{}]", "learning rate schedules have no options"},
    {"optim", "[\"adamw_torch\", \"adamw_torch_fused\"]", "the optimizer is AdamW"},
    {"optim_args", "[\"\"]", "use adam_beta1, adam_beta2 and adam_epsilon for AdamW"},
    {"optim_target_modules", "[]", "all weights are trained"},
    {"fp16", "[false]", "linnet computes in float32, or in bfloat16 with bf16"},
    {"bf16_full_eval", "[false]", "weights stay in float32; bf16 applies to evaluation, too"},
    {"fp16_full_eval", "[false]", "weights stay in float32; bf16 applies to evaluation, too"},
    {"tf32", "[false]", "CPUs have no tf32"},
    {"neftune_noise_alpha", "[]", "linnet adds no noise to embeddings"},
    {"auto_find_batch_size", "[false]", "linnet uses the given batch size"},
    {"logging_strategy", "[\"steps\"]", "linnet logs every logging_steps updates"},
    {"logging_first_step", "[false]", "linnet logs every logging_steps updates"},
    {"include_num_input_tokens_seen", "[\"no\", false]", "the log has tokens_per_second"},
    {"report_to", "[\"none\", [], [\"none\"], \"all\", [\"all\"]]", "the log is metrics.jsonl in output_dir"},
    {"eval_delay", "[0]", "eval_strategy alone decides when to evaluate"},
    {"prediction_loss_only", "[false]", "an evaluation reports loss, accuracy and f1"},
    {"eval_on_start", "[false]", "eval_strategy alone decides when to evaluate; run linnet evaluate before training"},
    {"save_only_model", "[false]", "a checkpoint holds everything that a resumed run needs"},
    {"save_on_each_node", "[false]", "only rank 0 writes"},
    {"push_to_hub", "[false]", "the model stays in output_dir"},
    {"ignore_data_skip", "[false]", "a resumed run continues with the samples that come next"},
    {"accelerator_config",
     "[{}, {\"split_batches\": false, \"dispatch_batches\": null, \"even_batches\": true, \"use_seedable_sampler\": true, "
     "\"non_blocking\": false, \"gradient_accumulation_kwargs\": null}]",
     "linnet does not use Accelerate"},
    {"parallelism_config", "[]", "linnet is data parallel: the ranks share the samples of each update"},
    {"dataloader_drop_last", "[false]", "each epoch reads every sample"},
    {"train_sampling_strategy", "[\"random\"]", "each epoch has its own random order"},
    {"fsdp", "[\"\", [], false]", "each rank holds the full model and its share of the optimizer state"},
    {"deepspeed", "[\"\"]", "each rank holds the full model and its share of the optimizer state"},
    {"debug", "[\"\", []]", "linnet has no such debugging tools"},
    {"skip_memory_metrics", "[true]", "linnet logs planned memory once, when the run starts"},
};

/* clang-format would write each name on a line of its own. */
/* clang-format off */
const char *const IGNORED_KEYS[] = {
    "average_tokens_across_devices", "activation_checkpointing", "activation_checkpointing_kwargs",
    "gradient_checkpointing", "gradient_checkpointing_kwargs", "torch_compile", "torch_compile_backend",
    "torch_compile_mode", "use_liger_kernel", "liger_kernel_config", "use_cache", "torch_empty_cache_steps",
    "log_on_each_node", "logging_nan_inf_filter", "log_level", "log_level_replica", "disable_tqdm", "run_name",
    "project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id", "eval_do_concat_batches",
    "eval_use_gather_object", "eval_accumulation_steps", "include_for_metrics", "batch_eval_metrics",
    "enable_jit_checkpoint", "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy", "hub_always_push",
    "hub_revision", "restore_callback_states_from_checkpoint", "full_determinism", "use_cpu", "dataloader_num_workers",
    "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor",
    "dataloader_multiprocessing_context", "dataloader_in_order", "remove_unused_columns", "label_names",
    "length_column_name", "ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers",
    "ddp_static_graph", "ddp_backend", "ddp_timeout", "fsdp_config", "do_train", "do_eval", "do_predict", "local_rank"};
/* clang-format on */

const RenamedRow RENAMED_ROWS[] = {
    {"evaluation_strategy", "eval_strategy"},
    {"warmup_ratio", "warmup_steps, which below 1 is a fraction of all updates"},
    {"group_by_length", "train_sampling_strategy"},
    {"no_cuda", "use_cpu"},
    {"per_gpu_train_batch_size", "per_device_train_batch_size"},
    {"per_gpu_eval_batch_size", "per_device_eval_batch_size"},
};

static_assert(sizeof FOREIGN_ROWS / sizeof *FOREIGN_ROWS == FOREIGN_COUNT, "FOREIGN_COUNT counts the rows");
static_assert(sizeof IGNORED_KEYS / sizeof *IGNORED_KEYS == IGNORED_COUNT, "IGNORED_COUNT counts the keys");
static_assert(sizeof RENAMED_ROWS / sizeof *RENAMED_ROWS == RENAMED_COUNT, "RENAMED_COUNT counts the rows");

void foreign_range(const ForeignRow *row, char text[FOREIGN_RANGE_TEXT]) {
    size_t inside = strlen(row->accepted) - 2; /* between the brackets of the array */
    if (inside == 0)
        snprintf(text, FOREIGN_RANGE_TEXT, "null");
    else
        snprintf(text, FOREIGN_RANGE_TEXT, "%.*s or null", (int)inside, row->accepted + 1);
}

const char *settings_key(size_t i) {
    if (i < SETTINGS_COUNT) return SETTING_ROWS[i].key;
    if (i < SETTINGS_COUNT + FOREIGN_COUNT) return FOREIGN_ROWS[i - SETTINGS_COUNT].key;
    return i < DATA_SEED ? IGNORED_KEYS[i - SETTINGS_COUNT - FOREIGN_COUNT] : "data_seed";
}
