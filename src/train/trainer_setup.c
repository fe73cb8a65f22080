/* Open data, model, optimizer and output of a run; close them. */
#include "linnet/checkpoint/checkpoint_read.h"
#include "linnet/comm/broadcast_files.h"
#include "linnet/comm/threads.h"
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/evaluate/predictions_file.h"
#include "linnet/heartbeat/heartbeat.h"
#include "train/trainer_state.h"
#include <stdlib.h>
#include <string.h>

Status trainer_open_token_file(const Trainer *t, Dataset **dataset, const char *path, Error *error) {
    if (!t->settings->broadcast_files || !broadcast_files(t->world, path, NULL, error))
        evaluate_open_data(t->world, dataset, path, error);
    broadcast_files_end(); /* what is open lives on */
    return error->status;
}

/* Collective. */
static Status open_data(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    if (trainer_open_token_file(t, &t->data.train, s->train_file, error)) return error->status;
    if (!trainer_require_samples(t, t->data.train, error)) trainer_check_problem(t, error);
    return world_agree(t->world, error, true) ? error->status : trainer_open_eval_files(t, error);
}

/* Lock output_dir until the run ends, before this run reads, tidies or writes anything in it. Collective. */
static Status claim_output(Trainer *t, Error *error) {
    const char *folder = t->settings->output_dir;
    if (t->world->rank == 0 && file_make_folder(folder, error) == STATUS_OK) {
        if (file_same(folder, t->settings->model_name_or_path))
            log_warning("output_dir is the folder of the model: the trained model will replace the model that training "
                        "starts from, and a later run without a checkpoint will start from the trained one");
        lock_take(&t->lock, folder, error);
    }
    if (world_agree(t->world, error, error->status != STATUS_STOPPED) == STATUS_STOPPED) {
        log_info("%s", error->message);
        heartbeat_stopping(t->world);
    }
    return error->status;
}

/* Collective. */
static Status open_model(Trainer *t, const char *path, Error *error) {
    const DatasetInfo *data = dataset_info(t->data.train);
    const Settings *s = t->settings;
    const bool replace = s->ignore_mismatched_sizes && t->state.step == 0; /* a checkpoint keeps its head */
    const AdapterConfig lora = learned_adapter(s);
    const ModelSource source = {.path = path,
                                .lora = s->lora_r > 0 ? &lora : NULL,
                                .head = t->language ? HEAD_LANGUAGE
                                        : replace   ? HEAD_ANY
                                                    : HEAD_FITTING};
    if (model_open_source(&t->model, t->world, &source, data, (uint64_t)s->seed, error)) return error->status;
    ModelConfig *config = &t->model.config;
    config->pooling = s->pooling;
    if (t->model.pad >= 0) config->pad_token = t->model.pad;
    if (config->pad_token < 0) config->pad_token = data->end_of_text;
    trainer_complete_adapter(t, error);
    if (t->world->rank == 0 && !error->status) model_keep_tokenizer(&t->model, error);
    if (!error->status) trainer_check_eval_files(t, path, error);
    if (world_agree(t->world, error, true)) return error->status;
    if (t->model.new_head)
        log_info("%s has %s: initialized a new one (normal distribution, seed %lld)", path,
                 t->model.replaced_head ? "a classification head for other labels than the data's"
                                        : "no classification head",
                 (long long)s->seed);
    if (!*t->model.tokenizer && t->world->rank == 0)
        log_warning(
            "%s has no tokenizer: linnet cannot check that the data was prepared for this model, and linnet predict "
            "will refuse the trained model until a tokenizer's files are copied to it",
            path);
    if (evaluate_warn_longer(t->world, t->data.train, config->positions, error)) return error->status;
    for (size_t i = 0; i < t->evaluation.count && !error->status; i++)
        evaluate_warn_longer(t->world, t->evaluation.files[i].data, config->positions, error);
    return error->status;
}

