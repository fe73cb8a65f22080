/* Rules between keys: defaults that depend on other keys, contradictions and warnings, as in Trainer. */
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WARNING_KEYS 2048 /* bytes: room for the names of all ignored keys */

/** An error that names the place of `key`, or only the file if it was not given. */
static Status refuse(const Source *source, const char *key, const char *text, Error *error) {
    char where[SOURCE_WHERE];
    const Given *given = source_given(source, key), nowhere = {0};
    source_where(source, given ? given : &nowhere, where);
    return error_set(error, STATUS_INPUT, "%s: %s: %s", where, key, text);
}

static bool is_accepted(const ForeignRow *row, const cJSON *value) {
    cJSON *accepted = cJSON_Parse(row->accepted);
    bool found = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, accepted) found = found || cJSON_Compare(item, value, true);
    cJSON_Delete(accepted);
    return found;
}

static Status refuse_foreign(const ForeignRow *row, const Source *source, const Given *given, Error *error) {
    char where[SOURCE_WHERE], range[FOREIGN_RANGE_TEXT];
    foreign_range(row, range);
    char *found = cJSON_PrintUnformatted(given->value);
    error_set(error, STATUS_INPUT, "%s: %s: expected %s, got %.80s: %s", source_where(source, given, where), row->key,
              range, found ? found : "another value", row->instead);
    cJSON_free(found);
    return error->status;
}

Status settings_check_foreign(const Source *source, Error *error) {
    for (size_t i = 0; i < FOREIGN_COUNT; i++) {
        const Given *given = source_given(source, FOREIGN_ROWS[i].key);
        if (given && !is_accepted(&FOREIGN_ROWS[i], given->value))
            return refuse_foreign(&FOREIGN_ROWS[i], source, given, error);
    }
    return STATUS_OK;
}

static Status check_data_seed(const Settings *settings, const Source *source, Error *error) {
    const Given *given = source_given(source, "data_seed");
    if (!given || (cJSON_IsNumber(given->value) && given->value->valuedouble == (double)settings->seed))
        return STATUS_OK;
    return refuse(source, "data_seed", "expected null or the value of seed: linnet shuffles the samples by seed",
                  error);
}

static Status resolve(Settings *settings, const Source *source, Error *error) {
    if (settings->eval_steps == 0) settings->eval_steps = settings->logging_steps;
    if (settings->load_best_model_at_end && !settings->metric_for_best_model) {
        settings->metric_for_best_model = memory_text("loss", error);
        if (!settings->metric_for_best_model) return error->status;
    }
    if (settings->metric_for_best_model && !source_given(source, "greater_is_better"))
        settings->greater_is_better = strcmp(settings->metric_for_best_model, "loss") != 0;
    return STATUS_OK;
}

/** Trainer's test that each checkpoint comes with an evaluation; both intervals may be fractions of all updates. */
static bool saves_when_it_evaluates(double save_steps, double eval_steps) {
    if (fmod(save_steps, eval_steps) == 0) return true;
    if (save_steps >= 1 || eval_steps >= 1) return false;
    return fmod(save_steps * 1e6, eval_steps * 1e6) == 0;
}

/** Load_best_model_at_end needs an evaluation with each checkpoint. */
static Status check_intervals(const Settings *s, const Source *source, Error *error) {
    if (!s->load_best_model_at_end || s->save_strategy != STRATEGY_STEPS ||
        saves_when_it_evaluates(s->save_steps, s->eval_steps))
        return STATUS_OK;
    char text[160];
    snprintf(text, sizeof text, "needs save_steps to be a multiple of eval_steps, got %g and %g", s->save_steps,
             s->eval_steps);
    return refuse(source, "load_best_model_at_end", text, error);
}

Status settings_check(Settings *s, const Source *source, Error *error) {
    if (check_data_seed(s, source, error) || resolve(s, source, error)) return error->status;
    static const char EVALUATION[] = "needs eval_strategy \"steps\" or \"epoch\"";
    const bool evaluates = s->eval_strategy != STRATEGY_NO, best = s->load_best_model_at_end;
    const bool saves_best = s->save_strategy == STRATEGY_BEST, stops = s->early_stopping_patience > 0;
    const struct {
        bool broken;
        const char *key, *text;
    } rules[] = {
        {s->global_batch_size > 0 && source_given(source, "gradient_accumulation_steps"), "global_batch_size",
         "replaces gradient_accumulation_steps: give only one of them"},
        {s->reduction == REDUCTION_MPI && s->reduction_dtype != WIRE_FLOAT32, "reduction_dtype",
         "\"bfloat16\" needs reduction \"ordered\""},
        {stops && !s->metric_for_best_model, "early_stopping_patience", "needs metric_for_best_model"},
        {evaluates && !s->eval_file, "eval_strategy", "needs eval_file, the token file to evaluate on"},
        {!evaluates && stops, "early_stopping_patience", EVALUATION},
        {!evaluates && best, "load_best_model_at_end", EVALUATION},
        {!evaluates && saves_best, "save_strategy", EVALUATION},
        {saves_best && !s->metric_for_best_model, "save_strategy", "\"best\" also needs metric_for_best_model"},
        {best && !saves_best && s->eval_strategy != s->save_strategy, "load_best_model_at_end",
         "needs equal eval_strategy and save_strategy, or save_strategy \"best\""},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) return refuse(source, rules[i].key, rules[i].text, error);
    return check_intervals(s, source, error);
}

static void warn_of_ignored(const Source *source) {
    char keys[WARNING_KEYS] = "";
    size_t used = 0;
    for (size_t i = 0; i < IGNORED_COUNT; i++)
        if (source_given(source, IGNORED_KEYS[i]))
            used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%s", used > 0 ? ", " : "", IGNORED_KEYS[i]);
    if (used > 0) log_warning("%s: linnet ignores these keys: %s", source->name, keys);
}

void settings_warn(const Settings *settings, const Source *source) {
    warn_of_ignored(source);
    if (settings->lr_scheduler_type == SCHEDULE_CONSTANT && settings->warmup_steps > 0)
        log_warning("%s: warmup_steps has no effect with lr_scheduler_type \"constant\"; use \"constant_with_warmup\"",
                    source->name);
    if (settings->early_stopping_patience > 0 && !settings->load_best_model_at_end)
        log_warning("%s: early_stopping_patience without load_best_model_at_end: the final model has the last weights, "
                    "not the best",
                    source->name);
}
