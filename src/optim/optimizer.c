/* AdamW with its moments split over the ranks. See optimizer.h. */
#include "linnet/optim/optimizer.h"

#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/adamw.h"
#include "linnet/kernels/embedding.h"
#include "linnet/optim/schedule.h"
#include <math.h>
#include <string.h>

size_t optimizer_moment_bytes(const World *world, const ParameterLayout *layout) {
    return 2 * layout->dense / (size_t)world->size * sizeof(float);
}

size_t optimizer_gradient_floats(const ParameterLayout *layout, size_t token_rows, size_t position_rows) {
    return layout->dense + (token_rows + position_rows) * (size_t)layout->token.shape[1];
}

/* Where the position rows start in the gradient buffer: after the dense buckets and room for the token rows. */
static size_t position_start(const Optimizer *o) {
    return o->layout->dense + o->token.capacity * o->token.width;
}

void optimizer_buckets(Bucket *buckets, const ParameterLayout *layout, size_t token_capacity, size_t token_rows,
                       size_t position_rows) {
    size_t width = (size_t)layout->token.shape[1];
    for (size_t b = 0; b < layout->buckets; b++)
        buckets[b] = (Bucket){.start = layout->bucket_starts[b],
                              .length = layout->bucket_starts[b + 1] - layout->bucket_starts[b],
                              .block = PARAMETERS_BLOCK};
    buckets[layout->buckets] = (Bucket){.start = layout->dense, .length = token_rows * width, .block = width};
    buckets[layout->buckets + 1] =
        (Bucket){.start = layout->dense + token_capacity * width, .length = position_rows * width, .block = width};
}

static void set_buckets(Optimizer *o) {
    optimizer_buckets(o->buckets, o->layout, o->token.capacity, o->token.count, o->position.count);
    o->buckets[o->layout->buckets].cuts = o->token.cuts;
    o->buckets[o->layout->buckets + 1].cuts = o->position.cuts;
}

/* List the pieces of this rank's dense part (first pass: pieces NULL, counts alone). */
static void list_pieces(Optimizer *o) {
    const ParameterLayout *layout = o->layout;
    size_t owned = 0, count = 0, t = 0;
    for (size_t b = 0; b < layout->buckets; b++) {
        size_t first, length;
        reduction_part_of(o->reduction, b, o->world->rank, &first, &length);
        o->bucket_pieces[b] = count;
        for (size_t at = first, end = first + length; at < end;) {
            while (t + 1 < layout->tensors && layout->tensor[t + 1].offset <= at) t++;
            size_t stop = t + 1 < layout->tensors ? layout->tensor[t + 1].offset : layout->dense;
            size_t block = (at / PARAMETERS_BLOCK + 1) * PARAMETERS_BLOCK;
            if (stop > block) stop = block;
            if (stop > end) stop = end;
            const ParameterTensor *tensor = &layout->tensor[t];
            if (o->pieces)
                o->pieces[count] =
                    (Piece){at, owned + (at - first), stop - at, schedule_peak(o->settings, tensor), tensor->decay};
            count++;
            at = stop;
        }
        owned += length;
    }
    o->owned = owned;
    o->bucket_pieces[layout->buckets] = o->piece_count = count;
}

static void allocate_state(Optimizer *o, size_t batch_tokens, Error *error) {
    o->bucket_pieces = memory_allocate(o->layout->buckets + 1, sizeof *o->bucket_pieces, error);
    if (!o->bucket_pieces) return;
    list_pieces(o);
    o->pieces = memory_allocate(o->piece_count, sizeof *o->pieces, error);
    if (o->pieces) list_pieces(o);
    o->m = memory_allocate(o->owned, sizeof *o->m, error);
    o->v = memory_allocate(o->owned, sizeof *o->v, error);
    if (o->m) memory_prefault(o->m, o->owned * sizeof *o->m);
    if (o->v) memory_prefault(o->v, o->owned * sizeof *o->v);
    o->zeros = memory_allocate(o->token.width, sizeof *o->zeros, error);
    o->row_indices = memory_allocate(batch_tokens, sizeof *o->row_indices, error);
    o->row_links =
        memory_allocate(batch_tokens + o->token.capacity + o->position.capacity, sizeof *o->row_links, error);
}

ReductionRule optimizer_rule(const Settings *settings, int units, bool unsplit) {
    return (ReductionRule){.units = units,
                           .unsplit = unsplit,
                           .kind = settings->reduction,
                           .bf16 = settings->reduction_dtype == WIRE_BFLOAT16,
                           .overlap = settings->overlap_comm};
}

