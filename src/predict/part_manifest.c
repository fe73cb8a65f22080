/* The manifest of the folder of parts. See part_manifest.h. */
#include "predict/part_manifest.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_folder.h"
#include "linnet/model/model_paths.h"
#include <stdio.h>
#include <string.h>

/* The members that say what a part is made of, and how they are called in a line. */
static const char *const FACTS[][2] = {{"version", "version of linnet"},
                                       {"input", "input"},
                                       {"model", "model"},
                                       {"tokenizer", "tokenizer"},
                                       {"options", "options"}};
enum { FACTS_COUNT = sizeof FACTS / sizeof *FACTS };

static Status no_memory(const char *path, Error *error) {
    return error_set(error, STATUS_FAILURE, "%s: out of memory", path);
}

/* A digest of the tokenizer's files, with the settings in them that the tokenizer's identity leaves out. */
static Status tokenizer_files_digest(const char *model, char text[DIGEST_TEXT], Error *error) {
    static const char *const FILES[] = {"tokenizer.json",        "vocab.json",        "merges.txt",
                                        "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"};
    Digest *digest = NULL;
    if (digest_create(&digest, error)) return error->status;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES && !error->status; i++) {
        char one[DIGEST_TEXT] = "";
        char *path = file_join(model, FILES[i], error);
        if (path && file_exists(path)) digest_file(path, one, error);
        digest_add(digest, one, sizeof one);
        memory_free(path);
    }
    digest_finish(digest, text);
    digest_destroy(digest);
    return error->status;
}

static void add_text(cJSON *object, const char *name, const char *text) {
    cJSON_AddItemToObject(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* The options on which the output's bytes depend. */
static cJSON *options_of(const PredictJob *job) {
    static const char *const FORMATS[] = {"csv", "tsv", "json"};
    const TableOptions *table = &job->table;
    char threshold[JSON_REAL_TEXT];
    cJSON *options = cJSON_CreateObject();
    add_text(options, "output", FORMATS[job->format]);
    add_text(options, "text_column", job->options->text_column);
    if (job->options->pair_column) add_text(options, "text_pair_column", job->options->pair_column);
    add_text(options, "format", table->format);
    add_text(options, "separator", table->separator);
    add_text(options, "quote", table->quote);
    add_text(options, "field", table->field);
    add_text(options, "encoding", table->encoding);
    add_text(options, "encoding_errors", table->encoding_errors);
    cJSON_AddBoolToObject(options, "no_header", table->no_header);
    json_real_text(job->options->threshold, threshold);
    add_text(options, "threshold", threshold); /* as a text, since cJSON rounds numbers */
    return options;
}

/* The manifest as a tree, to be freed with cJSON_Delete(); NULL with an error. */
static cJSON *manifest_of(const PredictJob *job, const char *path, Error *error) {
    char model[2 * DIGEST_TEXT], tokenizer[DIGEST_TEXT];
    ModelPaths paths;
    if (model_paths_find(&paths, job->options->model, job->options->adapter, error)) return NULL;
    model_fingerprint(paths.base, true, model);
    if (paths.adapter) model_fingerprint(paths.adapter, true, model + strlen(model));
    tokenizer_files_digest(paths.tokenizer, tokenizer, error);
    model_paths_free(&paths);
    if (error->status) return NULL;
    cJSON *manifest = cJSON_CreateObject();
    add_text(manifest, "version", LINNET_VERSION);
    add_text(manifest, "input", job->digest);
    add_text(manifest, "model", model);
    add_text(manifest, "tokenizer", tokenizer);
    cJSON_AddItemToObject(manifest, "options", options_of(job));
    if (manifest && cJSON_GetArraySize(manifest) == FACTS_COUNT) return manifest;
    no_memory(path, error);
    cJSON_Delete(manifest);
    return NULL;
}

Status part_manifest_write(const PredictJob *job, const char *path, Error *error) {
    cJSON *manifest = manifest_of(job, path, error);
    cJSON *rows = manifest ? cJSON_AddArrayToObject(manifest, "rows") : NULL;
    bool complete = rows != NULL;
    for (int64_t k = 0; k < job->count && complete; k++)
        complete = cJSON_AddItemToArray(rows, cJSON_CreateNumber((double)job->parts[k].rows));
    if (complete)
        json_save(manifest, path, false, error);
    else
        no_memory(path, error);
    cJSON_Delete(manifest);
    return error->status;
}

/* Fill the rows of the parts; false where the manifest has others. */
static bool take_rows(PredictJob *job, const cJSON *rows) {
    if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) != job->count) return false;
    int64_t k = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, rows) {
        if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 1e15) return false;
        job->parts[k++].rows = (int64_t)item->valuedouble;
    }
    return true;
}

Status part_manifest_read(PredictJob *job, const char *path, bool *same, Error *error) {
    cJSON *wanted = manifest_of(job, path, error), *found = NULL;
    Error bad = {0};
    *same = wanted && json_load(&found, path, &bad) == STATUS_OK;
    if (bad.status) log_warning("%s: starting from the first row", bad.message);
    for (int i = 0; *same && i < FACTS_COUNT; i++) {
        *same = cJSON_Compare(cJSON_GetObjectItem(found, FACTS[i][0]), cJSON_GetObjectItem(wanted, FACTS[i][0]), true);
        if (!*same)
            log_warning("%s: its parts were made with another %s: starting from the first row", job->folder,
                        FACTS[i][1]);
    }
    if (*same && !take_rows(job, cJSON_GetObjectItem(found, "rows"))) {
        *same = false;
        log_warning("%s: is damaged: starting from the first row", path);
    }
    cJSON_Delete(wanted);
    cJSON_Delete(found);
    return error->status;
}
