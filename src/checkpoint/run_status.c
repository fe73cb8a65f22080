/* The file that says what has become of a run. See run_status.h. */
#include "linnet/checkpoint/run_status.h"

#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/launcher.h"
#include "linnet/core/memory.h"
#include <unistd.h>

static const char *word_of(const RunStatus *status) {
    if (!status->ended) return "running";
    if (status->status == STATUS_OK) return "finished";
    return status->status == STATUS_STOPPED ? "stopped" : "failed";
}

static bool has_failed(const RunStatus *status) {
    return status->ended && status->status != STATUS_OK && status->status != STATUS_STOPPED;
}

/* NULL: out of memory. */
static cJSON *make_tree(const RunStatus *status) {
    char host[256] = "", now[RUN_TIME_TEXT];
    gethostname(host, sizeof host - 1);
    const char *job = launcher_job();
    run_time_now(now);
    cJSON *tree = cJSON_CreateObject();
    const bool complete =
        cJSON_AddStringToObject(tree, "status", word_of(status)) &&
        (status->ended ? cJSON_AddNumberToObject(tree, "exit_code", status->status)
                       : cJSON_AddNullToObject(tree, "exit_code")) &&
        (!has_failed(status) || cJSON_AddStringToObject(tree, "error", status->message)) &&
        cJSON_AddNumberToObject(tree, "updates", (double)status->updates) &&
        cJSON_AddNumberToObject(tree, "resumed_from", (double)status->resumed) &&
        cJSON_AddNumberToObject(tree, "total_updates", (double)status->total) &&
        cJSON_AddNumberToObject(tree, "checkpoint", (double)status->checkpoint) &&
        cJSON_AddStringToObject(tree, "run", status->run) &&
        cJSON_AddStringToObject(tree, "started", status->started) && cJSON_AddStringToObject(tree, "written", now) &&
        cJSON_AddStringToObject(tree, "host", host) && cJSON_AddNumberToObject(tree, "process", (double)getpid()) &&
        (!job || cJSON_AddStringToObject(tree, "job", job));
    if (complete) return tree;
    cJSON_Delete(tree);
    return NULL;
}

Status run_status_save(const RunStatus *status, const char *output_dir, Error *error) {
    return json_save_in(make_tree(status), output_dir, RUN_STATUS_FILE, error);
}

char *run_status_text(const char *output_dir, Error *error) {
    char *path = file_join(output_dir, RUN_STATUS_FILE, error), *text = NULL;
    if (path && file_exists(path))
        file_read(path, &text, NULL, error);
    else if (path)
        text = memory_text("{\n  \"status\": \"none\"\n}\n", error);
    memory_free(path);
    return text;
}