Status optimizer_create(Optimizer *o, const World *world, const ParameterLayout *layout, const Settings *settings,
                        const ReductionRule *rule, size_t rows, size_t batch_tokens, Error *error) {
    *o = (Optimizer){.world = world, .layout = layout, .settings = settings};
    size_t width = (size_t)layout->token.shape[1], buckets = layout->buckets + 2;
    sparse_embedding_create(&o->token, world, parameters_token_rows(layout, SIZE_MAX), width, rows, error);
    sparse_embedding_create(&o->position, world, (size_t)layout->position.shape[0], width, rows, error);
    o->buckets = memory_allocate(buckets, sizeof *o->buckets, error);
    if (world_agree(world, error, true)) return error->status;
    size_t blocks = layout->dense / PARAMETERS_BLOCK + o->token.capacity + o->position.capacity;
    size_t block = size_max(width, PARAMETERS_BLOCK);
    if (reduction_create(&o->reduction, world, rule, buckets,
                         optimizer_gradient_floats(layout, o->token.capacity, o->position.capacity), blocks, block,
                         error))
        return error->status;
    set_buckets(o);
    reduction_plan(o->reduction, o->buckets);
    memory_prefault(reduction_gradient_buffer(o->reduction), layout->dense * sizeof(float));
    allocate_state(o, batch_tokens, error);
    return world_agree(world, error, true);
}

void optimizer_destroy(Optimizer *o) {
    void *blocks[] = {o->buckets, o->pieces, o->bucket_pieces, o->m, o->v, o->zeros, o->row_indices, o->row_links};
    reduction_destroy(o->reduction);
    sparse_embedding_destroy(&o->token);
    sparse_embedding_destroy(&o->position);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    *o = (Optimizer){0};
}

static bool embeddings_learn(const Optimizer *o) {
    return o->layout->token.count > 0;
}

void optimizer_rows(Optimizer *o, const int32_t *ids, const int32_t *positions, size_t count) {
    if (!embeddings_learn(o)) return;
    sparse_embedding_list(&o->token, ids, o->layout->language ? 0 : count);
    sparse_embedding_list(&o->position, positions, count);
}

void optimizer_begin(Optimizer *o, int units) {
    sparse_embedding_begin(&o->token);
    sparse_embedding_begin(&o->position);
    set_buckets(o);
    reduction_begin(o->reduction, units, o->buckets);
}

void optimizer_subtree_begin(Optimizer *o, int count) {
    reduction_subtree_begin(o->reduction, count);
    o->rows_added = false;
}

float *optimizer_gradients(Optimizer *o) {
    return reduction_gradient_buffer(o->reduction);
}

/* out[row of keys[r]] += residual[r] */
static void add_rows(Optimizer *o, const SparseEmbedding *embedding, float *out, const int32_t *keys,
                     const float *residual, const Segments *segments) {
    for (size_t r = 0; r < segments_rows(segments); r++) o->row_indices[r] = embedding->row_index[keys[r]];
    embedding_index_add(out, residual, o->row_indices, embedding->count, segments, embedding->width, o->row_links);
}

/* Set the rows of the subtree under way to zero. */
static void clear_rows(Optimizer *o) {
    float *buffer = reduction_gradient_buffer(o->reduction);
    memset(buffer + o->layout->dense, 0, o->token.count * o->token.width * sizeof *buffer);
    memset(buffer + position_start(o), 0, o->position.count * o->position.width * sizeof *buffer);
    o->rows_added = true;
}

void optimizer_add_rows(Optimizer *o, const Batch *batch, const float *residual) {
    if (!o->rows_added) clear_rows(o);
    float *buffer = reduction_gradient_buffer(o->reduction);
    Segments segments = batch_row_segments(batch);
    if (!o->layout->language) add_rows(o, &o->token, buffer + o->layout->dense, batch->ids, residual, &segments);
    add_rows(o, &o->position, buffer + position_start(o), batch->positions, residual, &segments);
}

void optimizer_bucket_done(Optimizer *o, size_t bucket) {
    reduction_bucket_done(o->reduction, bucket);
}

void optimizer_subtree_done(Optimizer *o) {
    reduction_bucket_done(o->reduction, o->layout->buckets);
    reduction_bucket_done(o->reduction, o->layout->buckets + 1);
    reduction_subtree_done(o->reduction);
}

float *optimizer_sums(Optimizer *o) {
    return reduction_result(o->reduction);
}

void optimizer_reduce(Optimizer *o) {
    reduction_finish(o->reduction);
}

void optimizer_poll(Optimizer *o) {
    reduction_poll(o->reduction);
}

double optimizer_waited(const Optimizer *o) {
    return reduction_waited(o->reduction);
}

ReductionSent optimizer_sent(const Optimizer *o) {
    return reduction_sent(o->reduction);
}

double *optimizer_squares(Optimizer *o, size_t *blocks) {
    *blocks = reduction_first_block(o->reduction, o->layout->buckets + 2);
    return reduction_squares(o->reduction);
}

