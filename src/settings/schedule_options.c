/* lr_scheduler_kwargs: the options of each learning rate schedule. See schedule_options.h. */
#include "linnet/settings/schedule_options.h"
#include "settings/settings_source.h"
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* In the order of their enums. */
static const char *const CURVES[] = {"linear", "cosine", "1-sqrt", NULL};
static const char *const MODES[] = {"min", "max", NULL};
static const char *const THRESHOLD_MODES[] = {"rel", "abs", NULL};

#define NUMBER(option) .name = #option, .offset = offsetof(ScheduleOptions, option)
#define FOR(kind) (1U << (kind))
#define COSINES (FOR(SCHEDULE_COSINE) | FOR(SCHEDULE_COSINE_WITH_MIN_LR) | FOR(SCHEDULE_COSINE_WARMUP_WITH_MIN_LR))
#define MINIMA (FOR(SCHEDULE_COSINE_WITH_MIN_LR) | FOR(SCHEDULE_COSINE_WARMUP_WITH_MIN_LR))
#define STABLE FOR(SCHEDULE_WARMUP_STABLE_DECAY)
#define OF_PLATEAU(option)                                                                                             \
    .name = #option, .offset = offsetof(ScheduleOptions, plateau.option), .kinds = FOR(SCHEDULE_REDUCE_LR_ON_PLATEAU)

/* An option: a number, or one of some words. */
typedef struct {
    const char *name;
    size_t offset;
    uint32_t kinds;           /* the schedules that have it */
    const char *const *words; /* ends with NULL; NULL: a number */
    bool integer;
    double above; /* a number: no smaller than this */
    double below; /* and smaller than this; 0: no bound */
} Option;

static const Option OPTIONS[] = {
    {NUMBER(num_cycles), .kinds = COSINES | STABLE},
    {NUMBER(num_cycles), .kinds = FOR(SCHEDULE_COSINE_WITH_RESTARTS), .integer = true, .above = 1},
    {NUMBER(lr_end), .kinds = FOR(SCHEDULE_POLYNOMIAL)},
    {NUMBER(power), .kinds = FOR(SCHEDULE_POLYNOMIAL)},
    {NUMBER(timescale), .kinds = FOR(SCHEDULE_INVERSE_SQRT), .integer = true, .above = 1},
    {"min_lr", offsetof(ScheduleOptions, min_lr_rate), .kinds = MINIMA},
    {NUMBER(min_lr_rate), .kinds = MINIMA},
    {"min_lr_ratio", offsetof(ScheduleOptions, min_lr_rate), .kinds = STABLE},
    {NUMBER(warmup_lr_rate), .kinds = FOR(SCHEDULE_COSINE_WARMUP_WITH_MIN_LR)},
    {NUMBER(num_decay_steps), .kinds = STABLE, .integer = true},
    {NUMBER(num_stable_steps), .kinds = STABLE, .integer = true},
    {NUMBER(warmup_type), .kinds = STABLE, .words = CURVES},
    {NUMBER(decay_type), .kinds = STABLE, .words = CURVES},
    {OF_PLATEAU(mode), .words = MODES},
    {OF_PLATEAU(factor), .below = 1},
    {OF_PLATEAU(patience), .integer = true},
    {OF_PLATEAU(threshold)},
    {OF_PLATEAU(threshold_mode), .words = THRESHOLD_MODES},
    {OF_PLATEAU(cooldown), .integer = true},
    {OF_PLATEAU(min_lr)},
    {OF_PLATEAU(eps)},
};
enum { OPTIONS_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static ScheduleOptions defaults(ScheduleKind kind) {
    return (ScheduleOptions){.num_cycles = kind == SCHEDULE_COSINE_WITH_RESTARTS ? 1 : 0.5,
                             .lr_end = 1e-7,
                             .power = 1,
                             .warmup_lr_rate = -1,
                             .num_decay_steps = -1,
                             .num_stable_steps = -1,
                             .warmup_type = CURVE_LINEAR,
                             .decay_type = CURVE_COSINE,
                             .plateau = {.factor = 0.1, .patience = 10, .threshold = 1e-4, .eps = 1e-8}};
}

/* "expected num_decay_steps, num_stable_steps, …": the options of a schedule. */
static void list_options(ScheduleKind kind, char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < OPTIONS_COUNT && used < size; i++)
        if (OPTIONS[i].kinds & FOR(kind))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", OPTIONS[i].name);
    if (used == 0) snprintf(text, size, "no options");
}

