/* One update: forward and backward passes over this rank's reduction units, reduction, clipping, optimizer step. */
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/kernels/target_loss.h"
#include "linnet/model/unit_groups.h"
#include "train/trainer_state.h"
#include <math.h>
#include <string.h>

/* Reduction units that form a subtree of the summing tree, while their gradient is computed. */
typedef struct {
    Trainer *trainer;
    const GlobalBatch *global_batch;
    DropoutRule dropout;
    int64_t sample;  /* number of the batch's first sample */
    bool accumulate; /* an earlier batch has written the gradient, so add to it */
} Subtree;

void trainer_parameters_ready(void *context, size_t bucket) {
    Trainer *t = context;
    profile_enter(t->profile, REGION_ALL_GATHER);
    optimizer_await(&t->optimizer, bucket);
    profile_leave(t->profile, 0.0);
}

void trainer_poll(void *context) {
    Trainer *t = context;
    optimizer_poll(&t->optimizer);
}

static void bucket_done(void *context, size_t bucket) {
    optimizer_bucket_done(context, bucket);
}

/* Keep the losses of the batch [samples] by their samples' positions in the global batch, which is how they are added. */
static void keep_losses(Trainer *t, int64_t first, size_t samples) {
    double *losses = t->update.totals + t->update.losses_at;
    for (size_t b = 0; b < samples; b++)
        losses[loader_sample(t->data.loader, first + (int64_t)b).position] = t->update.losses[b];
}

/* Forward and backward passes over the batch. */
static void run_batch(Subtree *subtree, bool last) {
    Trainer *t = subtree->trainer;
    Batch *batch = &t->batch;
    Gradients gradients = {.dense = optimizer_gradients(&t->optimizer)};
    trainer_pass(t, &subtree->dropout, trainer_loss_scale(t, subtree->global_batch), &gradients, subtree->accumulate,
                 last ? bucket_done : NULL, &t->optimizer);
    keep_losses(t, subtree->sample, batch->samples);
    if (gradients.residual) optimizer_add_rows(&t->optimizer, batch, gradients.residual);
    subtree->sample += (int64_t)batch->samples;
    subtree->accumulate = true;
    batch_clear(batch);
}

/* Reduction units first … first + count − 1 in one batch, or a large unit in several. */
static void run_subtree(Trainer *t, const GlobalBatch *global_batch, int first, int count) {
    const int64_t *starts = global_batch->unit_starts + first - global_batch->first_unit; /* of these units */
    Subtree subtree = {.trainer = t, .global_batch = global_batch, .dropout = trainer_dropout(t), .sample = starts[0]};
    size_t part =
        unit_group_part_rows(t->data.loader, global_batch, first, count, &t->batch_rule, t->batch.token_capacity);
    optimizer_subtree_begin(&t->optimizer, count);
    batch_clear(&t->batch);
    for (int u = 0; u < count; u++) {
        if (u > 0) batch_next_unit(&t->batch);
        for (int64_t i = starts[u]; i < starts[u + 1]; i++) {
            LoaderSample sample = loader_sample(t->data.loader, i);
            if (t->batch.tokens >= part || !batch_fits(&t->batch, &t->batch_rule, sample.ids, sample.length))
                run_batch(&subtree, false);
            batch_add(&t->batch, &t->batch_rule, sample.ids, sample.length, sample.label, (uint64_t)sample.index);
            batch_set_targets(&t->batch, sample.targets);
        }
    }
    run_batch(&subtree, true);
    optimizer_subtree_done(&t->optimizer);
}

/* Forward and backward passes over this rank's reduction units. */
static void run_units(Trainer *t, const GlobalBatch *global_batch) {
    int end = global_batch->first_unit + global_batch->unit_count;
    const bool together = unit_groups_together(t->bf16, t->language);
    for (int unit = global_batch->first_unit, count; unit < end; unit += count) {
        count = unit_group_size(t->data.loader, global_batch, unit, &t->batch_rule, t->batch.token_capacity, together);
        run_subtree(t, global_batch, unit, count);
    }
}

