/* trainer_state.json: printing, reading and proving it. See run_state.h. */
#include "linnet/checkpoint/run_state.h"

#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number with all its bits: cJSON prints 15 digits, from which a resumed run would not continue exactly. */
static void add_exact(cJSON *object, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    /* JSON cannot express NaN and infinity, the losses of a run that diverged. */
    cJSON_AddItemToObject(object, name, isfinite(value) ? cJSON_CreateRaw(text) : cJSON_CreateNull());
}

/* In "linnet": {file: SHA-256}. That of trainer_state.json itself is computed with zeros in its place. */
static const char DIGESTS[] = "sha256";
static const char ZEROS[] = "0000000000000000000000000000000000000000000000000000000000000000";

static const char *const MEMBERS[] = {
    "best_metric", "best_global_step", "best_model_checkpoint", "epoch", "global_step", "max_steps", "log_history"};
static const char *const OWN_MEMBERS[] = {"global_batch", "units",      "samples",         "tokens",
                                          "data_sha256",  "seed",       "best_saved_step", "evaluations_since_best",
                                          "loss_sum",     "loss_steps", "loss_total"};

/* The first member that is missing; NULL: none. */
static const char *missing(const cJSON *tree) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        if (!cJSON_GetObjectItemCaseSensitive(tree, MEMBERS[i])) return MEMBERS[i];
    for (size_t i = 0; i < sizeof OWN_MEMBERS / sizeof *OWN_MEMBERS; i++)
        if (!cJSON_GetObjectItemCaseSensitive(own, OWN_MEMBERS[i])) return OWN_MEMBERS[i];
    return NULL;
}

static void add_fingerprint(cJSON *own, const BuildFingerprint *fingerprint) {
    cJSON *tree = cJSON_AddObjectToObject(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++)
        cJSON_AddStringToObject(tree, BUILD_FINGERPRINT_PART[i].name,
                                (const char *)fingerprint + BUILD_FINGERPRINT_PART[i].offset);
}

cJSON *run_state_tree(const RunState *state, const char *best, const cJSON *history, Error *error) {
    cJSON *tree = cJSON_CreateObject(), *own = cJSON_AddObjectToObject(tree, "linnet");
    if (state->has_best)
        add_exact(tree, "best_metric", state->best_metric);
    else
        cJSON_AddNullToObject(tree, "best_metric");
    cJSON_AddItemToObject(tree, "best_global_step",
                          state->has_best ? cJSON_CreateNumber((double)state->best_step) : cJSON_CreateNull());
    cJSON_AddItemToObject(tree, "best_model_checkpoint", best ? cJSON_CreateString(best) : cJSON_CreateNull());
    add_exact(tree, "epoch", state->epoch);
    cJSON_AddNumberToObject(tree, "global_step", (double)state->step);
    cJSON_AddNumberToObject(tree, "max_steps", (double)state->total);
    cJSON_AddItemToObject(tree, "log_history", cJSON_Duplicate(history, 1));
    cJSON_AddNumberToObject(own, "global_batch", (double)state->global_batch);
    cJSON_AddNumberToObject(own, "units", (double)state->units);
    cJSON_AddNumberToObject(own, "samples", (double)state->samples);
    cJSON_AddNumberToObject(own, "tokens", (double)state->tokens);
    cJSON_AddStringToObject(own, "data_sha256", state->data_digest);
    cJSON_AddNumberToObject(own, "seed", (double)state->seed);
    cJSON_AddNumberToObject(own, "best_saved_step", (double)state->best_saved);
    cJSON_AddNumberToObject(own, "evaluations_since_best", (double)state->stale);
    add_exact(own, "loss_sum", state->loss_sum);
    cJSON_AddNumberToObject(own, "loss_steps", (double)state->loss_steps);
    add_exact(own, "loss_total", state->loss_total);
    add_fingerprint(own, &state->fingerprint);
    bool complete = cJSON_AddStringToObject(own, "data_order", DATA_ORDER_NAMES[state->data_order]) &&
                    (!state->evaluation_due || cJSON_AddTrueToObject(own, "evaluation_due")) &&
                    cJSON_AddObjectToObject(own, DIGESTS);
    /* cJSON leaves out what it has no memory for. */
    if (!complete || missing(tree)) error_set(error, STATUS_FAILURE, "out of memory for " RUN_STATE_FILE);
    return tree;
}

