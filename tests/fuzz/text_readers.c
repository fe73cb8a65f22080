/* Tables, settings, a model's configuration, a checkpoint's state. */
#include "fuzz/readers.h"
#include "linnet/checkpoint/run_state.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"
#include "linnet/text/records.h"
#include <stdlib.h>
#include <string.h>

static void read_table(const char *name, const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(name, bytes, size);
    const char *const columns[] = {"text", "sentiment"};
    Records *records = NULL;
    Error error = {0};
    Field fields[2];
    bool more = true;
    int64_t line = 0;
    if (!records_open(&records, path, columns, 2, &error))
        while (!records_next(records, fields, &more, &error) && more)
            for (int i = 0; i < 2; i++) {
                fuzz_check(fields[i].size <= size && fields[i].line >= line && fields[i].column >= 1);
                fuzz_check(utf8_valid_length(fields[i].text, fields[i].size) == fields[i].size);
                line = i > 0 ? line : fields[i].line < fields[1].line ? fields[i].line : fields[1].line;
            }
    fuzz_check_error(&error);
    records_close(records);
}

void feed_csv(const uint8_t *bytes, size_t size) {
    read_table("a.csv", bytes, size);
}

void feed_tsv(const uint8_t *bytes, size_t size) {
    read_table("a.tsv", bytes, size);
}

void feed_jsonl(const uint8_t *bytes, size_t size) {
    read_table("a.jsonl", bytes, size);
}

/* Settings that were read are written as text that reads as the same settings. */
void feed_settings(const uint8_t *bytes, size_t size) {
    char *text = malloc(size + 1);
    fuzz_check(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    Settings settings = {0}, again = {0};
    Error error = {0};
    if (!settings_parse(&settings, text, "run.json", &error)) {
        char *resolved = settings_text(&settings, &error);
        fuzz_check(resolved && !settings_parse(&again, resolved, "config.resolved.json", &error));
        char *second = settings_text(&again, &error);
        fuzz_check(second && strcmp(resolved, second) == 0);
        memory_free(resolved);
        memory_free(second);
        settings_free(&settings);
        settings_free(&again);
    }
    fuzz_check_error(&error);
    free(text);
}

/* Accepted sizes make a layout without overflow. */
void feed_config(const uint8_t *bytes, size_t size) {
    ModelConfig config = {0};
    ParameterLayout layout = {0};
    Error error = {0};
    if (!model_config_load(&config, fuzz_file("config.json", bytes, size), &error)) {
        fuzz_check(config.labels >= 1 && config.width % config.heads == 0);
        for (int32_t i = 0; i < config.labels; i++) fuzz_check(config.label_names[i] != NULL);
        if (!parameters_layout(&layout, &config, &error)) {
            for (size_t i = 1; i < layout.tensors; i++)
                fuzz_check(layout.tensor[i].offset >= layout.tensor[i - 1].offset + layout.tensor[i - 1].count);
            const ParameterTensor *last = &layout.tensor[layout.tensors - 1];
            fuzz_check(last->offset + last->count <= layout.dense && layout.dense <= SIZE_MAX / sizeof(float));
        }
        parameters_layout_free(&layout);
        model_config_free(&config);
    }
    fuzz_check_error(&error);
}

void feed_state(const uint8_t *bytes, size_t size) {
    RunState state;
    cJSON *history = NULL;
    Error error = {0};
    fuzz_file("trainer_state.json", bytes, size);
    if (!run_state_read(fuzz_folder(), &state, &history, NULL, &error)) {
        fuzz_check(cJSON_IsArray(history));
        fuzz_check(state.step >= 0 && strlen(state.data_digest) < DIGEST_TEXT);
    }
    cJSON_Delete(history);
    fuzz_check_error(&error);
    cJSON *digests = NULL;
    Error unproven = {0};
    if (!run_state_read(fuzz_folder(), &state, NULL, &digests, &unproven)) fuzz_check(cJSON_IsObject(digests));
    cJSON_Delete(digests);
    fuzz_check_error(&unproven);
}
