/* The loop over updates, and what is due between them: log, evaluate, save, stop early. */
#include "linnet/train/trainer.h"
#include "linnet/core/clock.h"
#include "linnet/core/progress.h"
#include "train/trainer_state.h"

static bool due(int64_t step, int64_t every) {
    return every > 0 && step % every == 0;
}

/* As in Trainer: "steps" is also due at the last update, and "epoch" when training stops early within an epoch. */
static bool is_due(const Trainer *t, Strategy strategy, int64_t every) {
    bool ends = t->state.step == t->state.total || t->stop_early;
    if (strategy == STRATEGY_STEPS) return due(t->state.step, every) || ends;
    return strategy == STRATEGY_EPOCH && (t->state.step % t->length.steps_per_epoch == 0 || ends);
}

/* Whether eval_delay is over. The evaluation at the last update is not delayed, but one that "epoch" asks for there. */
static bool is_evaluation_delayed(const Trainer *t) {
    const Settings *s = t->settings;
    if (s->eval_strategy == STRATEGY_EPOCH) return t->state.epoch < s->eval_delay;
    return t->state.step < t->state.total && !t->stop_early && (double)t->state.step < s->eval_delay;
}

/* Evaluation and checkpoint, as far as they are due: a resumed run also makes up for an evaluation that a stop signal
 * ended. Collective. */
static Status evaluate_and_save(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    bool best = false;
    if (is_due(t, s->eval_strategy, t->length.eval_every) && !is_evaluation_delayed(t)) {
        if (trainer_evaluate(t, error) || t->state.evaluation_due) return error->status;
        trainer_note_plateau(t);
        best = trainer_note_best(t);
    }
    if (!is_due(t, s->save_strategy, t->length.save_every) && !(s->save_strategy == STRATEGY_BEST && best))
        return STATUS_OK;
    return trainer_save(t, t->state.step == t->state.total || t->stop_early ? SAVE_LAST : SAVE_BETWEEN, error);
}

/* Whether a stop signal leaves work for a resumed run. */
static bool must_stop(const Trainer *t) {
    if (t->state.evaluation_due) return true;
    return t->stop_signal && !t->stop_early && t->state.step < t->state.total;
}

/* eval_on_start. A signal that ends it is obeyed behind the first update. Collective. */
static Status evaluate_at_start(Trainer *t, Error *error) {
    if (!t->settings->eval_on_start || t->state.step > 0 || trainer_evaluate(t, error)) return error->status;
    t->state.evaluation_due = false;
    return STATUS_OK;
}

/* Collective. */
static Status run_loop(Trainer *t, Error *error) {
    bool missed = t->state.evaluation_due;
    t->state.evaluation_due = false; /* even if these settings ask for no evaluation */
    if (missed && evaluate_and_save(t, error)) return error->status;
    if (must_stop(t)) return trainer_stop(t, error);
    if (evaluate_at_start(t, error)) return error->status;
    while (t->state.step < t->state.total && !t->stop_early) {
        int64_t epoch = t->state.step / t->length.steps_per_epoch, number = t->state.step % t->length.steps_per_epoch;
        if (!loader_has(t->data.loader, epoch, number)) {
            profile_enter(t->profile, REGION_DATA);
            loader_load(t->data.loader, epoch, number, error);
            profile_leave(t->profile, 0.0);
            double start = clock_now();
            if (world_agree(t->world, error, true)) return error->status;
            t->log.waited += clock_now() - start;
        }
        trainer_update(t);
        if (t->failed) {
            *error = t->pending;
            return world_agree(t->world, error, true);
        }
        if (t->save.ended && trainer_join_writer(t, error)) return error->status;
        trainer_progress(t);
        if (t->run_steps == 1) trainer_note_status(t);
        if (due(t->state.step, t->length.log_every) || (t->settings->logging_first_step && t->state.step == 1))
            trainer_log_training(t);
        if (evaluate_and_save(t, error)) return error->status;
        if (must_stop(t)) return trainer_stop(t, error);
    }
    return STATUS_OK;
}

/* All updates that are left. Collective. */
static Status run_updates(Trainer *t, Error *error) {
    progress_begin("train", "updates", t->state.total);
    progress_resume(t->state.step);
    run_loop(t, error);
    progress_end();
    return error->status;
}

Status trainer_run(World *world, const Settings *settings, bool profile, Error *error) {
    Trainer trainer = {0};
    if (trainer_setup(&trainer, world, settings, profile, error) == STATUS_OK &&
        run_updates(&trainer, error) == STATUS_OK && trainer_finish(&trainer, error) == STATUS_OK && profile)
        trainer_profile(&trainer, error);
    world_phase(world, RUN_END, 0);
    trainer_end_log(&trainer, error->status);
    trainer_end_status(&trainer, error);
    trainer_close(&trainer);
    return error->status;
}
