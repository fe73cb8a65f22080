/* The keys of TrainingArguments and of Trainer's example scripts that linnet does not act on: what becomes of each. */
#include "linnet/core/nearest.h"
#include "settings/settings_table.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What linnet does, where several keys have the same reason. */
#define MEMORY "`gradient_checkpointing` keeps the input of each layer, and nothing else"
#define COMPILED "linnet is compiled for the machine's CPUs"
#define KERNELS "linnet has kernels of its own"
#define CONSOLE "`--quiet` leaves only warnings and errors"
#define LOG "`report_to` says where the log goes"
#define COUNTS "an evaluation adds up counts, whatever its size"
#define METRICS "an evaluation reports loss, accuracy, F1, precision, recall, MCC, AUROC and calibration error"
#define HUB "the model stays in `output_dir`: linnet opens no connection"
#define FOLDER "the model is a folder on this machine: linnet opens no connection"
#define LOADER "a thread of each rank reads the next samples"
#define PREPARED "`linnet prepare` has made tokens and labels of the texts"
#define RANKS "ranks communicate by MPI, as the launcher starts them"
#define SHARES "each rank holds the full model and its share of the optimizer state"
#define PRECISION "linnet computes in float32, or in bfloat16 with `bf16`"
#define HARDWARE "linnet computes on CPUs"
#define TRAINS                                                                                                         \
    "`linnet train` trains, and evaluates if `eval_file` is given; `linnet evaluate` and `linnet predict` use the result"
#define TABLES "`linnet prepare` makes a token file of each table"
#define OPTIMIZER "the optimizer is AdamW"

