/* TensorBoard's event files of a run. */
#include "linnet/report/tensorboard.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "report/event_record.h"
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_START "events.out.tfevents." /* TensorBoard reads the files with this in their names, in their order */
#define TAG_SIZE 512                      /* bytes: more than a field's name has */

/* Fields of the HParams plugin (tensorboard/plugins/hparams/plugin_data.proto) and of google.protobuf.Value. */
enum { HPARAMS_SESSION_START = 3, HPARAMS_SESSION_END = 4 };
enum { START_HPARAMS = 1, START_TIME = 5, END_STATUS = 1, END_TIME = 2, END_SUCCESS = 1, END_FAILURE = 2 };
enum { MAP_KEY = 1, MAP_VALUE = 2, VALUE_NUMBER = 2, VALUE_TEXT = 3, VALUE_BOOL = 4 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- The folder --------------------------------------------------------------------------------------------------- */

/* "Nov30_01-02-03_1f0c9a3b", in the form of Trainer's, which has the host in place of the run. */
static void run_name(const RunRecord *run, char *name, size_t size) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int year, month, day, hour, minute, second;
    if (sscanf(run->started, "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) == 6 && month >= 1 &&
        month <= 12)
        snprintf(name, size, "%s%02d_%02d-%02d-%02d_%.8s", months[month - 1], day, hour, minute, second, run->id);
    else
        snprintf(name, size, "%.8s", run->id);
}

char *tensorboard_folder(const Settings *settings, const RunRecord *run, Error *error) {
    const char *given = getenv("TENSORBOARD_LOGGING_DIR");
    char name[64];
    if (settings->logging_dir) return memory_text(settings->logging_dir, error);
    if (given && *given) return file_expand_home(given, error);
    run_name(run, name, sizeof name);
    char *runs = file_join(settings->output_dir, "runs", error), *folder = NULL;
    if (runs) folder = file_join(runs, name, error);
    memory_free(runs);
    return folder;
}

Status tensorboard_check(const char *folder, Error *error) {
    if (file_make_folder(folder, error)) return error->status;
    char *path = file_join(folder, "events", error);
    if (path) file_probe(path, error);
    memory_free(path);
    return error->status;
}

/* When the newest event file of a folder was begun, in seconds since 1970; -1: there is none. */
static long long newest_file(const char *folder) {
    long long newest = -1;
    DIR *names = opendir(folder);
    for (const struct dirent *entry; names && (entry = readdir(names));) {
        if (strncmp(entry->d_name, NAME_START, strlen(NAME_START)) != 0) continue;
        const long long seconds = strtoll(entry->d_name + strlen(NAME_START), NULL, 10);
        newest = seconds > newest ? seconds : newest;
    }
    if (names) closedir(names);
    return newest;
}

/* A name as torch's SummaryWriter makes it, which sorts behind those that there are. */
static char *new_path(const char *folder, double seconds, long long newest, Error *error) {
    char name[256], host[128] = "";
    const long long now = (long long)seconds;
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, NAME_START "%010lld.%s.%ld.0", now > newest ? now : newest + 1, host, (long)getpid());
    return file_join(folder, name, error);
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* A setting as an entry of the map of hyperparameters; null, and what has parts, are none. */
static void add_hparam(Proto *start, const cJSON *setting) {
    Proto entry = {0}, value = {0};
    if (cJSON_IsNumber(setting))
        proto_double(&value, VALUE_NUMBER, setting->valuedouble);
    else if (cJSON_IsString(setting))
        proto_text(&value, VALUE_TEXT, setting->valuestring);
    else if (cJSON_IsBool(setting))
        proto_integer(&value, VALUE_BOOL, cJSON_IsTrue(setting) ? 1 : 0);
    else
        return;
    proto_text(&entry, MAP_KEY, setting->string);
    proto_message(&entry, MAP_VALUE, &value);
    proto_message(start, START_HPARAMS, &entry);
}

static void add_hparams(Proto *summary, double seconds, const cJSON *settings) {
    Proto start = {0}, data = {0};
    const cJSON *setting;
    cJSON_ArrayForEach(setting, settings) add_hparam(&start, setting);
    proto_double(&start, START_TIME, seconds);
    proto_message(&data, HPARAMS_SESSION_START, &start);
    summary_hparams(summary, "_hparams_/session_start_info", &data);
}

/* What the file begins with. */
static void print_start(Proto *records, const TensorBoardPlan *plan, double seconds, int64_t step, Error *error) {
    cJSON *settings = NULL;
    Proto summary = {0};
    if (json_parse(&settings, plan->settings, strlen(plan->settings), "settings", error)) return;
    session_records(records, seconds, step);
    summary_text(&summary, "args/text_summary", plan->settings);
    summary_text(&summary, "model_config/text_summary", plan->model);
    add_hparams(&summary, seconds, settings);
    summary_record(records, seconds, step, &summary);
    cJSON_Delete(settings);
}

/* The tag that Trainer's rewrite_logs() gives a field. */
static void field_tag(const char *field, char tag[TAG_SIZE]) {
    const bool eval = strncmp(field, "eval_", 5) == 0;
    snprintf(tag, TAG_SIZE, "%s/%s", eval ? "eval" : "train", eval ? field + 5 : field);
}

/* One Event with all values of a log event, so that a reader has all of them or none. */
static bool print_event(FILE *stream, const cJSON *event, const cJSON *context) {
    (void)context;
    Proto records = {0}, summary = {0};
    int64_t step = 0;
    const cJSON *field;
    cJSON_ArrayForEach(field, event) {
        char tag[TAG_SIZE];
        if (strcmp(field->string, "step") == 0) {
            step = (int64_t)field->valuedouble;
            continue;
        }
        field_tag(field->string, tag);
        summary_scalar(&summary, tag, cJSON_IsNumber(field) ? field->valuedouble : NAN);
    }
    summary_record(&records, seconds_now(), step, &summary);
    const bool done = !records.error.status && fwrite(records.bytes, 1, records.size, stream) == records.size;
    proto_free(&records);
    return done;
}

Status tensorboard_open(EventFile **file, const TensorBoardPlan *plan, Error *error) {
    Proto start = {0};
    *file = NULL;
    if (file_make_folder(plan->folder, error)) return error->status;
    const long long newest = newest_file(plan->folder);
    const double seconds = seconds_now();
    const int64_t step = newest >= 0 ? plan->resumed_step : 0;
    char *path = new_path(plan->folder, seconds, newest, error);
    print_start(&start, plan, seconds, step, error);
    if (start.error.status) error_set(error, start.error.status, "%s", start.error.message);
    if (!error->status)
        event_file_open(file,
                        &(EventFilePlan){.path = path,
                                         .start = start.bytes,
                                         .start_size = start.size,
                                         .events = plan->events,
                                         .first_step = step,
                                         .print = print_event},
                        error);
    proto_free(&start);
    memory_free(path);
    return error->status;
}

Status tensorboard_end(EventFile *file, bool success, Error *error) {
    Proto end = {0}, data = {0}, summary = {0}, records = {0};
    const double seconds = seconds_now();
    proto_integer(&end, END_STATUS, success ? END_SUCCESS : END_FAILURE);
    proto_double(&end, END_TIME, seconds);
    proto_message(&data, HPARAMS_SESSION_END, &end);
    summary_hparams(&summary, "_hparams_/session_end_info", &data);
    summary_record(&records, seconds, 0, &summary);
    if (records.error.status)
        error_set(error, records.error.status, "%s", records.error.message);
    else
        event_file_append(file, records.bytes, records.size, error);
    proto_free(&records);
    return error->status;
}