static cJSON *digests_of(const cJSON *tree) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, "linnet"), DIGESTS);
}

void run_state_add_digest(cJSON *tree, const char *name, const char *digest, Error *error) {
    if (!cJSON_AddStringToObject(digests_of(tree), name, digest))
        error_set(error, STATUS_FAILURE, "out of memory for " RUN_STATE_FILE);
}

/* Where the text holds the file's own digest, DIGEST_TEXT - 1 digits; NULL: nowhere. */
static char *find_own_digest(char *text, const char *digest) {
    static const char member[] = "\"" RUN_STATE_FILE "\": \"";
    char pattern[sizeof member + DIGEST_TEXT];
    if (strlen(digest) != DIGEST_TEXT - 1) return NULL;
    char *place = strstr(text, strcat(strcpy(pattern, member), digest));
    return place ? place + sizeof member - 1 : NULL;
}

static Status digest_of_text(const char *text, size_t size, char digest[DIGEST_TEXT], Error *error) {
    Digest *computing = NULL;
    if (digest_create(&computing, error)) return error->status;
    digest_add(computing, text, size);
    digest_finish(computing, digest);
    digest_destroy(computing);
    return STATUS_OK;
}

Status run_state_save(cJSON *tree, const char *folder, Error *error) {
    char *path = file_join(folder, RUN_STATE_FILE, error), *text = NULL, digest[DIGEST_TEXT];
    if (!path) return error->status;
    run_state_add_digest(tree, RUN_STATE_FILE, ZEROS, error);
    if (!error->status) text = json_text(tree, true, path, error);
    if (text && !digest_of_text(text, strlen(text), digest, error)) {
        memcpy(find_own_digest(text, ZEROS), digest, strlen(ZEROS));
        file_replace(path, text, strlen(text), error);
    }
    memory_free(text);
    memory_free(path);
    return error->status;
}

/* Empty where it is not recorded. */
static void read_fingerprint(const cJSON *own, BuildFingerprint *fingerprint) {
    const cJSON *tree = cJSON_GetObjectItemCaseSensitive(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, BUILD_FINGERPRINT_PART[i].name));
        if (text)
            snprintf((char *)fingerprint + BUILD_FINGERPRINT_PART[i].offset, BUILD_FINGERPRINT_PART[i].size, "%s",
                     text);
    }
}

static void read_order(const cJSON *own, DataOrder *order, const char *path, Error *error) {
    const char *name = DATA_ORDER_NAMES[DATA_ORDER_TORCH];
    json_get_text(own, "data_order", &name, path, error);
    for (*order = 0; DATA_ORDER_NAMES[*order]; (*order)++)
        if (strcmp(DATA_ORDER_NAMES[*order], name) == 0) return;
    *order = DATA_ORDER_TORCH;
    error_set(error, STATUS_INPUT, "%s: data_order: expected \"torch\" or \"blocks\", got \"%s\"", path, name);
}

/* None may be negative: some of them are used as indices. */
static Status check_counts(const cJSON *tree, const RunState *state, const char *path, Error *error) {
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"global_step", state->step},           {"max_steps", state->total},
                  {"loss_steps", state->loss_steps},      {"evaluations_since_best", state->stale},
                  {"best_global_step", state->best_step}, {"best_saved_step", state->best_saved}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < 0)
            error_set(error, STATUS_INPUT, "%s: %s: expected an integer from 0, got %lld", path, counts[i].name,
                      (long long)counts[i].value);
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(tree, "log_history")))
        error_set(error, STATUS_INPUT, "%s: log_history: expected an array", path);
    return error->status;
}

