/* Evaluate a data set with all ranks. */
#include "linnet/evaluate/evaluation.h"
#include "evaluate/target_keeper.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/data/beginnings.h"
#include "linnet/kernels/loss.h"
#include "linnet/kernels/target_loss.h"
#include <string.h>

enum { GROUP = 4096 }; /* samples read from the file at a time */

Status evaluate_open_data(const World *world, Dataset **dataset, const char *path, Error *error) {
    if (dataset_open(dataset, path, error) == STATUS_OK) {
        int64_t first, count;
        even_part(dataset_info(*dataset)->samples, world->size, world->rank, &first, &count);
        dataset_verify(*dataset, first, count, error);
    }
    return world_agree(world, error, true);
}

Status evaluate_warn_longer(const World *world, Dataset *dataset, int32_t positions, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    int64_t first, count, longer = 0;
    even_part(info->samples, world->size, world->rank, &first, &count);
    dataset_longer(dataset, first, count, positions, &longer, error);
    if (world_agree(world, error, true)) return error->status;
    world_sum_integers(world, &longer, 1);
    if (world->rank == 0) dataset_warn_longer(info, longer, positions);
    return STATUS_OK;
}

/* Where results go. */
typedef struct {
    Metrics *metrics;
    double *logits;       /* [samples of a group, labels] or NULL */
    double *truth;        /* [samples of a group] or NULL */
    TargetKeeper *keeper; /* NULL: there are no targets */
    int64_t first;        /* the first sample of the group */
    size_t labels;
    double *losses; /* [capacity of a batch] */
} Sink;

/* The batch of a language model. */
static void run_texts(const Evaluator *e, const Sink *sink) {
    const Batch *batch = e->batch;
    gpt2_language_forward(e->gpt2, e->parameters, batch, NULL);
    gpt2_language_loss(e->gpt2, e->parameters, batch, sink->losses);
    for (size_t b = 0; b < batch->samples; b++)
        metrics_add_text(sink->metrics, batch->cu_seqlens[b + 1] - batch->cu_seqlens[b] - 1, sink->losses[b]);
}

static void run_classifier(const Evaluator *e, const Sink *sink) {
    const Batch *batch = e->batch;
    const float *logits = gpt2_forward(e->gpt2, e->parameters, batch, NULL);
    const bool targets = problem_has_targets(sink->metrics->problem);
    if (targets)
        target_loss(sink->metrics->problem, sink->losses, NULL, logits, batch->targets, batch->samples, sink->labels,
                    1.0);
    else
        loss_forward_backward(sink->losses, NULL, logits, batch->labels, batch->samples, sink->labels, &(LossRule){0},
                              1.0);
    for (size_t b = 0; b < batch->samples; b++) {
        const float *row = logits + b * sink->labels;
        if (targets)
            metrics_add_loss(sink->metrics, sink->losses[b]);
        else
            metrics_add(sink->metrics, row, batch->labels[b], sink->losses[b]);
        if (!sink->logits) continue;
        const size_t at = batch->sample_ids[b] - (uint64_t)sink->first;
        for (size_t k = 0; k < sink->labels; k++) sink->logits[at * sink->labels + k] = (double)row[k];
        sink->truth[at] = batch->labels[b];
    }
}

/* Run the batch and count its results. */
static void run_batch(const Evaluator *e, const Sink *sink) {
    if (e->batch->samples == 0) return;
    (e->labels > 0 ? run_classifier : run_texts)(e, sink);
    batch_clear(e->batch);
}

/* How all ranks learn that one of them has to leave, because of a stop signal or an error: after each round of batches
 * they start a sum, which they read after the next round, so that a rank waits only for ranks that are more than a
 * round behind. */
typedef struct {
    const Evaluator *evaluator;
    int mine, any;
    MPI_Request request;
    bool stop; /* some rank got a stop signal or failed */
} Rounds;

static void rounds_wait(Rounds *rounds) {
    world_check(rounds->evaluator->world, MPI_Wait(&rounds->request, MPI_STATUS_IGNORE), "MPI_Wait");
    if (rounds->any) rounds->stop = true;
}

/* After a round; true if all ranks have to leave. Collective. */
static bool rounds_next(Rounds *rounds, const Error *error) {
    const Evaluator *e = rounds->evaluator;
    rounds_wait(rounds);
    if (rounds->stop) return true;
    rounds->mine = error->status != STATUS_OK || (e->stop && e->stop());
    rounds->any = 0;
    world_check(e->world,
                MPI_Iallreduce(&rounds->mine, &rounds->any, 1, MPI_INT, MPI_MAX, e->world->comm, &rounds->request),
                "MPI_Iallreduce");
    return false;
}

