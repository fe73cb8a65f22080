/* Reading the description of a sweep. sweep_file.h has the contract. */
#include "linnet/sweep/sweep_file.h"
#include "linnet/core/elementary.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/nearest.h"
#include "linnet/core/random.h"
#include "linnet/core/text.h"
#include "linnet/settings/metric_names.h"
#include "linnet/settings/settings.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_MAX 9007199254740991.0 /* 2^53 − 1: up to there a double holds each integer */
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const KEYS[] = {"config", "output_dir", "method", "parameters",      "metric",
                                   "jobs",   "launcher",   "seed",   "early_terminate", "run_cap"};
static const char *const PARAMETER_KEYS[] = {"values", "distribution", "min", "max"};
static const char *const METRIC_KEYS[] = {"name", "goal"};
static const char *const TERMINATE_KEYS[] = {"type", "eta", "min_iter"};
static const char *const DISTRIBUTIONS[] = {"values", "uniform", "log_uniform_values", "int_uniform"};
/* Settings that say where a run reads or writes. */
static const char *const PLACES[] = {"output_dir", "overwrite_output_dir", "resume_from_checkpoint", "logging_dir"};

/* The line of a key of the file. */
static int line_of(const SweepFile *sweep, const char *key) {
    int index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, sweep->tree) {
        if (strcmp(item->string, key) == 0) return json_key_line(sweep->text, index);
        index++;
    }
    return 1;
}

/* An error at a key of the file. */
__attribute__((format(printf, 4, 5))) static Status refuse(const SweepFile *sweep, const char *key, Error *error,
                                                           const char *format, ...) {
    char message[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(error, STATUS_INPUT, "%s:%d: %s: %s", sweep->path, line_of(sweep, key), key, message);
}

/* Of an object at `key` of the file, or of the file itself, the members must be among `known`. */
static Status check_members(const SweepFile *sweep, const cJSON *object, const char *key, const char *const *known,
                            size_t count, Error *error) {
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        bool found = false;
        for (size_t i = 0; i < count; i++) found = found || strcmp(item->string, known[i]) == 0;
        if (found) continue;
        const char *near = nearest_name(item->string, known, count);
        return refuse(sweep, key ? key : item->string, error, "unknown key %s%s%s", item->string,
                      near ? ": did you mean " : "", near ? near : "");
    }
    return STATUS_OK;
}

static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

/* An integer of the file, from `minimum` to `maximum`; `usual` where it is absent. */
static int64_t read_integer(const SweepFile *sweep, const char *key, int64_t usual, int64_t minimum, int64_t maximum,
                            Error *error) {
    int64_t value = usual;
    if (!json_get_int(sweep->tree, key, &value, sweep->path, error) && member(sweep->tree, key) &&
        (value < minimum || value > maximum))
        refuse(sweep, key, error, "expected an integer from %lld to %lld, got %lld", (long long)minimum,
               (long long)maximum, (long long)value);
    return value;
}

static bool is_place(const char *key) {
    for (size_t i = 0; i < COUNT(PLACES); i++)
        if (strcmp(key, PLACES[i]) == 0) return true;
    return false;
}

/* A parameter that has a list of values. */
static Status read_values(const SweepFile *sweep, SweepParameter *parameter, Error *error) {
    parameter->distribution = SWEEP_VALUES;
    if (!cJSON_IsArray(parameter->values) || cJSON_GetArraySize(parameter->values) == 0)
        return refuse(sweep, "parameters", error, "%s: expected a list of at least one value", parameter->key);
    return STATUS_OK;
}

static bool is_integer(double value) {
    return fabs(value) <= INTEGER_MAX && floor(value) == value;
}