/* The embedding rows that this rank's units touch; returns their number. */
static size_t list_rows(Trainer *t, const GlobalBatch *global_batch) {
    size_t count = 0;
    const int64_t *starts = global_batch->unit_starts;
    for (int64_t i = starts[0]; i < starts[global_batch->unit_count]; i++) {
        LoaderSample sample = loader_sample(t->data.loader, i);
        size_t rows = batch_rows(&t->batch_rule, sample.length);
        for (size_t k = 0; k < rows && k < sample.length; k++) {
            t->update.ids[count] = sample.ids[k];
            t->update.positions[count++] = (int32_t)k;
        }
        if (rows > sample.length) { /* the row that padded_end adds */
            t->update.ids[count] = t->batch_rule.end_of_text;
            t->update.positions[count++] = t->batch_rule.positions - 1;
        }
    }
    return count;
}

/* Sum losses, squares and flags over the ranks. Each element is non-zero on one rank at most (flags: exact integers),
 * so the sums are exact. */
static void share_totals(Trainer *t, const GlobalBatch *global_batch) {
    UpdateWork *u = &t->update;
    size_t losses = u->losses_at + (size_t)global_batch->samples, blocks;
    double *squares = optimizer_squares(&t->optimizer, &blocks), *totals = u->totals;
    memcpy(totals + losses, squares, blocks * sizeof *totals);
    totals[TOTALS_STOP] = signals_pending() != 0;
    totals[TOTALS_FAILED] = t->pending.status != STATUS_OK;
    totals[TOTALS_SAVED] = checkpoint_writer_ended(&t->save.writer);
    totals[TOTALS_WAITED + t->world->rank] = t->log.waited + optimizer_waited(&t->optimizer);
    double start = clock_now();
    world_sum_doubles(t->world, totals, losses + blocks);
    t->log.waited += clock_now() - start;
    memcpy(squares, totals + losses, blocks * sizeof *totals);
    t->stop_signal = totals[TOTALS_STOP] != 0.0;
    t->failed = totals[TOTALS_FAILED] != 0.0;
    t->save.ended = totals[TOTALS_SAVED] != 0.0;
}

/* torch.nn.utils.clip_grad_norm_'s factor. */
static double clip_factor(double norm, double limit) {
    if (limit <= 0.0) return 1.0;
    double factor = limit / (norm + 1e-6);
    return factor > 1.0 ? 1.0 : factor; /* NaN stays NaN, as in PyTorch */
}

/* Epochs done, as Trainer counts them: in micro-batches of all ranks together, or in samples with global_batch_size. */
static double epochs_done(const Trainer *t) {
    const RunState *state = &t->state;
    int64_t micro = t->settings->global_batch_size > 0 ? 1 : t->settings->per_device_train_batch_size * t->world->size;
    int64_t complete = state->step / t->length.steps_per_epoch;
    int64_t samples = state->step % t->length.steps_per_epoch * state->global_batch;
    int64_t done = int64_divide_up(samples, micro), all = int64_divide_up(state->samples, micro);
    return (double)complete + (double)done / (double)all;
}

/* The optimizer will write the rows that it has not touched before: copy their pages of the mapped file now. */
static void prefault_rows(const Trainer *t, size_t count) {
    const Parameters *parameters = &t->model.parameters;
    size_t width = (size_t)t->model.layout.token.shape[1];
    for (size_t i = 0; i < count; i++)
        if (!optimizer_has_token(&t->optimizer, t->update.ids[i]))
            memory_prefault_copy(parameters->token + (size_t)t->update.ids[i] * width, width * sizeof(float));
}

/* Wait until all parameters have arrived and are sent. */
static void await_parameters(Trainer *t) {
    profile_enter(t->profile, REGION_ALL_GATHER);
    optimizer_await_all(&t->optimizer);
    profile_leave(t->profile, 0.0);
}