/* Loaded samples and the order in which they run. */
typedef struct {
    Samples samples;
    int64_t *order;
} Loaded;

/* Run the samples at places first … end − 1 of the order in one batch, or in several if one has not enough capacity. */
static void run_samples(const Evaluator *e, const Loaded *loaded, int64_t first, int64_t end, const Sink *sink) {
    const Samples *samples = &loaded->samples;
    for (int64_t place = first; place < end; place++) {
        const int64_t i = loaded->order[place];
        const int32_t *ids = samples->ids + samples->starts[i];
        size_t length = (size_t)(samples->starts[i + 1] - samples->starts[i]);
        if (!batch_fits(e->batch, &e->rule, ids, length)) run_batch(e, sink);
        batch_add(e->batch, &e->rule, ids, length, samples->labels ? samples->labels[i] : 0,
                  (uint64_t)samples->indices[i]);
        if (samples->targets) batch_set_targets(e->batch, samples->targets + (size_t)i * sink->labels);
    }
    run_batch(e, sink);
}

/* Load samples `indices` [count], and put them in the order in which they share most rows, if they share rows. */
static Status load(Loaded *loaded, const Evaluator *e, Dataset *dataset, const int64_t *indices, int64_t count,
                   Error *error) {
    Samples *samples = &loaded->samples;
    if (error->status || count == 0 || dataset_load(dataset, indices, count, samples, error)) return error->status;
    loaded->order = memory_allocate((size_t)count, sizeof *loaded->order, error);
    for (int64_t i = 0; loaded->order && i < count; i++) loaded->order[i] = i;
    if (e->rule.share && loaded->order) beginnings_order(loaded->order, samples->ids, samples->starts, count, error);
    if (error->status) samples->count = 0;
    return error->status;
}

/* This rank's batches of samples first … first + count − 1. All ranks run the same number of rounds. `indices` [count]
 * is scratch. */
static void run_group(Rounds *rounds, Dataset *dataset, int64_t first, int64_t count, int64_t batch_size,
                      int64_t *indices, const Sink *sink, Error *error) {
    const Evaluator *e = rounds->evaluator;
    int64_t mine = 0, batches = int64_divide_up(count, batch_size);
    for (int64_t i = first; error->status == STATUS_OK && i < first + count; i++)
        if (i / batch_size % e->world->size == e->world->rank) indices[mine++] = i;
    Loaded loaded = {0};
    load(&loaded, e, dataset, indices, mine, error);
    for (int64_t done = 0, round = 0; round * e->world->size < batches; round++, done += batch_size) {
        int64_t end = int64_min(done + batch_size, loaded.samples.count);
        run_samples(e, &loaded, done, end, sink);
        progress_set(first + int64_min(count, (round + 1) * e->world->size * batch_size), NULL);
        if (rounds_next(rounds, error)) break;
    }
    samples_free(&loaded.samples);
    memory_free(loaded.order);
}

/* Collective. */
static void sum_metrics(const World *world, Metrics *metrics) {
    int64_t counts[4] = {metrics->samples, metrics->nan_losses, metrics->infinite_losses, metrics->predictions};
    world_sum_integers(world, counts, 4);
    metrics->predictions = counts[3];
    metrics->samples = counts[0];
    metrics->nan_losses = counts[1];
    metrics->infinite_losses = counts[2];
    world_sum_integers(world, metrics->loss, METRICS_DIGITS);
    if (problem_has_targets(metrics->problem)) return;
    world_sum_integers(world, metrics->confusion, (size_t)metrics->labels * (size_t)metrics->labels);
}

/* A group's logits, for the scores and for the sink (NULL: none). Rank 0. */
static void take_logits(const Evaluator *e, const Sink *sink, int64_t count, const LogitsSink *logits, Error *error) {
    if (error->status) return;
    if (sink->keeper)
        target_keeper_take(sink->keeper, sink->first, count, sink->logits, error);
    else
        probability_table_add(e->probabilities, count, sink->logits, sink->truth);
    if (logits && !error->status) logits->take(logits->context, sink->first, count, sink->logits, error);
}

/* Each rank has some of a group's logits: collect them on rank 0. Collective. */
static void collect_logits(const Evaluator *e, const Sink *sink, int64_t count, const LogitsSink *logits,
                           Error *error) {
    size_t values = (size_t)count * sink->labels;
    world_sum_doubles(e->world, sink->logits, values);
    world_sum_doubles(e->world, sink->truth, (size_t)count);
    if (e->world->rank == 0) take_logits(e, sink, count, logits, error);
    memset(sink->logits, 0, values * sizeof *sink->logits);
    memset(sink->truth, 0, (size_t)count * sizeof *sink->truth);
}