/* A parameter that is drawn between `min` and `max`: integers where both are, unless a distribution is named. */
static Status read_range(const SweepFile *sweep, const cJSON *item, SweepParameter *parameter, Error *error) {
    const char *name = NULL;
    char list[200] = "";
    if (json_get_text(item, "distribution", &name, sweep->path, error) ||
        json_get_double(item, "min", &parameter->minimum, sweep->path, error) ||
        json_get_double(item, "max", &parameter->maximum, sweep->path, error))
        return error->status;
    const bool integers = is_integer(parameter->minimum) && is_integer(parameter->maximum);
    parameter->distribution = integers ? SWEEP_INT_UNIFORM : SWEEP_UNIFORM;
    if (name) {
        size_t d = 1;
        while (d < COUNT(DISTRIBUTIONS) && strcmp(name, DISTRIBUTIONS[d]) != 0) d++;
        for (size_t i = 1; i < COUNT(DISTRIBUTIONS); i++)
            error_list(list, sizeof list, DISTRIBUTIONS[i], strlen(DISTRIBUTIONS[i]));
        if (d == COUNT(DISTRIBUTIONS))
            return refuse(sweep, "parameters", error, "%s: expected a distribution of %s, got \"%s\"", parameter->key,
                          list, name);
        parameter->distribution = (SweepDistribution)d;
    }
    if (parameter->distribution == SWEEP_INT_UNIFORM && !integers)
        return refuse(sweep, "parameters", error, "%s: int_uniform expects min and max to be integers", parameter->key);
    if (parameter->distribution == SWEEP_LOG_UNIFORM && !(parameter->minimum > 0.0))
        return refuse(sweep, "parameters", error, "%s: log_uniform_values expects a min above 0", parameter->key);
    if (!(parameter->minimum <= parameter->maximum))
        return refuse(sweep, "parameters", error, "%s: min is above max", parameter->key);
    return STATUS_OK;
}

/* One member of `parameters`: a list, {"values": [...]}, or {"min": ..., "max": ...}. */
static Status read_parameter(SweepFile *sweep, const cJSON *item, SweepParameter *parameter, Error *error) {
    bool flag;
    *parameter = (SweepParameter){.key = item->string, .minimum = NAN, .maximum = NAN};
    if (!settings_find(item->string, &flag)) {
        const char *near = settings_nearest(item->string);
        return refuse(sweep, "parameters", error, "%s is no setting of linnet train%s%s", item->string,
                      near ? ": did you mean " : "", near ? near : "");
    }
    if (is_place(item->string))
        return refuse(sweep, "parameters", error, "%s: each trial has a folder of its own in the sweep's output_dir",
                      item->string);
    parameter->values = cJSON_IsArray(item) ? item : member(item, "values");
    if (!cJSON_IsArray(item) && !cJSON_IsObject(item))
        return refuse(sweep, "parameters", error, "%s: expected a list of values, or {\"min\": ..., \"max\": ...}",
                      item->string);
    if (cJSON_IsObject(item) && check_members(sweep, item, "parameters", PARAMETER_KEYS, COUNT(PARAMETER_KEYS), error))
        return error->status;
    if (parameter->values) return read_values(sweep, parameter, error);
    if (!member(item, "min") || !member(item, "max"))
        return refuse(sweep, "parameters", error, "%s: expected \"values\", or \"min\" and \"max\"", item->string);
    if (!sweep->random)
        return refuse(sweep, "parameters", error,
                      "%s: a grid needs a list of values; \"method\": \"random\" draws "
                      "between min and max",
                      item->string);
    return read_range(sweep, item, parameter, error);
}

/* A seed that is there twice would give the same run twice, and a deviation that is too small. */
static Status read_seeds(SweepFile *sweep, const SweepParameter *parameter, Error *error) {
    if (parameter->distribution != SWEEP_VALUES)
        return refuse(sweep, "parameters", error, "seed: expected a list: each configuration runs with each seed");
    for (const cJSON *one = parameter->values->child; one; one = one->next)
        for (const cJSON *other = one->next; other; other = other->next)
            if (cJSON_Compare(one, other, true))
                return refuse(sweep, "parameters", error, "seed: a value is there twice, which would be the same run");
    sweep->seeds = parameter->values;
    return STATUS_OK;
}

static Status read_parameters(SweepFile *sweep, Error *error) {
    const cJSON *all = member(sweep->tree, "parameters"), *item;
    if (!cJSON_IsObject(all) || cJSON_GetArraySize(all) == 0)
        return refuse(sweep, "parameters", error,
                      "expected an object with the settings that are tried, for example "
                      "{\"learning_rate\": [1e-5, 1e-4]}");
    sweep->parameters = memory_allocate((size_t)cJSON_GetArraySize(all), sizeof *sweep->parameters, error);
    if (!sweep->parameters) return error->status;
    cJSON_ArrayForEach(item, all) {
        SweepParameter parameter;
        if (read_parameter(sweep, item, &parameter, error)) return error->status;
        if (strcmp(parameter.key, "seed") != 0)
            sweep->parameters[sweep->parameter_count++] = parameter;
        else if (read_seeds(sweep, &parameter, error))
            return error->status;
    }
    return STATUS_OK;
}

