/* The keys of TrainingArguments that linnet does not act on, and those that Transformers 5 renamed. */
#include "settings/settings_table.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The keys of TrainingArguments in Transformers 5.24 that SETTING_ROWS does not have, in the order of TrainingArguments.
 * A value is accepted if Trainer, given that value, computes and writes the same as linnet. */
const ForeignRow FOREIGN_ROWS[] = {
    {"lr_scheduler_kwargs", "[{}]", "learning rate schedules have no options"},
    {"optim", "[\"adamw_torch\", \"adamw_torch_fused\"]", "the optimizer is AdamW"},
    {"optim_args", "[\"\"]", "use adam_beta1, adam_beta2 and adam_epsilon for AdamW"},
    {"optim_target_modules", "[]", "all weights are trained"},
    {"average_tokens_across_devices", NULL, NULL},
    {"fp16", "[false]", "linnet computes in float32, or in bfloat16 with bf16"},
    {"bf16_full_eval", "[false]", "weights stay in float32; bf16 applies to evaluation, too"},
    {"fp16_full_eval", "[false]", "weights stay in float32; bf16 applies to evaluation, too"},
    {"tf32", "[false]", "CPUs have no tf32"},
    {"activation_checkpointing", NULL, NULL},
    {"activation_checkpointing_kwargs", NULL, NULL},
    {"gradient_checkpointing", NULL, NULL},
    {"gradient_checkpointing_kwargs", NULL, NULL},
    {"torch_compile", NULL, NULL},
    {"torch_compile_backend", NULL, NULL},
    {"torch_compile_mode", NULL, NULL},
    {"use_liger_kernel", NULL, NULL},
    {"liger_kernel_config", NULL, NULL},
    {"use_cache", NULL, NULL},
    {"neftune_noise_alpha", "[]", "linnet adds no noise to embeddings"},
    {"torch_empty_cache_steps", NULL, NULL},
    {"auto_find_batch_size", "[false]", "linnet uses the given batch size"},
    {"logging_strategy", "[\"steps\"]", "linnet logs every logging_steps updates"},
    {"logging_first_step", "[false]", "linnet logs every logging_steps updates"},
    {"log_on_each_node", NULL, NULL},
    {"logging_nan_inf_filter", NULL, NULL},
    {"include_num_input_tokens_seen", "[\"no\", false]", "the log has tokens_per_second"},
    {"log_level", NULL, NULL},
    {"log_level_replica", NULL, NULL},
    {"disable_tqdm", NULL, NULL},
    {"report_to", "[\"none\", [], [\"none\"], \"all\", [\"all\"]]", "the log is metrics.jsonl in output_dir"},
    {"run_name", NULL, NULL},
    {"project", NULL, NULL},
    {"trackio_space_id", NULL, NULL},
    {"trackio_bucket_id", NULL, NULL},
    {"trackio_static_space_id", NULL, NULL},
    {"eval_delay", "[0]", "eval_strategy alone decides when to evaluate"},
    {"prediction_loss_only", "[false]", "an evaluation reports loss, accuracy and f1"},
    {"eval_on_start", "[false]", "eval_strategy alone decides when to evaluate; run linnet evaluate before training"},
    {"eval_do_concat_batches", NULL, NULL},
    {"eval_use_gather_object", NULL, NULL},
    {"eval_accumulation_steps", NULL, NULL},
    {"include_for_metrics", NULL, NULL},
    {"batch_eval_metrics", NULL, NULL},
    {"save_only_model", "[false]", "a checkpoint holds everything that a resumed run needs"},
    {"save_on_each_node", "[false]", "only rank 0 writes"},
    {"enable_jit_checkpoint", NULL, NULL},
    {"push_to_hub", "[false]", "the model stays in output_dir"},
    {"hub_token", NULL, NULL},
    {"hub_private_repo", NULL, NULL},
    {"hub_model_id", NULL, NULL},
    {"hub_strategy", NULL, NULL},
    {"hub_always_push", NULL, NULL},
    {"hub_revision", NULL, NULL},
    {"ignore_data_skip", "[false]", "a resumed run continues with the samples that come next"},
    {"restore_callback_states_from_checkpoint", NULL, NULL},
    {"full_determinism", NULL, NULL},
    {FOREIGN_DATA_SEED, NULL, "linnet shuffles the samples by seed"},
    {"use_cpu", NULL, NULL},
    {"accelerator_config",
     "[{}, {\"split_batches\": false, \"dispatch_batches\": null, \"even_batches\": true, \"use_seedable_sampler\": true, "
     "\"non_blocking\": false, \"gradient_accumulation_kwargs\": null}]",
     "linnet does not use Accelerate"},
    {"parallelism_config", "[]", "linnet is data parallel: the ranks share the samples of each update"},
    {"dataloader_drop_last", "[false]", "each epoch reads every sample"},
    {"dataloader_num_workers", NULL, NULL},
    {"dataloader_pin_memory", NULL, NULL},
    {"dataloader_persistent_workers", NULL, NULL},
    {"dataloader_prefetch_factor", NULL, NULL},
    {"dataloader_multiprocessing_context", NULL, NULL},
    {"dataloader_in_order", NULL, NULL},
    {"remove_unused_columns", NULL, NULL},
    {"label_names", NULL, NULL},
    {"train_sampling_strategy", "[\"random\"]", "each epoch has its own random order"},
    {"length_column_name", NULL, NULL},
    {"ddp_find_unused_parameters", NULL, NULL},
    {"ddp_bucket_cap_mb", NULL, NULL},
    {"ddp_broadcast_buffers", NULL, NULL},
    {"ddp_static_graph", NULL, NULL},
    {"ddp_backend", NULL, NULL},
    {"ddp_timeout", NULL, NULL},
    {"fsdp", "[\"\", [], false]", "each rank holds the full model and its share of the optimizer state"},
    {"fsdp_config", NULL, NULL},
    {"deepspeed", "[\"\"]", "each rank holds the full model and its share of the optimizer state"},
    {"debug", "[\"\", []]", "linnet has no such debugging tools"},
    {"skip_memory_metrics", "[true]", "linnet logs planned memory once, when the run starts"},
    {"do_train", NULL, NULL},
    {"do_eval", NULL, NULL},
    {"do_predict", NULL, NULL},
    {"local_rank", NULL, NULL},
};

const RenamedRow RENAMED_ROWS[] = {
    {"evaluation_strategy", "eval_strategy"},
    {"warmup_ratio", "warmup_steps, which below 1 is a fraction of all updates"},
    {"group_by_length", "train_sampling_strategy"},
    {"no_cuda", "use_cpu"},
    {"per_gpu_train_batch_size", "per_device_train_batch_size"},
    {"per_gpu_eval_batch_size", "per_device_eval_batch_size"},
};

static_assert(sizeof FOREIGN_ROWS / sizeof *FOREIGN_ROWS == FOREIGN_COUNT, "FOREIGN_COUNT counts the rows");
static_assert(sizeof RENAMED_ROWS / sizeof *RENAMED_ROWS == RENAMED_COUNT, "RENAMED_COUNT counts the rows");

void foreign_range(const ForeignRow *row, char text[FOREIGN_RANGE_TEXT]) {
    size_t inside = strlen(row->accepted) - 2; /* between the brackets of the array */
    if (inside == 0)
        snprintf(text, FOREIGN_RANGE_TEXT, "null");
    else
        snprintf(text, FOREIGN_RANGE_TEXT, "%.*s or null", (int)inside, row->accepted + 1);
}
