/* Whose run this is: find the checkpoint to resume from, and check that the run continues it. */
#include "linnet/checkpoint/final_model.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "train/trainer_state.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What rank 0 finds in output_dir and decides. */
typedef struct {
    CheckpointList list;
    RunRecord record; /* of the run that the folder belongs to; no id: it says nothing */
    char *folder;     /* of the checkpoint to resume from; NULL: start from the beginning */
    bool by_name;     /* the checkpoint was named, by the user or as the one that the recorded run began with */
    int64_t inside;   /* its step if it lies in output_dir, else 0 */
    RunState was;     /* its state */
    RunStateParts parts;
    bool other_metric; /* the best model so far was chosen by another one */
} Resume;

static void resume_free(Resume *r) {
    checkpoint_list_free(&r->list);
    run_state_parts_free(&r->parts);
    memory_free(r->folder);
}

/* --- Which checkpoint --------------------------------------------------------------------------------------------- */

/* The run that a job that is started again continues: the recorded one; without a record, as where only checkpoints were
 * copied, the one that all checkpoints are of; "": none. */
static Status find_owner(const Trainer *t, const Resume *r, char owner[RUN_ID_TEXT], Error *error) {
    char names[CHECKPOINT_NAMES_TEXT];
    const bool overwrite = t->settings->overwrite_output_dir;
    memcpy(owner, r->record.id, RUN_ID_TEXT);
    if (owner[0]) return STATUS_OK;
    for (size_t i = 0; i < r->list.count; i++) {
        const char *run = r->list.entries[i].run;
        if (!owner[0]) memcpy(owner, run, RUN_ID_TEXT);
        if (!run[0] || strcmp(run, owner) == 0) continue;
        owner[0] = '\0';
        if (overwrite) return STATUS_OK;
        checkpoint_others(&r->list, "", names);
        return error_set(error, STATUS_INPUT,
                         "%s has checkpoints of several runs (%s) and no " RUN_RECORD_FILE
                         " that says which of them to continue: set resume_from_checkpoint to one of the folders",
                         t->settings->output_dir, names);
    }
    return STATUS_OK;
}

/* Nothing to resume. Where the newest checkpoint is one that linnet can never resume, the line says so by name. */
static Status find_none(const Trainer *t, const Resume *r, Error *error) {
    const CheckpointEntry *last = r->list.count > 0 ? &r->list.entries[r->list.count - 1] : NULL;
    CheckpointInfo info;
    if (last && (last->kind == CHECKPOINT_TRAINER || last->kind == CHECKPOINT_OLDER) &&
        !t->settings->overwrite_output_dir) {
        char *path = checkpoint_path(t->settings->output_dir, last->step, error);
        if (path) checkpoint_verify(path, &info, error);
        memory_free(path);
        return error->status;
    }
    log_info("no checkpoint of this run in %s yet: starting from the beginning", t->settings->output_dir);
    return STATUS_OK;
}

/* The newest intact checkpoint of the folder's run or, where it has none yet, the one that it began with. */
static Status find_newest(const Trainer *t, Resume *r, Error *error) {
    const char *output = t->settings->output_dir;
    char owner[RUN_ID_TEXT];
    CheckpointInfo info;
    if (find_owner(t, r, owner, error)) return error->status;
    const int64_t newest = checkpoint_newest_intact(&r->list, output, owner, error);
    if (error->status) return error->status;
    if (newest > 0) {
        r->inside = newest;
        r->folder = checkpoint_path(output, newest, error);
    } else if (r->record.from_folder[0]) {
        r->by_name = true;
        if (!checkpoint_verify(r->record.from_folder, &info, error) &&
            !checkpoint_check_resumable(r->record.from_folder, &info, error))
            r->folder = memory_text(r->record.from_folder, error);
    } else {
        find_none(t, r, error);
    }
    return error->status;
}

/* A checkpoint that the user names. Where this folder's run began with it already, as a job that is started again by the
 * same command finds it, that run goes on. */
