/* What is due between updates: log, evaluate, save, stop early. */
#include "train/trainer_events.h"

#include "train/trainer_evaluation.h"
#include "train/trainer_log.h"
#include "train/trainer_save.h"

static bool due(int64_t step, int64_t every) {
    return every > 0 && step % every == 0;
}

/* As in Trainer: "steps" is also due at the last update, and "epoch" when training stops early within an epoch. */
static bool is_due(const Trainer *t, Strategy strategy, int64_t every) {
    bool ends = t->state.step == t->state.total || t->stop_early;
    if (strategy == STRATEGY_STEPS) return due(t->state.step, every) || ends;
    return strategy == STRATEGY_EPOCH && (t->state.step % t->length.steps_per_epoch == 0 || ends);
}

Status trainer_evaluate_and_save(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    bool best = false;
    Scores scores;
    if (is_due(t, s->eval_strategy, t->length.eval_every)) {
        if (trainer_evaluate(t, &scores, error) || t->state.evaluation_due) return error->status;
        best = trainer_note_best(t, &scores);
    }
    if (!is_due(t, s->save_strategy, t->length.save_every) && !(s->save_strategy == STRATEGY_BEST && best))
        return STATUS_OK;
    return trainer_save(t, t->state.step == t->state.total || t->stop_early ? SAVE_LAST : SAVE_BETWEEN, error);
}

Status trainer_events(Trainer *t, Error *error) {
    if (due(t->state.step, t->length.log_every)) trainer_log_training(t);
    return trainer_evaluate_and_save(t, error);
}
