/* What a run says of itself: the banner before, the table after. See trainer_private.h. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include "train/trainer_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "node01 ×2, node02 ×2": every host with its number of ranks. */
static void list_hosts(const World *world, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int r = 0; r < world->size; r++) {
        const char *host = world->hosts[r];
        int ranks = 0;
        bool seen = false;
        for (int q = 0; q < world->size; q++) {
            bool same = strcmp(host, world->hosts[q]) == 0;
            ranks += same;
            seen = seen || (same && q < r);
        }
        if (!seen && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s x%d", used > 0 ? ", " : "", host, ranks);
    }
}

static double megabytes(size_t bytes) {
    return (double)bytes / 1e6;
}

static void say_memory(const Trainer *t) {
    const ModelConfig *config = &t->model.config;
    const ParameterLayout *layout = &t->model.layout;
    LoaderPlan plan = trainer_loader_plan(t);
    size_t rows = (size_t)loader_largest_share(dataset_info(t->train_data), &plan), most = t->batch.token_capacity;
    size_t buffer = layout->dense * sizeof(float);
    ReductionRule rule = trainer_rule(t, layout);
    char tables[64] = "the embedding rows in use";
    if (t->world->nodes > 1) /* every rank has its own copy: see model_open() */
        snprintf(tables, sizeof tables, "embeddings %.0f MB a rank",
                 megabytes((layout->token.count + layout->position.count) * sizeof(float)));
    log_info(
        "memory    parameters %.0f MB a node and %s; on rank 0 gradients %.0f MB, moments %.0f MB, activations up to "
        "%.0f MB",
        megabytes(layout->dense * sizeof(float)), tables,
        megabytes(reduction_shared_bytes(t->world, &rule, 1) / sizeof(float) * buffer),
        megabytes(optimizer_moment_bytes(t->world, layout)),
        megabytes(gpt2_bytes(config, rows < most ? rows : most,
                             t->batch.sample_capacity < rows ? t->batch.sample_capacity : rows, true)));
    const DatasetInfo *data = dataset_info(t->train_data);
    log_info("order     %s: %.0f MB a rank for the order, %.0f MB for the samples under way and the next ones",
             DATA_ORDER_NAMES[plan.order], loader_order_bytes(data->samples, plan.order) / 1e6,
             (loader_bytes(data, &plan) - loader_order_bytes(data->samples, plan.order)) / 1e6);
    const size_t all = (size_t)(layout->token.shape[0] + layout->position.shape[0]); /* rows in use, at the most */
    if (t->settings->save_in_background && t->settings->save_strategy != STRATEGY_NO)
        log_info("saving    up to %.0f MB more on rank 0 while a checkpoint is written in the background",
                 megabytes(checkpoint_snapshot_bytes(layout, all)));
}

void trainer_banner(const Trainer *t) {
    const Settings *s = t->settings;
    const ModelConfig *config = &t->model.config;
    const DatasetInfo *data = dataset_info(t->train_data);
    const ParameterLayout *layout = &t->model.layout;
    char hosts[1024];
    if (t->world->rank != 0) return;
    list_hosts(t->world, hosts, sizeof hosts);
    size_t count = layout->token.count + layout->position.count;
    for (size_t i = 0; i < layout->tensors; i++) count += layout->tensor[i].count;
    log_info("linnet " LINNET_VERSION ": %d rank%s x %d thread%s on %s, %s kernels, products %s", t->world->size,
             t->world->size > 1 ? "s" : "", t->threads, t->threads > 1 ? "s" : "", hosts, isa_name(),
             t->state.fingerprint.products);
    log_info("model     %s: %d layers, width %d, %d heads, %d labels, %.1f M parameters", s->model_name_or_path,
             config->layers, config->width, config->heads, config->labels, (double)count / 1e6);
    log_info("data      %s: %" PRId64 " samples, %" PRId64 " tokens%s%s", s->train_file, data->samples, data->tokens,
             s->eval_file != NULL ? "; evaluated on " : "", s->eval_file != NULL ? s->eval_file : "");
    log_info("updates   %" PRId64 " of %" PRId64 " samples in %" PRId64 " unit%s, %" PRId64 " an epoch; %" PRId64
             " to come",
             t->state.total, t->state.global_batch, t->state.units, t->state.units > 1 ? "s" : "", t->steps_per_epoch,
             t->state.total - t->state.step);
    say_memory(t);
}

void trainer_tell_slow(const Trainer *t, double seconds) {
    const double *waited = t->totals + TOTALS_WAITED;
    int ranks = t->world->size, slow = 0;
    double all = 0.0;
    for (int r = 0; r < ranks; r++) {
        all += waited[r];
        if (waited[r] < waited[slow]) slow = r;
    }
    if (t->world->rank != 0 || ranks == 1) return;
    /* Whoever waits least is waited for. Texts differ in length, so that a little of it is as it should be. */
    double for_it = (all - waited[slow]) / (ranks - 1) - waited[slow];
    if (for_it > 0.5 && for_it > 0.1 * seconds)
        log_warning("rank %d on %s is slow: the others waited %.1f s for it since the log line before", slow,
                    t->world->hosts[slow], for_it);
}

void trainer_table(const Trainer *t, const Scores *scores, double seconds) {
    if (t->world->rank != 0) return;
    char text[256];
    snprintf(text, sizeof text, "%s on %s after %" PRId64 " updates", t->settings->output_dir, t->settings->eval_file,
             t->state.step);
    score_table_print(text, t->metrics, scores, t->model.config.label_names, (double)t->metrics->samples / seconds);
}

/* Mean over the ranks of seconds and operations by phase, then the whole run's seconds. Collective. */
static void sum_profile(const Trainer *t, double totals[2 * REGION_COUNT + 1]) {
    for (int p = 0; p < REGION_COUNT; p++) {
        totals[p] = profile_seconds(t->profile, (Region)p);
        totals[REGION_COUNT + p] = profile_operations(t->profile, (Region)p);
    }
    totals[2 * REGION_COUNT] = profile_elapsed(t->profile);
    world_sum_doubles(t->world, totals, 2 * REGION_COUNT + 1);
    for (int i = 0; i < 2 * REGION_COUNT + 1; i++) totals[i] /= t->world->size;
}

Status trainer_profile(const Trainer *t, Error *error) {
    double totals[2 * REGION_COUNT + 1];
    char name[64];
    sum_profile(t, totals);
    if (t->world->rank == 0) {
        printf("profile, mean of %d rank%s\n  phase        seconds   share     GF/s\n", t->world->size,
               t->world->size > 1 ? "s" : "");
        double rest = totals[2 * REGION_COUNT];
        for (int p = 0; p < REGION_COUNT; p++) {
            rest -= totals[p];
            printf("  %-10s %9.3f  %5.1f %%", region_name((Region)p), totals[p],
                   100.0 * totals[p] / totals[2 * REGION_COUNT]);
            if (totals[REGION_COUNT + p] > 0.0) printf("  %7.1f", totals[REGION_COUNT + p] / totals[p] / 1e9);
            putchar('\n');
        }
        printf("  %-10s %9.3f  %5.1f %%\n", "rest", rest, 100.0 * rest / totals[2 * REGION_COUNT]);
        printf("  %-10s %9.3f\n", "whole run", totals[2 * REGION_COUNT]);
    }
    snprintf(name, sizeof name, "profile-%d.json", t->world->rank);
    char *path = file_join(t->settings->output_dir, name, error);
    if (path != NULL) profile_save_trace(t->profile, t->world->rank, path, error);
    memory_free(path);
    return world_agree(t->world, error, true);
}
