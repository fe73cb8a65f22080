#ifndef LINNET_OPTIM_OPTIMIZER_H
#define LINNET_OPTIM_OPTIMIZER_H
/** AdamW over all ranks: each rank keeps the moments of the parameters it owns, updates those from the reduced
 *  gradient, and sends the new values to all.
 *
 *  All that it knows of the model is the layout of what learns (learned.h), whose dense values are in memory that the
 *  node shares. Where the layout's embeddings have no rows they do not learn: nothing is listed, summed, sent or updated
 *  for them.
 *
 *  The gradients of an update lie in one gradient buffer of the reduction: the dense buckets, of which some may be
 *  empty, then, as two more buckets, the rows of the token and of the position embedding that the global batch touches.
 *  Of a language model, whose token embedding is dense, the first of these two is empty. One update goes
 *
 *    optimizer_rows()     names the rows: for the next update, as soon as they are known
 *    optimizer_begin()    the reduction starts
 *    per subtree of this rank's units: optimizer_subtree_begin(), gradients into optimizer_gradients(),
 *                         optimizer_bucket_done() for each dense bucket, optimizer_add_rows() for each micro-batch,
 *                         optimizer_subtree_done()
 *    optimizer_reduce()   all owned sums are there, their squares in optimizer_squares()
 *    optimizer_step()     with the squares summed over ranks: clip, update, start the all-gather
 *    optimizer_await()    before a bucket is read; optimizer_await_all() for all */
#include "linnet/comm/reduction.h"
#include "linnet/data/batch.h"
#include "linnet/model/parameters.h"
#include "linnet/optim/sparse_embedding.h"
#include "linnet/settings/settings.h"

/** A piece of this rank's dense part: one tensor's floats within one block. */
typedef struct {
    size_t offset; /**< in the dense array */
    size_t moment; /**< in m and v */
    size_t length;
    double peak; /**< of its learning rate */
    bool decay;
} Piece;

typedef struct {
    const World *world;            /**< borrowed */
    const ParameterLayout *layout; /**< of what learns; borrowed */
    const Settings *settings;      /**< borrowed */
    Reduction *reduction;          /**< private to optim/ */
    SparseEmbedding token, position;
    Bucket *buckets;       /**< [layout.buckets + 2] */
    float *m, *v;          /**< [owned dense floats] */
    size_t owned;          /**< dense floats that this rank owns */
    Piece *pieces;         /**< [piece_count] */
    size_t *bucket_pieces; /**< [layout.buckets + 1] the first piece of each bucket */
    size_t piece_count;
    float *zeros;         /**< [width] the gradient of a row that this update does not touch */
    int32_t *row_indices; /**< [token capacity of a micro-batch] */
    int32_t *row_links;   /**< [the same and an update's rows] scratch of embedding_index_add() */
    bool rows_added;      /**< whether the subtree under way has written its embedding rows */
} Optimizer;

/** Bytes of memory by kind that optimizer_create() will use on this rank, rows not counted. The layout here and below is
 *  that of what learns. */
size_t optimizer_moment_bytes(const World *world, const ParameterLayout *layout);
size_t optimizer_gradient_floats(const ParameterLayout *layout, size_t token_rows, size_t position_rows);

/** The buckets [layout->buckets + 2] of an update that touches so many embedding rows: the dense ones, token rows, for
 *  which the buffer has room for `token_capacity`, and position rows. Ranks own even parts of the rows. */
void optimizer_buckets(Bucket *buckets, const ParameterLayout *layout, size_t token_capacity, size_t token_rows,
                       size_t position_rows);

/** How gradients are summed by these settings, in global batches of at most `units` units; `unsplit`: see
 *  ReductionRule. */
ReductionRule optimizer_rule(const Settings *settings, int units, bool unsplit);

/** For global batches of at most rule->units units with at most `rows` tokens in all; micro-batches of at most
 *  `batch_tokens`. Collective. */
Status optimizer_create(Optimizer *optimizer, const World *world, const ParameterLayout *layout,
                        const Settings *settings, const ReductionRule *rule, size_t rows, size_t batch_tokens,
                        Error *error);
/** Collective. */
void optimizer_destroy(Optimizer *optimizer);

/** This rank's units of the next update will touch token rows ids [count] and position rows positions [count]. Call it
 *  before the step of the update under way where possible: on a slow link this small all-gather would have to wait for
 *  that step's parameters. Nothing to do where the embeddings do not learn. Collective. */
