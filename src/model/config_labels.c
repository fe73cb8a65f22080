/* The labels of a config.json. config_labels.h has the contract. */
#include "model/config_labels.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 65536 /* far more than the 255 of a token file; a file with more is damaged */

void config_free_labels(ModelConfig *config) {
    for (int32_t i = 0; config->label_names && i < config->labels; i++) memory_free(config->label_names[i]);
    memory_free(config->label_names);
    config->label_names = NULL;
    config->labels = 0;
}

/* Room for `labels` names, all NULL, in place of the old ones. */
static Status new_names(ModelConfig *config, int32_t labels, Error *error) {
    config_free_labels(config);
    config->label_names = memory_allocate((size_t)labels, sizeof *config->label_names, error);
    if (config->label_names) config->labels = labels;
    return error->status;
}

/* Two labels of the same name could not be distinguished in any result. */
static Status refuse_twins(const ModelConfig *config, const char *place, Error *error) {
    for (int32_t i = 0; i < config->labels; i++)
        for (int32_t j = 0; j < i; j++)
            if (strcmp(config->label_names[i], config->label_names[j]) == 0)
                return error_set(error, STATUS_INPUT, "%s: labels %d and %d are both named \"%s\"", place, j, i,
                                 config->label_names[i]);
    return STATUS_OK;
}

/* The number that a key of id2label stands for; −1 if it is not a number below `labels`. */
static int32_t label_index(const char *key, int32_t labels) {
    char *end;
    if (key[0] < '0' || key[0] > '9') return -1;
    long index = strtol(key, &end, 10);
    return *end || index >= labels ? -1 : (int32_t)index;
}

/* Names are printed in results, on a terminal and between tabs. */
static bool is_printable(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f) return false;
    return true;
}

static Status read_map(ModelConfig *config, const cJSON *map, const char *path, Error *error) {
    const int32_t labels = cJSON_GetArraySize(map);
    if (labels < 1 || labels > LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s: id2label must name 1 to %d labels, not %d", path, LABELS_MAX,
                         labels);
    if (new_names(config, labels, error)) return error->status;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        int32_t index = label_index(item->string, labels);
        if (index < 0 || config->label_names[index])
            return error_set(error, STATUS_INPUT, "%s: id2label: the keys must be 0 to %d, each once, not \"%s\"", path,
                             labels - 1, item->string);
        if (!cJSON_IsString(item) || !is_printable(item->valuestring))
            return error_set(error, STATUS_INPUT,
                             "%s: id2label: the name of label %d must be a string without control characters", path,
                             index);
        config->label_names[index] = memory_text(item->valuestring, error);
        if (!config->label_names[index]) return error->status;
    }
    return refuse_twins(config, path, error);
}

static Status make_names(ModelConfig *config, int32_t labels, Error *error) {
    if (new_names(config, labels, error)) return error->status;
    for (int32_t i = 0; i < labels; i++) {
        char name[32];
        snprintf(name, sizeof name, "LABEL_%d", i);
        config->label_names[i] = memory_text(name, error);
        if (!config->label_names[i]) return error->status;
    }
    return STATUS_OK;
}

Status config_read_labels(ModelConfig *config, const char *path, Error *error) {
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(config->source, "id2label");
    if (cJSON_IsObject(map)) return read_map(config, map, path, error);
    if (map && !cJSON_IsNull(map))
        return error_set(error, STATUS_INPUT, "%s: id2label must be an object: {\"0\": name, …}", path);
    int64_t labels = 2;
    if (json_get_int(config->source, "num_labels", &labels, path, error)) return error->status;
    if (labels < 1 || labels > LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s: num_labels must be from 1 to %d, not %lld", path, LABELS_MAX,
                         (long long)labels);
    return make_names(config, (int32_t)labels, error);
}

Status model_config_set_labels(ModelConfig *config, const char *const *label_names, int32_t labels, Error *error) {
    if (labels < 2) return error_set(error, STATUS_INPUT, "a classifier needs at least 2 labels, not %d", labels);
    /* The new names may be the old ones, so the old ones are freed last. */
    ModelConfig made = {0};
    if (new_names(&made, labels, error)) return error->status;
    for (int32_t i = 0; i < labels && !error->status; i++) made.label_names[i] = memory_text(label_names[i], error);
    if (error->status || refuse_twins(&made, "labels", error)) {
        config_free_labels(&made);
        return error->status;
    }
    config_free_labels(config);
    config->labels = labels;
    config->label_names = made.label_names;
    return STATUS_OK;
}
