#ifndef LINNET_TESTS_MPI_PLAIN_H
#define LINNET_TESTS_MPI_PLAIN_H
/** A small model trained on made-up gradients, twice: by the optimizer over all ranks, and plainly by every rank
 *  for itself, with no ranks, blocks or touched rows: all units' gradients complete, summed along the tree, and
 *  AdamW's reference over all parameters. Both must have the same bits. */
#include "linnet/comm/shared.h"
#include "linnet/comm/tree.h"
#include "linnet/core/integers.h"
#include "linnet/core/random.h"
#include "linnet/kernels/adamw.h"
#include "linnet/kernels/vector.h"
#include "linnet/optim/optimizer.h"
#include "mpi/check.h"
#include <math.h>

enum {
    PLAIN_UNITS = 5,
    PLAIN_VOCABULARY = 19,
    PLAIN_POSITIONS = 7,
    PLAIN_MICRO = 2,       /* micro-batches a unit has at most */
    PLAIN_BATCH_ROWS = 12, /* rows of a micro-batch at most */
    PLAIN_ROWS = PLAIN_UNITS * PLAIN_MICRO * PLAIN_BATCH_ROWS
};

static const ModelConfig PLAIN_CONFIG = {.vocabulary = PLAIN_VOCABULARY,
                                         .positions = PLAIN_POSITIONS,
                                         .width = 64, /* four blocks a layer, so that ranks share one */
                                         .layers = 2,
                                         .heads = 2,
                                         .inner = 256,
                                         .labels = 3,
                                         .epsilon = 1e-5};

/** Parameters, or moments, of the complete model. */
typedef struct {
    float *dense, *token, *position;
} PlainValues;

typedef struct {
    const World *world;
    ParameterLayout layout;
    const Settings *settings;
    PlainValues values, m, v;
    PlainValues gradients[PLAIN_UNITS];
    Batch batch;
    float *residual;       /* [PLAIN_BATCH_ROWS, width] */
    Batch units;           /* several units at once */
    float *units_residual; /* [PLAIN_ROWS, width] */
    double norm;           /* of the last update */
} Plain;

static inline PlainValues plain_values(const World *world, const ParameterLayout *layout) {
    return (PlainValues){check_allocate(world, layout->dense, sizeof(float)),
                         check_allocate(world, layout->token.count, sizeof(float)),
                         check_allocate(world, layout->position.count, sizeof(float))};
}

static inline void plain_values_free(PlainValues *values) {
    memory_free(values->dense);
    memory_free(values->token);
    memory_free(values->position);
}

/** Random values for all tensors; what lies between them is zero. */
static inline void plain_fill(PlainValues *values, const ParameterLayout *layout, uint64_t seed) {
    random_normal(values->token, (int64_t)layout->token.count, 1.0F, seed, 0);
    random_normal(values->position, (int64_t)layout->position.count, 1.0F, seed, 1);
    for (size_t t = 0; t < layout->tensors; t++)
        random_normal(values->dense + layout->tensor[t].offset, (int64_t)layout->tensor[t].count, 1.0F, seed,
                      2 + (uint32_t)t);
}

/** A model of which only what is not `frozen` has gradients. */
static inline void plain_make_frozen(Plain *plain, const World *world, const Settings *settings, const Frozen *frozen) {
    Error error = {0};
    ParameterLayout model;
    *plain = (Plain){.world = world, .settings = settings};
    if (!parameters_layout(&model, &PLAIN_CONFIG, &error)) parameters_learned(&plain->layout, &model, frozen, &error);
    FINE(world, &error);
    parameters_layout_free(&model);
    batch_create(&plain->batch, PLAIN_BATCH_ROWS, PLAIN_BATCH_ROWS, &error);
    FINE(world, &error);
    batch_create(&plain->units, PLAIN_ROWS, PLAIN_ROWS, &error);
    FINE(world, &error);
    plain->residual = check_allocate(world, PLAIN_BATCH_ROWS * (size_t)PLAIN_CONFIG.width, sizeof(float));
    plain->units_residual = check_allocate(world, PLAIN_ROWS * (size_t)PLAIN_CONFIG.width, sizeof(float));
    plain->values = plain_values(world, &plain->layout);
    plain->m = plain_values(world, &plain->layout);
    plain->v = plain_values(world, &plain->layout);
    for (size_t u = 0; u < PLAIN_UNITS; u++) plain->gradients[u] = plain_values(world, &plain->layout);
    plain_fill(&plain->values, &plain->layout, 42);
}

static inline void plain_make(Plain *plain, const World *world, const Settings *settings) {
    plain_make_frozen(plain, world, settings, &(Frozen){0});
}

