/* One update: forward and backward over this rank's units, the ordered reduction, clipping, AdamW. See
 * trainer_private.h. */
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/unit_groups.h"
#include "train/trainer_private.h"

#include <math.h>
#include <string.h>

/* A subtree of units under way. */
typedef struct {
    Trainer *trainer;
    const GlobalBatch *global_batch;
    DropoutRule dropout;
    int64_t position; /* in the global batch, of the batch's first sample */
    bool accumulate;  /* whether the gradient has been begun */
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

/* Forward and backward over what the batch holds. */
static void run_batch(Subtree *subtree, bool last) {
    Trainer *t = subtree->trainer;
    Batch *batch = &t->batch;
    size_t labels = (size_t)t->model.config.labels;
    const float *logits = gpt2_forward(t->gpt2, &t->model.parameters, batch, &subtree->dropout);
    loss_forward_backward(t->totals + t->losses_at + subtree->position, t->dlogits, logits, batch->labels,
                          batch->samples, labels, t->settings->label_smoothing_factor,
                          1.0 / (double)subtree->global_batch->samples);
    Gradients gradients = {.dense = optimizer_gradients(&t->optimizer)};
    gpt2_backward(t->gpt2, &t->model.parameters, batch, &subtree->dropout, t->dlogits, &gradients, subtree->accumulate,
                  last ? bucket_done : NULL, &t->optimizer);
    optimizer_add_rows(&t->optimizer, batch, gradients.residual);
    subtree->position += (int64_t)batch->samples;
    subtree->accumulate = true;
    batch_clear(batch);
}

/* Units first … first + count − 1: at once, or a unit by itself a batch at a time. */
static void run_subtree(Trainer *t, const GlobalBatch *global_batch, int first, int count) {
    Subtree subtree = {.trainer = t,
                       .global_batch = global_batch,
                       .dropout = {(uint64_t)t->settings->seed, t->state.step, t->settings->dropout},
                       .position = global_batch->unit_starts[first]};
    size_t part = unit_group_part_rows(t->loader, global_batch, first, count, &t->rule, t->batch.token_capacity);
    optimizer_subtree_begin(&t->optimizer, count);
    batch_clear(&t->batch);
    for (int unit = first; unit < first + count; unit++) {
        if (unit > first) batch_next_unit(&t->batch);
        for (int64_t i = global_batch->unit_starts[unit]; i < global_batch->unit_starts[unit + 1]; i++) {
            LoaderSample sample = loader_sample(t->loader, i);
            if (t->batch.tokens >= part ||
                t->batch.tokens + batch_rows(&t->rule, sample.length) > t->batch.token_capacity)
                run_batch(&subtree, false);
            batch_add(&t->batch, &t->rule, sample.ids, sample.length, sample.label, (uint64_t)sample.index);
        }
    }
    run_batch(&subtree, true);
    optimizer_subtree_done(&t->optimizer);
}

/* Forward and backward over this rank's units. */
static void run_units(Trainer *t, const GlobalBatch *global_batch) {
    int end = global_batch->first_unit + global_batch->unit_count;
    for (int unit = global_batch->first_unit, count; unit < end; unit += count) {
        count = unit_group_size(t->loader, global_batch, unit, &t->rule, t->batch.token_capacity, t->bf16);
        run_subtree(t, global_batch, unit, count);
    }
}

/* The embedding rows that this rank's units touch; returns their number. */
static size_t list_rows(Trainer *t, const GlobalBatch *global_batch) {
    size_t count = 0;
    int end = global_batch->first_unit + global_batch->unit_count;
    for (int64_t i = global_batch->unit_starts[global_batch->first_unit]; i < global_batch->unit_starts[end]; i++) {
        LoaderSample sample = loader_sample(t->loader, i);
        size_t rows = batch_rows(&t->rule, sample.length);
        for (size_t k = 0; k < rows && k < sample.length; k++) {
            t->ids[count] = sample.ids[k];
            t->positions[count++] = (int32_t)k;
        }
        if (rows > sample.length) { /* the row that padded_end adds */
            t->ids[count] = t->rule.end_of_text;
            t->positions[count++] = t->rule.positions - 1;
        }
    }
    return count;
}

/* Sum losses, squares and flags over the ranks, each of which holds what the others do not: exact. */
static void share_totals(Trainer *t, const GlobalBatch *global_batch) {
    size_t losses = t->losses_at + (size_t)global_batch->samples, blocks;
    double *squares = optimizer_squares(&t->optimizer, &blocks);
    memcpy(t->totals + losses, squares, blocks * sizeof *t->totals);
    t->totals[TOTALS_STOP] = signals_pending() != 0;
    t->totals[TOTALS_FAILED] = t->pending.status != STATUS_OK;
    t->totals[TOTALS_SAVED] = checkpoint_writer_ended(&t->writer);
    t->totals[TOTALS_WAITED + t->world->rank] = t->waited + optimizer_waited(&t->optimizer);
    double start = MPI_Wtime();
    world_sum_doubles(t->world, t->totals, losses + blocks);
    t->waited += MPI_Wtime() - start;
    memcpy(squares, t->totals + losses, blocks * sizeof *t->totals);
    t->stop_signal = t->totals[TOTALS_STOP] != 0.0;
    t->failed = t->totals[TOTALS_FAILED] != 0.0;
    t->save_ended = t->totals[TOTALS_SAVED] != 0.0;
}

/* torch.nn.utils.clip_grad_norm_'s factor. */
static double clip_factor(double norm, double limit) {
    if (limit <= 0.0) return 1.0;
    double factor = limit / (norm + 1e-6);
    return factor > 1.0 ? 1.0 : factor; /* a norm that is not a number spreads, as it does there */
}

/* Passes over the data done, as Trainer counts them: in micro-batches of all ranks together; in samples where the
 * global batch is given as a whole. */
static double passes_done(const Trainer *t) {
    const RunState *state = &t->state;
    int64_t micro = t->settings->global_batch_size > 0 ? 1 : t->settings->per_device_train_batch_size * t->world->size;
    int64_t whole = state->step / t->steps_per_epoch, samples = state->step % t->steps_per_epoch * state->global_batch;
    int64_t done = (samples + micro - 1) / micro, all = (state->samples + micro - 1) / micro;
    return (double)whole + (double)done / (double)all;
}

/* The embedding rows that are used for the first time will change at the end of the update. */
static void take_rows(const Trainer *t, size_t count) {
    const Parameters *parameters = &t->model.parameters;
    size_t width = (size_t)t->model.layout.token.shape[1];
    for (size_t i = 0; i < count; i++)
        if (!optimizer_has_token(&t->optimizer, t->ids[i]))
            memory_prefault_copy(parameters->token + (size_t)t->ids[i] * width, width * sizeof(float));
}

/* All parameters are there, and sent. */
static void settle(Trainer *t) {
    profile_enter(t->profile, REGION_ALL_GATHER);
    optimizer_await_all(&t->optimizer);
    profile_leave(t->profile, 0.0);
}

/* Tell the optimizer the rows of a global batch. Collective. */
static void name_rows(Trainer *t, int64_t number) {
    GlobalBatch global_batch;
    loader_global_batch(t->loader, number, &global_batch);
    size_t rows = list_rows(t, &global_batch);
    take_rows(t, rows);
    optimizer_rows(&t->optimizer, t->ids, t->positions, rows);
    t->rows_named = true;
}

/* Those of the next update, if there is one and its samples are there. Collective. */
static void name_next_rows(Trainer *t) {
    int64_t next = t->state.step + 1, number = next % t->steps_per_epoch;
    if (next < t->state.total && loader_has(t->loader, next / t->steps_per_epoch, number)) name_rows(t, number);
}

void trainer_update(Trainer *t) {
    GlobalBatch global_batch;
    int64_t number = t->state.step % t->steps_per_epoch;
    world_phase(t->world, RUN_UPDATE, t->state.step + 1);
    if (!t->rows_named) name_rows(t, number);
    t->rows_named = false;
    loader_global_batch(t->loader, number, &global_batch);
    optimizer_begin(&t->optimizer, global_batch.units);
    memset(t->totals, 0, (t->losses_at + (size_t)global_batch.samples) * sizeof *t->totals);
    run_units(t, &global_batch);
    settle(t); /* a rank without units has awaited nothing yet */
    profile_enter(t->profile, REGION_REDUCTION);
    optimizer_reduce(&t->optimizer);
    share_totals(t, &global_batch);
    name_next_rows(t);
    profile_leave(t->profile, 0.0);
    t->norm = optimizer_norm(&t->optimizer);
    t->rate = schedule_rate(&t->schedule, t->state.step);
    profile_enter(t->profile, REGION_OPTIMIZER);
    optimizer_step(&t->optimizer, &t->model.parameters, t->state.step + 1, t->rate,
                   clip_factor(t->norm, t->settings->max_grad_norm));
    profile_leave(t->profile, 0.0);
    if (!t->settings->overlap_comm) settle(t);
    double loss = 0.0;
    for (int64_t i = 0; i < global_batch.samples; i++) loss += t->totals[t->losses_at + (size_t)i];
    t->state.loss_sum += loss / (double)global_batch.samples;
    t->state.loss_total += loss / (double)global_batch.samples;
    t->state.loss_steps++;
    t->state.step++;
    t->state.epoch = passes_done(t);
    t->tokens += global_batch.tokens;
    t->samples += global_batch.samples;
    t->run_samples += global_batch.samples;
    t->run_steps++;
}
