/* class_weights: its value as text, and the weights that it stands for. See class_weights.h. */
#include "linnet/settings/class_weights.h"
#include "linnet/core/escape.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/nearest.h"
#include "settings/settings_source.h"
#include <math.h>
#include <string.h>

enum { LIST_TEXT = 256 };

static bool is_balanced(const cJSON *value) {
    return cJSON_IsString(value) && strcmp(value->valuestring, "balanced") == 0;
}

/* --- The value ---------------------------------------------------------------------------------------------------- */

/* A weight with all its bits; NULL: something else. */
static cJSON *copy_weight(const cJSON *value, bool words) {
    double weight = cJSON_IsNumber(value) ? value->valuedouble : -1.0;
    char text[JSON_REAL_TEXT];
    if (words && cJSON_IsString(value) && !override_number(value->valuestring, &weight)) return NULL;
    if (!isfinite(weight) || weight < 0.0) return NULL;
    json_real_text(weight + 0.0, text); /* no -0 */
    return cJSON_CreateRaw(text);
}

/* Copy a list or an object of weights; false: it has something else or a label twice, or a list has zeros alone. */
static bool copy_weights(cJSON *copy, const cJSON *value, bool words) {
    bool any = cJSON_IsObject(value); /* labels that it does not name have a weight of 1 */
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        const bool twice = item->string && cJSON_GetObjectItemCaseSensitive(copy, item->string);
        cJSON *weight = twice ? NULL : copy_weight(item, words);
        if (!weight) return false;
        any = any || strcmp(weight->valuestring, "0") != 0;
        if (cJSON_IsArray(value))
            cJSON_AddItemToArray(copy, weight);
        else
            cJSON_AddItemToObject(copy, item->string, weight);
    }
    return any;
}

char *class_weights_text(const cJSON *value, bool words, Error *error) {
    if (is_balanced(value)) return memory_text("\"balanced\"", error);
    if (!(cJSON_IsArray(value) || cJSON_IsObject(value)) || !value->child) return NULL;
    cJSON *copy = cJSON_IsArray(value) ? cJSON_CreateArray() : cJSON_CreateObject();
    char *text = NULL, *printed = NULL;
    if (copy && copy_weights(copy, value, words)) {
        printed = cJSON_PrintUnformatted(copy);
        text = printed ? memory_text(printed, error) : NULL;
    }
    cJSON_free(printed);
    cJSON_Delete(copy);
    return text;
}

/* --- The weights -------------------------------------------------------------------------------------------------- */

static Status read_list(double *weights, const cJSON *list, const DatasetInfo *info, const char *place, Error *error) {
    char names[LIST_TEXT] = "";
    int32_t count = 0;
    for (int32_t i = 0; i < info->labels; i++)
        error_list(names, sizeof names, info->label_names[i], strlen(info->label_names[i]));
    if (cJSON_GetArraySize(list) != info->labels)
        return error_set(error, STATUS_INPUT,
                         "%s: class_weights: expected %d weights, one for each label of %s (%s), got %d", place,
                         info->labels, info->path, names, cJSON_GetArraySize(list));
    const cJSON *item;
    cJSON_ArrayForEach(item, list) weights[count++] = item->valuedouble;
    return STATUS_OK;
}

static Status refuse_name(const char *name, const DatasetInfo *info, const char *place, Error *error) {
    char names[LIST_TEXT] = "";
    Quoted unknown, meant;
    const char *near = nearest_name(name, (const char *const *)info->label_names, (size_t)info->labels);
    if (near)
        return error_set(error, STATUS_INPUT, "%s: class_weights: %s has no label %s: did you mean %s?", place,
                         info->path, quoted(name, strlen(name), &unknown), quoted(near, strlen(near), &meant));
    for (int32_t i = 0; i < info->labels; i++)
        error_list(names, sizeof names, info->label_names[i], strlen(info->label_names[i]));
    return error_set(error, STATUS_INPUT, "%s: class_weights: %s has no label %s: expected %s", place, info->path,
                     quoted(name, strlen(name), &unknown), names);
}

static Status read_object(double *weights, const cJSON *object, const DatasetInfo *info, const char *place,
                          Error *error) {
    double sum = 0.0;
    const cJSON *item;
    for (int32_t i = 0; i < info->labels; i++) weights[i] = 1.0;
    cJSON_ArrayForEach(item, object) {
        int32_t label = 0;
        while (label < info->labels && strcmp(info->label_names[label], item->string) != 0) label++;
        if (label == info->labels) return refuse_name(item->string, info, place, error);
        weights[label] = item->valuedouble;
    }
    for (int32_t i = 0; i < info->labels; i++) sum += weights[i];
    if (sum > 0.0) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: class_weights: expected a weight above 0 for at least one label of %s",
                     place, info->path);
}

static Status balance(double *weights, const int64_t *counts, const DatasetInfo *info, const char *place,
                      Error *error) {
    Quoted name;
    for (int32_t i = 0; i < info->labels; i++) {
        if (counts[i] == 0)
            return error_set(
                error, STATUS_INPUT,
                "%s: class_weights: \"balanced\" needs a sample of each label, and %s has none of %s: give a "
                "list of weights",
                place, info->path, quoted(info->label_names[i], strlen(info->label_names[i]), &name));
        weights[i] = (double)info->samples / ((double)info->labels * (double)counts[i]);
    }
    return STATUS_OK;
}

bool class_weights_are_balanced(const Settings *settings) {
    return settings->class_weights && strcmp(settings->class_weights, "\"balanced\"") == 0;
}

Status class_weights_read(double *weights, const Settings *settings, const DatasetInfo *info, const int64_t *counts,
                          Error *error) {
    const char *place = settings->class_weights_place;
    if (class_weights_are_balanced(settings)) return balance(weights, counts, info, place, error);
    cJSON *value = cJSON_Parse(settings->class_weights);
    if (!value) return error_set(error, STATUS_FAILURE, "out of memory for class_weights");
    (cJSON_IsArray(value) ? read_list : read_object)(weights, value, info, place, error);
    cJSON_Delete(value);
    return error->status;
}