static inline bool plain_has_rows(const Plain *plain) {
    return plain->layout.token.count > 0;
}

static inline void plain_free(Plain *plain) {
    plain_values_free(&plain->values);
    plain_values_free(&plain->m);
    plain_values_free(&plain->v);
    for (size_t u = 0; u < PLAIN_UNITS; u++) plain_values_free(&plain->gradients[u]);
    memory_free(plain->residual);
    memory_free(plain->units_residual);
    batch_destroy(&plain->batch);
    batch_destroy(&plain->units);
    parameters_layout_free(&plain->layout);
}

/** Units that take part in an update. */
static inline int plain_units(int update) {
    static const int units[] = {5, 3, 4, 1, 2, 5};
    return units[update % 6];
}

static inline int plain_micro_batches(int update, int unit) {
    return 1 + (update + unit) % PLAIN_MICRO;
}

/** Texts of one micro-batch into `batch`, their gradient into `residual`: in early updates of few token ids, so that
 *  not all rows are ever touched. */
static inline void plain_add_texts(Batch *batch, float *residual, int update, int unit, int micro) {
    const BatchRule rule = {
        .pooling = POOLING_PADDED_END, .end_of_text = PLAIN_VOCABULARY - 1, .positions = PLAIN_POSITIONS};
    size_t width = (size_t)PLAIN_CONFIG.width, before = batch->tokens;
    for (int text = 0; text < 2; text++) {
        int32_t ids[4];
        size_t length = (size_t)(1 + (update + 2 * unit + micro + text) % 4);
        for (size_t i = 0; i < length; i++)
            ids[i] = (int32_t)((update * 3 + unit * 5 + micro * 7 + text * 2 + (int)(i * i)) % 13);
        batch_add(batch, &rule, ids, length, 0, 0);
    }
    for (size_t i = 0; i < (batch->tokens - before) * width; i++)
        residual[before * width + i] = any_float((uint64_t)update + 1000, (uint64_t)(unit * PLAIN_MICRO + micro), i);
}

/** One micro-batch into plain->batch. */
static inline void plain_pack(Plain *plain, int update, int unit, int micro) {
    batch_clear(&plain->batch);
    plain_add_texts(&plain->batch, plain->residual, update, unit, micro);
}

/** A unit's dense gradient; what lies between tensors is left alone. */
static inline void plain_dense_gradient(float *dense, const ParameterLayout *layout, int update, int unit) {
    for (size_t t = 0; t < layout->tensors; t++) {
        const ParameterTensor *tensor = &layout->tensor[t];
        for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
            dense[i] = any_float((uint64_t)update, (uint64_t)unit, i);
    }
}

static inline void plain_unit_gradient(Plain *plain, int update, int unit) {
    PlainValues *g = &plain->gradients[unit];
    size_t width = (size_t)PLAIN_CONFIG.width;
    memset(g->token, 0, plain->layout.token.count * sizeof(float));
    memset(g->position, 0, plain->layout.position.count * sizeof(float));
    plain_dense_gradient(g->dense, &plain->layout, update, unit);
    for (int micro = 0; micro < plain_micro_batches(update, unit) && plain_has_rows(plain); micro++) {
        plain_pack(plain, update, unit, micro);
        for (size_t r = 0; r < plain->batch.tokens; r++)
            for (size_t k = 0; k < width; k++) {
                g->token[(size_t)plain->batch.ids[r] * width + k] += plain->residual[r * width + k];
                g->position[(size_t)plain->batch.positions[r] * width + k] += plain->residual[r * width + k];
            }
    }
}

static inline void plain_add(float *left, const float *right, size_t count) {
    for (size_t i = 0; i < count; i++) left[i] = left[i] + right[i];
}

/** Sum the units' gradients along the tree into that of the first. */
static inline void plain_sum(Plain *plain, int first, int count) {
    if (count == 1) return;
    int left = tree_split(count);
    plain_sum(plain, first, left);
    plain_sum(plain, first + left, count - left);
    PlainValues *a = &plain->gradients[first], *b = &plain->gradients[first + left];
    plain_add(a->dense, b->dense, plain->layout.dense);
    plain_add(a->token, b->token, plain->layout.token.count);
    plain_add(a->position, b->position, plain->layout.position.count);
}

