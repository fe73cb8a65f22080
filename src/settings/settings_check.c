/* Rules between keys: defaults that depend on other keys, contradictions and warnings, as in Trainer. */
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/text.h"
#include "linnet/model/adapter.h"
#include "linnet/settings/metric_names.h"
#include "settings/settings_source.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WARNING_KEYS 4096 /* bytes: room for the names of all foreign keys */

/** An error that names the place of `key`, or only the file if it was not given. */
static Status refuse(const Source *source, const char *key, const char *text, Error *error) {
    char where[SOURCE_WHERE];
    const Given *given = source_given(source, key), nowhere = {0};
    source_where(source, given ? given : &nowhere, where);
    return error_set(error, STATUS_INPUT, "%s: %s: %s", where, key, text);
}

/* Values that Trainer computes from other keys, and writes with the rest. */
static bool is_made_of_others(const Settings *settings, const char *key, const cJSON *value) {
    const char *output = settings->output_dir ? settings->output_dir : "";
    if (strcmp(key, "data_seed") == 0) return cJSON_IsNumber(value) && value->valuedouble == (double)settings->seed;
    if (!cJSON_IsString(value)) return false;
    return strcmp(key, "run_name") == 0 && strcmp(value->valuestring, output) == 0;
}

/* Whether Trainer chose this folder: runs/Nov30_01-02-03_HOST in its output_dir. */
static bool is_trainers_folder(const char *folder) {
    const char *name = strrchr(folder, '/'), *form = "Aaa00_00-00-00_";
    if (!name || name - folder < 4 || strncmp(name - 4, "runs", 4) != 0) return false;
    if (name - folder > 4 && name[-5] != '/') return false;
    for (name++; *form; form++, name++) {
        const bool fits = *form == 'A'   ? isupper((unsigned char)*name)
                          : *form == 'a' ? islower((unsigned char)*name)
                          : *form == '0' ? isdigit((unsigned char)*name)
                                         : *name == *form;
        if (!fits) return false;
    }
    return *name != '\0';
}

/* Whether a foreign key has a value of which something must be said. */
static bool is_notable(const Source *source, size_t row, ForeignKind kind, const Settings *settings) {
    const ForeignRow *foreign = &FOREIGN_ROWS[row];
    const cJSON *value = source->given[SETTINGS_COUNT + row].value;
    return foreign->kind == kind && !foreign_is_silent(foreign, value) &&
           !is_made_of_others(settings, foreign->key, value);
}

void settings_check_foreign(Source *source, const Settings *settings) {
    for (size_t i = 0; i < FOREIGN_COUNT; i++) {
        if (!is_notable(source, i, FOREIGN_CHECKED, settings)) continue;
        char where[SOURCE_WHERE], range[FOREIGN_RANGE_TEXT];
        const Given *given = &source->given[SETTINGS_COUNT + i];
        char *found = cJSON_PrintUnformatted(given->value);
        Error mistake = {0};
        foreign_range(&FOREIGN_ROWS[i], range);
        error_set(&mistake, STATUS_INPUT, "%s: %s: expected %s, got %.80s: %s", source_where(source, given, where),
                  FOREIGN_ROWS[i].key, range, found ? found : "another value", FOREIGN_ROWS[i].text);
        cJSON_free(found);
        source_problem(source, &mistake);
    }
}

/* What is wrong with class_weights may only be known when the training data is. */
static Status note_place(Settings *settings, const Source *source, Error *error) {
    char where[SOURCE_WHERE];
    const Given *given = source_given(source, "class_weights");
    if (given) settings->class_weights_place = memory_text(source_where(source, given, where), error);
    return error->status;
}

