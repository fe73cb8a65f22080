/* What a run prints: the banner at its start, the table and the profile at its end. */
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/perplexity.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include "train/trainer_state.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "node01 x2, node02 x2": each host with its number of ranks. */
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

/* Of a rank with at most so many rows. */
static size_t activation_bytes(const Trainer *t, size_t most) {
    const ModelConfig *config = &t->model.config;
    const size_t rows = size_min(most, t->batch.token_capacity), samples = size_min(most, t->batch.sample_capacity);
    const size_t bytes = gpt2_bytes(config, &t->learned.layout, t->settings->gradient_checkpointing, rows, samples);
    if (!t->model.adapter) return bytes;
    return bytes + gpt2_adapter_bytes(config, t->model.adapter->config.rank, rows, samples, true);
}

static void log_memory(const Trainer *t) {
    const ParameterLayout *layout = &t->model.layout;
    LoaderPlan plan = trainer_loader_plan(t, layout);
    size_t rows = (size_t)loader_largest_share(dataset_info(t->data.train), &plan);
    const ParameterLayout *learned = &t->learned.layout;
    size_t buffer = learned->dense * sizeof(float);
    ReductionRule rule = trainer_reduction_rule(t, layout);
    char tables[80] = "embedding rows in use";
    if (learned->token.count == 0) snprintf(tables, sizeof tables, "embeddings mapped");
    const double embeddings = megabytes(layout->sparse * sizeof(float));
    if (t->model.embeddings) /* see model_open() */
        snprintf(tables, sizeof tables, "embeddings %.0f MB per rank", embeddings);
    else if (model_folder_is_copied(t->model.folder))
        snprintf(tables, sizeof tables, "embeddings %.0f MB per node and rows in use", embeddings);
    if (t->model.adapter && !t->model.dense) snprintf(tables, sizeof tables, "in the mapped file with the embeddings");
    log_info("memory    parameters %.0f MB per node, %s; rank 0: gradients %.0f MB, moments %.0f MB, activations up to "
             "%.0f MB",
             megabytes(layout->dense * sizeof(float)), tables,
             megabytes(reduction_shared_bytes(t->world, &rule, 1) / sizeof(float) * buffer),
             megabytes(optimizer_moment_bytes(t->world, learned)), megabytes(activation_bytes(t, rows)));
    const DatasetInfo *data = dataset_info(t->data.train);
    log_info("order     %s: %.0f MB per rank for the order, %.0f MB for samples that are loaded",
             DATA_ORDER_NAMES[plan.order], loader_order_bytes(data->samples, plan.order) / 1e6,
             (loader_bytes(data, &plan) - loader_order_bytes(data->samples, plan.order)) / 1e6);
    const double probabilities = megabytes(probability_table_bytes(&t->evaluation.probabilities));
    if (probabilities >= 1)
        log_info("scores    %.0f MB on rank 0 for the probabilities of an evaluation", probabilities);
    const size_t all = learned->sparse / (size_t)t->model.config.width; /* the most rows in use */
    if (t->settings->save_in_background && t->settings->save_strategy != STRATEGY_NO)
        log_info("saving    up to %.0f MB more on rank 0 while a checkpoint is written in the background",
                 megabytes(checkpoint_snapshot_bytes(model_saved_layout(&t->model), learned, all,
                                                     t->settings->save_only_model)));
}

/* "a.h5, b.h5" */
static void list_eval_files(const NamedFiles *files, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < files->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", files->files[i].path);
}

void trainer_banner(const Trainer *t) {
    const Settings *s = t->settings;
    const ModelConfig *config = &t->model.config;
    const DatasetInfo *data = dataset_info(t->data.train);
    const double count = (double)t->state.parameters, learned = (double)t->state.trainable;
    char hosts[1024], evaluated[1024], trainable[48] = "";
    if (t->world->rank != 0) return;
    list_hosts(t->world, hosts, sizeof hosts);
    if (learned < count)
        snprintf(trainable, sizeof trainable, learned < 1e5 ? ", %.0f trainable" : ", %.1f M trainable",
                 learned < 1e5 ? learned : learned / 1e6);
    log_info("linnet " LINNET_VERSION ": %d rank%s x %d thread%s on %s, %s kernels%s, products %s", t->world->size,
             t->world->size > 1 ? "s" : "", t->threads, t->threads > 1 ? "s" : "", hosts, isa_name(),
             strcmp(isa_arithmetic(), "fused") == 0 ? "" : " (unfused)", t->state.fingerprint.products);
    char kind[32] = "a language model";
    if (!t->language) snprintf(kind, sizeof kind, "%d labels", config->labels);
    log_info("model     %s: %d layers, width %d, %d heads, %s, %.1f M parameters%s", s->model_name_or_path,
             config->layers, config->width, config->heads, kind, count / 1e6, trainable);
    list_eval_files(&s->eval_file, evaluated, sizeof evaluated);
    log_info("data      %s: %" PRId64 " samples, %" PRId64 " tokens%s%s", s->train_file, data->samples, data->tokens,
             *evaluated ? "; evaluation on " : "", evaluated);
    log_info("updates   %" PRId64 ", %" PRId64 " per epoch, each of %" PRId64 " samples in %" PRId64
             " reduction unit%s; %" PRId64 " left",
             t->state.total, t->length.steps_per_epoch, t->state.global_batch, t->state.units,
             t->state.units > 1 ? "s" : "", t->state.total > t->state.step ? t->state.total - t->state.step : 0);
    trainer_tell_loss(t);
    log_memory(t);
}