/** The norm's bits: squares by block and by row in float64, added in order. */
static inline double plain_norm(const Plain *plain) {
    const PlainValues *g = &plain->gradients[0];
    size_t width = (size_t)PLAIN_CONFIG.width;
    double sum = 0.0, token = 0.0, position = 0.0;
    for (size_t i = 0; i < plain->layout.dense; i += PARAMETERS_BLOCK)
        sum += sum_of_squares(g->dense + i, PARAMETERS_BLOCK);
    for (size_t id = 0; id < (size_t)plain->layout.token.shape[0]; id++)
        token += sum_of_squares(g->token + id * width, width);
    for (size_t id = 0; id < (size_t)plain->layout.position.shape[0]; id++)
        position += sum_of_squares(g->position + id * width, width);
    return sqrt(sum + token + position);
}

static inline double plain_clip(const Settings *settings, double norm) {
    double factor = settings->max_grad_norm > 0.0 ? settings->max_grad_norm / (norm + 1e-6) : 1.0;
    return factor < 1.0 ? factor : 1.0;
}

/** As a factor of the peaks. */
static inline double plain_rate(int update) {
    return 1.0 / (double)(1 + update);
}

/** The peak rate of what is so many layers below the head. */
static inline double plain_peak(const Settings *settings, int depth) {
    double factor = 1.0;
    for (int i = 0; i < depth; i++) factor *= settings->layerwise_lr_decay;
    return settings->learning_rate * factor;
}

/** One complete update, on this rank alone. The settings have a head_learning_rate. */
static inline void plain_update(Plain *plain, int update) {
    const Settings *s = plain->settings;
    const ParameterLayout *layout = &plain->layout;
    PlainValues *g = &plain->gradients[0];
    for (int u = 0; u < plain_units(update); u++) plain_unit_gradient(plain, update, u);
    plain_sum(plain, 0, plain_units(update));
    plain->norm = plain_norm(plain);
    AdamW adamw = {.rate = plain_rate(update) * plain_peak(s, PLAIN_CONFIG.layers + 1),
                   .beta1 = s->adam_beta1,
                   .beta2 = s->adam_beta2,
                   .epsilon = s->adam_epsilon,
                   .decay = s->weight_decay,
                   .step = update + 1,
                   .grad_scale = (float)plain_clip(s, plain->norm)};
    adamw_update_ref(plain->values.token, plain->m.token, plain->v.token, g->token, layout->token.count, &adamw);
    adamw_update_ref(plain->values.position, plain->m.position, plain->v.position, g->position, layout->position.count,
                     &adamw);
    for (size_t t = 0; t < layout->tensors; t++) {
        size_t at = layout->tensor[t].offset;
        const int layer = (int)(t / LAYER_TENSORS);
        const bool head = t == parameters_score(layout);
        adamw.rate = plain_rate(update) * (head ? s->head_learning_rate : plain_peak(s, PLAIN_CONFIG.layers - layer));
        adamw.decay = layout->tensor[t].decay ? s->weight_decay : 0.0;
        adamw_update_ref(plain->values.dense + at, plain->m.dense + at, plain->v.dense + at, g->dense + at,
                         layout->tensor[t].count, &adamw);
    }
}

/** The rows that this rank's units touch, repeats and all; returns their number. */
static inline size_t plain_list_rows(Plain *plain, const World *world, int update, int32_t *ids, int32_t *positions) {
    int64_t first, units;
    size_t count = 0;
    even_part(plain_units(update), world->size, world->rank, &first, &units);
    for (int u = (int)first; u < (int)(first + units); u++)
        for (int micro = 0; micro < plain_micro_batches(update, u); micro++) {
            plain_pack(plain, update, u, micro);
            for (size_t r = 0; r < plain->batch.tokens; r++) {
                ids[count] = plain->batch.ids[r];
                positions[count++] = plain->batch.positions[r];
            }
        }
    return count;
}

/** The sum of units' dense gradients along the tree. */
static inline void plain_dense_sum(const Plain *plain, float *dense, int update, int first, int count) {
    if (count == 1) {
        plain_dense_gradient(dense, &plain->layout, update, first);
        return;
    }
    int left = tree_split(count);
    float *right = check_allocate(plain->world, plain->layout.dense, sizeof(float));
    plain_dense_sum(plain, dense, update, first, left);
    plain_dense_sum(plain, right, update, first + left, count - left);
    for (size_t t = 0; t < plain->layout.tensors; t++) {
        const ParameterTensor *tensor = &plain->layout.tensor[t];
        plain_add(dense + tensor->offset, right + tensor->offset, tensor->count);
    }
    memory_free(right);
}

/** One unit's micro-batches. */
static inline void plain_give_unit(Plain *plain, Optimizer *optimizer, int update, int unit) {
    int micro_batches = plain_micro_batches(update, unit);
    for (int micro = 0; micro < micro_batches; micro++) {
        plain_pack(plain, update, unit, micro);
        optimizer_add_rows(optimizer, &plain->batch, plain->residual);
    }
}

