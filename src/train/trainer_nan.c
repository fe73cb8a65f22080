/* An update whose loss or gradient is not a finite number: find where it began, then end the run or skip the update.
 * Nothing here runs in an update that is finite. */
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/model/finite.h"
#include "train/trainer_state.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    SKIPS_MAX = 10, /* in a row; then the weights are the cause, not the samples */
    PROBES_MAX = 16 /* samples over the training data, which one finite loss is looked for in */
};

/* Run one of this rank's samples by itself: the forward pass and, if there are gradients to write, the backward pass, as
 * the update did. Returns its loss. */
static double run_sample(Trainer *t, const GlobalBatch *global_batch, int64_t number, Gradients *gradients) {
    const LoaderSample sample = loader_sample(t->data.loader, number);
    const DropoutRule dropout = trainer_dropout(t);
    batch_clear(&t->batch);
    batch_add(&t->batch, &t->batch_rule, sample.ids, sample.length, sample.label, (uint64_t)sample.index);
    batch_set_targets(&t->batch, sample.targets);
    trainer_pass(t, &dropout, trainer_loss_scale(t, global_batch), gradients, false, NULL, NULL);
    return t->update.losses[0];
}

/* "sample 17 (row 21 of tweets.csv, from 0)" */
enum { SAMPLE_TEXT = 400 };
static const char *name_sample(const Trainer *t, int64_t number, char text[SAMPLE_TEXT]) {
    const LoaderSample sample = loader_sample(t->data.loader, number);
    Samples loaded = {0};
    Error ignored = {0}; /* the number alone must do */
    int used = snprintf(text, SAMPLE_TEXT, "sample %" PRId64 " of %.100s", sample.index, t->settings->train_file);
    if (!dataset_load(t->data.train, &sample.index, 1, &loaded, &ignored))
        snprintf(text + used, SAMPLE_TEXT - (size_t)used, " (row %" PRId64 " of %.100s, from 0)", loaded.rows[0],
                 dataset_info(t->data.train)->source_name);
    samples_free(&loaded);
    return text;
}

/* The tensor whose gradient the backward pass finished first among those that are not finite; NULL: none. */
static const char *find_tensor(const Trainer *t, const Gradients *gradients) {
    const ParameterLayout *layout = &t->learned.layout;
    for (size_t i = layout->tensors; i-- > 0;)
        if (!values_are_finite(gradients->dense + layout->tensor[i].offset, layout->tensor[i].count))
            return layout->tensor[i].name;
    if (!gradients->residual) return NULL;
    bool finite = values_are_finite(gradients->residual, t->batch.tokens * (size_t)t->model.config.width);
    return finite ? NULL : layout->token.name;
}

/* The loss that the update found for one of this rank's samples. */
static double loss_of(const Trainer *t, int64_t number) {
    return t->update.totals[t->update.losses_at + (size_t)loader_sample(t->data.loader, number).position];
}

/* The first of samples first … end − 1 whose loss is not finite. */
static void find_loss(Trainer *t, const GlobalBatch *global_batch, int64_t first, int64_t end, Error *cause) {
    char sample[SAMPLE_TEXT], module[GPT2_MODULE_TEXT] = "";
    while (first < end && isfinite(loss_of(t, first))) first++;
    if (first == end) return;
    run_sample(t, global_batch, first, NULL);
    const DropoutRule dropout = trainer_dropout(t);
    const bool found = gpt2_find_not_finite(t->gpt2, &t->model.parameters, &t->batch, &dropout, module);
    error_set(cause, STATUS_FAILURE, "the loss of %s is %s%s%s", name_sample(t, first, sample),
              isnan(loss_of(t, first)) ? "nan" : "infinite", found ? ", first in the output of " : "", module);
}

/* The first of samples first … end − 1 whose gradient is not finite. */
static void find_gradient(Trainer *t, const GlobalBatch *global_batch, int64_t first, int64_t end, Error *cause) {
    Gradients gradients = {.dense = optimizer_sums(&t->optimizer)};
    char sample[SAMPLE_TEXT];
    for (; first < end && !cause->status; first++) {
        run_sample(t, global_batch, first, &gradients);
        const char *tensor = find_tensor(t, &gradients);
        if (tensor)
            error_set(cause, STATUS_FAILURE, "the gradient of %s is not finite, first in %s",
                      name_sample(t, first, sample), tensor);
    }
}

/* The cause, the same on all ranks, with the lowest rank that found it: STATUS_INPUT if the weights themselves are not
 * finite, else STATUS_FAILURE. Collective. */
static void find_cause(Trainer *t, const GlobalBatch *global_batch, double loss, Error *cause) {
    const int64_t first = global_batch->unit_starts[0], end = global_batch->unit_starts[global_batch->unit_count];
    Error weights = {0};
    char where[64];
    snprintf(where, sizeof where, "the weights after update %" PRId64, t->state.step);
    if (parameters_check_finite(where, &t->model.layout, &t->model.parameters, &weights))
        *cause = weights;
    else
        (isfinite(loss) ? find_gradient : find_loss)(t, global_batch, first, end, cause);
    if (!world_agree(t->world, cause, false))
        error_set(cause, STATUS_FAILURE, "the gradient of each sample is finite, but not their sum");
}

/* What to try, by what these settings leave; `skip`: whether leaving out this update can help. */
enum { ADVICE_TEXT = 200 };
static const char *advice(const Trainer *t, bool skip, char text[ADVICE_TEXT]) {
    const Settings *s = t->settings;
    snprintf(text, ADVICE_TEXT, "a learning_rate below %g%s%s%s%s", s->learning_rate,
             s->max_grad_norm > 0 ? "" : ", max_grad_norm 1", s->warmup_steps > 0 ? "" : ", warmup_steps",
             t->bf16 ? ", bf16 false" : "", skip && s->on_nan == ON_NAN_STOP ? ", on_nan \"skip\"" : "");
    return text;
}

