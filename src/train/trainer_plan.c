/* What follows from settings, data and ranks before the model is loaded: length, loader, reduction, precision. */
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/unit_groups.h"
#include "train/trainer_state.h"
#include <math.h>
#include <string.h>

/* Collective. */
static Status check_ranks(const Trainer *t, Error *error) {
    const DatasetInfo *info = dataset_info(t->data.train);
    if (t->world->size > info->samples)
        error_set(error, STATUS_INPUT, "%s has only %lld sample%s for %d ranks: use at most %lld rank%s", info->path,
                  (long long)info->samples, info->samples == 1 ? "" : "s", t->world->size, (long long)info->samples,
                  info->samples == 1 ? "" : "s");
    return world_agree(t->world, error, true);
}

/* What Trainer's state file repeats from the settings. */
static TrainerFigures trainer_figures(const Trainer *t) {
    const Settings *s = t->settings;
    return (TrainerFigures){
        .epochs = s->max_steps > 0 ? int64_divide_up(t->length.total, t->length.steps_per_epoch)
                                   : (int64_t)ceil(s->num_train_epochs),
        .batch = s->per_device_train_batch_size,
        .logging_steps = t->length.log_every,
        .eval_steps = run_length_steps(s->eval_steps, t->length.total),
        .save_steps = run_length_steps(s->save_steps, t->length.total),
        .patience = s->early_stopping_patience,
        .threshold = s->early_stopping_threshold,
    };
}

static void plan_schedule(Trainer *t) {
    const Settings *s = t->settings;
    t->schedule = schedule_make(s, t->state.total);
    t->state.has_plateau = s->lr_scheduler_type == SCHEDULE_REDUCE_LR_ON_PLATEAU;
    if (t->state.has_plateau) t->state.plateau = plateau_begin(s->learning_rate);
}

static void plan_length(Trainer *t) {
    const Settings *s = t->settings;
    const DatasetInfo *info = dataset_info(t->data.train);
    RunState *state = &t->state;
    int ranks = t->world->size;
    t->length = run_length(s, ranks, info->samples);
    state->samples = info->samples;
    state->tokens = info->tokens;
    memcpy(state->data_digest, info->source_digest, sizeof state->data_digest);
    memcpy(state->data_part, info->part, sizeof state->data_part);
    state->seed = s->seed;
    state->data_order = s->data_order;
    state->global_batch = t->length.global_batch;
    state->units = t->length.units;
    state->total = t->length.total;
    state->figures = trainer_figures(t);
    plan_schedule(t);
    if (state->units < ranks && t->world->rank == 0)
        log_warning("an update has only %lld reduction unit%s for %d ranks: the other ranks are idle",
                    (long long)state->units, state->units > 1 ? "s" : "", ranks);
}

/* Use bf16 on all ranks or on none: mixed ranks would give results of neither precision. Collective. */
static void agree_on_bf16(Trainer *t) {
    int64_t lacking = t->settings->bf16 && !linear_bf16() ? t->world->rank + 1 : 0;
    world_max_integers(t->world, &lacking, 1);
    t->bf16 = t->settings->bf16 && lacking == 0;
    if (lacking > 0 && t->world->rank == 0)
        log_warning("bf16: the processor of rank %d on %s does not have AVX512-BF16: computing in float32, which is "
                    "faster there",
                    (int)lacking - 1, t->world->hosts[lacking - 1]);
}

/* How gradients are summed, for the build fingerprint. */
static const char *sums_name(const Trainer *t) {
    if (t->settings->reduction == REDUCTION_MPI) return "MPI's";
    return t->settings->reduction_dtype == WIRE_BFLOAT16 && t->world->size > 1 ? "ordered, bfloat16" : "ordered";
}

/* Ranks whose build fingerprint differs from rank 0's may round differently: the lowest of them warns. Collective. */
static void compare_fingerprints(Trainer *t) {
    BuildFingerprint first;
    char text[BUILD_FINGERPRINT_TEXT];
    build_fingerprint_here(&t->state.fingerprint, t->bf16, sums_name(t));
    first = t->state.fingerprint;
    world_broadcast(t->world, &first, sizeof first);
    int64_t mine = build_fingerprint_differs(&t->state.fingerprint, &first, text) ? t->world->size - t->world->rank : 0,
            most = mine;
    world_max_integers(t->world, &most, 1);
    if (mine > 0 && mine == most)
        log_warning("%s has %s as on rank 0: results may differ in the last bits between numbers of ranks",
                    t->world->host, text);
}