/** Several units in one batch. */
static inline void plain_give_units(Plain *plain, Optimizer *optimizer, int update, int first, int count) {
    batch_clear(&plain->units);
    for (int unit = first; unit < first + count; unit++) {
        if (unit > first) batch_next_unit(&plain->units);
        for (int micro = 0; micro < plain_micro_batches(update, unit); micro++)
            plain_add_texts(&plain->units, plain->units_residual, update, unit, micro);
    }
    optimizer_add_rows(optimizer, &plain->units, plain->units_residual);
}

/** The next subtree's gradients into the optimizer, in the order in which the trainer has them: in some updates units
 *  one by one, in others the largest subtrees. Returns its units. */
static inline int plain_give_subtree(Plain *plain, Optimizer *optimizer, int update, int first, int end) {
    int count = 1;
    for (int more = 2; first + more <= end && update % 3 != 1; more++)
        if (tree_is_node(plain_units(update), first, more)) count = more;
    optimizer_subtree_begin(optimizer, count);
    plain_dense_sum(plain, optimizer_gradients(optimizer), update, first, count);
    for (size_t b = plain->layout.buckets; b-- > 0;) optimizer_bucket_done(optimizer, b);
    if (plain_has_rows(plain) && count > 1) plain_give_units(plain, optimizer, update, first, count);
    if (plain_has_rows(plain) && count == 1) plain_give_unit(plain, optimizer, update, first);
    optimizer_subtree_done(optimizer);
    return count;
}

/** The same update by the optimizer; returns the norm. Collective over the optimizer's world. */
static inline double plain_optimizer_update(Plain *plain, Optimizer *optimizer, Parameters *parameters, int update) {
    const World *world = optimizer->world;
    static int32_t ids[PLAIN_ROWS], positions[PLAIN_ROWS];
    int64_t first, units;
    size_t count = plain_list_rows(plain, world, update, ids, positions);
    even_part(plain_units(update), world->size, world->rank, &first, &units);
    optimizer_rows(optimizer, ids, positions, count);
    optimizer_begin(optimizer, plain_units(update));
    for (int u = (int)first, end = u + (int)units; u < end;) u += plain_give_subtree(plain, optimizer, update, u, end);
    optimizer_reduce(optimizer);
    size_t blocks;
    double *squares = optimizer_squares(optimizer, &blocks);
    world_sum_doubles(world, squares, blocks);
    double norm = optimizer_norm(optimizer);
    optimizer_step(optimizer, parameters, update + 1, plain_rate(update), plain_clip(plain->settings, norm));
    optimizer_await_all(optimizer);
    return norm;
}

/** Whether the parameters have the plain ones' bits. */
static inline bool plain_same(const Plain *plain, const Parameters *parameters) {
    const ParameterLayout *layout = &plain->layout;
    return memcmp(parameters->dense, plain->values.dense, layout->dense * sizeof(float)) == 0 &&
           memcmp(parameters->token, plain->values.token, layout->token.count * sizeof(float)) == 0 &&
           memcmp(parameters->position, plain->values.position, layout->position.count * sizeof(float)) == 0;
}

/** Whether a sparse embedding's moments of this rank's rows have the plain ones' bits; rows never touched have none. */
static inline bool plain_same_rows(const SparseEmbedding *embedding, const float *m, const float *v) {
    size_t bytes = embedding->width * sizeof(float);
    for (size_t i = 0; i < embedding->owned_count; i++) {
        size_t at = (size_t)embedding->owned[i] * embedding->width,
               moment = sparse_embedding_moment(embedding, embedding->owned[i]);
        if (memcmp(embedding->m + moment, m + at, bytes) != 0 || memcmp(embedding->v + moment, v + at, bytes) != 0)
            return false;
    }
    return true;
}

/** Whether this rank's moments have the plain ones' bits. */
static inline bool plain_same_moments(const Plain *plain, const Optimizer *optimizer) {
    for (size_t i = 0; i < optimizer->piece_count; i++) {
        const Piece *p = &optimizer->pieces[i];
        size_t bytes = p->length * sizeof(float);
        if (memcmp(optimizer->m + p->moment, plain->m.dense + p->offset, bytes) != 0 ||
            memcmp(optimizer->v + p->moment, plain->v.dense + p->offset, bytes) != 0)
            return false;
    }
    return plain_same_rows(&optimizer->token, plain->m.token, plain->v.token) &&
           plain_same_rows(&optimizer->position, plain->m.position, plain->v.position);
}

#endif
