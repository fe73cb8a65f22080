/* linnet_state.json: printing, reading and proving it; trainer_state.json beside it. See run_state.h. */
#include "linnet/checkpoint/run_state.h"

#include "checkpoint/trainer_state_file.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1 };

/* {file: SHA-256}. That of linnet_state.json itself is computed with zeros in its place. */
static const char DIGESTS[] = "sha256";
static const char ZEROS[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* The members that every file has and that are a number or a digest. */
enum { COUNT /* an integer from 0: some of them are used as indices */, INTEGER, REAL, SUM /* a digest */ };
#define MEMBER(name, kind, field)                                                                                      \
    { name, kind, offsetof(RunState, field) }
static const struct {
    const char *name;
    int kind;
    size_t offset;
} MEMBERS[] = {MEMBER("step", COUNT, step),
               MEMBER("best_saved_step", COUNT, best_saved.step),
               MEMBER("evaluations_since_best", COUNT, stale),
               MEMBER("loss_sum", REAL, loss_sum),
               MEMBER("loss_steps", COUNT, loss_steps),
               MEMBER("loss_total", REAL, loss_total),
               MEMBER("skipped_updates", COUNT, skipped),
               MEMBER("global_batch", INTEGER, global_batch),
               MEMBER("units", INTEGER, units),
               MEMBER("samples", INTEGER, samples),
               MEMBER("tokens", INTEGER, tokens),
               MEMBER("data_sha256", SUM, data_digest),
               MEMBER("model_fingerprint", SUM, model_digest),
               MEMBER("eval_tokens", INTEGER, eval_tokens),
               MEMBER("eval_sha256", SUM, eval_digest),
               MEMBER("seed", INTEGER, seed)};
enum { MEMBER_COUNT = sizeof MEMBERS / sizeof *MEMBERS };

static const cJSON *member(const cJSON *tree, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(tree, name);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static bool add_plateau(cJSON *own, const PlateauState *plateau) {
    cJSON *object = cJSON_AddObjectToObject(own, "plateau");
    return json_add_real(object, "learning_rate", plateau->rate) && json_add_real(object, "peak", plateau->peak) &&
           (plateau->has_best ? json_add_real(object, "best", plateau->best) : cJSON_AddNullToObject(object, "best")) &&
           cJSON_AddNumberToObject(object, "bad_evaluations", (double)plateau->bad) &&
           cJSON_AddNumberToObject(object, "cooldown", (double)plateau->cooldown);
}

static bool add_members(cJSON *own, const RunState *state) {
    for (int i = 0; i < MEMBER_COUNT; i++) {
        const char *name = MEMBERS[i].name, *value = (const char *)state + MEMBERS[i].offset;
        const cJSON *added = MEMBERS[i].kind == REAL ? json_add_real(own, name, *(const double *)value)
                             : MEMBERS[i].kind == SUM
                                 ? cJSON_AddStringToObject(own, name, value)
                                 : cJSON_AddNumberToObject(own, name, (double)*(const int64_t *)value);
        if (!added) return false;
    }
    const BestCheckpoint *best = &state->best_saved;
    return cJSON_AddStringToObject(own, "data_order", DATA_ORDER_NAMES[state->data_order]) &&
           (!*state->data_part || cJSON_AddStringToObject(own, "data_part", state->data_part)) &&
           (!best->run[0] || cJSON_AddStringToObject(own, "best_saved_run", best->run)) &&
           (!best->folder[0] || cJSON_AddStringToObject(own, "best_saved_folder", best->folder)) &&
           (!state->evaluation_due || cJSON_AddTrueToObject(own, "evaluation_due")) &&
           (state->parameters == 0 ||
            (cJSON_AddNumberToObject(own, "parameters", (double)state->parameters) &&
             cJSON_AddNumberToObject(own, "trainable_parameters", (double)state->trainable))) &&
           (!state->model_only || cJSON_AddTrueToObject(own, "model_only")) &&
           (!state->has_plateau || add_plateau(own, &state->plateau));
}

static bool add_fingerprint(cJSON *own, const BuildFingerprint *fingerprint) {
    cJSON *made_with = cJSON_AddObjectToObject(own, "made_with");
    bool complete = made_with;
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS && complete; i++)
        complete = cJSON_AddStringToObject(made_with, BUILD_FINGERPRINT_PART[i].name,
                                           (const char *)fingerprint + BUILD_FINGERPRINT_PART[i].offset);
    return complete;
}

/* The text as it is, to the last digit, indented like the object that it becomes part of. */
static Status add_settings(cJSON *own, const char *settings, Error *error) {
    char *text = json_indent(settings, "  ", error);
    if (text && !cJSON_AddRawToObject(own, "settings", text))
        error_set(error, STATUS_FAILURE, "out of memory for the settings of the run");
    memory_free(text);
    return error->status;
}

Status run_state_make(RunStateFiles *files, const RunState *state, const char *best, const cJSON *history,
                      const char *settings, Error *error) {
    cJSON *own = cJSON_CreateObject(), *run = run_record_tree(&state->run);
    *files = (RunStateFiles){.own = own};
    bool complete = cJSON_AddNumberToObject(own, "format_version", FORMAT_VERSION);
    if (run && cJSON_AddItemToObject(own, "run", run))
        run = NULL;
    else
        complete = false;
    cJSON_Delete(run);
    if (complete) add_settings(own, settings, error);
    if (!complete || !add_members(own, state) || !add_fingerprint(own, &state->fingerprint) ||
        !cJSON_AddObjectToObject(own, DIGESTS))
        error_set(error, STATUS_FAILURE, "out of memory for " RUN_STATE_FILE);
    if (history && !error->status) files->trainer = trainer_state_tree(state, best, history, error);
    return error->status;
}

void run_state_free(RunStateFiles *files) {
    cJSON_Delete(files->trainer);
    cJSON_Delete(files->own);
    *files = (RunStateFiles){0};
}

void run_state_add_digest(const RunStateFiles *files, const char *name, const char *digest, Error *error) {
    cJSON *digests = cJSON_GetObjectItemCaseSensitive(files->own, DIGESTS);
    cJSON_DeleteItemFromObjectCaseSensitive(digests, name); /* of an attempt that failed */
    if (!cJSON_AddStringToObject(digests, name, digest))
        error_set(error, STATUS_FAILURE, "out of memory for " RUN_STATE_FILE);
}

/* Where the text holds the file's own digest, DIGEST_TEXT - 1 digits; NULL: nowhere. */
static char *find_own_digest(char *text, const char *digest) {
    static const char name[] = "\"" RUN_STATE_FILE "\": \"";
    char pattern[sizeof name + DIGEST_TEXT];
    if (strlen(digest) != DIGEST_TEXT - 1) return NULL;
    char *place = strstr(text, strcat(strcpy(pattern, name), digest));
    return place ? place + sizeof name - 1 : NULL;
}

static Status digest_of_text(const char *text, size_t size, char digest[DIGEST_TEXT], Error *error) {
    Digest *computing = NULL;
    if (digest_create(&computing, error)) return error->status;
    digest_add(computing, text, size);
    digest_finish(computing, digest);
    digest_destroy(computing);
    return STATUS_OK;
}

/* Write a tree as a file; `digest` is that of the text, which has it itself where `own`. */
static Status save_tree(const cJSON *tree, const char *folder, const char *name, bool own, char digest[DIGEST_TEXT],
                        Error *error) {
    char *path = file_join(folder, name, error), *text = NULL;
    if (path) text = json_text(tree, true, path, error);
    if (text && !digest_of_text(text, strlen(text), digest, error)) {
        if (own) memcpy(find_own_digest(text, ZEROS), digest, strlen(ZEROS));
        file_replace(path, text, strlen(text), error);
    }
    memory_free(text);
    memory_free(path);
    return error->status;
}

Status run_state_save(const RunStateFiles *files, const char *folder, Error *error) {
    char digest[DIGEST_TEXT];
    if (files->trainer && !save_tree(files->trainer, folder, TRAINER_STATE_FILE, false, digest, error))
        run_state_add_digest(files, TRAINER_STATE_FILE, digest, error);
    run_state_add_digest(files, RUN_STATE_FILE, ZEROS, error);
    return error->status ? error->status : save_tree(files->own, folder, RUN_STATE_FILE, true, digest, error);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Empty where it is not recorded. */
static void read_fingerprint(const cJSON *own, BuildFingerprint *fingerprint) {
    const cJSON *tree = member(own, "made_with");
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const char *text = cJSON_GetStringValue(member(tree, BUILD_FINGERPRINT_PART[i].name));
        if (text) build_fingerprint_set(fingerprint, i, text);
    }
}

/* Whose the best checkpoint is and where; empty where it is not recorded. */
static void read_best(const cJSON *own, BestCheckpoint *best, const char *path, Error *error) {
    const char *run = "", *folder = "";
    json_get_text(own, "best_saved_run", &run, path, error);
    json_get_text(own, "best_saved_folder", &folder, path, error);
    snprintf(best->run, sizeof best->run, "%s", run);
    snprintf(best->folder, sizeof best->folder, "%s", folder);
}

static void read_plateau(const cJSON *own, RunState *state, const char *path, Error *error) {
    const cJSON *object = member(own, "plateau");
    PlateauState *plateau = &state->plateau;
    state->has_plateau = object != NULL;
    if (!object) return;
    if (!member(object, "learning_rate") || !member(object, "peak"))
        error_set(error, STATUS_INPUT, "%s: plateau: expected an object with learning_rate and peak", path);
    json_get_double(object, "learning_rate", &plateau->rate, path, error);
    json_get_double(object, "peak", &plateau->peak, path, error);
    plateau->has_best = cJSON_IsNumber(member(object, "best"));
    if (plateau->has_best) json_get_double(object, "best", &plateau->best, path, error);
    json_get_int(object, "bad_evaluations", &plateau->bad, path, error);
    json_get_int(object, "cooldown", &plateau->cooldown, path, error);
}

/* The member is there where the training data is a part of a table. */
static void read_part(const cJSON *own, RunState *state, const char *path, Error *error) {
    const char *part = "";
    json_get_text(own, "data_part", &part, path, error);
    snprintf(state->data_part, sizeof state->data_part, "%s", part);
}

static void read_order(const cJSON *own, DataOrder *order, const char *path, Error *error) {
    const char *name = "";
    json_get_text(own, "data_order", &name, path, error);
    for (*order = 0; DATA_ORDER_NAMES[*order]; (*order)++)
        if (strcmp(DATA_ORDER_NAMES[*order], name) == 0) return;
    *order = DATA_ORDER_TORCH;
    error_set(error, STATUS_INPUT, "%s: data_order: expected \"torch\" or \"blocks\", got \"%s\"", path, name);
}

static void read_member(const cJSON *own, int i, RunState *state, const char *path, Error *error) {
    const char *name = MEMBERS[i].name, *digest = "";
    char *value = (char *)state + MEMBERS[i].offset;
    if (!member(own, name)) {
        error_set(error, STATUS_INPUT, "%s has no member \"%s\", which a checkpoint of linnet has", path, name);
    } else if (MEMBERS[i].kind == SUM) {
        json_get_text(own, name, &digest, path, error);
        snprintf(value, DIGEST_TEXT, "%s", digest);
    } else if (MEMBERS[i].kind == REAL) {
        *(double *)value = NAN; /* kept where the file has null */
        json_get_double(own, name, (double *)value, path, error);
    } else {
        json_get_int(own, name, (int64_t *)value, path, error);
        if (MEMBERS[i].kind == COUNT && *(int64_t *)value < 0)
            error_set(error, STATUS_INPUT, "%s: %s: expected an integer from 0, got %" PRId64, path, name,
                      *(int64_t *)value);
    }
}

static Status read_own(const cJSON *own, RunState *state, const char *path, Error *error) {
    int64_t version = 0;
    if (json_get_int(own, "format_version", &version, path, error)) return error->status;
    if (version != FORMAT_VERSION)
        return error_set(error, STATUS_INPUT, "%s: format_version: expected %d, got %" PRId64 "%s", path,
                         FORMAT_VERSION, version,
                         version > FORMAT_VERSION ? ": a later version of linnet has written it" : "");
    run_record_parse(&state->run, member(own, "run"), path, error);
    for (int i = 0; i < MEMBER_COUNT; i++) read_member(own, i, state, path, error); /* the first error is kept */
    json_get_bool(own, "evaluation_due", &state->evaluation_due, path, error);
    json_get_int(own, "parameters", &state->parameters, path, error);
    json_get_int(own, "trainable_parameters", &state->trainable, path, error);
    json_get_bool(own, "model_only", &state->model_only, path, error);
    read_plateau(own, state, path, error);
    read_best(own, &state->best_saved, path, error);
    read_order(own, &state->data_order, path, error);
    read_part(own, state, path, error);
    read_fingerprint(own, &state->fingerprint);
    return error->status;
}

/* The file must have the digest that it records of itself. Changes the text. */
static Status check_own_digest(const cJSON *own, char *text, size_t size, const char *path, Error *error) {
    const char *recorded = cJSON_GetStringValue(member(member(own, DIGESTS), RUN_STATE_FILE));
    char *place = recorded ? find_own_digest(text, recorded) : NULL, found[DIGEST_TEXT];
    if (!place)
        return error_set(error, STATUS_INPUT, "%s: its member \"sha256\" has no digest of the file itself", path);
    memcpy(place, ZEROS, strlen(ZEROS));
    if (!digest_of_text(text, size, found, error) && strcmp(found, recorded) != 0)
        error_set(error, STATUS_INPUT, "%s has changed since linnet wrote it (SHA-256 %.12s…, not %.12s…)", path, found,
                  recorded);
    return error->status;
}

Status run_state_read_own(const char *folder, RunState *state, RunStateParts *parts, Error *error) {
    char *path = file_join(folder, RUN_STATE_FILE, error), *text = NULL;
    cJSON *tree = NULL;
    *state = (RunState){0};
    *parts = (RunStateParts){0};
    if (path && !json_load_text(&tree, &text, path, error) &&
        !check_own_digest(tree, text, strlen(text), path, error) && !read_own(tree, state, path, error)) {
        parts->digests = cJSON_DetachItemFromObjectCaseSensitive(tree, DIGESTS);
        parts->settings = cJSON_DetachItemFromObjectCaseSensitive(tree, "settings");
    }
    cJSON_Delete(tree);
    memory_free(text);
    memory_free(path);
    return error->status;
}

Status run_state_read(const char *folder, RunState *state, RunStateParts *parts, Error *error) {
    char *path = file_join(folder, TRAINER_STATE_FILE, error);
    cJSON *tree = NULL;
    if (!run_state_read_own(folder, state, parts, error) && !json_load(&tree, path, error) &&
        !trainer_state_parse(tree, state, path, error))
        parts->history = cJSON_DetachItemFromObjectCaseSensitive(tree, "log_history");
    if (error->status) run_state_parts_free(parts);
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}

void run_state_parts_free(RunStateParts *parts) {
    cJSON_Delete(parts->history);
    cJSON_Delete(parts->settings);
    cJSON_Delete(parts->digests);
    *parts = (RunStateParts){0};
}
