/* The card of the final model. */
#include "linnet/core/log.h"
#include "linnet/report/model_card.h"
#include "train/trainer_state.h"

int64_t trainer_model_step(const Trainer *t) {
    return t->best_loaded ? t->state.best_saved.step : t->state.step;
}

void trainer_remove_card(const Trainer *t) {
    Error failure = {0};
    if (model_card_remove(t->settings->output_dir, &failure))
        log_warning("the card of an older model remains: %s", failure.message);
}

/* A model is as good without its card. */
void trainer_save_card(const Trainer *t, const char *digest) {
    Error failure = {0};
    CardEvaluation evaluations[NAMED_FILES_MAX];
    for (size_t i = 0; i < t->evaluation.count; i++) {
        const TrainerEvalFile *of = &t->evaluation.files[i];
        evaluations[i] = (CardEvaluation){of->prefix, dataset_info(of->data), of->metrics, &of->scores};
    }
    const ModelCard card = {.settings = t->settings,
                            .settings_text = t->save.settings,
                            .state = &t->state,
                            .step = trainer_model_step(t),
                            .config = &t->model.config,
                            .tokenizer = *t->model.tokenizer != '\0',
                            .train = dataset_info(t->data.train),
                            .evaluations = evaluations,
                            .evaluation_count = t->evaluation.count,
                            .class_weights = t->class_weights,
                            .history = runlog_history(t->log.file),
                            .ranks = t->world->size,
                            .nodes = t->world->nodes,
                            .threads = t->threads,
                            .digest = digest};
    if (model_card_save(&card, &failure)) log_warning("the model has no card: %s", failure.message);
}