static Status resolve(Settings *settings, const Source *source, Error *error) {
    if (settings->logging_dir && is_trainers_folder(settings->logging_dir)) {
        memory_free(settings->logging_dir);
        settings->logging_dir = NULL;
    }
    if (settings->eval_steps == 0 && settings->eval_strategy == STRATEGY_STEPS)
        settings->eval_steps = settings->logging_steps;
    const bool needs_metric =
        settings->load_best_model_at_end || settings->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU;
    if (needs_metric && !settings->metric_for_best_model) {
        settings->metric_for_best_model = memory_text("loss", error);
        if (!settings->metric_for_best_model) return error->status;
    }
    if (settings->metric_for_best_model && !source_given(source, "greater_is_better"))
        settings->greater_is_better = !text_ends_with(settings->metric_for_best_model, "loss");
    return note_place(settings, source, error);
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

static Status check_schedule(Settings *s, const Source *source, Error *error) {
    Error refused = {0};
    const char *name = SETTING_ROWS[settings_find_key("lr_scheduler_type")].choices[s->lr_scheduler_type];
    if (!schedule_options_read(&s->schedule, s, name, &refused)) return STATUS_OK;
    if (refused.status == STATUS_INPUT) return refuse(source, "lr_scheduler_kwargs", refused.message, error);
    *error = refused;
    return error->status;
}

/** A value other than the default in a key that acts on adapters alone. */
static bool is_given(const Source *source, const char *key) {
    const Given *given = source_given(source, key);
    cJSON *usual = cJSON_Parse(SETTING_ROWS[settings_find_key(key)].fallback);
    const bool other = given && !cJSON_Compare(given->value, usual, true);
    cJSON_Delete(usual);
    return other;
}

/** Adapters learn in place of the model's own weights. */
static Status check_adapters(const Settings *s, const Source *source, Error *error) {
    static const char WITHOUT[] = "needs lora_r, the rank of the adapters: 8 for example",
                      BESIDES[] = "with lora_r the model's own weights never learn: leave it out";
    const bool adapters = s->lora_r > 0;
    const struct {
        bool broken;
        const char *key, *text;
    } rules[] = {
        {!adapters && is_given(source, "lora_alpha"), "lora_alpha", WITHOUT},
        {!adapters && is_given(source, "lora_dropout"), "lora_dropout", WITHOUT},
        {!adapters && is_given(source, "lora_target_modules"), "lora_target_modules", WITHOUT},
        {adapters && s->lora_alpha == 0, "lora_alpha",
         "expected a number above 0: with 0 the adapters would have no effect"},
        {adapters && s->freeze_layers > 0, "freeze_layers", BESIDES},
        {adapters && s->freeze_embeddings, "freeze_embeddings", BESIDES},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) return refuse(source, rules[i].key, rules[i].text, error);
    Error unmatched = {0};
    if (!adapters || !adapter_check_targets(s->lora_target_modules, 0, &unmatched)) return STATUS_OK;
    return refuse(source, "lora_target_modules", unmatched.message, error);
}

Status settings_check(Settings *s, const Source *source, Error *error) {
    if (resolve(s, source, error)) return error->status;
    const char *metric = s->metric_for_best_model;
    static const char EVALUATION[] = "needs eval_strategy \"steps\" or \"epoch\"";
    const bool evaluates = s->eval_strategy != STRATEGY_NO, best = s->load_best_model_at_end;
    const bool saves_best = s->save_strategy == STRATEGY_BEST, stops = s->early_stopping_patience > 0;
    const bool language = s->objective == OBJECTIVE_LANGUAGE;
    const struct {
        bool broken;
        const char *key, *text;
    } rules[] = {
        {s->global_batch_size > 0 && source_given(source, "gradient_accumulation_steps"), "global_batch_size",
         "replaces gradient_accumulation_steps: give only one of them"},
        {s->focal_gamma > 0 && s->label_smoothing_factor > 0, "focal_gamma",
         "the focal loss has no label smoothing: give only one of focal_gamma and label_smoothing_factor"},
        {s->reduction == REDUCTION_MPI && s->reduction_dtype != WIRE_FLOAT32, "reduction_dtype",
         "\"bfloat16\" needs reduction \"ordered\""},
        {stops && !s->metric_for_best_model, "early_stopping_patience", "needs metric_for_best_model"},
        {s->eval_on_start && s->eval_file.count == 0, "eval_on_start",
         "needs eval_file, the token file to evaluate on"},
        {evaluates && s->eval_file.count == 0, "eval_strategy", "needs eval_file, the token file to evaluate on"},
        {!evaluates && stops, "early_stopping_patience", EVALUATION},
        {!evaluates && best, "load_best_model_at_end", EVALUATION},
        {!evaluates && s->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU, "lr_scheduler_type",
         "\"reduce_lr_on_plateau\" needs eval_strategy \"steps\" or \"epoch\""},
        {s->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU &&
             (s->head_learning_rate >= 0 || s->layerwise_lr_decay != 1),
         "lr_scheduler_type",
         "\"reduce_lr_on_plateau\" lowers one rate: it does not go with head_learning_rate or layerwise_lr_decay"},
        {s->metric_for_best_model && s->eval_file.count > 0 && !named_files_of_metric(&s->eval_file, &metric),
         "metric_for_best_model",
         "eval_file has several files: name one of them before the metric, as in eval_NAME_loss"},
        {!evaluates && saves_best, "save_strategy", EVALUATION},
        {saves_best && !s->metric_for_best_model, "save_strategy", "\"best\" also needs metric_for_best_model"},
        {best && !saves_best && s->eval_strategy != s->save_strategy, "load_best_model_at_end",
         "needs equal eval_strategy and save_strategy, or save_strategy \"best\""},
    };
    const struct {
        bool broken;
        const char *key, *text;
    } language_rules[] = {
        {s->label_smoothing_factor > 0, "label_smoothing_factor", "expected 0 for a language model"},
        {s->pooling != POOLING_LAST_TOKEN, "pooling", "expected last_token: a language model reads every token"},
        {s->class_weights != NULL, "class_weights", "expected null: a language model has no labels"},
        {s->focal_gamma > 0, "focal_gamma", "expected 0 for a language model"},
        {s->freeze_layers > 0, "freeze_layers", "expected 0: a language model learns as a whole"},
        {s->freeze_embeddings, "freeze_embeddings", "expected false: a language model learns as a whole"},
        {s->lora_r > 0, "lora_r", "expected 0: a language model learns as a whole"},
        {s->head_learning_rate >= 0, "head_learning_rate",
         "expected null: the output layer of a language model is the token embedding"},
    };
    for (size_t i = 0; language && i < sizeof language_rules / sizeof *language_rules; i++)
        if (language_rules[i].broken) return refuse(source, language_rules[i].key, language_rules[i].text, error);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) return refuse(source, rules[i].key, rules[i].text, error);
    return check_schedule(s, source, error) || check_adapters(s, source, error) ? error->status
                                                                                : check_intervals(s, source, error);
}