static Status find_named(const Trainer *t, Resume *r, const char *named, Error *error) {
    CheckpointInfo info;
    if (checkpoint_verify(named, &info, error) || checkpoint_check_resumable(named, &info, error)) return error->status;
    const RunRecord *of = &info.state.run, *here = &r->record;
    if (strcmp(here->from_run, of->id) == 0 && here->from_step == info.state.step &&
        checkpoint_newest(&r->list, here->id) > 0 && !t->settings->overwrite_output_dir) {
        log_info("%s is of the run that began with %s: continuing it", t->settings->output_dir, named);
        return find_newest(t, r, error);
    }
    r->by_name = true;
    r->folder = memory_text(named, error);
    for (size_t i = 0; i < r->list.count && !error->status; i++) {
        char *path = checkpoint_path(t->settings->output_dir, r->list.entries[i].step, error);
        if (path && file_same(path, named)) r->inside = r->list.entries[i].step;
        memory_free(path);
    }
    return error->status;
}

static void drop_checkpoint(Resume *r) {
    memory_free(r->folder);
    r->folder = NULL;
    r->inside = 0;
    run_state_parts_free(&r->parts);
}

/* A run that has stopped early stays stopped. */
static bool has_stopped_early(const Settings *settings, const RunState *state) {
    return settings->early_stopping_patience > 0 && state->stale >= settings->early_stopping_patience;
}

/* What makes the checkpoint another run's: what a run cannot change or, where it has ended, settings that would act only
 * on updates, of which none is left. */
static const char *other_run(const Trainer *t, const RunState *was, const RunDifferences *found) {
    const bool ended = was->step >= t->state.total || (has_stopped_early(t->settings, was) && !found->metric);
    return found->fixed[0] || !ended ? found->fixed : found->updates;
}

/* A resumed run must have the same samples in the same updates. One that goes on from a checkpoint that the user has
 * named takes its weights from there, whatever model_name_or_path says. */
static Status check_run(const Trainer *t, Resume *r, Error *error) {
    RunDifferences found;
    const bool automatic = strcmp(t->settings->resume_from_checkpoint, "auto") == 0;
    RunState was = r->was;
    if (r->by_name) was.model_digest[0] = '\0';
    if (trainer_compare(t, &was, r->parts.settings, &found, error)) return error->status;
    r->other_metric = found.metric;
    const char *differs = other_run(t, &was, &found);
    const char *whose = found.fixed[0] ? "is of another run" : "has no update left for other settings";
    if (!differs[0]) return STATUS_OK;
    if (automatic && t->settings->overwrite_output_dir) {
        log_info("overwrite_output_dir: %s %s (%s): starting a new run", r->folder, whose, differs);
        drop_checkpoint(r);
        return STATUS_OK;
    }
    return error_set(error, STATUS_INPUT, "cannot resume from %s, which %s: %s: %s", r->folder, whose, differs,
                     automatic ? "continue it with the same, or set another output_dir; overwrite_output_dir: true "
                                 "removes its checkpoints and starts a new run"
                               : "use the same, or do not resume");
}

/* --- Which run ---------------------------------------------------------------------------------------------------- */

/* A checkpoint that the user names continues its own run if that run owns the folder and has come no further; else it is
 * where another run begins. */
static bool is_same_run(const Resume *r) {
    if (!r->folder) return false;
    if (!r->by_name) return true;
    const char *id = r->was.run.id;
    return r->inside > 0 && r->inside == checkpoint_newest(&r->list, id) &&
           (!r->record.id[0] || strcmp(r->record.id, id) == 0);
}

static Status begin_run(Trainer *t, const Resume *r, Error *error) {
    RunRecord *run = &t->state.run;
    if (run_record_draw(run, error) || !r->folder) return error->status;
    char absolute[PATH_MAX];
    const char *from = realpath(r->folder, absolute) ? absolute : r->folder;
    memcpy(run->from_run, r->was.run.id, sizeof run->from_run);
    run->from_step = r->was.step;
    snprintf(run->from_folder, sizeof run->from_folder, "%s", from);
    log_info("a new run begins with %s: it continues run %.8s after update %" PRId64, r->folder, r->was.run.id,
             r->was.step);
    return STATUS_OK;
}