static const Option *find(ScheduleKind kind, const char *name) {
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        if ((OPTIONS[i].kinds & FOR(kind)) && strcmp(OPTIONS[i].name, name) == 0) return &OPTIONS[i];
    return NULL;
}

static bool store_word(void *field, const Option *option, const cJSON *value) {
    static_assert(sizeof(ScheduleCurve) == sizeof(int) && sizeof(PlateauMode) == sizeof(int) &&
                      sizeof(ThresholdMode) == sizeof(int),
                  "the enums have the size of int");
    for (int i = 0; cJSON_IsString(value) && option->words[i]; i++)
        if (strcmp(option->words[i], value->valuestring) == 0) {
            memcpy(field, &i, sizeof i);
            return true;
        }
    return false;
}

static bool store_number(double *number, const Option *option, const cJSON *value) {
    *number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (option->below > 0 && *number >= option->below) return false;
    return isfinite(*number) && *number >= option->above && (!option->integer || *number == floor(*number));
}

/* "linear, cosine or 1-sqrt", "a number from 0 to below 1". */
static void describe(const Option *option, char text[64]) {
    const char *kind = option->integer ? "an integer" : "a number";
    if (option->words && option->words[2])
        snprintf(text, 64, "%s, %s or %s", option->words[0], option->words[1], option->words[2]);
    else if (option->words)
        snprintf(text, 64, "%s or %s", option->words[0], option->words[1]);
    else if (option->below > 0)
        snprintf(text, 64, "%s from %g to below %g", kind, option->above, option->below);
    else
        snprintf(text, 64, "%s of at least %g", kind, option->above);
}

static Status store(ScheduleOptions *options, ScheduleKind kind, const char *schedule, const cJSON *value,
                    Error *error) {
    const Option *option = find(kind, value->string);
    if (!option) {
        char known[256];
        list_options(kind, known, sizeof known);
        return error_set(error, STATUS_INPUT, "unknown option %.60s; \"%s\" has %s", value->string, schedule, known);
    }
    if (cJSON_IsNull(value)) return STATUS_OK;
    void *field = (char *)options + option->offset;
    if (option->words ? store_word(field, option, value) : store_number(field, option, value)) return STATUS_OK;
    char *found = cJSON_PrintUnformatted(value);
    char expected[64];
    describe(option, expected);
    error_set(error, STATUS_INPUT, "%s: expected %s, got %.60s", value->string, expected,
              found ? found : "another value");
    cJSON_free(found);
    return error->status;
}

static bool is_given(const cJSON *object, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return value && !cJSON_IsNull(value);
}

Status schedule_options_read(ScheduleOptions *options, const Settings *settings, const char *schedule, Error *error) {
    const ScheduleKind kind = settings->lr_scheduler_type;
    cJSON *object = settings->lr_scheduler_kwargs ? cJSON_Parse(settings->lr_scheduler_kwargs) : NULL;
    const bool lowest = is_given(object, "min_lr"), share = is_given(object, "min_lr_rate");
    *options = defaults(kind);
    if (settings->lr_scheduler_kwargs && !object)
        return error_set(error, STATUS_FAILURE, "out of memory for lr_scheduler_kwargs");
    for (const cJSON *value = object ? object->child : NULL; value && !error->status; value = value->next)
        store(options, kind, schedule, value, error);
    cJSON_Delete(object);
    if (error->status) return error->status;
    if ((MINIMA & FOR(kind)) && lowest == share)
        return error_set(error, STATUS_INPUT, "\"%s\" needs min_lr or min_lr_rate, one of them", schedule);
    if (lowest && (MINIMA & FOR(kind)) && settings->learning_rate > 0) options->min_lr_rate /= settings->learning_rate;
    if (kind == SCHEDULE_WARMUP_STABLE_DECAY && options->num_decay_steps < 0)
        return error_set(error, STATUS_INPUT, "\"%s\" needs num_decay_steps", schedule);
    if (kind == SCHEDULE_POLYNOMIAL && options->lr_end >= settings->learning_rate)
        return error_set(error, STATUS_INPUT, "lr_end must be below learning_rate, got %g and %g", options->lr_end,
                         settings->learning_rate);
    return STATUS_OK;
}
