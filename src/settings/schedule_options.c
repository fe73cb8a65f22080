/* lr_scheduler_kwargs: the options of each learning rate schedule. See schedule_options.h. */
#include "linnet/settings/schedule_options.h"
#include "settings/settings_source.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const CURVES[] = {"linear", "cosine", "1-sqrt", NULL};

#define NUMBER(option) .name = #option, .offset = offsetof(ScheduleOptions, option)
#define FOR(kind) (1U << (kind))
#define COSINES (FOR(SCHEDULE_COSINE) | FOR(SCHEDULE_COSINE_WITH_MIN_LR) | FOR(SCHEDULE_COSINE_WARMUP_WITH_MIN_LR))
#define MINIMA (FOR(SCHEDULE_COSINE_WITH_MIN_LR) | FOR(SCHEDULE_COSINE_WARMUP_WITH_MIN_LR))
#define STABLE FOR(SCHEDULE_WARMUP_STABLE_DECAY)

/* An option: a number, or a curve. */
typedef struct {
    const char *name;
    size_t offset;
    uint32_t kinds; /* the schedules that have it */
    bool curve, integer;
    double above; /* a number: no smaller than this */
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
    {NUMBER(warmup_type), .kinds = STABLE, .curve = true},
    {NUMBER(decay_type), .kinds = STABLE, .curve = true},
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
                             .decay_type = CURVE_COSINE};
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

static bool store_curve(ScheduleCurve *curve, const cJSON *value) {
    for (int i = 0; cJSON_IsString(value) && CURVES[i]; i++)
        if (strcmp(CURVES[i], value->valuestring) == 0) {
            *curve = (ScheduleCurve)i;
            return true;
        }
    return false;
}

static bool store_number(double *number, const Option *option, const cJSON *value) {
    *number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    return isfinite(*number) && *number >= option->above && (!option->integer || *number == floor(*number));
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
    if (option->curve ? store_curve(field, value) : store_number(field, option, value)) return STATUS_OK;
    char *found = cJSON_PrintUnformatted(value);
    char expected[64];
    snprintf(expected, sizeof expected, option->curve ? "linear, cosine or 1-sqrt" : "%s of at least %g",
             option->integer ? "an integer" : "a number", option->above);
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
    if (lowest && settings->learning_rate > 0) options->min_lr_rate /= settings->learning_rate;
    if (kind == SCHEDULE_WARMUP_STABLE_DECAY && options->num_decay_steps < 0)
        return error_set(error, STATUS_INPUT, "\"%s\" needs num_decay_steps", schedule);
    if (kind == SCHEDULE_POLYNOMIAL && options->lr_end >= settings->learning_rate)
        return error_set(error, STATUS_INPUT, "lr_end must be below learning_rate, got %g and %g", options->lr_end,
                         settings->learning_rate);
    return STATUS_OK;
}
