/* A first configuration as text. See starter.h. */
#include "cli/starter.h"
#include "linnet/core/escape.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/isa.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define LABELS_SHOWN 6
#define COLUMNS 110

void duration_text(double seconds, char text[DURATION_TEXT]) {
    if (seconds < 1.0)
        snprintf(text, DURATION_TEXT, seconds < 0.01 ? "%.2g ms" : "%.0f ms", seconds * 1e3);
    else if (seconds < 120.0)
        snprintf(text, DURATION_TEXT, "%.3g s", seconds);
    else if (seconds < 7200.0)
        snprintf(text, DURATION_TEXT, "%.0f minutes", seconds / 60.0);
    else
        snprintf(text, DURATION_TEXT, "%.1f hours", seconds / 3600.0);
}

/* A text as comments: `start` on the first line and `indent` on the others, and words up to the last column. */
static void put_comment(FILE *stream, const char *start, const char *indent, const char *text) {
    size_t at = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        const size_t size = strcspn(text, " ");
        if (at == 0 || at + size + 1 > COLUMNS)
            at = (size_t)fprintf(stream, "%s%s", at ? "\n" : "", at ? indent : start);
        at += (size_t)fprintf(stream, " %.*s", (int)size, text);
        text += size;
    }
    if (at > 0) fputc('\n', stream);
}

static void put_found(FILE *stream, const char *name, const char *text) {
    char start[32];
    snprintf(start, sizeof start, "// %-8s", name);
    put_comment(stream, start, "//         ", text);
}

static const char *name_of(const char *text, Quoted *room) {
    return quoted(text, strlen(text), room);
}

/* The number of samples of each label, and what the most frequent one alone would reach. */
static void put_labels(FILE *stream, const DatasetInfo *info, const Survey *survey) {
    char text[LABELS_SHOWN * (sizeof(Quoted) + 64) + 256] = "";
    const bool numbers = info->problem == PROBLEM_REGRESSION;
    const double read = (double)survey->read;
    size_t used = 0;
    int64_t most = 0;
    for (int32_t i = 0; i < info->labels; i++) {
        Quoted room;
        if (survey->counts[i] > most) most = survey->counts[i];
        if (i >= LABELS_SHOWN) continue;
        const double mean = survey->sums[i] / read, variance = fmax(0.0, survey->squares[i] / read - mean * mean);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "",
                                 name_of(info->label_names[i], &room));
        if (numbers)
            used += (size_t)snprintf(text + used, sizeof text - used, " mean %.4g, standard deviation %.4g", mean,
                                     sqrt(variance));
        else
            used +=
                (size_t)snprintf(text + used, sizeof text - used, " %.1f %%", 100.0 * (double)survey->counts[i] / read);
    }
    if (info->labels > LABELS_SHOWN)
        used += (size_t)snprintf(text + used, sizeof text - used, " and %d more", info->labels - LABELS_SHOWN);
    if (info->problem == PROBLEM_SINGLE_LABEL)
        snprintf(text + used, sizeof text - used, "; the most frequent one for all texts: accuracy %.3f",
                 (double)most / read);
    else if (numbers)
        snprintf(text + used, sizeof text - used, "; the mean for all texts: an RMSE of the standard deviation");
    put_found(stream, numbers ? "targets" : "labels", text);
}

static void put_data(FILE *stream, const DatasetInfo *info, const Survey *survey) {
    char text[512], part[96] = "";
    Quoted room;
    if (survey->read < survey->samples) snprintf(part, sizeof part, " (of %" PRId64 " samples)", survey->read);
    snprintf(text, sizeof text,
             "%s: %" PRId64 " samples, %" PRId64 " tokens: %.1f a sample, half of them up to %d, 95 %% up to %d, "
             "the longest %d%s",
             name_of(info->path, &room), survey->samples, survey->tokens,
             (double)survey->tokens / (double)survey->samples, survey->median, survey->most, info->longest, part);
    put_found(stream, "data", text);
    put_labels(stream, info, survey);
}

static void put_model(FILE *stream, const PlanSubject *subject) {
    const Model *model = &subject->model;
    size_t count = parameters_count(&model->layout);
    char text[512];
    Quoted room;
    snprintf(text, sizeof text, "%s: %d layers, width %d, %d heads, %.1f M parameters, texts of up to %d tokens; %s",
             name_of(subject->settings.model_name_or_path, &room), model->config.layers, model->config.width,
             model->config.heads, (double)count / 1e6, model->config.positions,
             model->new_head ? "it has no head for these labels: a new one is drawn" : "with a head for these labels");
    put_found(stream, "model", text);
}

static void put_plan(FILE *stream, const Plan *plan, const PlanConstants *constants) {
    char text[512], update[DURATION_TEXT], run[DURATION_TEXT];
    const PlanMemory *memory = &plan->memory;
    snprintf(text, sizeof text, "%ld processors, %.1f GB of memory, %s kernels", sysconf(_SC_NPROCESSORS_ONLN),
             (double)memory_total() / 1e9, isa_name());
    put_found(stream, "machine", text);
    duration_text(plan->cost.seconds, update);
    duration_text((double)plan->job.updates * plan->cost.seconds, run);
    snprintf(text, sizeof text,
             "on 1 rank of %d threads: up to %.2f GB of memory, and %.2f GB while a checkpoint is written; %s an "
             "update, %" PRId64 " updates: %s without evaluations",
             constants->threads, memory->node / 1e9, (memory->node + memory->saving) / 1e9, update, plan->job.updates,
             run);
    put_found(stream, "plan", text);
}

void starter_print_head(FILE *stream, const PlanSubject *subject, const Survey *survey, const Plan *plan,
                        const PlanConstants *constants, const char *config) {
    char text[256];
    Quoted room;
    fputs("// Made by linnet init-config " LINNET_VERSION
          ". JSON with comments; keys and defaults are those of Trainer's\n"
          "// TrainingArguments, and linnet train --settings lists all.\n",
          stream);
    put_model(stream, subject);
    put_data(stream, dataset_info(subject->dataset), survey);
    put_plan(stream, plan, constants);
    snprintf(text, sizeof text, "linnet train %s or, on 2 ranks, mpirun -n 2 linnet train %s",
             config ? name_of(config, &room) : "run.json", config ? name_of(config, &room) : "run.json");
    put_found(stream, "start", text);
}

char *starter_override(const StarterRow *row, Error *error) {
    const char *value = row->path ? row->path : row->value;
    const size_t room = strlen(row->key) + strlen(value) + sizeof "--=";
    char *text = memory_allocate(room, 1, error);
    if (text) snprintf(text, room, "--%s=%s", row->key, value);
    return text;
}

Status starter_print_object(FILE *stream, const Starter *starter, Error *error) {
    fputs("{\n", stream);
    for (size_t i = 0; i < starter->count; i++) {
        const StarterRow *row = &starter->rows[i];
        if (*row->reason && i > 0) fputc('\n', stream);
        put_comment(stream, "  //", "  //", row->reason);
        cJSON *path = row->path ? cJSON_CreateStringReference(row->path) : NULL;
        char *quoted_path = path ? cJSON_PrintUnformatted(path) : NULL;
        if (row->path && !quoted_path) error_set(error, STATUS_FAILURE, "out of memory for the configuration");
        fprintf(stream, "  \"%s\": %s%s\n", row->key, quoted_path ? quoted_path : row->value,
                i + 1 < starter->count ? "," : "");
        cJSON_free(quoted_path);
        cJSON_Delete(path);
    }
    fputs("}\n", stream);
    return error->status;
}