void optimizer_rows(Optimizer *optimizer, const int32_t *ids, const int32_t *positions, size_t count);

/** Start an update of `units` units, whose rows have been named. Not collective. */
void optimizer_begin(Optimizer *optimizer, int units);

/** The next `count` units of this rank, a subtree, are summed together: see reduction_subtree_begin(). */
void optimizer_subtree_begin(Optimizer *optimizer, int count);

/** The buffer for the dense gradient of the subtree under way. Borrowed. */
float *optimizer_gradients(Optimizer *optimizer);

/** The subtree under way has finished a dense bucket: see reduction_bucket_done(). */
void optimizer_bucket_done(Optimizer *optimizer, size_t bucket);

/** Add a micro-batch's embedding gradient, residual [batch->tokens, width], to the subtree's embedding rows. A batch of
 *  several units holds the complete subtree; they are summed along the tree. Not where the embeddings do not learn. */
void optimizer_add_rows(Optimizer *optimizer, const Batch *batch, const float *residual);

/** The subtree under way is complete: its embedding rows go into the reduction as well. */
void optimizer_subtree_done(Optimizer *optimizer);

/** Finish the reduction. */
void optimizer_reduce(Optimizer *optimizer);

/** Let messages of the reduction and of the all-gather move: see reduction_poll(). Not collective. */
void optimizer_poll(Optimizer *optimizer);

/** Seconds that this rank has waited for other ranks in the reduction and the all-gather since the start. */
double optimizer_waited(const Optimizer *optimizer);

/** Gradients and parameters that this rank has sent to other nodes since the start. */
ReductionSent optimizer_sent(const Optimizer *optimizer);

/** Each block's sum of squares after optimizer_reduce(), [*blocks], zero for blocks of other ranks. The caller sums it
 *  over the ranks in place before optimizer_norm(). Borrowed. */
double *optimizer_squares(Optimizer *optimizer, size_t *blocks);

/** The gradient's norm from the squares of all blocks, summed over the ranks: the same bits for every number of
 *  them. */
double optimizer_norm(const Optimizer *optimizer);

/** A gradient buffer of this rank [optimizer_gradient_floats()], laid out like optimizer_gradients(). It holds the owned
 *  sums from optimizer_reduce() to optimizer_step(). If there will be no step, it can be used for anything after the
 *  squares were summed over the ranks and until the next update begins. Borrowed. */
float *optimizer_sums(Optimizer *optimizer);

/** `status`, with the tensor named, if a moment that this rank owns is NaN or infinite, or a value of `parameters`
 *  (NULL: moments alone), which have the optimizer's layout: "WHERE: exp_avg of tensor NAME is nan at index 5". Rows
 *  that no update has touched are not looked at. The threads share the work. Not collective, but all values must have
 *  arrived. */
Status optimizer_check_finite(const Optimizer *optimizer, const Parameters *parameters, const char *where,
                              Status status, Error *error);

/** Update number `step` (from 1) at `factor` of each tensor's peak rate (schedule.h), with gradients scaled by
 *  grad_scale: the values that the layout describes. Afterwards the embeddings are up to date on all ranks; dense
 *  parameters may still be under way. Collective. */
void optimizer_step(Optimizer *optimizer, Parameters *parameters, int64_t step, double factor, double grad_scale);

/** Return when a bucket's dense parameters may be read. See reduction_all_gather_await(). */
void optimizer_await(Optimizer *optimizer, size_t bucket);

/** Wait until the last step is at its end on this rank: all parameters may be read, none is being sent. To be called by
 *  all ranks before any of them reads parameters outside of a forward pass that awaits them, and before the next
 *  optimizer_reduce(). */
void optimizer_await_all(Optimizer *optimizer);

/** Between updates: give the gradient buffers' memory back until the next update: see reduction_discard(). Not
 *  collective. */
void optimizer_discard_gradients(Optimizer *optimizer);

/** Whether an update of this run, also one before it was resumed, has touched a token's row, or it is dense. */
bool optimizer_has_token(const Optimizer *optimizer, int32_t id);

/** First float and length of the part of a dense bucket that a rank owns. m and v hold a rank's parts in the order of
 *  the buckets. */
void optimizer_part_of(const Optimizer *optimizer, size_t bucket, int rank, size_t *first, size_t *length);

#endif