/* Whether the folder has a checkpoint of a run of linnet's, which resume_from_checkpoint: true could continue. */
static bool has_run(const CheckpointList *list) {
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].run[0]) return true;
    return false;
}

/* Whether a checkpoint that is not of this run lies at a step that the run has still to reach, where it could save its
 * own at any time, for a stop signal for example. What overwrite_output_dir removes does not count. */
static bool is_ahead(const Trainer *t, const Resume *r, const CheckpointEntry *entry, Error *error) {
    const int64_t start = r->folder ? r->was.step : 0;
    if (entry->step <= start || entry->step > t->state.total || checkpoint_may_replace(entry, t->state.run.id))
        return false;
    if (!t->settings->overwrite_output_dir) return true;
    char *path = checkpoint_path(t->settings->output_dir, entry->step, error);
    const bool kept = path && file_same(path, t->settings->model_name_or_path);
    memory_free(path);
    return kept;
}

/* Nothing of another run is replaced by a checkpoint of this one. */
static Status check_ahead(const Trainer *t, const Resume *r, Error *error) {
    const bool overwrite = t->settings->overwrite_output_dir;
    char names[CHECKPOINT_NAMES_TEXT];
    CheckpointList ahead = {memory_allocate(r->list.count, sizeof *ahead.entries, error), 0};
    for (size_t i = 0; ahead.entries && i < r->list.count; i++)
        if (is_ahead(t, r, &r->list.entries[i], error)) ahead.entries[ahead.count++] = r->list.entries[i];
    if (!error->status && checkpoint_others(&ahead, t->state.run.id, names) > 0)
        error_set(error, STATUS_INPUT,
                  "%s has %s, %s, at a step that this run has still to reach: set another output_dir%s",
                  t->settings->output_dir, names, overwrite ? "which is the model to start from" : "not of this run",
                  overwrite ? "" : "; or overwrite_output_dir: true, which removes what is not of this run");
    checkpoint_list_free(&ahead);
    return error->status;
}

/* Whether a checkpoint that does not say whose it is could give way to one of this run. */
static bool has_damaged(const Trainer *t, const Resume *r) {
    for (size_t i = 0; i < r->list.count; i++)
        if (!checkpoint_is_of(&r->list.entries[i], t->state.run.id) &&
            checkpoint_may_replace(&r->list.entries[i], t->state.run.id))
            return true;
    return false;
}

/* Other runs' checkpoints in the folder: in the way of a new run; never used or removed by one that goes on. */
static Status check_others(const Trainer *t, const Resume *r, bool same_run, Error *error) {
    const char *output = t->settings->output_dir;
    char names[CHECKPOINT_NAMES_TEXT];
    if (checkpoint_others(&r->list, t->state.run.id, names) == 0) return STATUS_OK;
    if (!t->settings->overwrite_output_dir && !same_run && r->inside == 0)
        return error_set(
            error, STATUS_INPUT,
            "%s has checkpoints of another run: %s: set another output_dir; or overwrite_output_dir: true, "
            "which removes them%s",
            output, names,
            t->settings->resume_from_checkpoint || !has_run(&r->list)
                ? ""
                : "; or resume_from_checkpoint: true to continue that run");
    if (check_ahead(t, r, error) || t->settings->overwrite_output_dir) return error->status;
    log_warning("%s also has checkpoints that are not of this run: %s: they are neither used nor removed%s", output,
                names,
                has_damaged(t, r) ? ", but a damaged one is replaced if this run saves one of the same step" : "");
    return STATUS_OK;
}

/* The best model so far counts unless the metric is another one now. */
static void check_best(const Trainer *t, const Resume *r, RunState *state) {
    if (r->other_metric && state->has_best) {
        log_info("the best model so far no longer counts: its metric is another one");
        state->has_best = false;
        state->best_step = state->stale = 0;
        state->best_saved = (BestCheckpoint){0};
    }
    if (state->best_saved.step > 0) trainer_find_best(t, r->folder, state);
}