static Status read_own(const cJSON *tree, RunState *state, const char *path, Error *error) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    if (!cJSON_IsObject(own))
        return error_set(error, STATUS_INPUT, "%s has no member \"linnet\": it is not a checkpoint of linnet", path);
    const char *lacking = missing(tree);
    if (lacking)
        return error_set(error, STATUS_INPUT, "%s has no member \"%s\", which a checkpoint of linnet has", path,
                         lacking);
    json_get_int(tree, "global_step", &state->step, path, error);
    json_get_int(tree, "max_steps", &state->total, path, error);
    json_get_double(tree, "epoch", &state->epoch, path, error);
    json_get_int(own, "global_batch", &state->global_batch, path, error);
    json_get_int(own, "units", &state->units, path, error);
    json_get_int(own, "samples", &state->samples, path, error);
    json_get_int(own, "seed", &state->seed, path, error);
    json_get_int(own, "evaluations_since_best", &state->stale, path, error);
    state->loss_sum = state->loss_total = NAN; /* kept where the file has null */
    json_get_double(own, "loss_sum", &state->loss_sum, path, error);
    json_get_double(own, "loss_total", &state->loss_total, path, error);
    json_get_int(own, "loss_steps", &state->loss_steps, path, error);
    json_get_int(own, "tokens", &state->tokens, path, error);
    json_get_int(own, "best_saved_step", &state->best_saved, path, error);
    json_get_bool(own, "evaluation_due", &state->evaluation_due, path, error);
    const char *digest = "";
    json_get_text(own, "data_sha256", &digest, path, error);
    snprintf(state->data_digest, sizeof state->data_digest, "%s", digest);
    read_order(own, &state->data_order, path, error);
    read_fingerprint(own, &state->fingerprint);
    state->has_best = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(tree, "best_metric"));
    json_get_double(tree, "best_metric", &state->best_metric, path, error);
    json_get_int(tree, "best_global_step", &state->best_step, path, error);
    return check_counts(tree, state, path, error); /* the first error of all these is kept */
}

/* The file must have the digest that it records of itself. Changes the text. */
static Status check_own_digest(const cJSON *digests, char *text, size_t size, const char *path, Error *error) {
    const char *recorded = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(digests, RUN_STATE_FILE));
    char *place = recorded ? find_own_digest(text, recorded) : NULL, found[DIGEST_TEXT];
    if (!place)
        return error_set(error, STATUS_INPUT, "%s: its member \"linnet\" has no digest of the file itself", path);
    memcpy(place, ZEROS, strlen(ZEROS));
    if (!digest_of_text(text, size, found, error) && strcmp(found, recorded) != 0)
        error_set(error, STATUS_INPUT, "%s has changed since linnet wrote it (SHA-256 %.12s…, not %.12s…)", path, found,
                  recorded);
    return error->status;
}

Status run_state_read(const char *folder, RunState *state, cJSON **history, cJSON **digests, Error *error) {
    char *path = file_join(folder, RUN_STATE_FILE, error), *text = NULL;
    cJSON *tree = NULL;
    size_t size = 0;
    *state = (RunState){0};
    if (!path || file_read(path, &text, &size, error) || json_parse(&tree, text, size, path, error) ||
        read_own(tree, state, path, error))
        goto cleanup;
    if (digests && check_own_digest(digests_of(tree), text, size, path, error)) goto cleanup;
    if (digests)
        *digests = cJSON_DetachItemViaPointer(cJSON_GetObjectItemCaseSensitive(tree, "linnet"), digests_of(tree));
    if (history) *history = cJSON_DetachItemFromObjectCaseSensitive(tree, "log_history");
cleanup:
    cJSON_Delete(tree);
    memory_free(text);
    memory_free(path);
    return error->status;
}
