/* Say what a path is that is no model folder which linnet reads. foreign_model.h has the contract. */
#include "model/foreign_model.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/text.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- A path that is not a folder --- */

/* OWNER/NAME or NAME, as models are called on the hub. */
static bool is_hub_name(const char *path) {
    const char *slash = strchr(path, '/');
    if (!isalnum((unsigned char)path[0]) || (slash && (strchr(slash + 1, '/') || !slash[1]))) return false;
    for (const char *c = path; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/._-", *c)) return false;
    return true;
}

Status foreign_model_path(const char *path, Error *error) {
    static const char IS[] = "a model is a folder with config.json and model.safetensors";
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (file_exists(path)) {
        const FileKind kind = file_kind_of(path);
        if (text_ends_with(path, ".safetensors") || strcmp(name, "config.json") == 0)
            return error_set(error, STATUS_INPUT, "%s: not a folder: %s: give the folder that holds this file", path,
                             IS);
        return error_set(error, STATUS_INPUT, "%s: %s%snot a folder: %s", path, file_kind_name(kind),
                         kind == FILE_KIND_OTHER ? "" : ", ", IS);
    }
    if (!is_hub_name(path)) return error_set(error, STATUS_INPUT, "%s: not a folder: %s", path, IS);
    return error_set(error, STATUS_INPUT,
                     "%s: not a folder: %s. If this is a name on Hugging Face's hub: python3 -c \"from huggingface_hub "
                     "import snapshot_download; snapshot_download('%s', local_dir='%s')\" downloads it to %s "
                     "(scripts/download_gpt2.py downloads gpt2)",
                     path, IS, path, name, name);
}

/* --- Entries of a folder --- */

/* The name [NAME_MAX + 1] of the entry that `wanted` ranks highest, above 0; of equals the first in alphabetical order.
 * Returns its rank, 0 if there is none. */
static long best_entry(const char *folder, long (*wanted)(const char *folder, const char *name), char *best) {
    long rank = 0;
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        if (entry->d_name[0] == '.') continue;
        const long own = wanted(folder, entry->d_name);
        if (own < rank || own == 0 || (own == rank && strcmp(entry->d_name, best) > 0)) continue;
        rank = own;
        snprintf(best, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (entries) closedir(entries);
    return rank;
}

static bool holds_config(const char *folder, const char *name) {
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s/config.json", folder, name) < (int)sizeof path && file_exists(path);
}

/* A subfolder with a model: of checkpoints the newest. */
static long is_model(const char *folder, const char *name) {
    if (!holds_config(folder, name)) return 0;
    return strncmp(name, "checkpoint-", 11) == 0 ? 2 + strtol(name + 11, NULL, 10) : 1;
}

static long is_any(const char *folder, const char *name) {
    (void)folder, (void)name;
    return 1;
}

static long is_gguf(const char *folder, const char *name) {
    (void)folder;
    return text_ends_with(name, ".gguf");
}

static long is_safetensors(const char *folder, const char *name) {
    (void)folder;
    return text_ends_with(name, ".safetensors");
}

/* A file of the folder that is only a link to nothing, as copies of the hub's cache have them. */
static bool refuse_dangling(const char *path, const char *name, Error *error) {
    char link[PATH_MAX], target[PATH_MAX];
    snprintf(link, sizeof link, "%.*s/%s", PATH_MAX - NAME_MAX, path, name);
    const ssize_t size = readlink(link, target, sizeof target - 1);
    if (size < 0 || file_exists(link)) return false;
    error_set(error, STATUS_INPUT, "%s: a link to %.*s, which does not exist: copy the folder with cp -rL", link,
              (int)size, target);
    return true;
}

/* --- A folder without config.json --- */

/* The subfolder that holds the model, one level below or, in the hub's cache, in snapshots/. */
static bool find_below(const char *path, char below[PATH_MAX]) {
    char name[NAME_MAX + 1] = "", cache[PATH_MAX];
    if (best_entry(path, is_model, name)) {
        snprintf(below, PATH_MAX, "%s/%s", path, name);
        return true;
    }
    snprintf(cache, sizeof cache, "%s/snapshots", path);
    if (!best_entry(cache, is_model, name)) return false;
    snprintf(below, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, cache, name);
    return true;
}

Status foreign_model_folder(const char *path, Error *error) {
    char below[PATH_MAX], name[NAME_MAX + 1] = "";
    if (access(path, R_OK | X_OK))
        return error_set(error, STATUS_INPUT, "%s: cannot read the folder: %s", path, strerror(errno));
    if (refuse_dangling(path, "config.json", error)) return error->status;
    if (file_is_in(path, "adapter_config.json")) return foreign_model_adapter(path, error);
    if (find_below(path, below))
        return error_set(error, STATUS_INPUT, "%s: not a model folder: it has no config.json, but %s has: give that",
                         path, below);
    if (!best_entry(path, is_any, name))
        return error_set(error, STATUS_INPUT, "%s: not a model folder: it is empty", path);
    if (best_entry(path, is_gguf, name)) return foreign_model_weights(path, error);
    if (!best_entry(path, is_safetensors, name) &&
        (file_is_in(path, "tokenizer.json") || file_is_in(path, "vocab.json")))
        return error_set(error, STATUS_INPUT,
                         "%s: not a model folder: it has a tokenizer, but no config.json and model.safetensors", path);
    return error_set(error, STATUS_INPUT, "%s: not a model folder: it has no config.json", path);
}

/* --- Adapters --- */

Status foreign_model_adapter(const char *path, Error *error) {
    return error_set(error, STATUS_INPUT,
                     "%s: a LoRA adapter, not a complete model: merge it into its model first: linnet merge --model %s "
                     "--output DIR",
                     path, path);
}

/* --- Weights in another format --- */

/* Files in which other programs keep weights, and Python that makes model.safetensors of them: %1$s is the folder, %2$s
 * the class of the model. */
static const struct {
    const char *file, *what, *python;
} FORMATS[] = {
    {"pytorch_model.bin", "PyTorch",
     "python3 -c \"import transformers as t; t.%2$s.from_pretrained('%1$s').save_pretrained('%1$s')\""},
    {"pytorch_model.bin.index.json", "PyTorch",
     "python3 -c \"import transformers as t; t.%2$s.from_pretrained('%1$s').save_pretrained('%1$s')\""},
    {"tf_model.h5", "TensorFlow",
     "with Transformers 4 and TensorFlow: python3 -c \"import transformers as t; t.%2$s.from_pretrained('%1$s', "
     "from_tf=True).save_pretrained('%1$s')\""},
    {"flax_model.msgpack", "Flax",
     "with Transformers 4 and Flax: python3 -c \"import transformers as t; t.%2$s.from_pretrained('%1$s', "
     "from_flax=True).save_pretrained('%1$s')\""},
    {"pytorch_model_fsdp_0", "PyTorch's FSDP", "accelerate merge-weights '%1$s/pytorch_model_fsdp_0' '%1$s'"},
    {"zero_to_fp32.py", "DeepSpeed", "python3 '%1$s/zero_to_fp32.py' --safe_serialization '%1$s' '%1$s'"},
};

/* Formats for running a model, of which nobody can make safetensors again. */
static const char *const EXPORTS[] = {"model.onnx",    "decoder_model.onnx", "onnx",         "openvino_model.xml",
                                      "rust_model.ot", "saved_model.pb",     "model.tflite", "weights.npz"};

/* The class that config.json names, since only that one finds all of its weights; GPT2Model where it names none. */
static void read_class(const char *path, char class[64]) {
    cJSON *tree = NULL;
    Error ignored = {0};
    char *file = file_join(path, "config.json", &ignored);
    if (file) json_load(&tree, file, &ignored);
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(tree, "architectures");
    const cJSON *first = cJSON_IsArray(names) ? names->child : NULL;
    const char *name = cJSON_IsString(first) ? first->valuestring : "";
    bool plain = *name && strlen(name) < 64;
    for (const char *c = name; *c && plain; c++) plain = isalnum((unsigned char)*c);
    snprintf(class, 64, "%s", plain ? name : "GPT2Model");
    cJSON_Delete(tree);
    memory_free(file);
}

/* Weights under another name than model.safetensors. */
static Status refuse_other_safetensors(const char *path, const char *name, Error *error) {
    if (strncmp(name, "adapter_model", 13) == 0)
        return error_set(error, STATUS_INPUT,
                         "%s: has the values of an adapter, %s, but not adapter_config.json: copy all files of the "
                         "adapter",
                         path, name);
    if (strstr(name, "-of-"))
        return error_set(error, STATUS_INPUT,
                         "%s: has a part of a model, %s, but not model.safetensors.index.json: copy or download all "
                         "files of the model",
                         path, name);
    return error_set(error, STATUS_INPUT,
                     "%s: has neither model.safetensors nor model.safetensors.index.json, but %s: if these are the "
                     "model's weights, rename the file to model.safetensors",
                     path, name);
}

Status foreign_model_weights(const char *path, Error *error) {
    char name[NAME_MAX + 1] = "", class[64], command[2 * PATH_MAX];
    if (refuse_dangling(path, "model.safetensors", error) ||
        refuse_dangling(path, "model.safetensors.index.json", error))
        return error->status;
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (!file_is_in(path, FORMATS[i].file)) continue;
        read_class(path, class);
        snprintf(command, sizeof command, FORMATS[i].python, path, class);
        return error_set(error, STATUS_INPUT,
                         "%s: has only %s, weights in %s's format; linnet reads model.safetensors: convert it: %s",
                         path, FORMATS[i].file, FORMATS[i].what, command);
    }
    if (best_entry(path, is_gguf, name))
        return error_set(
            error, STATUS_INPUT,
            "%s: has only %s, a GGUF file; linnet reads model.safetensors: convert it: python3 -c \"import "
            "transformers as t; t.AutoModelForCausalLM.from_pretrained('%s', gguf_file='%s')"
            ".save_pretrained('%s')\"",
            path, name, path, name, path);
    if (best_entry(path, is_safetensors, name)) return refuse_other_safetensors(path, name, error);
    for (size_t i = 0; i < sizeof EXPORTS / sizeof *EXPORTS; i++)
        if (file_is_in(path, EXPORTS[i]))
            return error_set(
                error, STATUS_INPUT,
                "%s: has only %s, an export for running the model, which cannot be converted back: get the "
                "model.safetensors that it was made from",
                path, EXPORTS[i]);
    return error_set(error, STATUS_INPUT,
                     "%s: not a model folder: it has neither model.safetensors nor model.safetensors.index.json", path);
}