/* Of which less is better; the metric comes last, behind the name of an evaluation file. */
static bool is_error(const char *name) {
    const char *end = strrchr(name, '_');
    return metric_is_error(end ? end + 1 : name);
}

/* How the best is told; without a word, by the loss of the evaluation file. */
static Status read_metric(SweepFile *sweep, Error *error) {
    const cJSON *metric = member(sweep->tree, "metric");
    const char *name = "eval_loss", *goal = NULL;
    if (cJSON_IsString(metric))
        name = metric->valuestring;
    else if (metric && !cJSON_IsObject(metric))
        return refuse(sweep, "metric", error, "expected {\"name\": \"eval_f1\", \"goal\": \"maximize\"}");
    else if (metric && (check_members(sweep, metric, "metric", METRIC_KEYS, COUNT(METRIC_KEYS), error) ||
                        json_get_text(metric, "name", &name, sweep->path, error) ||
                        json_get_text(metric, "goal", &goal, sweep->path, error)))
        return error->status;
    const char *prefix = strncmp(name, "eval_", 5) == 0 ? "" : "eval_";
    if (snprintf(sweep->metric, sizeof sweep->metric, "%s%s", prefix, name) >= (int)sizeof sweep->metric)
        return refuse(sweep, "metric", error, "expected a figure of the evaluation, for example eval_loss");
    sweep->maximize = !text_ends_with(name, "loss") && !is_error(name);
    if (goal && strcmp(goal, "maximize") != 0 && strcmp(goal, "minimize") != 0)
        return refuse(sweep, "metric", error, "expected the goal \"minimize\" or \"maximize\", got \"%s\"", goal);
    if (goal) sweep->maximize = strcmp(goal, "maximize") == 0;
    return STATUS_OK;
}

static Status read_termination(SweepFile *sweep, Error *error) {
    const cJSON *rule = member(sweep->tree, "early_terminate");
    const char *type = "";
    if (!rule) return STATUS_OK;
    sweep->eta = 2;
    sweep->min_iter = 1;
    if (check_members(sweep, rule, "early_terminate", TERMINATE_KEYS, COUNT(TERMINATE_KEYS), error) ||
        json_get_text(rule, "type", &type, sweep->path, error) ||
        json_get_int(rule, "eta", &sweep->eta, sweep->path, error) ||
        json_get_int(rule, "min_iter", &sweep->min_iter, sweep->path, error))
        return error->status;
    if (strcmp(type, "successive_halving") != 0 || sweep->eta < 2 || sweep->min_iter < 1)
        return refuse(
            sweep, "early_terminate", error,
            "expected {\"type\": \"successive_halving\"}, where \"eta\" is an integer of at least 2 (default 2) "
            "and \"min_iter\", in evaluations, one of at least 1 (default 1)");
    return STATUS_OK;
}

/* How many configurations and trials there are. */
static Status count_trials(SweepFile *sweep, Error *error) {
    const int64_t cap = read_integer(sweep, "run_cap", 0, 1, SWEEP_TRIALS_MAX, error);
    double count = sweep->random ? (double)cap : 1.0;
    if (error->status) return error->status;
    if (sweep->random && cap == 0)
        return refuse(sweep, "method", error, "a random sweep needs run_cap, the number of configurations to draw");
    if (!sweep->random && cap > 0)
        return refuse(sweep, "run_cap", error,
                      "a grid tries all combinations: run_cap belongs to \"method\": "
                      "\"random\"");
    for (size_t i = 0; i < sweep->parameter_count && !sweep->random; i++)
        count *= cJSON_GetArraySize(sweep->parameters[i].values);
    if (!(count * (double)sweep_seeds(sweep) <= SWEEP_TRIALS_MAX))
        return refuse(sweep, "parameters", error, "%.0f trials are more than %d", count * (double)sweep_seeds(sweep),
                      SWEEP_TRIALS_MAX);
    sweep->configurations = (int64_t)count;
    sweep->trials = sweep->configurations * sweep_seeds(sweep);
    return STATUS_OK;
}

