/* Opening, planning and resuming a run. See trainer_private.h. */
#include "linnet/checkpoint/final_model.h"
#include "linnet/comm/threads.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/heartbeat/heartbeat.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/unit_groups.h"
#include "train/trainer_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* OUTPUT/ for this run alone, from here to its end: before anything in it is looked at, or removed as left unfinished.
 * Collective. */
static Status claim_output(Trainer *t, Error *error) {
    const char *folder = t->settings->output_dir;
    if (t->world->rank == 0 && file_make_folder(folder, error) == STATUS_OK) {
        if (file_same(folder, t->settings->model_name_or_path))
            log_warning("output_dir is the folder of the model: at the end the trained model replaces the one that "
                        "training starts from, and a start without a checkpoint trains it further");
        lock_take(&t->lock, folder, error);
    }
    if (world_agree(t->world, error, error->status != STATUS_STOPPED) == STATUS_STOPPED) {
        log_info("%s", error->message);
        heartbeat_stopping(t->world);
    }
    return error->status;
}

/* The checkpoint to go on from into *folder (NULL: none), whole as rank 0 sees the disk; freed with memory_free(). What
 * a crash left unfinished goes, or is finished. Collective. */
static Status find_checkpoint(Trainer *t, char **folder, Error *error) {
    const char *wish = t->settings->resume_from_checkpoint;
    int64_t newest = -1;
    CheckpointInfo info;
    *folder = NULL;
    if (t->world->rank == 0 && checkpoint_tidy(t->settings->output_dir, error) == STATUS_OK &&
        final_model_recover(t->settings->output_dir, error) == STATUS_OK && wish != NULL) {
        if (strcmp(wish, "auto") == 0)
            newest = checkpoint_newest_intact(t->settings->output_dir, error);
        else
            checkpoint_verify(wish, &info, error);
    }
    if (world_agree(t->world, error, true) || wish == NULL) return error->status;
    if (strcmp(wish, "auto") != 0) {
        *folder = memory_text(wish, error);
        return world_agree(t->world, error, true);
    }
    world_broadcast(t->world, &newest, sizeof newest);
    if (newest < 0) {
        log_info("no checkpoint in %s yet: starting from the beginning", t->settings->output_dir);
        return STATUS_OK;
    }
    *folder = checkpoint_path(t->settings->output_dir, newest, error);
    return world_agree(t->world, error, true);
}

