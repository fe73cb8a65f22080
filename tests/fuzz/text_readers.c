/* Tables, settings, a model's configuration, a checkpoint's state. */
#include "fuzz/readers.h"
#include "linnet/checkpoint/run_state.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"
#include "linnet/text/records.h"
#include <stdlib.h>
#include <string.h>

/* Read all rows and check their fields, whose texts have at most `most` bytes; returns the number of rows. */
static int64_t read_rows(Records *records, size_t most, Error *error) {
    Field fields[2];
    bool more = true;
    int64_t line = 0, rows = 0;
    for (; !records_next(records, fields, &more, error) && more; rows++)
        for (int i = 0; i < 2; i++) {
            fuzz_check(fields[i].size <= most && fields[i].line >= line && fields[i].column >= 1);
            fuzz_check(utf8_valid_length(fields[i].text, fields[i].size) == fields[i].size);
            line = i > 0 ? line : fields[i].line < fields[1].line ? fields[i].line : fields[1].line;
        }
    return rows;
}

/* Parts of `length` bytes, which the header row starts in the first of. */
static void find_parts(const Division *division, const uint8_t *bytes, size_t size, size_t length,
                       DivisionPart *parts) {
    const size_t count = (size + length - 1) / length;
    DivisionScan *scans = calloc(count, sizeof *scans);
    char *text = calloc(DIVISION_BEFORE + size, 1);
    fuzz_check(scans && text);
    memcpy(text + DIVISION_BEFORE, bytes, size);
    for (size_t k = 0; k < count; k++) {
        division_begin(division, &scans[k]);
        division_scan(division, &scans[k], text + DIVISION_BEFORE + k * length,
                      size - k * length < length ? size - k * length : length, 0);
    }
    division_combine(scans, (int64_t)count, (int64_t)length, (int64_t)size, parts);
    free(scans);
    free(text);
}

/* A table that was read without an error has the same rows in its parts. */
static void read_parts(Records *records, const uint8_t *bytes, size_t size, size_t most, int64_t rows) {
    int64_t table_size, found = 0;
    const Division division = records_division(records, &table_size);
    const size_t length = size / 5 + 16, count = (size + length - 1) / length;
    DivisionPart *parts = calloc(count, sizeof *parts);
    Error error = {0};
    if (division.kind == DIVISION_NONE || rows == 0) {
        free(parts);
        return;
    }
    fuzz_check(parts && table_size == (int64_t)size);
    find_parts(&division, bytes, size, length, parts);
    for (size_t k = 0; k < count; k++) {
        fuzz_check(parts[k].start <= parts[k].end && (k == 0 || parts[k].start == parts[k - 1].end));
        if (parts[k].start == parts[k].end || records_part(records, &parts[k], &error)) continue;
        found += read_rows(records, most, &error);
    }
    fuzz_check(error.status || found == rows);
    fuzz_check(!error.status);
    free(parts);
}

/* A table that was read twice has the same rows, and its file's size. */
static void read_table(const char *name, const uint8_t *bytes, size_t size, const TableOptions *options, size_t most) {
    const char *path = fuzz_file(name, bytes, size);
    const char *const names[] = {"text", "sentiment"}, *const numbers[] = {"0", "1"};
    Records *records = NULL;
    Error error = {0};
    if (!records_open(&records, path, options, options->no_header ? numbers : names, 2, true, &error)) {
        const int64_t rows = read_rows(records, most, &error);
        TableSource about = {0};
        if (!error.status && !records_source(records, &about, &error)) fuzz_check(about.size == (int64_t)size);
        if (!error.status && !records_rewind(records, &error)) fuzz_check(read_rows(records, most, &error) == rows);
        if (!error.status) read_parts(records, bytes, size, most, rows);
    }
    fuzz_check_error(&error);
    records_close(records);
}

void feed_csv(const uint8_t *bytes, size_t size) {
    read_table("a.csv", bytes, size, &(TableOptions){0}, size);
}

void feed_tsv(const uint8_t *bytes, size_t size) {
    read_table("a.tsv", bytes, size, &(TableOptions){0}, size);
}

