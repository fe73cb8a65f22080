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

/* The members that every checkpoint has. Those before index OWN are Trainer's; the rest are in "linnet". The first
 * BESTS are null before the first evaluation. run_state_tree() and read_own() handle those of kind OTHER by name. */
enum { COUNT /* an integer from 0: some of them are used as indices */, INTEGER, REAL, OTHER, BESTS = 2, OWN = 7 };
#define MEMBER(name, kind, field)                                                                                      \
    { name, kind, offsetof(RunState, field) }
static const struct {
    const char *name;
    int kind;
    size_t offset;
} MEMBERS[] = {MEMBER("best_metric", REAL, best_metric),
               MEMBER("best_global_step", COUNT, best_step),
               {"best_model_checkpoint", OTHER, 0},
               MEMBER("epoch", REAL, epoch),
               MEMBER("global_step", COUNT, step),
               MEMBER("max_steps", COUNT, total),
               {"log_history", OTHER, 0},
               MEMBER("global_batch", INTEGER, global_batch),
               MEMBER("units", INTEGER, units),
               MEMBER("samples", INTEGER, samples),
               MEMBER("tokens", INTEGER, tokens),
               {"data_sha256", OTHER, 0},
               MEMBER("seed", INTEGER, seed),
               MEMBER("best_saved_step", COUNT, best_saved),
               MEMBER("evaluations_since_best", COUNT, stale),
               MEMBER("loss_sum", REAL, loss_sum),
               MEMBER("loss_steps", COUNT, loss_steps),
               MEMBER("loss_total", REAL, loss_total),
               MEMBER("skipped_updates", COUNT, skipped)};
enum { MEMBER_COUNT = sizeof MEMBERS / sizeof *MEMBERS };

/* The first member that is missing; NULL: none. */
static const char *missing(const cJSON *tree) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    for (int i = 0; i < MEMBER_COUNT; i++)
        if (!cJSON_GetObjectItemCaseSensitive(i < OWN ? tree : own, MEMBERS[i].name)) return MEMBERS[i].name;
    return NULL;
}

cJSON *run_state_tree(const RunState *state, const char *best, const cJSON *history, Error *error) {
    cJSON *tree = cJSON_CreateObject(), *own = cJSON_AddObjectToObject(tree, "linnet");
    for (int i = 0; i < MEMBER_COUNT; i++) {
        const char *name = MEMBERS[i].name, *value = (const char *)state + MEMBERS[i].offset;
        if (i < BESTS && !state->has_best)
            cJSON_AddNullToObject(tree, name);
        else if (MEMBERS[i].kind == REAL)
            add_exact(i < OWN ? tree : own, name, *(const double *)value);
        else if (MEMBERS[i].kind != OTHER)
            cJSON_AddNumberToObject(i < OWN ? tree : own, name, (double)*(const int64_t *)value);
    }
    cJSON_AddItemToObject(tree, "best_model_checkpoint", best ? cJSON_CreateString(best) : cJSON_CreateNull());
    cJSON_AddItemToObject(tree, "log_history", cJSON_Duplicate(history, 1));
    cJSON_AddStringToObject(own, "data_sha256", state->data_digest);
    cJSON *made_with = cJSON_AddObjectToObject(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++)
        cJSON_AddStringToObject(made_with, BUILD_FINGERPRINT_PART[i].name,
                                (const char *)&state->fingerprint + BUILD_FINGERPRINT_PART[i].offset);
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
        if (text) build_fingerprint_set(fingerprint, i, text);
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

static Status read_own(const cJSON *tree, RunState *state, const char *path, Error *error) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    if (!cJSON_IsObject(own))
        return error_set(error, STATUS_INPUT, "%s has no member \"linnet\": it is not a checkpoint of linnet", path);
    const char *lacking = missing(tree);
    if (lacking)
        return error_set(error, STATUS_INPUT, "%s has no member \"%s\", which a checkpoint of linnet has", path,
                         lacking);
    state->loss_sum = state->loss_total = NAN; /* kept where the file has null */
    for (int i = 0; i < MEMBER_COUNT; i++) {   /* the first error of all these is kept */
        char *value = (char *)state + MEMBERS[i].offset;
        if (MEMBERS[i].kind == OTHER) continue;
        if (MEMBERS[i].kind == REAL)
            json_get_double(i < OWN ? tree : own, MEMBERS[i].name, (double *)value, path, error);
        else
            json_get_int(i < OWN ? tree : own, MEMBERS[i].name, (int64_t *)value, path, error);
        if (MEMBERS[i].kind == COUNT && *(int64_t *)value < 0)
            error_set(error, STATUS_INPUT, "%s: %s: expected an integer from 0, got %lld", path, MEMBERS[i].name,
                      (long long)*(int64_t *)value);
    }
    json_get_bool(own, "evaluation_due", &state->evaluation_due, path, error);
    const char *digest = "";
    json_get_text(own, "data_sha256", &digest, path, error);
    snprintf(state->data_digest, sizeof state->data_digest, "%s", digest);
    read_order(own, &state->data_order, path, error);
    read_fingerprint(own, &state->fingerprint);
    state->has_best = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(tree, "best_metric"));
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(tree, "log_history")))
        error_set(error, STATUS_INPUT, "%s: log_history: expected an array", path);
    return error->status;
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
