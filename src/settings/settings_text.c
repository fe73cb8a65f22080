/* Settings as text: the resolved configuration as JSON, and the tables as a Markdown page. */
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "settings/settings_table.h"
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

static void write_real(FILE *stream, double number) {
    char text[JSON_REAL_TEXT];
    json_real_text(number, text);
    fputs(text, stream);
}

static void write_text(FILE *stream, const char *text) {
    cJSON *value = text ? cJSON_CreateStringReference(text) : cJSON_CreateNull();
    char *quoted = cJSON_PrintUnformatted(value);
    fputs(quoted ? quoted : "null", stream);
    cJSON_free(quoted);
    cJSON_Delete(value);
}

static void write_list(FILE *stream, const SettingRow *row, uint32_t chosen) {
    const char *between = "[";
    for (int i = 0; row->choices[i]; i++) {
        if (!(chosen >> i & 1)) continue;
        fputs(between, stream);
        write_text(stream, row->choices[i]);
        between = ", ";
    }
    fputs(chosen ? "]" : "[]", stream);
}

static void write_files(FILE *stream, const NamedFiles *files) {
    const char *between = "{";
    for (size_t i = 0; i < files->count; i++) {
        const NamedFile *file = &files->files[i];
        if (file->name) {
            fputs(between, stream);
            write_text(stream, file->name);
            fputs(": ", stream);
        }
        write_text(stream, file->path);
        between = ", ";
        if (file->name && i + 1 == files->count) fputc('}', stream);
    }
    if (files->count == 0) fputs("null", stream);
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
    case SETTING_LIST:
        write_list(stream, row, *(const uint32_t *)field);
        return;
    case SETTING_OBJECT:
    case SETTING_WEIGHTS:
    case SETTING_NAMES:
        fputs(*(char *const *)field ? *(char *const *)field : "null", stream);
        return;
    case SETTING_FILES:
        write_files(stream, field);
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

/* By value: texts of numbers may differ in their last digits. */
static bool is_same(const cJSON *was, const cJSON *is) {
    return cJSON_Compare(was, is, true) && (!cJSON_IsNumber(was) || was->valuedouble == is->valuedouble);
}

/* With all digits of a number; to be freed with cJSON_free(). */
static char *value_text(const cJSON *value) {
    char number[JSON_REAL_TEXT];
    if (!cJSON_IsNumber(value)) return cJSON_PrintUnformatted(value);
    json_real_text(value->valuedouble, number);
    cJSON *exact = cJSON_CreateRaw(number);
    char *text = cJSON_PrintUnformatted(exact);
    cJSON_Delete(exact);
    return text;
}

static void tell_change(const SettingRow *row, const cJSON *was, const cJSON *is,
                        void (*changed)(void *context, const SettingChange *change), void *context, Error *error) {
    char *old = value_text(was), *new = value_text(is);
    if (old && new)
        changed(context,
                &(SettingChange){.key = row->key, .was = old, .is = new, .fixed = row->fixed, .updates = row->updates});
    else
        error_set(error, STATUS_FAILURE, "out of memory for the settings of an earlier run");
    cJSON_free(old);
    cJSON_free(new);
}

/* The value of a row in an earlier text, which *made owns where the text of another version lacks the key of a fixed row:
 * then it did what the default does. */
static const cJSON *value_before(const SettingRow *row, const cJSON *before, cJSON **made) {
    const cJSON *was = cJSON_GetObjectItemCaseSensitive(before, row->key);
    *made = before && !was && row->fixed ? cJSON_Parse(row->fallback) : NULL;
    return *made ? *made : was;
}

Status settings_compare(const Settings *settings, const cJSON *before,
                        void (*changed)(void *context, const SettingChange *change), void *context, Error *error) {
    cJSON *now = NULL;
    char *text = settings_text(settings, error);
    if (text) json_parse(&now, text, strlen(text), "settings", error);
    for (size_t i = 0; i < SETTINGS_COUNT && !error->status; i++) {
        const SettingRow *row = &SETTING_ROWS[i];
        cJSON *made;
        const cJSON *was = value_before(row, before, &made);
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, row->key);
        if (!row->place && was && !is_same(was, is)) tell_change(row, was, is, changed, context, error);
        cJSON_Delete(made);
    }
    cJSON_Delete(now);
    memory_free(text);
    return error->status;
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

static const char *const ORIGINS[] = {"Transformers 5", "Transformers 4", "scripts"};

/* The rows of one kind as a table; the range of values and the text have the columns of `head`. */
static void write_foreign(FILE *stream, ForeignKind kind, const char *head) {
    fprintf(stream, "| key | of | %s |\n|---|---|---|---|\n", head);
    for (size_t i = 0; i < FOREIGN_COUNT; i++) {
        const ForeignRow *row = &FOREIGN_ROWS[i];
        const char *quote = kind == FOREIGN_RENAMED ? "`" : "";
        char range[FOREIGN_RANGE_TEXT];
        foreign_range(row, range);
        if (row->kind == kind)
            fprintf(stream, "| `%s` | %s | %s | %s%s%s |\n", row->key, ORIGINS[row->origin], range, quote, row->text,
                    quote);
    }
}

static void write_foreigners(FILE *stream) {
    fputs(
        "\n## Keys of TrainingArguments that linnet supports in part\n\n"
        "\"Transformers 4\" means keys of `TrainingArguments` 4.1 to 4.57 that 5 no longer has, \"scripts\" those of\n"
        "`run_classification.py` and `run_glue.py`. Any other value is an error.\n\n",
        stream);
    write_foreign(stream, FOREIGN_CHECKED, "accepted | what linnet does");
    fputs("\n## Keys of TrainingArguments that have no effect\n\n"
          "Any value is accepted. One warning names all keys with another value than the usual ones: the defaults of\n"
          "`TrainingArguments` and what describes linnet. Nor is the `run_name` named that Trainer makes of\n"
          "`output_dir`.\n\n",
          stream);
    write_foreign(stream, FOREIGN_UNUSED, "usual values | what linnet does");
    fputs("\n## Keys with another name now\n\n"
          "The value is taken over, and a warning names the key. As in Trainer it counts before that of the new name,\n"
          "except `warmup_ratio` beside `warmup_steps`; the command line counts before the file.\n\n",
          stream);
    write_foreign(stream, FOREIGN_RENAMED, "not taken over | name now");
}

static void write_page(FILE *stream, const Settings *settings) {
    (void)settings;
    fputs(
        "# Settings\n\n"
        "<!-- Generated: `make docs` writes what `linnet train --settings` prints. -->\n\n"
        "`linnet train CONFIG.json` reads one JSON object. Its keys have the names, defaults and meanings of Hugging\n"
        "Face `TrainingArguments` (Transformers 5.24) and of Trainer's example scripts; a *device* is a rank, and an\n"
        "*update* is an optimizer step. null stands for the default, unless the table says otherwise. Paths are relative\n"
        "to the working directory. The file may have comments, `// to the end of the line` and `/* between these */`, which\n"
        "JSON and Trainer's files do not have; `linnet init-config` writes such a file to start from.\n\n"
        "All unknown keys, wrong types and values out of range are told at once, each with its file and line; repeated\n"
        "keys and contradictions are errors as well. The run saves its resolved settings as `config.resolved.json` in\n"
        "`output_dir`. [Interoperability](../interop.md) says what becomes of a configuration of Trainer.\n\n"
        "## On the command line\n\n"
        "`--set key=value` and, as in Trainer's scripts, `--key value` or `--key=value` override the file, or give all\n"
        "keys without one: `linnet train --model_name_or_path gpt2 --train_file train.h5 --output_dir run`. Of two values\n"
        "for one key the last counts. A value is JSON, a bare text, or what `HfArgumentParser` takes: `True`, `yes` and\n"
        "`1`, `False`, `no` and `0`, `None`, `.5`. A key of true or false may stand alone (`--bf16`); `--no_bf16` is false.\n"
        "Dashes may stand for underscores. A key that has a list takes several values (`--report_to a b`).\n\n"
        "## Keys of TrainingArguments and of Trainer's scripts\n\n",
        stream);
    write_rows(stream, false);
    fputs("\n## Keys that only linnet has\n\n", stream);
    write_rows(stream, true);
    write_foreigners(stream);
}

bool settings_info(size_t index, SettingInfo *info) {
    if (index >= SETTINGS_COUNT) return false;
    const SettingRow *row = &SETTING_ROWS[index];
    *info =
        (SettingInfo){.key = row->key,
                      .help = row->help,
                      .fallback = row->required ? NULL : row->fallback,
                      .choices = row->choices,
                      .flag = row->type == SETTING_BOOL,
                      .path = row->type == SETTING_PATH || row->type == SETTING_RESUME || row->type == SETTING_FILES};
    return true;
}

char *settings_markdown(Error *error) {
    return printed(write_page, NULL, error);
}