/* Sum over an embedding's rows by ascending id, whichever rank owns them. */
static double embedding_squares(const SparseEmbedding *embedding, const double *squares) {
    double sum = 0.0;
    for (size_t id = 0; id < embedding->rows; id++)
        if (embedding->row_index[id] >= 0) sum += squares[embedding->row_index[id]];
    return sum;
}

double optimizer_norm(const Optimizer *o) {
    const double *squares = reduction_squares(o->reduction);
    size_t dense = reduction_first_block(o->reduction, o->layout->buckets);
    double sum = 0.0;
    for (size_t i = 0; i < dense; i++) sum += squares[i];
    sum += embedding_squares(&o->token, squares + dense);
    sum += embedding_squares(&o->position, squares + reduction_first_block(o->reduction, o->layout->buckets + 1));
    return sqrt(sum);
}

/* Rows never touched have no gradient and no moments: AdamW only shrinks them, and every rank does so by itself. */
static void decay_untouched(const SparseEmbedding *embedding, float *values, float keep) {
#pragma omp parallel for schedule(static)
    for (size_t id = 0; id < embedding->rows; id++) {
        if (embedding->touched[id]) continue;
        for (size_t k = 0; k < embedding->width; k++) values[id * embedding->width + k] *= keep;
    }
}

/* What AdamW does with a tensor of this peak rate, where `all` has the factor as its rate. */
static AdamW adamw_of(const Optimizer *o, const AdamW *all, double peak, bool decay) {
    AdamW adamw = *all;
    adamw.rate = peak * all->rate;
    adamw.decay = decay ? o->settings->weight_decay : 0.0;
    return adamw;
}

/* Update this rank's rows that were ever touched, then all-gather the rows of all ranks. */
static void step_embedding(Optimizer *o, SparseEmbedding *embedding, const ParameterTensor *tensor, float *values,
                           const float *gradients, const AdamW *all) {
    const AdamW adamw = adamw_of(o, all, schedule_peak(o->settings, tensor), tensor->decay);
    size_t width = embedding->width;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < embedding->owned_count; i++) {
        size_t id = (size_t)embedding->owned[i], moment = sparse_embedding_moment(embedding, embedding->owned[i]);
        int32_t buffer = embedding->row_index[id];
        const float *gradient = buffer >= 0 ? gradients + (size_t)buffer * width : o->zeros;
        adamw_update(values + id * width, embedding->m + moment, embedding->v + moment, gradient, width, &adamw);
    }
    if (adamw.decay != 0.0) decay_untouched(embedding, values, (float)(1.0 - adamw.rate * adamw.decay));
    sparse_embedding_all_gather(embedding, values);
}

/* This rank's pieces of a bucket. */
static void step_bucket(Optimizer *o, size_t bucket, float *dense, const float *gradients, const AdamW *all) {
#pragma omp parallel for schedule(static)
    for (size_t i = o->bucket_pieces[bucket]; i < o->bucket_pieces[bucket + 1]; i++) {
        const Piece *p = &o->pieces[i];
        const AdamW adamw = adamw_of(o, all, p->peak, p->decay);
        adamw_update(dense + p->offset, o->m + p->moment, o->v + p->moment, gradients + p->offset, p->length, &adamw);
    }
}

void optimizer_step(Optimizer *o, Parameters *parameters, int64_t step, double factor, double grad_scale) {
    const Settings *s = o->settings;
    const ParameterLayout *layout = o->layout;
    const AdamW all = {.rate = factor,
                       .beta1 = s->adam_beta1,
                       .beta2 = s->adam_beta2,
                       .epsilon = s->adam_epsilon,
                       .step = step,
                       .grad_scale = (float)grad_scale};
    const float *gradients = reduction_result(o->reduction);
    /* First, since the next forward pass begins with them: on a slow link they would have to wait for the dense
     * parameters. */
    if (embeddings_learn(o)) {
        step_embedding(o, &o->token, &layout->token, parameters->token, gradients + layout->dense, &all);
        step_embedding(o, &o->position, &layout->position, parameters->position, gradients + position_start(o), &all);
    }
    reduction_all_gather_begin(o->reduction, parameters->dense, layout->buckets);
    for (size_t b = 0; b < layout->buckets; b++) {
        step_bucket(o, b, parameters->dense, gradients, &all);
        reduction_all_gather_bucket(o->reduction, b);
    }
}

void optimizer_await(Optimizer *o, size_t bucket) {
    reduction_all_gather_await(o->reduction, bucket);
}

void optimizer_await_all(Optimizer *o) {
    reduction_all_gather_end(o->reduction);
}

void optimizer_discard_gradients(Optimizer *o) {
    reduction_discard(o->reduction);
}

bool optimizer_has_token(const Optimizer *o, int32_t id) {
    return o->layout->language || o->token.touched[id];
}

void optimizer_part_of(const Optimizer *o, size_t bucket, int rank, size_t *first, size_t *length) {
    reduction_part_of(o->reduction, bucket, rank, first, length);
}