/* Tell the optimizer which embedding rows a global batch touches. Collective. */
static void name_rows(Trainer *t, int64_t number) {
    t->update.rows_named = true;
    if (t->learned.layout.token.count == 0) return;
    const GlobalBatch global_batch = loader_global_batch(t->data.loader, number);
    size_t rows = list_rows(t, &global_batch);
    prefault_rows(t, rows);
    optimizer_rows(&t->optimizer, t->update.ids, t->update.positions, rows);
}

/* Those of the next update, if there is one and its samples are loaded. Collective. */
static void name_next_rows(Trainer *t) {
    int64_t next = t->state.step + 1, number = next % t->length.steps_per_epoch;
    if (next < t->state.total && loader_has(t->data.loader, next / t->length.steps_per_epoch, number))
        name_rows(t, number);
}

/* Updates so far that had an effect. As where Trainer skips one, the moments and the schedule know only these. */
static int64_t steps_applied(const Trainer *t) {
    return t->state.step - t->state.skipped;
}

/* Like its gradient it is 0 where no sample has a weight or predicts anything, but for what is not finite. */
static double mean_loss(const Trainer *t, const GlobalBatch *global_batch) {
    const double *losses = t->update.totals + t->update.losses_at;
    double sum = 0.0;
    for (int64_t i = 0; i < global_batch->samples; i++) sum += losses[i];
    const double weight = trainer_loss_weight(t, global_batch);
    return weight > 0.0 ? sum / weight : 0.0 * sum;
}

/* Clip, update the weights, and count the loss. Collective. */
static void apply(Trainer *t, double loss) {
    Parameters parameters = trainer_parameters(t);
    profile_enter(t->profile, REGION_OPTIMIZER);
    optimizer_step(&t->optimizer, &parameters, steps_applied(t) + 1, t->update.factor,
                   clip_factor(t->update.norm, t->settings->max_grad_norm));
    profile_leave(t->profile, 0.0);
    if (!t->settings->overlap_comm) await_parameters(t);
    t->state.loss_sum += loss;
    t->state.loss_total += loss;
    t->state.loss_steps++;
    t->skips_in_a_row = 0;
}

/* The rate of the next update, and as a factor of the peak, which all tensors share. */
static void choose_rate(Trainer *t) {
    const PlateauState *plateau = &t->state.plateau;
    t->update.rate = t->state.has_plateau ? plateau->rate : schedule_rate(&t->schedule, steps_applied(t));
    t->update.factor = !t->state.has_plateau ? schedule_factor(&t->schedule, steps_applied(t))
                       : plateau->peak > 0.0 ? plateau->rate / plateau->peak
                                             : 0.0;
}

void trainer_update(Trainer *t) {
    int64_t number = t->state.step % t->length.steps_per_epoch;
    world_phase(t->world, RUN_UPDATE, t->state.step + 1);
    if (!t->update.rows_named) name_rows(t, number);
    t->update.rows_named = false;
    const GlobalBatch global_batch = loader_global_batch(t->data.loader, number);
    optimizer_begin(&t->optimizer, global_batch.units);
    memset(t->update.totals, 0, (t->update.losses_at + (size_t)global_batch.samples) * sizeof *t->update.totals);
    run_units(t, &global_batch);
    await_parameters(t); /* a rank without reduction units has not waited yet */
    profile_enter(t->profile, REGION_REDUCTION);
    optimizer_reduce(&t->optimizer);
    share_totals(t, &global_batch);
    t->update.norm = optimizer_norm(&t->optimizer);
    choose_rate(t);
    const double loss = mean_loss(t, &global_batch);
    const bool finite = isfinite(loss) && isfinite(t->update.norm); /* the same on all ranks */
    const bool goes_on = finite || trainer_not_finite(t, &global_batch, loss);
    if (goes_on) name_next_rows(t);
    profile_leave(t->profile, 0.0);
    if (!goes_on) return;
    if (finite) apply(t, loss);
    t->state.step++;
    t->state.epoch = epochs_done(t);
    t->log.tokens += global_batch.tokens;
    t->log.samples += global_batch.samples;
    t->run_samples += global_batch.samples;
    t->run_steps++;
}
