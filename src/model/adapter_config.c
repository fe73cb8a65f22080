/* Reading and writing adapter_config.json, PEFT's LoraConfig. adapter.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/json.h"
#include "linnet/core/json_edit.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define RANK_MAX 65536

bool adapter_is_in(const char *folder) {
    return file_is_in(folder, ADAPTER_CONFIG_FILE);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Keys that change what the adapter computes, or what of the model learns, unless they are null, false or empty. */
static const char *const UNREAD[] = {"use_dora",
                                     "use_qalora",
                                     "lora_bias",
                                     "rank_pattern",
                                     "alpha_pattern",
                                     "layer_replication",
                                     "megatron_config",
                                     "use_bdlora",
                                     "arrow_config",
                                     "kasa_config",
                                     "velora_config",
                                     "monteclora_config",
                                     "target_parameters",
                                     "alora_invocation_tokens",
                                     "trainable_token_indices"};

static bool is_off(const cJSON *value) {
    return !value || cJSON_IsNull(value) || cJSON_IsFalse(value) ||
           ((cJSON_IsObject(value) || cJSON_IsArray(value)) && !value->child);
}

static Status refuse(const char *path, const char *key, const cJSON *value, const char *instead, Error *error) {
    char *found = value ? cJSON_PrintUnformatted(value) : NULL;
    error_set(error, STATUS_INPUT, "%s: %s is %.80s: linnet reads %s", path, key,
              found   ? found
              : value ? "another value"
                      : "missing",
              instead);
    cJSON_free(found);
    return error->status;
}

static Status check_unread(const cJSON *tree, const char *path, Error *error) {
    for (size_t i = 0; i < sizeof UNREAD / sizeof *UNREAD; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, UNREAD[i]);
        if (!is_off(value)) return refuse(path, UNREAD[i], value, "plain LoRA adapters, without it", error);
    }
    return STATUS_OK;
}

static bool is_word(const cJSON *value, const char *word) {
    return cJSON_IsString(value) && strcmp(value->valuestring, word) == 0;
}

/* The initializations that leave the base model's weights as they are. */
static bool is_plain_start(const cJSON *value) {
    return !value || cJSON_IsNull(value) || cJSON_IsBool(value) || is_word(value, "gaussian") || is_word(value, "eva");
}

/* Only the head may be kept besides the adapters. */
static Status check_saved_modules(const cJSON *tree, const char *path, Error *error) {
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(tree, "modules_to_save"), *name;
    cJSON_ArrayForEach(name, names) if (!is_word(name, "score") &&
                                        !is_word(name, "classifier")) return refuse(path, "modules_to_save", names,
                                                                                    "adapters with the head alone, "
                                                                                    "[\"score\"]",
                                                                                    error);
    return STATUS_OK;
}

static Status check_kind(const cJSON *tree, const char *path, Error *error) {
    const cJSON *method = cJSON_GetObjectItemCaseSensitive(tree, "peft_type");
    const cJSON *task = cJSON_GetObjectItemCaseSensitive(tree, "task_type");
    const cJSON *bias = cJSON_GetObjectItemCaseSensitive(tree, "bias");
    const cJSON *start = cJSON_GetObjectItemCaseSensitive(tree, "init_lora_weights");
    if (!is_word(method, "LORA")) return refuse(path, "peft_type", method, "\"LORA\"", error);
    if (!is_off(task) && !is_word(task, "SEQ_CLS"))
        return refuse(path, "task_type", task, "adapters of classifiers, \"SEQ_CLS\"", error);
    if (!is_off(bias) && !is_word(bias, "none")) return refuse(path, "bias", bias, "\"none\"", error);
    if (!is_plain_start(start))
        return refuse(path, "init_lora_weights", start,
                      "adapters that leave the base model's weights unchanged: save it with "
                      "path_initial_model_for_weight_conversion",
                      error);
    return check_saved_modules(tree, path, error);
}

static Status read_numbers(AdapterConfig *config, const cJSON *tree, const char *path, Error *error) {
    int64_t rank = 8;
    config->alpha = 8;
    if (json_get_int(tree, "r", &rank, path, error) ||
        json_get_double(tree, "lora_alpha", &config->alpha, path, error) ||
        json_get_double(tree, "lora_dropout", &config->dropout, path, error) ||
        json_get_bool(tree, "use_rslora", &config->rslora, path, error))
        return error->status;
    if (rank < 1 || rank > RANK_MAX)
        return error_set(error, STATUS_INPUT, "%s: r must be from 1 to %d, not %lld", path, RANK_MAX, (long long)rank);
    if (!isfinite(config->alpha) || !(config->dropout >= 0 && config->dropout < 1))
        return error_set(error, STATUS_INPUT, "%s: lora_dropout must be from 0 to below 1, not %g", path,
                         config->dropout);
    config->rank = (int32_t)rank;
    return STATUS_OK;
}

static Status read_texts(AdapterConfig *config, const cJSON *tree, const char *path, Error *error) {
    const char *base = NULL;
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(tree, "target_modules");
    if (json_get_text(tree, "base_model_name_or_path", &base, path, error)) return error->status;
    if (base) config->base = memory_text(base, error);
    char *text = is_off(targets) ? NULL : cJSON_PrintUnformatted(targets);
    if (text) config->targets = memory_text(text, error);
    cJSON_free(text);
    return error->status;
}