Status trainer_plan(Trainer *t, Error *error) {
    if (check_ranks(t, error)) return error->status;
    plan_length(t);
    trainer_record_eval_files(t, error);
    if (world_agree(t->world, error, true)) return error->status;
    agree_on_bf16(t);
    compare_fingerprints(t);
    return STATUS_OK;
}

LoaderPlan trainer_loader_plan(const Trainer *t, const ParameterLayout *layout) {
    const CostModel cost_model = {t->settings->pooling, (int32_t)layout->position.shape[0],
                                  (int32_t)layout->token.shape[1]};
    return (LoaderPlan){.global_batch = t->length.global_batch,
                        .units = (int)t->length.units,
                        .cost_model = cost_model,
                        .ranks = t->world->size,
                        .rank = t->world->rank,
                        .seed = (uint64_t)t->settings->seed,
                        .order = t->settings->data_order,
                        .updates = t->length.total,
                        .chunk = loader_chunk_samples(dataset_info(t->data.train)),
                        .label_weights = t->loss.weights};
}

ReductionRule trainer_reduction_rule(const Trainer *t, const ParameterLayout *layout) {
    LoaderPlan plan = trainer_loader_plan(t, layout);
    size_t capacity = batch_rows_max((int32_t)layout->position.shape[0]);
    return optimizer_rule(
        t->settings, plan.units,
        unit_groups_unsplit(dataset_info(t->data.train), &plan, capacity, unit_groups_together(t->bf16, t->language)));
}

DropoutRule trainer_dropout(const Trainer *t) {
    return (DropoutRule){(uint64_t)t->settings->seed, t->state.step, t->settings->dropout};
}

size_t trainer_global_batch_rows(const Trainer *t) {
    return (size_t)t->length.global_batch * ((size_t)dataset_info(t->data.train)->longest + 1);
}

Parameters trainer_parameters(const Trainer *t) {
    return learned_parameters(&t->learned, &t->model.parameters);
}

/* Bytes that the ranks of a node would share, for a model of this layout and what learns of it. */
static size_t shared_bytes(const Trainer *t, const ParameterLayout *layout, const ParameterLayout *learned) {
    size_t rows = trainer_global_batch_rows(t);
    size_t buffer = optimizer_gradient_floats(learned, parameters_token_rows(learned, rows),
                                              size_min(rows, (size_t)learned->position.shape[0]));
    ReductionRule rule = trainer_reduction_rule(t, layout);
    return layout->dense * sizeof(float) +
           (size_t)t->world->node_size * reduction_shared_bytes(t->world, &rule, buffer);
}

/* Only sums along the tree have the same bits for every number of ranks. */
static void warn_of_rounding(const Trainer *t) {
    const Settings *s = t->settings;
    bool mpi = s->reduction == REDUCTION_MPI, rounded = s->reduction_dtype == WIRE_BFLOAT16 && t->world->nodes > 1;
    if ((mpi || rounded) && s->reduction_units > 0 && t->world->rank == 0)
        log_warning("reduction_units: with %s, rounding still depends on the number of ranks",
                    mpi ? "reduction \"mpi\"" : "reduction_dtype \"bfloat16\" and several hosts");
}

Status trainer_choose_sharing(Trainer *t, const char *model, Error *error) {
    const AdapterConfig lora = learned_adapter(t->settings);
    const ModelSource source = {
        .path = model, .lora = lora.rank > 0 ? &lora : NULL, .head = t->language ? HEAD_LANGUAGE : HEAD_FITTING};
    ParameterLayout layout = {0};
    Adapter *adapter;
    Learned learned = {0};
    size_t bytes = 0, moments = 0;
    if (!model_layout(&source, &layout, &adapter, error) &&
        !learned_make(&learned, &layout, adapter, t->settings, error)) {
        bytes = shared_bytes(t, &layout, &learned.layout) + (adapter ? adapter->layout.dense * sizeof(float) : 0);
        moments = (size_t)t->world->node_size * optimizer_moment_bytes(t->world, &learned.layout);
        memory_check(bytes + moments, "the parameters, gradients and moments of this host's ranks", error);
    }
    learned_free(&learned);
    adapter_destroy(adapter);
    parameters_layout_free(&layout);
    if (world_agree(t->world, error, true)) return error->status;
    shared_choose(t->world, bytes);
    warn_of_rounding(t);
    return STATUS_OK;
}
