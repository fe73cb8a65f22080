/* The constants of a machine as a file. */
#include "linnet/plan/plan_constants.h"
#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/core/json.h"
#include <stddef.h>
#include <string.h>

enum { FORMAT_VERSION = 3 };

/* A number of the file: its key, its place in PlanConstants, and whether it may be 0. */
typedef struct {
    const char *key;
    size_t offset;
    bool zero;
} Number;

static const Number NUMBERS[] = {
    {"adamw_bytes_per_second", offsetof(PlanConstants, adamw_bandwidth), false},
    {"add_bytes_per_second", offsetof(PlanConstants, add_bandwidth), false},
    {"program_bytes", offsetof(PlanConstants, program_bytes), false},
    {"node_latency_seconds", offsetof(PlanConstants, node.latency), true},
    {"node_overhead_seconds", offsetof(PlanConstants, node.overhead), true},
    {"network_latency_seconds", offsetof(PlanConstants, network.latency), true},
    {"network_overhead_seconds", offsetof(PlanConstants, network.overhead), true},
    {"network_bytes_per_second", offsetof(PlanConstants, network.bandwidth), true},
    {"network_overlapped_bytes_per_second", offsetof(PlanConstants, network.overlapped_bandwidth), true},
    {"network_overhead_seconds_per_byte", offsetof(PlanConstants, network.overhead_per_byte), true},
};

static const Number COUNTS[] = {
    {"ranks", offsetof(PlanConstants, ranks), false},     {"nodes", offsetof(PlanConstants, nodes), false},
    {"threads", offsetof(PlanConstants, threads), false}, {"width", offsetof(PlanConstants, width), false},
    {"inner", offsetof(PlanConstants, inner), false},     {"heads", offsetof(PlanConstants, heads), false},
};

static bool add_all(cJSON *tree, const PlanConstants *c) {
    BuildFingerprint fingerprint;
    build_fingerprint_here(&fingerprint, c->bf16, "ordered");
    bool complete = cJSON_AddNumberToObject(tree, "format_version", FORMAT_VERSION) &&
                    cJSON_AddStringToObject(tree, "linnet", fingerprint.linnet) &&
                    cJSON_AddStringToObject(tree, "kernels", fingerprint.kernels) &&
                    cJSON_AddBoolToObject(tree, "bf16", c->bf16);
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        complete = complete &&
                   cJSON_AddNumberToObject(tree, COUNTS[i].key, *(const int32_t *)((const char *)c + COUNTS[i].offset));
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        complete = complete && cJSON_AddNumberToObject(tree, NUMBERS[i].key,
                                                       *(const double *)((const char *)c + NUMBERS[i].offset));
    cJSON *passes = cJSON_AddArrayToObject(tree, "passes");
    for (int i = 0; i < c->rates; i++) {
        cJSON *pass = cJSON_CreateObject();
        complete = complete && cJSON_AddItemToArray(passes, pass) &&
                   cJSON_AddNumberToObject(pass, "tokens", c->tokens[i]) &&
                   cJSON_AddNumberToObject(pass, "gflops", c->gflops[i]);
    }
    return complete;
}

Status plan_constants_save(const PlanConstants *constants, const char *path, Error *error) {
    cJSON *tree = cJSON_CreateObject();
    if (!add_all(tree, constants))
        error_set(error, STATUS_FAILURE, "out of memory for %s", path);
    else
        json_save(tree, path, true, error);
    cJSON_Delete(tree);
    return error->status;
}

/* A number above 0, or 0 if that is allowed. */
static Status read_number(const cJSON *object, const char *key, bool zero, double *value, const char *path,
                          Error *error) {
    *value = -1.0;
    if (json_get_double(object, key, value, path, error)) return error->status;
    if (*value < 0.0 || (*value == 0.0 && !zero))
        return error_set(error, STATUS_INPUT,
                         "%s: '%s': expected a number %s, got %g: measure again with linnet plan --measure", path, key,
                         zero ? "of at least 0" : "above 0", *value);
    return STATUS_OK;
}

static Status read_passes(const cJSON *tree, PlanConstants *c, const char *path, Error *error) {
    const cJSON *passes = cJSON_GetObjectItemCaseSensitive(tree, "passes"), *pass;
    int count = cJSON_IsArray(passes) ? cJSON_GetArraySize(passes) : 0;
    if (count < 1 || count > PLAN_RATES)
        return error_set(
            error, STATUS_INPUT,
            "%s: 'passes': expected a list of 1 to %d entries, got %d: measure again with linnet plan --measure", path,
            PLAN_RATES, count);
    cJSON_ArrayForEach(pass, passes) {
        int i = c->rates++;
        if (read_number(pass, "tokens", false, &c->tokens[i], path, error) ||
            read_number(pass, "gflops", false, &c->gflops[i], path, error))
            return error->status;
        if (i > 0 && c->tokens[i] <= c->tokens[i - 1])
            return error_set(error, STATUS_INPUT, "%s: 'tokens' of 'passes' must ascend, got %g after %g", path,
                             c->tokens[i], c->tokens[i - 1]);
    }
    return STATUS_OK;
}

static Status read_all(const cJSON *tree, PlanConstants *c, const char *path, Error *error) {
    int64_t version = 0;
    if (json_get_int(tree, "format_version", &version, path, error)) return error->status;
    if (version != FORMAT_VERSION)
        return error_set(
            error, STATUS_INPUT,
            "%s: 'format_version': expected %d, got %lld: make the file with linnet plan --measure of this version",
            path, FORMAT_VERSION, (long long)version);
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        int64_t count = 0;
        if (json_get_int(tree, COUNTS[i].key, &count, path, error)) return error->status;
        if (count < 1 || count > INT32_MAX)
            return error_set(error, STATUS_INPUT, "%s: '%s': expected an integer of at least 1, got %lld", path,
                             COUNTS[i].key, (long long)count);
        *(int32_t *)((char *)c + COUNTS[i].offset) = (int32_t)count;
    }
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        if (read_number(tree, NUMBERS[i].key, NUMBERS[i].zero, (double *)((char *)c + NUMBERS[i].offset), path, error))
            return error->status;
    json_get_bool(tree, "bf16", &c->bf16, path, error);
    return error->status != STATUS_OK ? error->status : read_passes(tree, c, path, error);
}

Status plan_constants_load(PlanConstants *constants, const char *path, Error *error) {
    cJSON *tree = NULL;
    *constants = (PlanConstants){0};
    if (json_load(&tree, path, error) == STATUS_OK) read_all(tree, constants, path, error);
    cJSON_Delete(tree);
    return error->status;
}