/* Working memory of this rank. */
static void allocate_work(Trainer *t, Error *error) {
    const ModelConfig *config = &t->model.config;
    UpdateWork *u = &t->update;
    size_t rows = batch_rows_max(config->positions), global_batch = trainer_global_batch_rows(t);
    size_t blocks =
        t->learned.layout.dense / PARAMETERS_BLOCK + t->optimizer.token.capacity + t->optimizer.position.capacity;
    t->batch_rule = (BatchRule){.pooling = t->settings->pooling,
                                .pad = config->pad_token,
                                .end_of_text = dataset_info(t->data.train)->end_of_text,
                                .positions = config->positions};
    batch_create(&t->batch, rows, rows, error);
    gpt2_create(&t->gpt2, config, &t->model.layout, &t->learned.layout, t->settings->gradient_checkpointing, rows, rows,
                error);
    if (error->status == STATUS_OK && t->model.adapter)
        gpt2_make_adapter_room(t->gpt2, t->model.adapter->config.rank, error);
    if (error->status == STATUS_OK) {
        gpt2_set_profile(t->gpt2, t->profile);
        gpt2_set_poll(t->gpt2, trainer_poll, t);
        gpt2_set_bf16(t->gpt2, t->bf16);
    }
    u->dlogits = memory_allocate(rows * (size_t)config->labels, sizeof *u->dlogits, error);
    u->losses = memory_allocate(rows, sizeof *u->losses, error);
    u->losses_at = TOTALS_WAITED + (size_t)t->world->size;
    u->totals = memory_allocate(u->losses_at + (size_t)t->length.global_batch + blocks, sizeof *u->totals, error);
    u->ids = memory_allocate(global_batch, sizeof *u->ids, error);
    u->positions = memory_allocate(global_batch, sizeof *u->positions, error);
    trainer_allocate_evaluation(t, error);
}

/* Collective. */
static Status load_model(Trainer *t, const char *model, Error *error) {
    if ((!t->settings->broadcast_files || !model_broadcast(t->world, model, NULL, error)) &&
        !trainer_choose_sharing(t, model, error))
        open_model(t, model, error);
    broadcast_files_end();
    return error->status;
}

/* Model, optimizer, working memory and loader. Collective. */
static Status build(Trainer *t, const char *model, Error *error) {
    if (load_model(t, model, error)) return error->status;
    learned_make(&t->learned, &t->model.layout, t->model.adapter, t->settings, error);
    if (world_agree(t->world, error, true)) return error->status;
    t->state.parameters = (int64_t)parameters_count(&t->model.layout);
    t->state.trainable = (int64_t)parameters_count(&t->learned.layout);
    ReductionRule rule = trainer_reduction_rule(t, &t->model.layout);
    if (optimizer_create(&t->optimizer, t->world, &t->learned.layout, t->settings, &rule, trainer_global_batch_rows(t),
                         batch_rows_max(t->model.config.positions), error))
        return error->status;
    t->model.parameters.ready = trainer_parameters_ready;
    t->model.parameters.ready_context = t;
    allocate_work(t, error);
    LoaderPlan plan = trainer_loader_plan(t, &t->model.layout);
    if (error->status == STATUS_OK) loader_create(&t->data.loader, t->data.train, &plan, error);
    return world_agree(t->world, error, true);
}

/* Only now, when nothing else can refuse the run. What the run starts from stays. Rank 0. */
static Status remove_other_runs(const Trainer *t, const char *checkpoint, Error *error) {
    const RunState *state = &t->state;
    if (!t->settings->overwrite_output_dir) return STATUS_OK;
    char *best = checkpoint_best_path(t->settings->output_dir, &state->best_saved, error);
    const char *const keep[] = {checkpoint, t->settings->model_name_or_path, best};
    if (!error->status)
        checkpoint_remove_others(t->settings->output_dir, state->run.id, keep, sizeof keep / sizeof *keep, error);
    memory_free(best);
    return error->status;
}

/* Predictions of an earlier run in this folder must not pass for this run's, also where this one goes on from another
 * run's checkpoint. Before the record of the run is saved. Rank 0. */
