/* metric_for_best_model: whether an evaluation will report it. */
#include "linnet/core/nearest.h"
#include "linnet/settings/metric_names.h"
#include "settings/settings_source.h"
#include <stdio.h>
#include <string.h>

enum { NAME_TEXT = 128, NAMES_MAX = NAMED_FILES_MAX * METRIC_COUNT };

/* All names that do not depend on labels, with that of a file where the files have names; returns how many. */
static size_t list_names(const NamedFiles *files, const char *const *metrics, char names[NAMES_MAX][NAME_TEXT]) {
    size_t count = 0;
    for (size_t i = 0; i < files->count || (i == 0 && files->count == 0); i++) {
        const char *file = files->count > 0 ? files->files[i].name : NULL;
        for (const char *const *metric = metrics; *metric; metric++)
            snprintf(names[count++], NAME_TEXT, "%s%s%s", file ? file : "", file ? "_" : "", *metric);
    }
    return count;
}

static const char *nearest(const NamedFiles *files, const char *const *metrics, const char *metric,
                           char room[NAME_TEXT]) {
    char names[NAMES_MAX][NAME_TEXT];
    const char *pointers[NAMES_MAX];
    const size_t count = list_names(files, metrics, names);
    for (size_t i = 0; i < count; i++) pointers[i] = names[i];
    const char *found = nearest_name(metric, pointers, count);
    if (found) snprintf(room, NAME_TEXT, "%s", found);
    return found ? room : NULL;
}

void settings_check_metric(Source *source, const Settings *settings) {
    const char *metric = settings->metric_for_best_model, *name = metric;
    const NamedFiles *files = &settings->eval_file;
    if (!metric) return;
    const bool of_file = files->count == 0 || named_files_of_metric(files, &name);
    const bool language = settings->objective == OBJECTIVE_LANGUAGE;
    const char *const *metrics = language ? LANGUAGE_METRIC_NAMES : METRIC_NAMES;
    if (of_file && (metric_is_in(name, metrics) || (!language && metric_may_be_of_class(name)))) return;
    char where[SOURCE_WHERE], range[SETTING_RANGE_TEXT], room[NAME_TEXT], hint[NAME_TEXT + 32] = "";
    const size_t key = settings_find_key("metric_for_best_model");
    const char *near = nearest(files, metrics, metric, room);
    Error mistake = {0};
    setting_range(&SETTING_ROWS[key], false, range);
    if (near) snprintf(hint, sizeof hint, ": did you mean %s?", near);
    const Given *given = &source->given[key];
    const char *written = cJSON_IsString(given->value) ? given->value->valuestring : metric;
    source_where(source, given, where);
    if (of_file && language)
        error_set(&mistake, STATUS_INPUT,
                  "%s: metric_for_best_model: expected loss or perplexity, which a language model has, got \"%.80s\"%s",
                  where, written, hint);
    else if (of_file)
        error_set(&mistake, STATUS_INPUT,
                  "%s: metric_for_best_model: expected %s, or precision, recall, f1 or support of a class, as "
                  "f1_negative, got \"%.80s\"%s",
                  where, range, written, hint);
    else
        error_set(
            &mistake, STATUS_INPUT,
            "%s: metric_for_best_model: eval_file has several files: expected the name of one before the metric, as "
            "%s_%s, got \"%.80s\"%s",
            where, files->files[0].name, language ? "perplexity" : "accuracy", written, hint);
    source_problem(source, &mistake);
}
