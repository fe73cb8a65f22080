/* Settings as text: the resolved configuration as JSON, and the tables as a Markdown page. */
#include "linnet/core/memory.h"
#include "settings/settings_table.h"
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What `write` prints, to be freed with memory_free(); NULL if out of memory. */
static char *printed(void (*write)(FILE *stream, const Settings *settings), const Settings *settings, Error *error) {
    char *text = NULL, *copy = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream) write(stream, settings);
    bool complete = stream && !ferror(stream);
    if (stream && fclose(stream) == 0 && complete)
        copy = memory_text(text, error);
    else
        error_set(error, STATUS_FAILURE, "out of memory for the text of the settings");
    free(text);
    return copy;
}

/** The fewest digits that read back as the same bits. */
static void write_real(FILE *stream, double number) {
    char text[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, stream);
}

static void write_text(FILE *stream, const char *text) {
    cJSON *value = text ? cJSON_CreateStringReference(text) : cJSON_CreateNull();
    char *quoted = cJSON_PrintUnformatted(value);
    fputs(quoted ? quoted : "null", stream);
    cJSON_free(quoted);
    cJSON_Delete(value);
}

static void write_value(FILE *stream, const SettingRow *row, const Settings *settings) {
    const void *field = (const char *)settings + row->offset;
    bool nullable = strcmp(row->fallback, "null") == 0;
    int choice;
    switch (row->type) {
    case SETTING_INT:
        if (nullable && *(const int64_t *)field == (int64_t)row->none) break;
        fprintf(stream, "%" PRId64, *(const int64_t *)field);
        return;
    case SETTING_REAL:
    case SETTING_STEPS:
        if (nullable && *(const double *)field == row->none) break;
        write_real(stream, *(const double *)field);
        return;
    case SETTING_BOOL:
        fputs(*(const bool *)field ? "true" : "false", stream);
        return;
    case SETTING_CHOICE:
        memcpy(&choice, field, sizeof choice);
        write_text(stream, row->choices[choice]);
        return;
    case SETTING_PATH:
    case SETTING_RESUME:
    case SETTING_METRIC:
        write_text(stream, *(char *const *)field);
        return;
    }
    fputs("null", stream);
}

static void write_json(FILE *stream, const Settings *settings) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const SettingRow *row = &SETTING_ROWS[i];
        fprintf(stream, "%s  \"%s\": ", i == 0 ? "{\n" : ",\n", row->key);
        /* settings_load() refuses the two together, and it must accept the resolved file. */
        if (settings->global_batch_size > 0 && strcmp(row->key, "gradient_accumulation_steps") == 0)
            fputs("null", stream);
        else
            write_value(stream, row, settings);
    }
    fputs("\n}\n", stream);
}

char *settings_text(const Settings *settings, Error *error) {
    return printed(write_json, settings, error);
}

static void write_rows(FILE *stream, bool own) {
    fputs("| key | default | value | meaning |\n|---|---|---|---|\n", stream);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const SettingRow *row = &SETTING_ROWS[i];
        char range[SETTING_RANGE_TEXT];
        setting_range(row, false, range);
        if (row->own == own)
            fprintf(stream, "| `%s` | %s | %s | %s |\n", row->key, row->required ? "required" : row->fallback, range,
                    row->help);
    }
}

static void write_bound(FILE *stream) {
    fputs("\n## Keys of TrainingArguments that linnet supports in part\n\n"
          "Any other value is an error.\n\n"
          "| key | accepted | what linnet does |\n|---|---|---|\n",
          stream);
    char range[FOREIGN_RANGE_TEXT];
    for (size_t i = 0; i < FOREIGN_COUNT; i++) {
        foreign_range(&FOREIGN_ROWS[i], range);
        fprintf(stream, "| `%s` | %s | %s |\n", FOREIGN_ROWS[i].key, range, FOREIGN_ROWS[i].instead);
    }
    fputs("| `data_seed` | the value of `seed` or null | linnet shuffles the samples by seed |\n", stream);
}

static void write_ignored(FILE *stream) {
    fputs("\n## Keys of TrainingArguments that linnet ignores\n\nAny value is accepted; a warning names the key:\n",
          stream);
    for (size_t i = 0; i < IGNORED_COUNT; i++) fprintf(stream, "%s`%s`", i > 0 ? ",\n" : "", IGNORED_KEYS[i]);
    fputs(".\n", stream);
}

static void write_page(FILE *stream, const Settings *settings) {
    (void)settings;
    fputs(
        "# Settings\n\n"
        "<!-- Generated: `make docs` writes what `linnet train --settings` prints. -->\n\n"
        "`linnet train CONFIG.json` reads one JSON object. Its keys have the names, defaults and meanings of Hugging\n"
        "Face `TrainingArguments` (Transformers 5.24) and of Trainer's example scripts; a *device* is a rank, and an\n"
        "*update* is an optimizer step. null stands for the default. Paths are relative to the working directory.\n"
        "`--set key=value` overrides the file; the value is JSON or a bare text. Unknown or repeated keys, wrong\n"
        "types, values out of range and contradictions are errors that name the key, its file and its line. The run\n"
        "saves its resolved settings as `config.resolved.json` in `output_dir`.\n\n",
        stream);
    write_rows(stream, false);
    fputs("\n## Keys that only linnet has\n\n", stream);
    write_rows(stream, true);
    write_bound(stream);
    write_ignored(stream);
}

char *settings_markdown(Error *error) {
    return printed(write_page, NULL, error);
}