/* A resumed run goes on only where the same samples come in the same updates. */
static Status check_resumed(const Trainer *t, const RunState *was, const char *folder, Error *error) {
    const struct {
        const char *name;
        int64_t then, now;
    } same[] = {{"samples an update", was->global_batch, t->state.global_batch},
                {"samples in the training file", was->samples, t->state.samples},
                {"tokens in the training file", was->tokens, t->state.tokens},
                {"seed", was->seed, t->state.seed}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (same[i].then != same[i].now)
            return error_set(error, STATUS_INPUT,
                             "%s was made with %s = %lld, this run has %lld: give the same, or start without resuming",
                             folder, same[i].name, (long long)same[i].then, (long long)same[i].now);
    if (was->data_order != t->state.data_order)
        return error_set(
            error, STATUS_INPUT,
            "%s was made with data_order \"%s\", this run has \"%s\": give the same, or start without resuming", folder,
            DATA_ORDER_NAMES[was->data_order], DATA_ORDER_NAMES[t->state.data_order]);
    if (strcmp(was->data_digest, t->state.data_digest) != 0)
        return error_set(
            error, STATUS_INPUT,
            "%s was made with data of another source (SHA-256 %.12s…) than %s: give the same, or start without resuming",
            folder, was->data_digest, t->settings->train_file);
    char text[BUILD_FINGERPRINT_TEXT];
    if (build_fingerprint_differs(&was->fingerprint, &t->state.fingerprint, text))
        log_warning("%s was made with %s: the last bits may differ from those of a run that was never stopped", folder,
                    text);
    if (was->units != t->state.units && t->world->rank == 0)
        log_warning("%s was made with %lld reduction units, this run has %lld: the sums' last bits may differ", folder,
                    (long long)was->units, (long long)t->state.units);
    return STATUS_OK;
}

/* The best model's checkpoint may be gone, or have stayed in another folder: then there is none. */
static void check_best(const Trainer *t, RunState *was, Error *error) {
    char *path = was->best_saved > 0 ? checkpoint_path(t->settings->output_dir, was->best_saved, error) : NULL;
    if (path != NULL && !file_exists(path)) {
        log_warning("the best model so far, %s, is gone: only a better one will be loaded at the end", path);
        was->best_saved = 0;
    }
    memory_free(path);
}

/* Rank 0 tells the checkpoint's state. Collective. */
static Status resume_state(Trainer *t, const char *folder, cJSON **history, Error *error) {
    RunState was = {0};
    if (t->world->rank == 0 && checkpoint_read_state(folder, &was, history, error) == STATUS_OK &&
        check_resumed(t, &was, folder, error) == STATUS_OK)
        check_best(t, &was, error);
    if (world_agree(t->world, error, true)) return error->status;
    world_broadcast(t->world, &was, sizeof was);
    was.units = t->state.units;
    was.total = t->state.total;
    was.fingerprint = t->state.fingerprint;
    t->state = was;
    t->saved_step = was.step;
    /* A run that had stopped early stays stopped. */
    t->stop_early = t->settings->early_stopping_patience > 0 && was.stale >= t->settings->early_stopping_patience;
    log_info("going on from %s, update %lld of %lld", folder, (long long)was.step, (long long)was.total);
    return STATUS_OK;
}

/* All ranks multiply in bf16, or none does: a sum of both would be neither. Collective. */
static void agree_on_bf16(Trainer *t) {
    int64_t lacking = t->settings->bf16 && linear_bf16() == NULL ? t->world->rank + 1 : 0;
    world_max_integers(t->world, &lacking, 1);
    t->bf16 = t->settings->bf16 && lacking == 0;
    if (lacking > 0 && t->world->rank == 0)
        log_warning("bf16: the processor of rank %d on %s has no AVX512-BF16, without which float32 is faster; "
                    "computing in float32",
                    (int)lacking - 1, t->world->hosts[lacking - 1]);
}

/* How gradients are added. */
static const char *sums_of(const Trainer *t) {
    if (t->settings->reduction == REDUCTION_MPI) return "MPI's";
    return t->settings->reduction_dtype == WIRE_BFLOAT16 && t->world->size > 1 ? "ordered, bfloat16" : "ordered";
}

/* Where gradients are not added along the tree alone, units promise no bits. Once it is known which ranks share
 * memory. */
static void warn_of_sums(const Trainer *t) {
    const Settings *s = t->settings;
    bool mpi = s->reduction == REDUCTION_MPI, rounded = s->reduction_dtype == WIRE_BFLOAT16 && t->world->nodes > 1;
    if ((mpi || rounded) && s->reduction_units > 0 && t->world->rank == 0)
        log_warning("reduction_units: with %s the last bits depend on the number of ranks all the same",
                    mpi ? "reduction \"mpi\"" : "reduction_dtype \"bfloat16\" and several hosts");
}

/* Ranks with other kernels or libraries than rank 0's add other last bits, depending on which units they get: the
 * lowest of them says so. Collective. */
static void compare_fingerprints(Trainer *t) {
    BuildFingerprint first;
    char text[BUILD_FINGERPRINT_TEXT];
    build_fingerprint_here(&t->state.fingerprint, t->bf16, sums_of(t));
    first = t->state.fingerprint;
    world_broadcast(t->world, &first, sizeof first);
    int64_t mine = build_fingerprint_differs(&t->state.fingerprint, &first, text) ? t->world->size - t->world->rank : 0,
            most = mine;
    world_max_integers(t->world, &most, 1);
    if (mine > 0 && mine == most)
        log_warning("%s has %s as on rank 0: the run's last bits depend on the number of ranks", t->world->host, text);
}

/* A number of updates that may be given as a share of all of them, which Trainer rounds up. */
static int64_t steps_of(double steps, int64_t total) {
    return steps < 1.0 ? (int64_t)ceil((double)total * steps) : (int64_t)steps;
}

/* A rank without a sample would wait for the others through the whole run. Collective. */
static Status check_ranks(const Trainer *t, Error *error) {
    const DatasetInfo *info = dataset_info(t->train_data);
    if (t->world->size > info->samples)
        error_set(error, STATUS_INPUT, "%s has %lld sample%s, too few for %d ranks: run on %lld or fewer", info->path,
                  (long long)info->samples, info->samples == 1 ? "" : "s", t->world->size, (long long)info->samples);
    return world_agree(t->world, error, true);
}

/* Global batch, units and number of updates. */
static void plan_updates(Trainer *t) {
    const Settings *s = t->settings;
    const DatasetInfo *info = dataset_info(t->train_data);
    RunState *state = &t->state;
    int ranks = t->world->size;
    state->samples = info->samples;
    state->tokens = info->tokens;
    memcpy(state->data_digest, info->source_digest, sizeof state->data_digest);
    state->seed = s->seed;
    state->data_order = s->data_order;
    state->global_batch = settings_global_batch(s, ranks, info->samples);
    state->units = settings_units(s, ranks, state->global_batch);
    t->steps_per_epoch = (state->samples + state->global_batch - 1) / state->global_batch;
    state->total = s->max_steps > 0 ? s->max_steps : (int64_t)ceil(s->num_train_epochs * (double)t->steps_per_epoch);
    t->schedule = schedule_make(s, state->total);
    t->log_every = steps_of(s->logging_steps, state->total);
    t->eval_every = s->eval_strategy == STRATEGY_STEPS ? steps_of(s->eval_steps, state->total) : 0;
    t->save_every = s->save_strategy == STRATEGY_STEPS ? steps_of(s->save_steps, state->total) : 0;
    if (state->units < ranks && t->world->rank == 0)
        log_warning("%d ranks share %lld unit%s an update: some have no samples to work on", ranks,
                    (long long)state->units, state->units > 1 ? "s" : "");
}

/* The most rows that an update can have over all ranks. */
static size_t global_batch_rows(const Trainer *t) {
    int64_t samples = t->state.global_batch < t->state.samples ? t->state.global_batch : t->state.samples;
    return (size_t)samples * ((size_t)dataset_info(t->train_data)->longest + 1);
}

ReductionRule trainer_rule(const Trainer *t, const ParameterLayout *layout) {
    LoaderPlan plan = trainer_loader_plan(t);
    size_t capacity = batch_rows_max((int32_t)layout->position.shape[0]);
    return optimizer_rule(t->settings, plan.units,
                          unit_groups_unsplit(dataset_info(t->train_data), &plan, capacity, t->bf16));
}

/* Bytes that the ranks of a node would share. */
static size_t shared_bytes(const Trainer *t, const ParameterLayout *layout) {
    size_t rows = global_batch_rows(t), tokens = (size_t)layout->token.shape[0],
           places = (size_t)layout->position.shape[0];
    size_t buffer = optimizer_gradient_floats(layout, rows < tokens ? rows : tokens, rows < places ? rows : places);
    ReductionRule rule = trainer_rule(t, layout);
    return layout->dense * sizeof(float) +
           (size_t)t->world->node_size * reduction_shared_bytes(t->world, &rule, buffer);
}

/* Whether the ranks share memory: asked before anything is shared. Collective. */
static Status choose_sharing(Trainer *t, const char *model, Error *error) {
    ParameterLayout layout = {0};
    size_t bytes = model_layout(model, &layout, error) == STATUS_OK ? shared_bytes(t, &layout) : 0;
    parameters_layout_free(&layout);
    if (world_agree(t->world, error, true)) return error->status;
    return shared_choose(t->world, bytes, error);
}

/* Working memory of this rank. */
static void allocate_work(Trainer *t, Error *error) {
    const ModelConfig *config = &t->model.config;
    size_t rows = batch_rows_max(config->positions), global_batch = global_batch_rows(t);
    size_t blocks =
        t->model.layout.dense / PARAMETERS_BLOCK + t->optimizer.token.capacity + t->optimizer.position.capacity;
    t->rule = (BatchRule){.pooling = t->settings->pooling,
                          .pad = config->pad_token,
                          .end_of_text = dataset_info(t->train_data)->end_of_text,
                          .positions = config->positions};
    batch_create(&t->batch, rows, rows, error);
    gpt2_create(&t->gpt2, config, &t->model.layout, rows, rows, true, error);
    if (error->status == STATUS_OK) {
        gpt2_set_profile(t->gpt2, t->profile);
        gpt2_set_poll(t->gpt2, trainer_poll, t);
        gpt2_set_bf16(t->gpt2, t->bf16);
    }
    t->dlogits = memory_allocate(rows * (size_t)config->labels, sizeof *t->dlogits, error);
    t->losses_at = TOTALS_WAITED + (size_t)t->world->size;
    t->totals = memory_allocate(t->losses_at + (size_t)t->state.global_batch + blocks, sizeof *t->totals, error);
    t->ids = memory_allocate(global_batch, sizeof *t->ids, error);
    t->positions = memory_allocate(global_batch, sizeof *t->positions, error);
    t->metrics = memory_allocate(1, sizeof *t->metrics, error);
}

/* The model that is trained: what the head reads, and what it is padded with. */
static void set_model_config(Trainer *t) {
    ModelConfig *config = &t->model.config;
    config->pooling = t->settings->pooling;
    if (config->pad_token < 0) config->pad_token = dataset_info(t->train_data)->end_of_text;
}

LoaderPlan trainer_loader_plan(const Trainer *t) {
    return (LoaderPlan){.global_batch = t->state.global_batch,
                        .units = (int)t->state.units,
                        .ranks = t->world->size,
                        .rank = t->world->rank,
                        .seed = (uint64_t)t->state.seed,
                        .order = t->state.data_order,
                        .updates = t->state.total,
                        .chunk = loader_chunk_samples(dataset_info(t->train_data))};
}

/* Model, optimizer and working memory. Collective. */
static Status build(Trainer *t, const char *model, Error *error) {
    const Settings *s = t->settings;
    if (choose_sharing(t, model, error)) return error->status;
    warn_of_sums(t);
    if (model_open(&t->model, t->world, model, dataset_info(t->train_data), (uint64_t)s->seed, error))
        return error->status;
    set_model_config(t);
    if (t->eval_data != NULL)
        model_check_data(&t->model.config, t->model.tokenizer, dataset_info(t->eval_data), model, error);
    if (world_agree(t->world, error, true)) return error->status;
    if (t->model.new_head)
        log_info("%s has no head: a new one was drawn (normal, seed %lld)", model, (long long)s->seed);
    if (t->model.tokenizer == NULL)
        log_info("%s holds no vocab.json and merges.txt: that the data was made with its tokenizer cannot be checked",
                 model);
    ReductionRule rule = trainer_rule(t, &t->model.layout);
    if (optimizer_create(&t->optimizer, t->world, &t->model.layout, s, &rule, global_batch_rows(t),
                         batch_rows_max(t->model.config.positions), error))
        return error->status;
    t->model.parameters.ready = trainer_parameters_ready;
    t->model.parameters.ready_context = t;
    allocate_work(t, error);
    LoaderPlan plan = trainer_loader_plan(t);
    if (error->status == STATUS_OK) loader_create(&t->loader, t->train_data, &plan, error);
    return world_agree(t->world, error, true);
}

/* OUTPUT/ with the settings of the run and its log. Rank 0. */
static void open_output(Trainer *t, const cJSON *history, Error *error) {
    const char *folder = t->settings->output_dir;
    if (t->state.step == 0 && checkpoint_newest(folder) > 0)
        log_warning(
            "%s holds checkpoints of an earlier run; this one starts from the beginning (resume_from_checkpoint: true would "
            "go on from there)",
            folder);
    char *text = settings_text(t->settings, error), *path = file_join(folder, "config.resolved.json", error);
    if (error->status == STATUS_OK && trainer_check_room(t, error) == STATUS_OK &&
        file_replace(path, text, strlen(text), error) == STATUS_OK)
        runlog_open(&t->log, folder, history, t->state.step, error);
    memory_free(text);
    memory_free(path);
}

Status trainer_setup(Trainer *t, World *world, const Settings *settings, bool profile, Error *error) {
    *t = (Trainer){.world = world, .settings = settings, .started_at = MPI_Wtime()};
    char *checkpoint = NULL;
    cJSON *history = NULL;
    heartbeat_limit(world, settings->rank_timeout);
    world_phase(world, RUN_LOAD, 0);
    t->threads = threads_choose(world, settings->threads_per_rank);
    if (profile) profile_create(&t->profile, error);
    if (world_agree(world, error, true)) goto cleanup;
    if (evaluate_open_data(world, &t->train_data, settings->train_file, error) || check_ranks(t, error)) goto cleanup;
    if (settings->eval_file != NULL && evaluate_open_data(world, &t->eval_data, settings->eval_file, error))
        goto cleanup;
    plan_updates(t);
    agree_on_bf16(t);
    compare_fingerprints(t);
    if (claim_output(t, error) || find_checkpoint(t, &checkpoint, error)) goto cleanup;
    if (checkpoint != NULL && resume_state(t, checkpoint, &history, error)) goto cleanup;
    if (build(t, checkpoint != NULL ? checkpoint : settings->model_name_or_path, error)) goto cleanup;
    if (checkpoint != NULL && checkpoint_read_optimizer(world, checkpoint, &t->optimizer, error)) goto cleanup;
    if (world->rank == 0) open_output(t, history, error);
    if (world_agree(world, error, true)) goto cleanup;
    trainer_banner(t);
    t->logged_at = MPI_Wtime();
cleanup:
    cJSON_Delete(history);
    memory_free(checkpoint);
    return error->status;
}

void trainer_close(Trainer *t) {
    Error late = {0};
    if (checkpoint_writer_finish(&t->writer, &late)) log_warning("a checkpoint could not be saved: %s", late.message);
    profile_destroy(t->profile);
    runlog_close(t->log);
    optimizer_destroy(&t->optimizer);
    model_close(&t->model);
    gpt2_destroy(t->gpt2);
    batch_destroy(&t->batch);
    loader_destroy(t->loader);
    dataset_close(t->train_data);
    dataset_close(t->eval_data);
    lock_release(&t->lock);
    memory_free(t->dlogits);
    memory_free(t->totals);
    memory_free(t->ids);
    memory_free(t->positions);
    memory_free(t->metrics);
}