static Status remove_old_predictions(const Trainer *t, Error *error) {
    RunRecord owner;
    Error unreadable = {0};
    const bool own =
        !run_record_read(&owner, t->settings->output_dir, &unreadable) && strcmp(owner.id, t->state.run.id) == 0;
    if (own && t->state.step > 0 && t->evaluation.count > 0) return STATUS_OK;
    char *path = file_join(t->settings->output_dir, EVAL_PREDICTIONS_FILE, error);
    if (path) file_remove(path, error);
    memory_free(path);
    for (size_t i = 0; i < t->evaluation.count && !error->status; i++) {
        path = trainer_predictions_path(t, &t->evaluation.files[i], error);
        if (path) file_remove(path, error);
        memory_free(path);
    }
    return error->status;
}

/* Make output_dir the folder of this run: the settings, the record of the run, the log. Rank 0. */
static void open_output(Trainer *t, const char *checkpoint, const cJSON *history, Error *error) {
    const char *folder = t->settings->output_dir;
    char *path = file_join(folder, "config.resolved.json", error);
    const char *text = t->save.settings = settings_text(t->settings, error);
    if (error->status == STATUS_OK && trainer_check_log(t, error) == STATUS_OK &&
        remove_other_runs(t, checkpoint, error) == STATUS_OK && trainer_check_disk(t, error) == STATUS_OK &&
        file_replace(path, text, strlen(text), error) == STATUS_OK && remove_old_predictions(t, error) == STATUS_OK &&
        run_record_save(&t->state.run, folder, error) == STATUS_OK && trainer_begin_status(t, error) == STATUS_OK)
        trainer_open_log(t, history, error);
    memory_free(path);
}

Status trainer_setup(Trainer *t, World *world, const Settings *settings, bool profile, Error *error) {
    *t = (Trainer){.world = world,
                   .settings = settings,
                   .language = settings->objective == OBJECTIVE_LANGUAGE,
                   .started_at = clock_now()};
    char *checkpoint = NULL;
    cJSON *history = NULL;
    heartbeat_limit(world, settings->rank_timeout);
    progress_use_bar(!settings->disable_tqdm);
    world_phase(world, RUN_LOAD, 0);
    if (threads_choose(world, settings->threads_per_rank, &t->threads, error)) goto cleanup;
    if (profile) profile_create(&t->profile, error);
    if (world_agree(world, error, true)) goto cleanup;
    if (open_data(t, error) || trainer_choose_loss(t, error) || trainer_plan(t, error) || claim_output(t, error))
        goto cleanup;
    if (trainer_resume(t, &checkpoint, &history, error)) goto cleanup;
    if (build(t, checkpoint ? checkpoint : settings->model_name_or_path, error)) goto cleanup;
    if (checkpoint && checkpoint_read_optimizer(world, checkpoint, &t->optimizer, error)) goto cleanup;
    if (world->rank == 0) open_output(t, checkpoint, history, error);
    if (world_agree(world, error, true)) goto cleanup;
    trainer_banner(t);
    t->log.since = clock_now();
cleanup:
    cJSON_Delete(history);
    memory_free(checkpoint);
    return error->status;
}

void trainer_close(Trainer *t) {
    Error late = {0};
    if (checkpoint_writer_finish(&t->save.writer, &late)) log_warning("cannot save a checkpoint: %s", late.message);
    profile_destroy(t->profile);
    runlog_close(t->log.file);
    optimizer_destroy(&t->optimizer);
    learned_free(&t->learned);
    model_close(&t->model);
    gpt2_destroy(t->gpt2);
    batch_destroy(&t->batch);
    loader_destroy(t->data.loader);
    dataset_close(t->data.train);
    trainer_close_eval_files(t);
    lock_release(&t->lock);
    memory_free(t->save.settings);
    memory_free(t->class_weights);
    memory_free(t->scaled_weights);
    memory_free(t->update.dlogits);
    memory_free(t->update.losses);
    memory_free(t->update.totals);
    memory_free(t->update.ids);
    memory_free(t->update.positions);
}