static Status read_rest(SweepFile *sweep, Error *error) {
    const char *method = "grid";
    sweep->launcher = "";
    if (json_get_text(sweep->tree, "config", &sweep->config, sweep->path, error) ||
        json_get_text(sweep->tree, "output_dir", &sweep->output_dir, sweep->path, error) ||
        json_get_text(sweep->tree, "launcher", &sweep->launcher, sweep->path, error) ||
        json_get_text(sweep->tree, "method", &method, sweep->path, error))
        return error->status;
    if (!sweep->config || !*sweep->config)
        return refuse(sweep, "config", error, "expected the configuration that all trials start from");
    if (!sweep->output_dir || !*sweep->output_dir)
        return refuse(sweep, "output_dir", error, "expected the folder for the trials");
    sweep->random = strcmp(method, "random") == 0;
    if (!sweep->random && strcmp(method, "grid") != 0)
        return refuse(sweep, "method", error, "expected \"grid\" or \"random\", got \"%s\"", method);
    sweep->jobs = read_integer(sweep, "jobs", 1, 1, SWEEP_JOBS_MAX, error);
    sweep->seed = read_integer(sweep, "seed", 42, 0, (int64_t)INTEGER_MAX, error);
    return error->status;
}

Status sweep_file_open(SweepFile *sweep, const char *path, Error *error) {
    size_t size;
    *sweep = (SweepFile){.path = path};
    if (file_read(path, &sweep->text, &size, error) || json_blank_comments(sweep->text, size, path, error) ||
        json_parse(&sweep->tree, sweep->text, size, path, error) ||
        json_refuse_repeats(sweep->tree, sweep->text, path, error))
        return error->status;
    if (!cJSON_IsObject(sweep->tree)) return error_set(error, STATUS_INPUT, "%s: expected a JSON object", path);
    if (check_members(sweep, sweep->tree, NULL, KEYS, COUNT(KEYS), error) || read_rest(sweep, error) ||
        read_parameters(sweep, error) || read_metric(sweep, error) || read_termination(sweep, error))
        return error->status;
    return count_trials(sweep, error);
}

void sweep_file_close(SweepFile *sweep) {
    cJSON_Delete(sweep->tree);
    memory_free(sweep->text);
    memory_free(sweep->parameters);
    *sweep = (SweepFile){0};
}

int64_t sweep_seeds(const SweepFile *sweep) {
    return sweep->seeds ? cJSON_GetArraySize(sweep->seeds) : 1;
}

/* Uniform in [0, 1) with 53 bits, by the sweep's seed, the configuration and the parameter. */
static double uniform(const SweepFile *sweep, int64_t configuration, size_t parameter) {
    const uint32_t key[2] = {(uint32_t)sweep->seed, (uint32_t)((uint64_t)sweep->seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)configuration, (uint32_t)parameter, 0, 0};
    uint32_t out[4];
    philox4x32(counter, key, out);
    return ((double)(out[0] >> 5) * 67108864.0 + (double)(out[1] >> 6)) / 9007199254740992.0;
}

cJSON *sweep_value(const SweepFile *sweep, int64_t configuration, size_t parameter) {
    const SweepParameter *p = &sweep->parameters[parameter];
    if (p->distribution == SWEEP_VALUES) {
        int64_t count = cJSON_GetArraySize(p->values), index = configuration;
        for (size_t i = sweep->parameter_count; i-- > parameter + 1 && !sweep->random;) /* the last varies fastest */
            index /= cJSON_GetArraySize(sweep->parameters[i].values);
        if (sweep->random) index = (int64_t)(uniform(sweep, configuration, parameter) * (double)count);
        return cJSON_Duplicate(cJSON_GetArrayItem(p->values, (int)(index % count)), true);
    }
    const double u = uniform(sweep, configuration, parameter), low = p->minimum, high = p->maximum;
    double value;
    if (p->distribution == SWEEP_LOG_UNIFORM) {
        const double from = elementary_log(low), to = elementary_log(high);
        value = elementary_exp(from + u * (to - from));
    } else {
        value = p->distribution == SWEEP_UNIFORM ? low + u * (high - low) : floor(low + u * (high - low + 1.0));
    }
    return cJSON_CreateNumber(fmin(fmax(value, low), high)); /* rounding may lead across an end */
}