/* The scores that need all samples: rank 0 computes them and tells the others. Collective. */
static Status score_targets(const World *world, const TargetKeeper *keeper, Metrics *metrics, Error *error) {
    const size_t labels = (size_t)metrics->labels;
    if (world->rank == 0) target_keeper_score(keeper, metrics, error);
    if (world_agree(world, error, true)) return error->status;
    world_broadcast(world, &metrics->multi_label, sizeof metrics->multi_label);
    world_broadcast(world, &metrics->regression, sizeof metrics->regression);
    world_broadcast(world, metrics->per_label, labels * sizeof *metrics->per_label);
    world_broadcast(world, metrics->per_target, labels * sizeof *metrics->per_target);
    return STATUS_OK;
}

/* All groups, one after the other on all ranks. Collective. */
static void run_groups(Rounds *rounds, Dataset *dataset, int64_t batch_size, int64_t group, Sink *sink,
                       const LogitsSink *logits, Error *error) {
    const Evaluator *e = rounds->evaluator;
    int64_t samples = dataset_info(dataset)->samples;
    int64_t *indices = memory_allocate((size_t)group, sizeof *indices, error);
    for (int64_t first = 0; !rounds->stop && first < samples; first += group) {
        int64_t count = int64_min(samples - first, group);
        sink->first = first;
        run_group(rounds, dataset, first, count, batch_size, indices, sink, error);
        if (sink->logits && !rounds->stop) collect_logits(e, sink, count, logits, error);
    }
    memory_free(indices);
}

/* The scores by counts, which all ranks have, and those by what rank 0 has kept. Collective. */
static Status make_scores(const Evaluator *e, const TargetKeeper *keeper, Metrics *metrics, Scores *scores,
                          Error *error) {
    if (keeper && score_targets(e->world, keeper, metrics, error)) return error->status;
    *scores = metrics_scores(metrics);
    if (e->world->rank == 0 && e->labels > 0 && !keeper) probability_table_scores(e->probabilities, scores);
    world_broadcast(e->world, scores, sizeof *scores);
    return STATUS_OK;
}

/* Run and count all samples. `keeper`: of targets, open on rank 0; NULL: there are none. Collective. */
static Status run_all(const Evaluator *e, Dataset *dataset, int64_t batch_size, Metrics *metrics, TargetKeeper *keeper,
                      const LogitsSink *logits, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    batch_size = int64_min(batch_size, info->samples);
    int64_t group = batch_size * (GROUP / batch_size + 1); /* full batches */
    Sink sink = {.metrics = metrics,
                 .keeper = keeper,
                 .labels = (size_t)e->labels,
                 .losses = memory_allocate(e->batch->sample_capacity, sizeof(double), error)};
    if (e->labels > 0 && (logits || info->labels > 0)) {
        sink.logits = memory_allocate((size_t)group * sink.labels, sizeof *sink.logits, error);
        sink.truth = memory_allocate((size_t)group, sizeof *sink.truth, error);
    }
    if (e->world->rank == 0 && e->labels > 0 && !keeper) probability_table_clear(e->probabilities);
    metrics_clear(metrics, e->labels);
    metrics->problem = e->labels > 0 ? info->problem : PROBLEM_SINGLE_LABEL;
    metrics->class_weights = e->class_weights;
    batch_clear(e->batch);
    Rounds rounds = {.evaluator = e, .request = MPI_REQUEST_NULL};
    if (world_agree(e->world, error, true) == STATUS_OK) {
        progress_begin("evaluate", "samples", info->samples);
        run_groups(&rounds, dataset, batch_size, group, &sink, logits, error);
        progress_end();
        rounds_wait(&rounds);
        world_agree(e->world, error, true);
    }
    memory_free(sink.losses);
    memory_free(sink.logits);
    memory_free(sink.truth);
    if (error->status != STATUS_OK) return error->status;
    if (rounds.stop) return error_set(error, STATUS_STOPPED, "stopped by a signal");
    sum_metrics(e->world, metrics);
    return STATUS_OK;
}

Status evaluate_run(const Evaluator *e, Dataset *dataset, int64_t batch_size, Metrics *metrics, Scores *scores,
                    const LogitsSink *logits, Error *error) {
    const bool targets = e->labels > 0 && problem_has_targets(dataset_info(dataset)->problem);
    TargetKeeper opened = {0}, *keeper = targets ? &opened : NULL;
    if (keeper && e->world->rank == 0) target_keeper_open(keeper, dataset, error);
    if (!run_all(e, dataset, batch_size, metrics, keeper, logits, error))
        make_scores(e, keeper, metrics, scores, error);
    target_keeper_close(&opened);
    return error->status;
}