/* Append a piece to a list of names in a text that has room for those of all keys. */
static void add_name(char names[WARNING_KEYS], const char *name, const char *link, const char *other) {
    const size_t used = strlen(names);
    snprintf(names + used, WARNING_KEYS - used, "%s%s%s%s", used > 0 ? ", " : "", name, link, other);
}

static void warn_of_names(const Settings *settings, const Source *source) {
    char unused[WARNING_KEYS] = "", renamed[WARNING_KEYS] = "";
    for (size_t i = 0; i < FOREIGN_COUNT; i++) {
        const ForeignRow *row = &FOREIGN_ROWS[i];
        if (is_notable(source, i, FOREIGN_UNUSED, settings)) add_name(unused, row->key, "", "");
        if (source->renamed[i]) add_name(renamed, row->key, " as ", row->text);
    }
    if (*unused)
        log_warning("%s: these keys have no effect (linnet train --settings says why): %s", source->name, unused);
    if (*renamed) log_warning("%s: keys that have another name now were taken over: %s", source->name, renamed);
}

/* Names of other programs in report_to. */
static void warn_of_reports(const Source *source) {
    const size_t key = settings_find_key("report_to");
    const cJSON *value = source->given[key].value, *name = cJSON_IsArray(value) ? value->child : value;
    char names[WARNING_KEYS] = "";
    for (; name; name = cJSON_IsArray(value) ? name->next : NULL)
        if (cJSON_IsString(name) && setting_ignores(&SETTING_ROWS[key], name->valuestring))
            add_name(names, name->valuestring, "", "");
    if (*names) log_warning("%s: report_to: no effect: %s; linnet reports to tensorboard and csv", source->name, names);
}

/* Trainer's default takes every metric for one of which more is better, unless it is a loss. */
static void warn_of_direction(const Settings *settings, const Source *source) {
    const char *metric = settings->metric_for_best_model;
    if (!metric || source_given(source, "greater_is_better")) return;
    named_files_of_metric(&settings->eval_file, &metric);
    if (metric_is_error(metric))
        log_warning(
            "%s: metric_for_best_model \"%s\": greater_is_better is true by default, as in Trainer, but a smaller "
            "%s is better: set greater_is_better to false",
            source->name, settings->metric_for_best_model, metric);
}

void settings_warn(const Settings *settings, const Source *source) {
    const Given *optim = source_given(source, "optim");
    warn_of_names(settings, source);
    warn_of_reports(source);
    if (optim && cJSON_IsString(optim->value) && strcmp(optim->value->valuestring, "adamw_hf") == 0)
        log_warning(
            "%s: optim \"adamw_hf\" is computed as \"adamw_torch\", which applies adam_epsilon and weight_decay "
            "a little differently",
            source->name);
    if (settings->lr_scheduler_type == SCHEDULE_CONSTANT && settings->warmup_steps > 0)
        log_warning("%s: warmup_steps has no effect with lr_scheduler_type \"constant\"; use \"constant_with_warmup\"",
                    source->name);
    if (settings->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU && settings->warmup_steps > 0)
        log_warning("%s: warmup_steps has no effect with lr_scheduler_type \"reduce_lr_on_plateau\", as in Trainer",
                    source->name);
    if (settings->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU &&
        settings->greater_is_better != (settings->schedule.plateau.mode == PLATEAU_MAX))
        log_warning(
            "%s: lr_scheduler_kwargs: mode is \"%s\", but the metric, %s, is better where it is %s: the learning rate "
            "falls while the model improves",
            source->name, settings->greater_is_better ? "min" : "max", settings->metric_for_best_model,
            settings->greater_is_better ? "larger" : "smaller");
    warn_of_direction(settings, source);
    if (settings->early_stopping_patience > 0 && !settings->load_best_model_at_end)
        log_warning("%s: early_stopping_patience without load_best_model_at_end: the final model has the last weights, "
                    "not the best",
                    source->name);
}