/* "checkpoint-8 is the last one" */
enum { LAST_TEXT = 64 };
static const char *last_checkpoint(const Trainer *t, char text[LAST_TEXT]) {
    snprintf(text, LAST_TEXT, "there is no checkpoint");
    if (t->save.step > 0) snprintf(text, LAST_TEXT, "checkpoint-%" PRId64 " is the last one", t->save.step);
    return text;
}

/* The event of the update that ended the run: null in place of what is not finite. Rank 0. */
static void log_event(Trainer *t, double loss, Error *error) {
    const double seconds = clock_now() - t->log.since;
    trainer_add_event(t,
                      runlog_train_event(t->state.step + 1, t->state.epoch, loss, t->update.norm, t->update.rate,
                                         (double)t->log.tokens / seconds, (double)t->log.samples / seconds),
                      error);
}

/* End the run. Collective. */
static void stop(Trainer *t, const Error *cause, double loss) {
    char update[32] = "", last[LAST_TEXT], text[ADVICE_TEXT];
    Error reported = {0}; /* a checkpoint that failed is told by then */
    trainer_join_writer(t, &reported);
    if (t->world->rank == 0) log_event(t, loss, &t->pending);
    if (t->world->size == 1) /* else the line names the update with the rank */
        snprintf(update, sizeof update, "update %" PRId64 ": ", t->state.step + 1);
    if (t->world->rank == cause->rank)
        error_set(&t->pending, STATUS_FAILURE, "%s%s; nothing of this update is kept, and %s. Try %s", update,
                  cause->message, last_checkpoint(t, last), advice(t, cause->status == STATUS_FAILURE, text));
    t->failed = true;
}

bool trainer_not_finite(Trainer *t, const GlobalBatch *global_batch, double loss) {
    Error cause = {0};
    find_cause(t, global_batch, loss, &cause);
    t->skips_in_a_row++;
    if (t->settings->on_nan == ON_NAN_STOP || cause.status == STATUS_INPUT || t->skips_in_a_row >= SKIPS_MAX) {
        stop(t, &cause, loss);
        return false;
    }
    if (t->world->rank == cause.rank)
        log_warning("update %" PRId64 " is skipped: %s", t->state.step + 1, cause.message);
    t->state.skipped++;
    return true;
}

Status trainer_check_finite(const Trainer *t, Error *error) {
    char where[128], last[LAST_TEXT];
    const Parameters parameters = trainer_parameters(t);
    snprintf(where, sizeof where, "the model after update %" PRId64 " is not saved, and %s", t->state.step,
             last_checkpoint(t, last));
    return optimizer_check_finite(&t->optimizer, &parameters, where, STATUS_FAILURE, error);
}

/* Whether a sample of the training data has a finite loss, without dropout. Data that cannot be read proves nothing. */
static bool has_finite_loss(Trainer *t, int64_t index) {
    Samples samples = {0};
    Error ignored = {0};
    double loss = 0.0;
    if (!dataset_load(t->data.train, &index, 1, &samples, &ignored)) {
        batch_clear(&t->batch);
        batch_add(&t->batch, &t->batch_rule, samples.ids, (size_t)samples.starts[1],
                  samples.labels ? samples.labels[0] : 0, (uint64_t)index);
        batch_set_targets(&t->batch, samples.targets);
        trainer_pass(t, NULL, 1.0, NULL, false, NULL, NULL);
        loss = t->update.losses[0];
        batch_clear(&t->batch);
    }
    samples_free(&samples);
    return isfinite(loss);
}

/* Finite weights can be so large that no forward pass is finite; the update that made them cannot know. One sample shows
 * that they are not, unless that sample is the cause itself. */
Status trainer_check_usable(Trainer *t, Error *error) {
    const int64_t samples = dataset_info(t->data.train)->samples, probes = int64_min(samples, PROBES_MAX);
    char last[LAST_TEXT], text[ADVICE_TEXT];
    if (t->world->rank != 0 || t->evaluation.step == t->state.step) return STATUS_OK;
    for (int64_t i = 0; i < probes; i++)
        if (has_finite_loss(t, i * (samples / probes))) return STATUS_OK;
    return error_set(error, STATUS_FAILURE,
                     "the model after update %" PRId64 " is not saved, and %s: it gives no finite loss for %s%" PRId64
                     " samples of %s. Try %s",
                     t->state.step, last_checkpoint(t, last), probes < samples ? "any of " : "the ", probes,
                     t->settings->train_file, advice(t, false, text));
}

bool trainer_has_diverged(const Trainer *t) {
    for (size_t i = 0; i < t->evaluation.count; i++) {
        const Metrics *found = t->evaluation.files[i].metrics;
        if (found->samples == 0 || found->nan_losses + found->infinite_losses < found->samples) return false;
    }
    return t->evaluation.count > 0;
}

void trainer_stop_diverged(Trainer *t, Error *error) {
    char last[LAST_TEXT], text[ADVICE_TEXT];
    Error reported = {0};
    trainer_join_writer(t, &reported);
    error_set(error, STATUS_FAILURE,
              "the model has diverged: after update %" PRId64
              " the loss of no sample of %s is a finite number; %s. Try %s",
              t->state.step, t->evaluation.files[0].file->path, last_checkpoint(t, last), advice(t, false, text));
}