#define NOW(kind, key, silent, text)                                                                                   \
    { key, OF_TRANSFORMERS_5, FOREIGN_##kind, silent, text }
#define OLD(kind, key, silent, text)                                                                                   \
    { key, OF_TRANSFORMERS_4, FOREIGN_##kind, silent, text }
#define SCRIPT(kind, key, silent, text)                                                                                \
    { key, OF_SCRIPTS, FOREIGN_##kind, silent, text }

/* clang-format off */
/* Each origin in the order of its class. A value is taken silently if it is the default of some version from 4.1 to
 * 5.24, or if Trainer, given that value, computes and writes the same as linnet. */
const ForeignRow FOREIGN_ROWS[] = {
    NOW(CHECKED, "optim", "[\"adamw_torch\", \"adamw_torch_fused\", \"adamw_hf\"]", OPTIMIZER),
    NOW(CHECKED, "optim_args", "[\"\"]", "use `adam_beta1`, `adam_beta2` and `adam_epsilon` for AdamW"),
    NOW(CHECKED, "optim_target_modules", "[]", "all weights are trained"),
    NOW(UNUSED, "average_tokens_across_devices", "[true, false]", "the loss is the mean over the samples of all ranks"),
    NOW(CHECKED, "fp16", "[false]", PRECISION),
    NOW(CHECKED, "bf16_full_eval", "[false]", "weights stay in float32; `bf16` applies to evaluation, too"),
    NOW(CHECKED, "fp16_full_eval", "[false]", "weights stay in float32; `bf16` applies to evaluation, too"),
    NOW(CHECKED, "tf32", "[false]", "CPUs have no tf32"),
    NOW(UNUSED, "activation_checkpointing", "[false]", MEMORY),
    NOW(UNUSED, "activation_checkpointing_kwargs", "[]", MEMORY),
    NOW(UNUSED, "gradient_checkpointing_kwargs", "[]", MEMORY),
    NOW(UNUSED, "torch_compile", "[false]", COMPILED),
    NOW(UNUSED, "torch_compile_backend", "[]", COMPILED),
    NOW(UNUSED, "torch_compile_mode", "[]", COMPILED),
    NOW(UNUSED, "use_liger_kernel", "[false]", KERNELS),
    NOW(UNUSED, "liger_kernel_config", "[]", KERNELS),
    NOW(UNUSED, "use_cache", "[false]", "training has no use for a cache of keys and values"),
    NOW(CHECKED, "neftune_noise_alpha", "[]", "linnet adds no noise to embeddings"),
    NOW(UNUSED, "torch_empty_cache_steps", "[]", "there is no cache to empty"),
    NOW(CHECKED, "auto_find_batch_size", "[false]", "linnet uses the given batch size"),
    NOW(CHECKED, "logging_strategy", "[\"steps\"]", "linnet logs every `logging_steps` updates"),
    NOW(UNUSED, "log_on_each_node", "[true]", "rank 0 prints"),
    NOW(UNUSED, "logging_nan_inf_filter", "[true]", "losses are logged as they are"),
    NOW(CHECKED, "include_num_input_tokens_seen", "[\"no\", false]", "the log has `tokens_per_second`"),
    NOW(UNUSED, "log_level", "[\"passive\", -1]", CONSOLE),
    NOW(UNUSED, "log_level_replica", "[\"warning\", \"passive\", -1, 30]", CONSOLE),
    NOW(UNUSED, "run_name", "[]", "the run is known by its `output_dir`"),
    NOW(UNUSED, "project", "[\"huggingface\"]", LOG),
    NOW(UNUSED, "trackio_space_id", "[\"trackio\"]", LOG),
    NOW(UNUSED, "trackio_bucket_id", "[]", LOG),
    NOW(UNUSED, "trackio_static_space_id", "[]", LOG),
    NOW(CHECKED, "prediction_loss_only", "[false]", METRICS),
    NOW(UNUSED, "eval_do_concat_batches", "[true]", COUNTS),
    NOW(UNUSED, "eval_use_gather_object", "[false]", COUNTS),
    NOW(UNUSED, "eval_accumulation_steps", "[]", COUNTS),
    NOW(UNUSED, "include_for_metrics", "[[]]", METRICS),
    NOW(UNUSED, "batch_eval_metrics", "[false]", METRICS),
    NOW(CHECKED, "save_on_each_node", "[false]", "only rank 0 writes"),
    NOW(UNUSED, "enable_jit_checkpoint", "[false]", "a stop signal always makes a checkpoint"),
    NOW(CHECKED, "push_to_hub", "[false]", HUB),
    NOW(UNUSED, "hub_token", "[\"<HUB_TOKEN>\"]", HUB),
    NOW(UNUSED, "hub_private_repo", "[false]", HUB),
    NOW(UNUSED, "hub_model_id", "[]", HUB),
    NOW(UNUSED, "hub_strategy", "[\"every_save\"]", HUB),
    NOW(UNUSED, "hub_always_push", "[false]", HUB),
    NOW(UNUSED, "hub_revision", "[]", HUB),
    NOW(CHECKED, "ignore_data_skip", "[false]", "a resumed run continues with the samples that come next"),
    NOW(UNUSED, "restore_callback_states_from_checkpoint", "[false]", "a resumed run continues early stopping as well"),
    NOW(UNUSED, "full_determinism", "[false]", "the same settings always give the same bits"),
    NOW(CHECKED, "data_seed", "[]", "`seed` also shuffles the samples: only its value"),
    NOW(UNUSED, "use_cpu", "[true, false]", HARDWARE),
    NOW(CHECKED, "accelerator_config",
        "[{\"split_batches\": false, \"dispatch_batches\": null, \"even_batches\": true, \"use_seedable_sampler\": true, "
        "\"non_blocking\": false, \"gradient_accumulation_kwargs\": null, \"use_configured_state\": false}]",
        "linnet does not use Accelerate"),
    NOW(CHECKED, "parallelism_config", "[]", "linnet is data parallel: the ranks share the samples of each update"),
    NOW(CHECKED, "dataloader_drop_last", "[false]", "each epoch reads every sample"),
    NOW(UNUSED, "dataloader_num_workers", "[0]", LOADER),
    NOW(UNUSED, "dataloader_pin_memory", "[true, false]", LOADER),
    NOW(UNUSED, "dataloader_persistent_workers", "[false]", LOADER),
    NOW(UNUSED, "dataloader_prefetch_factor", "[]", LOADER),
    NOW(UNUSED, "dataloader_multiprocessing_context", "[]", LOADER),
    NOW(UNUSED, "dataloader_in_order", "[true]", LOADER),
    NOW(UNUSED, "remove_unused_columns", "[true]", PREPARED),
    NOW(UNUSED, "label_names", "[]", PREPARED),
    NOW(CHECKED, "train_sampling_strategy", "[\"random\"]", "each epoch has its own random order"),
    NOW(UNUSED, "length_column_name", "[\"length\"]", PREPARED),
    NOW(UNUSED, "ddp_find_unused_parameters", "[]", RANKS),
    NOW(UNUSED, "ddp_bucket_cap_mb", "[]", RANKS),
    NOW(UNUSED, "ddp_broadcast_buffers", "[]", RANKS),
    NOW(UNUSED, "ddp_static_graph", "[]", RANKS),
    NOW(UNUSED, "ddp_backend", "[]", RANKS),
    NOW(UNUSED, "ddp_timeout", "[1800]", "`rank_timeout` says when a rank counts as lost"),
    NOW(CHECKED, "fsdp", "[\"\", [], false]", SHARES),
    NOW(UNUSED, "fsdp_config",
        "[{\"min_num_params\": 0, \"fsdp_min_num_params\": 0, \"xla\": false, \"xla_fsdp_v2\": false, \"xla_fsdp_grad_ckpt\": false}]", SHARES),
    NOW(CHECKED, "deepspeed", "[\"\"]", SHARES),
    NOW(CHECKED, "debug", "[\"\", []]", "linnet has no such debugging tools"),
    NOW(CHECKED, "skip_memory_metrics", "[true]", "linnet logs planned memory once, when the run starts"),
    NOW(UNUSED, "do_train", "[true, false]", TRAINS),
    NOW(UNUSED, "do_eval", "[true, false]", TRAINS),
    NOW(UNUSED, "do_predict", "[false]", TRAINS),
    NOW(UNUSED, "local_rank", "[-1, 0]", RANKS),

    OLD(RENAMED, "evaluation_strategy", "[\"no\"]", "eval_strategy"),
    OLD(RENAMED, "per_gpu_train_batch_size", "[]", "per_device_train_batch_size"),
    OLD(RENAMED, "per_gpu_eval_batch_size", "[]", "per_device_eval_batch_size"),
    OLD(RENAMED, "warmup_ratio", "[0]", "warmup_steps"),
    OLD(UNUSED, "save_safetensors", "[true]", "weights are always saved as safetensors"),
    OLD(UNUSED, "no_cuda", "[true, false]", HARDWARE),
    OLD(UNUSED, "use_mps_device", "[false]", HARDWARE),
    OLD(UNUSED, "jit_mode_eval", "[false]", COMPILED),
    OLD(UNUSED, "use_ipex", "[false]", KERNELS),
    OLD(UNUSED, "fp16_opt_level", "[\"O1\"]", PRECISION),
    OLD(UNUSED, "fp16_backend", "[\"auto\"]", PRECISION),
    OLD(UNUSED, "half_precision_backend", "[\"auto\", \"cpu_amp\"]", PRECISION),
    OLD(UNUSED, "xpu_backend", "[]", RANKS),
    OLD(UNUSED, "tpu_num_cores", "[]", HARDWARE),
    OLD(UNUSED, "tpu_metrics_debug", "[false]", HARDWARE),
    OLD(CHECKED, "past_index", "[-1]", "GPT-2 classifiers use no past states"),
    OLD(UNUSED, "sharded_ddp", "[\"\", []]", SHARES),
    OLD(UNUSED, "fsdp_min_num_params", "[0]", SHARES),
    OLD(UNUSED, "fsdp_transformer_layer_cls_to_wrap", "[]", SHARES),
    OLD(UNUSED, "model_parallel", "[false]", SHARES),
    OLD(UNUSED, "tp_size", "[0]", SHARES),
    OLD(CHECKED, "adafactor", "[false]", OPTIMIZER),
    OLD(CHECKED, "group_by_length", "[false]", "`train_sampling_strategy` in Transformers 5; each epoch has its own random order"),
    OLD(UNUSED, "use_legacy_prediction_loop", "[false]", COUNTS),
    OLD(UNUSED, "include_inputs_for_metrics", "[false]", METRICS),
    OLD(UNUSED, "include_tokens_per_second", "[true, false]", "the log has `tokens_per_second`"),
    OLD(UNUSED, "push_to_hub_model_id", "[]", HUB),
    OLD(UNUSED, "push_to_hub_organization", "[]", HUB),
    OLD(UNUSED, "push_to_hub_token", "[\"<PUSH_TO_HUB_TOKEN>\"]", HUB),
    OLD(UNUSED, "_n_gpu", "[-1, 0, 1]", HARDWARE),
    OLD(UNUSED, "mp_parameters", "[\"\"]", HARDWARE),
    OLD(UNUSED, "torchdynamo", "[]", COMPILED),
    OLD(UNUSED, "ray_scope", "[\"last\"]", "linnet searches no hyperparameters"),
    OLD(UNUSED, "dispatch_batches", "[]", LOADER),
    OLD(CHECKED, "split_batches", "[false]", "`per_device_train_batch_size` counts the samples of one rank"),

    SCRIPT(RENAMED, "validation_file", "[]", "eval_file"),
    SCRIPT(CHECKED, "test_file", "[]", "run `linnet evaluate --data FILE.h5` after training"),
    SCRIPT(CHECKED, "task_name", "[]", TABLES),
    SCRIPT(CHECKED, "dataset_name", "[]", TABLES),
    SCRIPT(CHECKED, "dataset_config_name", "[]", TABLES),
    SCRIPT(CHECKED, "train_split_name", "[]", TABLES),
    SCRIPT(CHECKED, "validation_split_name", "[]", TABLES),
    SCRIPT(CHECKED, "test_split_name", "[]", TABLES),
    SCRIPT(UNUSED, "remove_splits", "[]", TABLES),
    SCRIPT(UNUSED, "remove_columns", "[]", TABLES),
    SCRIPT(CHECKED, "text_column_names", "[]", "give it to `linnet prepare` as `--text-column`"),
    SCRIPT(CHECKED, "text_column_delimiter", "[\" \"]", "`linnet prepare` takes one column of texts"),
    SCRIPT(CHECKED, "label_column_name", "[]", "give it to `linnet prepare` as `--label-column`"),
    SCRIPT(CHECKED, "max_seq_length", "[]", "give it to `linnet prepare` as `--max-length`"),
    SCRIPT(CHECKED, "max_train_samples", "[]", "`linnet prepare --subset` makes a token file of fewer samples"),
    SCRIPT(CHECKED, "max_eval_samples", "[]", "`linnet prepare --subset` makes a token file of fewer samples"),
    SCRIPT(CHECKED, "max_predict_samples", "[]", "`linnet prepare --subset` makes a token file of fewer samples"),
    SCRIPT(CHECKED, "shuffle_train_dataset", "[false]", "each epoch has its own random order"),
    SCRIPT(UNUSED, "shuffle_seed", "[42]", "`seed` shuffles the samples"),
    SCRIPT(UNUSED, "preprocessing_num_workers", "[]", PREPARED),
    SCRIPT(UNUSED, "overwrite_cache", "[false]", PREPARED),
    SCRIPT(UNUSED, "pad_to_max_length", "[true, false]", "nothing is padded; the results are those with padding"),
    SCRIPT(CHECKED, "do_regression", "[false]", "the token file says it: `linnet prepare --problem-type regression`"),
    SCRIPT(UNUSED, "metric_name", "[\"accuracy\"]", METRICS),
    SCRIPT(CHECKED, "config_name", "[]", "the configuration is that of the model's folder"),
    SCRIPT(CHECKED, "tokenizer_name", "[]", "the tokenizer is that of the model's folder"),
    SCRIPT(UNUSED, "use_fast_tokenizer", "[true, false]", PREPARED),
    SCRIPT(UNUSED, "cache_dir", "[]", FOLDER),
    SCRIPT(UNUSED, "model_revision", "[\"main\"]", FOLDER),
    SCRIPT(UNUSED, "token", "[]", FOLDER),
    SCRIPT(UNUSED, "use_auth_token", "[false]", FOLDER),
    SCRIPT(UNUSED, "trust_remote_code", "[false]", "linnet executes nothing from a model's folder"),
    SCRIPT(UNUSED, "low_cpu_mem_usage", "[true, false]", "the model file is mapped into memory"),
};
/* clang-format on */

static_assert(sizeof FOREIGN_ROWS / sizeof *FOREIGN_ROWS == FOREIGN_COUNT, "FOREIGN_COUNT counts the rows");

/* Whether `value` is `pattern` or, of objects, a part of it: Accelerate's configuration has grown from version to
 * version. */
static bool matches(const cJSON *pattern, const cJSON *value) {
    if (!cJSON_IsObject(pattern) || !cJSON_IsObject(value)) return cJSON_Compare(pattern, value, true);
    const cJSON *member;
    cJSON_ArrayForEach(member, value) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(pattern, member->string);
        if (!other || !cJSON_Compare(other, member, true)) return false;
    }
    return true;
}

bool foreign_is_silent(const ForeignRow *row, const cJSON *value) {
    if (!value || cJSON_IsNull(value)) return true;
    cJSON *silent = cJSON_Parse(row->silent);
    bool found = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, silent) found = found || matches(item, value);
    cJSON_Delete(silent);
    return found;
}

void foreign_range(const ForeignRow *row, char text[FOREIGN_RANGE_TEXT]) {
    size_t inside = strlen(row->silent) - 2; /* between the brackets of the array */
    if (inside == 0)
        snprintf(text, FOREIGN_RANGE_TEXT, "null");
    else
        snprintf(text, FOREIGN_RANGE_TEXT, "%.*s or null", (int)inside, row->silent + 1);
}

const char *settings_key(size_t i) {
    return i < SETTINGS_COUNT ? SETTING_ROWS[i].key : FOREIGN_ROWS[i - SETTINGS_COUNT].key;
}

size_t settings_find_key(const char *key) {
    size_t i = 0;
    while (i < KEYS_COUNT && strcmp(settings_key(i), key) != 0) i++;
    return i;
}

bool settings_is_flag(size_t key) {
    if (key < SETTINGS_COUNT) return SETTING_ROWS[key].type == SETTING_BOOL;
    const char *silent = FOREIGN_ROWS[key - SETTINGS_COUNT].silent; /* of several types, the key's own comes first */
    return strncmp(silent, "[true", 5) == 0 || strncmp(silent, "[false", 6) == 0;
}

bool settings_find(const char *key, bool *flag) {
    const size_t i = settings_find_key(key);
    *flag = i < KEYS_COUNT && settings_is_flag(i);
    return i < KEYS_COUNT;
}

bool settings_takes_several(const char *key) {
    static const char *const KEYS[] = {
        "label_names",          "include_for_metrics", "debug", "report_to", "fsdp", "sharded_ddp", "class_weights",
        "optim_target_modules", "lora_target_modules"};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (strcmp(key, KEYS[i]) == 0) return true;
    return false;
}

const char *settings_nearest(const char *word) {
    const char *names[KEYS_COUNT];
    for (size_t i = 0; i < KEYS_COUNT; i++) names[i] = settings_key(i);
    const char *near = nearest_name(word, names, KEYS_COUNT);
    const size_t size = strlen(word);
    for (size_t i = 0; i < SETTINGS_COUNT && !near && size >= 4; i++) /* lr_scheduler: lr_scheduler_type */
        if (strncmp(names[i], word, size) == 0 && names[i][size] == '_') near = names[i];
    return near;
}
