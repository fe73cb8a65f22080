/* What differs between a run and the checkpoint that it is to continue. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/text.h"
#include "train/trainer_state.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_TEXT = 80 };

/* Append "NAME WAS -> IS" to found->fixed or found->updates. */
static void add(char list[RUN_DIFFERENCES_TEXT], const char *name, const char *was, const char *is) {
    const size_t used = strlen(list);
    snprintf(list + used, RUN_DIFFERENCES_TEXT - used, "%s%s %s -> %s", used > 0 ? ", " : "", name, was, is);
}

static void add_count(RunDifferences *found, const char *name, int64_t was, int64_t is) {
    char texts[2][VALUE_TEXT];
    if (was == is) return;
    snprintf(texts[0], VALUE_TEXT, "%" PRId64, was);
    snprintf(texts[1], VALUE_TEXT, "%" PRId64, is);
    add(found->fixed, name, texts[0], texts[1]);
}

/* "SHA-256 0123456789ab…" */
static void add_digest(RunDifferences *found, const char *name, const char *was, const char *is) {
    char texts[2][VALUE_TEXT];
    snprintf(texts[0], VALUE_TEXT, "SHA-256 %.12s…", was);
    snprintf(texts[1], VALUE_TEXT, "%.12s…", is);
    add(found->fixed, name, texts[0], texts[1]);
}

typedef struct {
    const Settings *settings;
    RunDifferences *found;
} Comparison;

/* Class weights change the loss of an evaluation, "loss" or "NAME_loss". */
static bool decides_the_best(const Settings *settings, const char *key) {
    const char *metric = settings->metric_for_best_model;
    if (strcmp(key, "class_weights") == 0) return metric && text_ends_with(metric, "loss");
    return strcmp(key, "metric_for_best_model") == 0 || strcmp(key, "greater_is_better") == 0;
}

static void note_setting(void *context, const SettingChange *change) {
    const Comparison *comparison = context;
    RunDifferences *found = comparison->found;
    if (change->fixed) add(found->fixed, change->key, change->was, change->is);
    if (change->updates) add(found->updates, change->key, change->was, change->is);
    found->metric = found->metric || decides_the_best(comparison->settings, change->key);
}

/* Another path may lead to the same model, and the same path to another one: the fingerprint decides, where both are
 * known. A final model may have replaced the one in output_dir that the run began with. */
static bool is_other_model(const Trainer *t, const RunState *was) {
    const char *before = was->model_digest, *now = t->state.model_digest;
    if (!before[0] || !now[0] || file_same(t->settings->output_dir, t->settings->model_name_or_path)) return false;
    return strcmp(before, now) != 0;
}

Status trainer_compare(const Trainer *t, const RunState *was, const cJSON *settings, RunDifferences *found,
                       Error *error) {
    const RunState *now = &t->state;
    *found = (RunDifferences){0};
    if (is_other_model(t, was)) add_digest(found, "model_name_or_path", was->model_digest, now->model_digest);
    add_count(found, "samples per update", was->global_batch, now->global_batch);
    add_count(found, "samples in the training file", was->samples, now->samples);
    add_count(found, "tokens in the training file", was->tokens, now->tokens);
    if (strcmp(was->data_digest, now->data_digest) != 0)
        add_digest(found, "source of train_file", was->data_digest, now->data_digest);
    if (strcmp(was->data_part, now->data_part) != 0)
        add(found->fixed, "part of its table", *was->data_part ? was->data_part : "all",
            *now->data_part ? now->data_part : "all");
    if (settings_compare(t->settings, settings, note_setting, &(Comparison){t->settings, found}, error))
        return error->status;
    if (now->eval_digest[0] && was->eval_digest[0] &&
        (strcmp(was->eval_digest, now->eval_digest) != 0 || was->eval_tokens != now->eval_tokens))
        found->metric = true;
    return STATUS_OK;
}

/* `context`: the folder of the checkpoint. */
static void tell_setting(void *context, const SettingChange *change) {
    if (!change->fixed)
        log_info("changed since %s: %s %s -> %s", (const char *)context, change->key, change->was, change->is);
}

Status trainer_tell_changes(const Trainer *t, const RunState *was, const cJSON *settings, const char *folder,
                            Error *error) {
    char text[BUILD_FINGERPRINT_TEXT];
    if (build_fingerprint_differs(&was->fingerprint, &t->state.fingerprint, text))
        log_warning("%s was made with %s: results may differ in the last bits from a run without interruption", folder,
                    text);
    if (was->units != t->state.units)
        log_warning("%s was made with %lld reduction units, this run has %lld: results may differ in the last bits",
                    folder, (long long)was->units, (long long)t->state.units);
    return settings_compare(t->settings, settings, tell_setting, (char *)(uintptr_t)folder, error);
}
