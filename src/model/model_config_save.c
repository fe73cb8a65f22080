/* Writing config.json: the text that was read, with the members that linnet sets. See model_config.h. */
#include "linnet/core/file.h"
#include "linnet/core/json_edit.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_config.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The text of a config.json while members of it are set. */
typedef struct {
    char *text;
    const char *path;
    Error *error;
} Edit;

/* Set a member; takes ownership of `value`, which is NULL without memory. */
static void set(Edit *edit, const char *key, cJSON *value) {
    if (!value) error_set(edit->error, STATUS_FAILURE, "out of memory for %s", edit->path);
    if (!edit->error->status) json_edit_set(&edit->text, key, value, edit->path, edit->error);
    cJSON_Delete(value);
}

static void unset(Edit *edit, const char *key) {
    if (!edit->error->status) json_edit_remove(&edit->text, key, edit->path, edit->error);
}

/* Transformers 5 refuses an integer where it expects a float: 0 must be written as 0.0, which cJSON does not do. */
static void set_float(Edit *edit, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.1f", value);
    set(edit, key, value == floor(value) ? cJSON_CreateRaw(text) : cJSON_CreateNumber(value));
}

static void set_labels(Edit *edit, const ModelConfig *config) {
    cJSON *names = cJSON_CreateObject(), *numbers = cJSON_CreateObject();
    bool done = names && numbers;
    for (int32_t i = 0; i < config->labels && done; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        done = cJSON_AddStringToObject(names, key, config->label_names[i]) &&
               cJSON_AddNumberToObject(numbers, config->label_names[i], i);
    }
    if (!done) error_set(edit->error, STATUS_FAILURE, "out of memory for %s", edit->path);
    /* An old count would contradict the names. */
    unset(edit, "num_labels");
    unset(edit, "_num_labels");
    set(edit, "id2label", names);
    set(edit, "label2id", numbers);
}

/* Transformers 5 writes dtype, earlier versions torch_dtype: keeps the one that the file has. */
static void set_dtype(Edit *edit, const cJSON *source) {
    const bool old = cJSON_GetObjectItemCaseSensitive(source, "torch_dtype");
    if (old) set(edit, "torch_dtype", cJSON_CreateString("float32"));
    if (!old || cJSON_GetObjectItemCaseSensitive(source, "dtype")) set(edit, "dtype", cJSON_CreateString("float32"));
}

/* With a pad token Transformers reads the last token before the padding, without one the last token of all. */
static void set_pooling(Edit *edit, const ModelConfig *config) {
    const int32_t pad = config->pad_token >= 0 ? config->pad_token : config->end_of_text;
    if (config->pooling == POOLING_PADDED_END)
        unset(edit, "pad_token_id");
    else if (pad >= 0)
        set(edit, "pad_token_id", cJSON_CreateNumber(pad));
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(config->source, "linnet");
    cJSON *copy = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "pooling");
    if (copy && !cJSON_AddStringToObject(copy, "pooling", pooling_name(config->pooling))) {
        cJSON_Delete(copy);
        copy = NULL;
    }
    set(edit, "linnet", copy);
}

static void set_all(Edit *edit, const ModelConfig *config) {
    const char *const architecture = config->language ? "GPT2LMHeadModel" : "GPT2ForSequenceClassification";
    set(edit, "architectures", cJSON_CreateStringArray(&architecture, 1));
    set(edit, "model_type", cJSON_CreateString("gpt2"));
    set(edit, "n_positions", cJSON_CreateNumber(config->positions)); /* Transformers no longer reads n_ctx */
    set_float(edit, "initializer_range", config->initializer_range);
    set_float(edit, "embd_pdrop", config->embedding_dropout);
    set_float(edit, "attn_pdrop", config->attention_dropout);
    set_float(edit, "resid_pdrop", config->residual_dropout);
    if (!config->language) {
        set(edit, "problem_type", cJSON_CreateString(problem_name(config->problem)));
        set_labels(edit, config);
    }
    set_dtype(edit, config->source);
    if (!config->language) set_pooling(edit, config);
}

char *model_config_text(const ModelConfig *config, const char *path, Error *error) {
    Edit edit = {.text = memory_text(config->text, error), .path = path, .error = error};
    if (edit.text) set_all(&edit, config);
    if (!error->status) return edit.text;
    memory_free(edit.text);
    return NULL;
}

Status model_config_save(const ModelConfig *config, const char *path, Error *error) {
    char *text = model_config_text(config, path, error);
    if (text) file_replace(path, text, strlen(text), error);
    memory_free(text);
    return error->status;
}