static void tell_length(const Trainer *t, const Resume *r) {
    if (r->was.step > t->state.total)
        log_warning("%s is past the end of this run, which has %" PRId64
                    " updates (max_steps, num_train_epochs): no update is left, the model of update %" PRId64
                    " becomes the final one",
                    r->folder, t->state.total, r->was.step);
    else
        log_info("resuming from %s after update %" PRId64 " of %" PRId64, r->folder, r->was.step, t->state.total);
}

/* A rate that evaluations have lowered stays so, unless the user has changed learning_rate, which counts from now on. The
 * best of another metric says nothing. */
static void take_plateau(const Trainer *t, bool other_metric, RunState *state) {
    const bool known = state->has_plateau;
    state->has_plateau = t->state.has_plateau;
    if (!known || !state->has_plateau) {
        state->plateau = t->state.plateau;
    } else if (state->plateau.peak != t->state.plateau.peak) {
        state->plateau.peak = state->plateau.rate = t->state.plateau.peak;
    }
    if (other_metric) state->plateau = (PlateauState){.rate = state->plateau.rate, .peak = state->plateau.peak};
}

/* The state of the checkpoint, with what belongs to this process. */
static Status take_state(Trainer *t, const Resume *r, Error *error) {
    RunState state = r->was;
    if (trainer_tell_changes(t, &r->was, r->parts.settings, r->folder, error)) return error->status;
    check_best(t, r, &state);
    state.run = t->state.run;
    state.units = t->state.units;
    state.total = t->state.total;
    state.figures = t->state.figures;
    state.fingerprint = t->state.fingerprint;
    take_plateau(t, r->other_metric, &state);
    state.eval_tokens = t->state.eval_tokens;
    memcpy(state.eval_digest, t->state.eval_digest, sizeof state.eval_digest);
    if (r->by_name || !state.model_digest[0])
        memcpy(state.model_digest, t->state.model_digest, sizeof state.model_digest);
    tell_length(t, r);
    t->state = state;
    t->save.step = r->inside;
    return STATUS_OK;
}

/* All that rank 0 does, which alone looks at the folder. */
static Status decide(Trainer *t, Resume *r, Error *error) {
    const char *output = t->settings->output_dir, *from = t->settings->resume_from_checkpoint;
    model_fingerprint(t->settings->model_name_or_path, false, t->state.model_digest);
    if (checkpoint_tidy(output, error) || final_model_recover(output, error) ||
        checkpoint_list(&r->list, output, error) || run_record_read(&r->record, output, error))
        return error->status;
    if (from && (strcmp(from, "auto") == 0 ? find_newest(t, r, error) : find_named(t, r, from, error)))
        return error->status;
    if (r->folder && (run_state_read(r->folder, &r->was, &r->parts, error) || check_run(t, r, error)))
        return error->status;
    const bool same_run = is_same_run(r);
    if (same_run)
        t->state.run = r->was.run;
    else if (begin_run(t, r, error))
        return error->status;
    if (check_others(t, r, same_run, error)) return error->status;
    return r->folder ? take_state(t, r, error) : STATUS_OK;
}

Status trainer_resume(Trainer *t, char **folder, cJSON **history, Error *error) {
    Resume r = {0};
    if (t->world->rank == 0) decide(t, &r, error);
    if (world_agree(t->world, error, true)) goto cleanup;
    char *text = r.folder ? r.folder : "";
    world_broadcast_text(t->world, &text, error);
    if (t->world->rank != 0) r.folder = text;
    if (error->status) goto cleanup;
    world_broadcast(t->world, &t->state, sizeof t->state);
    world_broadcast(t->world, &t->save.step, sizeof t->save.step);
    t->stop_early = text[0] && has_stopped_early(t->settings, &t->state);
    if (t->stop_early) log_info("the run has stopped early already (early_stopping_patience): no update is left");
    if (text[0]) {
        *folder = r.folder;
        r.folder = NULL;
    }
    *history = r.parts.history;
    r.parts.history = NULL;
cleanup:
    resume_free(&r);
    return error->status;
}
