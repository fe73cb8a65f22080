/* The id of a run, and the file that says which run an output folder belongs to. See run_record.h. */
#include "linnet/checkpoint/run_record.h"

#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void run_time_now(char text[RUN_TIME_TEXT]) {
    struct tm utc;
    const time_t now = time(NULL);
    strftime(text, RUN_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

Status run_record_draw(RunRecord *run, Error *error) {
    unsigned char bytes[(RUN_ID_TEXT - 1) / 2];
    *run = (RunRecord){0};
    if (getentropy(bytes, sizeof bytes))
        return error_set(error, STATUS_FAILURE, "cannot draw an id for this run: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(run->id + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    run_time_now(run->started);
    return STATUS_OK;
}

const char *run_record_name(const char *id, char text[RUN_NAME_TEXT]) {
    snprintf(text, RUN_NAME_TEXT, "run %.8s", id);
    return text;
}

/* --- As JSON ------------------------------------------------------------------------------------------------------ */

cJSON *run_record_tree(const RunRecord *run) {
    cJSON *tree = cJSON_CreateObject();
    bool complete =
        cJSON_AddStringToObject(tree, "id", run->id) && cJSON_AddStringToObject(tree, "started", run->started);
    if (complete && run->from_run[0]) {
        cJSON *from = cJSON_AddObjectToObject(tree, "continues");
        complete = cJSON_AddStringToObject(from, "run", run->from_run) &&
                   cJSON_AddNumberToObject(from, "step", (double)run->from_step) &&
                   cJSON_AddStringToObject(from, "checkpoint", run->from_folder);
    }
    if (complete) return tree;
    cJSON_Delete(tree);
    return NULL;
}

/* A text that fits; an id must have all its digits and nothing else. */
static void read_text(const cJSON *tree, const char *key, char *text, size_t room, const char *path, Error *error) {
    const char *found = "";
    if (json_get_text(tree, key, &found, path, error)) return;
    const size_t length = strlen(found);
    if (length >= room || (room == RUN_ID_TEXT && strspn(found, "0123456789abcdef") != RUN_ID_TEXT - 1))
        error_set(error, STATUS_INPUT, "%s: %s: expected %s, got \"%.40s\"", path, key,
                  room == RUN_ID_TEXT ? "the 32 digits of a run's id" : "a shorter text", found);
    else
        memcpy(text, found, length + 1);
}

Status run_record_parse(RunRecord *run, const cJSON *tree, const char *path, Error *error) {
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(tree, "continues");
    *run = (RunRecord){0};
    if (!cJSON_IsObject(tree))
        return error_set(error, STATUS_INPUT, "%s: run: expected an object with the id of a run", path);
    read_text(tree, "id", run->id, sizeof run->id, path, error);
    read_text(tree, "started", run->started, sizeof run->started, path, error);
    if (cJSON_IsObject(from)) {
        read_text(from, "run", run->from_run, sizeof run->from_run, path, error);
        read_text(from, "checkpoint", run->from_folder, sizeof run->from_folder, path, error);
        json_get_int(from, "step", &run->from_step, path, error);
    }
    if (error->status) *run = (RunRecord){0};
    return error->status;
}

/* --- OUTPUT/linnet_run.json --------------------------------------------------------------------------------------- */

Status run_record_save(const RunRecord *run, const char *output_dir, Error *error) {
    return json_save_in(run_record_tree(run), output_dir, RUN_RECORD_FILE, error);
}

Status run_record_read(RunRecord *run, const char *output_dir, Error *error) {
    char *path = file_join(output_dir, RUN_RECORD_FILE, error);
    cJSON *tree = NULL;
    Error damage = {0};
    *run = (RunRecord){0};
    if (path && file_exists(path) && !json_load(&tree, path, &damage)) run_record_parse(run, tree, path, &damage);
    if (damage.status)
        error_set(error, damage.status, "%s; without this file the folder is taken to be of the run of its checkpoints",
                  damage.message);
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}