Status adapter_config_read(AdapterConfig *config, const char *folder, Error *error) {
    cJSON *tree = NULL;
    char *path = file_join(folder, ADAPTER_CONFIG_FILE, error);
    *config = (AdapterConfig){0};
    if (path && !json_load_text(&tree, &config->text, path, error)) {
        if (!cJSON_IsObject(tree))
            error_set(error, STATUS_INPUT, "%s: expected an object", path);
        else if (!check_kind(tree, path, error) && !check_unread(tree, path, error) &&
                 !read_numbers(config, tree, path, error))
            read_texts(config, tree, path, error);
    }
    if (error->status) adapter_config_free(config);
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}

/* --- The base model ----------------------------------------------------------------------------------------------- */

/* A copy of the path if it leads to a folder. */
static char *if_folder(const char *path, Error *error) {
    char room[PATH_MAX];
    if (!file_is_folder(path)) return NULL;
    const char *resolved = hub_cache_resolve(path, room, error);
    return error->status ? NULL : memory_text(resolved, error);
}

/* base_model_name_or_path of the folder's configuration; NULL with an error. */
static char *base_name(const char *folder, Error *error) {
    AdapterConfig config;
    if (adapter_config_read(&config, folder, error)) return NULL;
    char *base = config.base && *config.base ? memory_text(config.base, error) : NULL;
    if (!base && !error->status)
        error_set(
            error, STATUS_INPUT,
            "%s/%s: has no base_model_name_or_path, the model that it adapts: give both, the model and the adapter",
            folder, ADAPTER_CONFIG_FILE);
    adapter_config_free(&config);
    return base;
}

char *adapter_base(const char *folder, Error *error) {
    char *base = base_name(folder, error);
    if (!base) return NULL;
    char *found = if_folder(base, error);
    if (!found && !error->status && base[0] != '/') {
        char *below = file_join(folder, base, error);
        if (below) found = if_folder(below, error);
        memory_free(below);
    }
    if (!found && !error->status)
        error_set(error, STATUS_INPUT,
                  "%s/%s: base_model_name_or_path is %s, and there is no such folder: give the model that the adapter "
                  "was trained on, and the adapter besides",
                  folder, ADAPTER_CONFIG_FILE, base);
    memory_free(base);
    return found;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* A whole number as PEFT has it, an integer. */
static bool add_number(cJSON *tree, const char *key, double number) {
    return number == floor(number) && fabs(number) < 1e15 ? cJSON_AddNumberToObject(tree, key, number) != NULL
                                                          : json_add_real(tree, key, number) != NULL;
}

static bool add_text(cJSON *tree, const char *key, const char *text) {
    return (text ? cJSON_AddStringToObject(tree, key, text) : cJSON_AddNullToObject(tree, key)) != NULL;
}

static cJSON *targets_of(const AdapterConfig *config) {
    static const char *const all[] = {"c_attn", "c_proj", "c_fc"};
    cJSON *list = cJSON_Parse(config->targets ? config->targets : "[\"c_attn\"]");
    const cJSON *only = cJSON_IsArray(list) && cJSON_GetArraySize(list) == 1 ? list->child : list;
    if (is_word(only, "all-linear")) {
        cJSON_Delete(list);
        return cJSON_CreateStringArray(all, 3);
    }
    if (!cJSON_IsString(list)) return list;
    const char *const one[] = {list->valuestring}; /* PEFT takes a text for a regular expression */
    cJSON *alone = cJSON_CreateStringArray(one, 1);
    cJSON_Delete(list);
    return alone;
}

/* PEFT's keys with their values, those that it needs or that say what was trained; it has defaults for the rest. */
static cJSON *make_tree(const AdapterConfig *config) {
    static const char *const head[] = {"classifier", "score"}; /* as PEFT adds them for SEQ_CLS */
    cJSON *tree = cJSON_CreateObject();
    const bool complete =
        tree && add_text(tree, "base_model_name_or_path", config->base) && add_text(tree, "bias", "none") &&
        cJSON_AddTrueToObject(tree, "fan_in_fan_out") && cJSON_AddTrueToObject(tree, "inference_mode") &&
        cJSON_AddTrueToObject(tree, "init_lora_weights") && add_number(tree, "lora_alpha", config->alpha) &&
        add_number(tree, "lora_dropout", config->dropout) &&
        cJSON_AddItemToObject(tree, "modules_to_save", cJSON_CreateStringArray(head, 2)) &&
        add_text(tree, "peft_type", "LORA") && add_number(tree, "r", config->rank) &&
        cJSON_AddItemToObject(tree, "target_modules", targets_of(config)) && add_text(tree, "task_type", "SEQ_CLS") &&
        cJSON_AddBoolToObject(tree, "use_rslora", config->rslora);
    if (complete) return tree;
    cJSON_Delete(tree);
    return NULL;
}

/* The file that was read, with the base model and the dropout that it has now. */
static Status save_text(const AdapterConfig *config, const char *path, Error *error) {
    char *text = memory_text(config->text, error);
    cJSON *base = config->base ? cJSON_CreateStringReference(config->base) : cJSON_CreateNull();
    cJSON *dropout = cJSON_CreateNumber(config->dropout);
    if (!base || !dropout) error_set(error, STATUS_FAILURE, "out of memory for %s", path);
    if (text && !error->status && !json_edit_set(&text, "base_model_name_or_path", base, path, error) &&
        !json_edit_set(&text, "lora_dropout", dropout, path, error))
        file_replace(path, text, strlen(text), error);
    cJSON_Delete(base);
    cJSON_Delete(dropout);
    memory_free(text);
    return error->status;
}

Status adapter_config_save(const AdapterConfig *config, const char *folder, Error *error) {
    if (!config->text) return json_save_in(make_tree(config), folder, ADAPTER_CONFIG_FILE, error);
    char *path = file_join(folder, ADAPTER_CONFIG_FILE, error);
    if (path) save_text(config, path, error);
    memory_free(path);
    return error->status;
}