void trainer_table(const Trainer *t) {
    for (size_t i = 0; i < t->evaluation.count && t->world->rank == 0; i++) {
        const TrainerEvalFile *of = &t->evaluation.files[i];
        char text[256];
        snprintf(text, sizeof text, "%s on %s after %" PRId64 " updates", t->settings->output_dir, of->file->path,
                 t->state.step);
        const double speed = (double)of->metrics->samples / of->seconds;
        if (t->language)
            perplexity_print(text, of->metrics, &of->scores, speed);
        else
            score_table_print(text, of->metrics, &of->scores, t->model.config.label_names, speed);
    }
}

/* Means over the ranks: seconds and operations by region, then the seconds of the run. Collective. */
static void sum_profile(const Trainer *t, double totals[2 * REGION_COUNT + 1]) {
    for (int r = 0; r < REGION_COUNT; r++) {
        totals[r] = profile_seconds(t->profile, (Region)r);
        totals[REGION_COUNT + r] = profile_operations(t->profile, (Region)r);
    }
    totals[2 * REGION_COUNT] = profile_elapsed(t->profile);
    world_sum_doubles(t->world, totals, 2 * REGION_COUNT + 1);
    for (int i = 0; i < 2 * REGION_COUNT + 1; i++) totals[i] /= t->world->size;
}

/* Rank 0 prints what the busiest node sends to the others. Collective. */
static void print_sent(const Trainer *t) {
    const World *world = t->world;
    const ReductionSent s = optimizer_sent(&t->optimizer);
    int64_t sent[] = {s.gradient_bytes, s.gradient_messages, s.value_bytes, s.value_messages};
    world_check(world, MPI_Allreduce(MPI_IN_PLACE, sent, 4, MPI_INT64_T, MPI_SUM, world->node), "MPI_Allreduce");
    world_max_integers(world, sent, 4);
    if (world->rank != 0 || world->nodes == 1 || t->run_steps == 0) return;
    const double steps = (double)t->run_steps;
    printf("sent by the busiest node per update: gradients %.0f bytes in %.0f messages, parameters %.0f bytes in %.0f "
           "messages\n",
           (double)sent[0] / steps, (double)sent[1] / steps, (double)sent[2] / steps, (double)sent[3] / steps);
}

Status trainer_profile(const Trainer *t, Error *error) {
    double totals[2 * REGION_COUNT + 1];
    char name[64];
    sum_profile(t, totals);
    print_sent(t);
    if (t->world->rank == 0) {
        printf("profile, mean of %d rank%s\n  region       seconds   share     GF/s\n", t->world->size,
               t->world->size > 1 ? "s" : "");
        double rest = totals[2 * REGION_COUNT];
        for (int r = 0; r < REGION_COUNT; r++) {
            rest -= totals[r];
            printf("  %-10s %9.3f  %5.1f %%", region_name((Region)r), totals[r],
                   100.0 * totals[r] / totals[2 * REGION_COUNT]);
            if (totals[REGION_COUNT + r] > 0.0) printf("  %7.1f", totals[REGION_COUNT + r] / totals[r] / 1e9);
            putchar('\n');
        }
        printf("  %-10s %9.3f  %5.1f %%\n", "rest", rest, 100.0 * rest / totals[2 * REGION_COUNT]);
        printf("  %-10s %9.3f\n", "total", totals[2 * REGION_COUNT]);
    }
    snprintf(name, sizeof name, "profile-%d.json", t->world->rank);
    char *path = file_join(t->settings->output_dir, name, error);
    if (path) profile_save_trace(t->profile, t->world->rank, path, error);
    memory_free(path);
    return world_agree(t->world, error, true);
}