void feed_jsonl(const uint8_t *bytes, size_t size) {
    read_table("a.jsonl", bytes, size, &(TableOptions){0}, size);
}

/* The first byte chooses the options. A character of an encoding becomes at most four bytes of UTF-8. */
void feed_table(const uint8_t *bytes, size_t size) {
    static const char *const encodings[] = {NULL,    "cp1252", "utf-16",     "shift_jis",
                                            "utf-8", "utf-7",  "iso2022_jp", "utf-32le"};
    if (size == 0) return;
    const unsigned choice = *bytes;
    TableOptions options = {.encoding = encodings[choice & 7], .encoding_errors = choice & 8 ? "replace" : "strict"};
    if (choice & 16) {
        options.separator = choice & 32 ? "\xC2\xA6" : ";";
        options.quote = choice & 64 ? "none" : "'";
        options.no_header = choice & 128;
    } else if (choice & 32) {
        options.field = choice & 64 ? "data" : NULL;
        read_table("a.json", bytes + 1, size - 1, &options, 4 * size);
        return;
    }
    read_table("a.csv", bytes + 1, size - 1, &options, 4 * size);
}

/* A table of which the file's first bytes [start_size] are always the same. */
static void read_compressed(const char *start, size_t start_size, const uint8_t *bytes, size_t size) {
    uint8_t *file = malloc(start_size + size);
    fuzz_check(file != NULL);
    memcpy(file, start, start_size);
    memcpy(file + start_size, bytes, size);
    read_table("a.csv", file, start_size + size, &(TableOptions){0}, SIZE_MAX);
    free(file);
}

void feed_gzip(const uint8_t *bytes, size_t size) {
    read_compressed("\x1F\x8B\x08", 3, bytes, size);
}

void feed_zstd(const uint8_t *bytes, size_t size) {
    read_compressed("\x28\xB5\x2F\xFD", 4, bytes, size);
}

/* Settings that were read are written as text that reads as the same settings. */
void feed_settings(const uint8_t *bytes, size_t size) {
    char *text = malloc(size + 1);
    fuzz_check(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    Settings settings = {0}, again = {0};
    Error error = {0};
    if (!json_blank_comments(text, size, "run.json", &error) && !settings_parse(&settings, text, "run.json", &error)) {
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

/* Put the text's own digest in its place, so that changes behind it are read. */
static void prove(char *text, size_t size, char *place) {
    char sum[DIGEST_TEXT];
    Digest *digest = NULL;
    Error error = {0};
    memset(place, '0', DIGEST_TEXT - 1);
    if (digest_create(&digest, &error)) return;
    digest_add(digest, text, size);
    digest_finish(digest, sum);
    digest_destroy(digest);
    memcpy(place, sum, DIGEST_TEXT - 1);
}

/* linnet_state.json, a zero byte, trainer_state.json. */
void feed_state(const uint8_t *bytes, size_t size) {
    static const char mark[] = "\"linnet_state.json\": \"";
    enum { MARK = sizeof mark - 1, DIGITS = DIGEST_TEXT - 1 };
    RunState state;
    RunStateParts parts;
    Error error = {0};
    const void *end = memchr(bytes, 0, size);
    const size_t own = end ? (size_t)((const uint8_t *)end - bytes) : size;
    char *text = memory_allocate(own + 1, 1, &error);
    if (!text) return;
    memcpy(text, bytes, own);
    char *place = memmem(text, own, mark, MARK);
    if (place && own - (size_t)(place - text) >= MARK + DIGITS) prove(text, own, place + MARK);
    fuzz_file("linnet_state.json", (const uint8_t *)text, own);
    memory_free(text);
    fuzz_file("trainer_state.json", own < size ? bytes + own + 1 : bytes, own < size ? size - own - 1 : 0);
    if (!run_state_read(fuzz_folder(), &state, &parts, &error)) {
        fuzz_check(cJSON_IsArray(parts.history) && cJSON_IsObject(parts.digests));
        fuzz_check(state.step >= 0 && strlen(state.data_digest) < DIGEST_TEXT && strlen(state.run.id) == 32);
    }
    run_state_parts_free(&parts);
    fuzz_check_error(&error);
}
