/* The evaluation files of a run: which of them the page is about, where they have names. */
#include "linnet/settings/metric_names.h"
#include "linnet/settings/named_files.h"
#include "report/report_run.h"
#include <stdio.h>
#include <string.h>

/* The files of an object of names and paths, all borrowed; returns how many. */
static size_t list_files(const cJSON *object, NamedFile files[NAMED_FILES_MAX]) {
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        if (count < NAMED_FILES_MAX && cJSON_IsString(member))
            files[count++] = (NamedFile){member->string, member->valuestring};
    }
    return count;
}

/* Give the fields of the chosen file the names that the fields of an only file have. An event has the scores of one file,
 * told by its loss: the prefix alone may begin that of another file, as "eval_test_" begins "eval_test_new_". */
static void rename_fields(cJSON *event, const char *prefix) {
    const size_t length = strlen(prefix);
    char loss[EVAL_PREFIX_TEXT + 8];
    snprintf(loss, sizeof loss, "%s%s", prefix, METRIC_NAMES[METRIC_LOSS]);
    if (!cJSON_GetObjectItemCaseSensitive(event, loss)) return;
    for (cJSON *field = event->child, *next; field; field = next) {
        char name[512] = "eval_";
        next = field->next;
        if (strncmp(field->string, prefix, length) != 0 || strlen(field->string) >= sizeof name) continue;
        strcat(name, field->string + length);
        cJSON_DetachItemViaPointer(event, field);
        if (!cJSON_AddItemToObject(event, name, field)) cJSON_Delete(field);
    }
}

void run_choose_file(Run *run) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(run->settings, "eval_file");
    NamedFile files[NAMED_FILES_MAX];
    const NamedFiles all = {files, list_files(cJSON_IsObject(given) ? given : NULL, files)};
    const char *metric = run_setting_text(run, "metric_for_best_model");
    char prefix[EVAL_PREFIX_TEXT];
    run->eval_path = cJSON_GetStringValue(given);
    if (all.count == 0) return;
    const NamedFile *chosen = metric ? named_files_of_metric(&all, &metric) : NULL;
    if (!chosen) chosen = &files[0];
    run->eval_name = chosen->name;
    run->eval_path = chosen->path;
    eval_prefix(chosen, prefix);
    cJSON *event;
    cJSON_ArrayForEach(event, run->log) rename_fields(event, prefix);
}

size_t run_other_files(const Run *run, const char *names[], size_t most) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(run->settings, "eval_file"), *member;
    size_t count = 0;
    if (!cJSON_IsObject(given) || !run->eval_name) return 0;
    cJSON_ArrayForEach(member, given) {
        if (count < most && strcmp(member->string, run->eval_name) != 0) names[count++] = member->string;
    }
    return count;
}
