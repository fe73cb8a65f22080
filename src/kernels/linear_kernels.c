/* Linear layers as packed matrix products: the loops around the micro-kernel. product.h explains the terms.
 *
 * Forward: A is x, B the weight. For the input's gradient A is dy and B the transposed weight. Both are one function, y
 * = x · right: all threads pack x or dy once, and each thread packs the micro-panels of B for its own tiles, KC steps
 * at a time. For a weight's gradient A is x transposed and B is dy, both packed once.
 *
 * A weight is read from memory once for each row block. While the threads multiply KC steps of it, the next ones are
 * prefetched: with few tokens this limits the speed. Between the steps of KC the sums wait in the L2 cache; after the
 * last ones they go straight to the result. Tiles are dealt dynamically, so that a core that other programs slow down
 * does not hold up the others; the last tiles are cut into parts, so that all threads finish at about the same time. */
#include "kernels/kernels.h"
#include "kernels/linear_scratch.h"
#include <omp.h>

#ifndef PAIRS /* as linear_bf16_kernels.c does */
#define PAIRS 0
#endif
#include "kernels/product.h"
#include "kernels/product_packing.h"

#if PAIRS
#define LINEAR(name) KERNEL(name##_bf16)
#else
#define LINEAR(name) KERNEL(name)
#endif

/* Columns of a tile of y or dx, and rows of a tile of a weight's gradient. The packed A and B of KC steps and the sums
 * fit the L2 cache together: 512 KB on x86-64 with narrow vectors, 1 MB or more with wide ones and on Arm's servers. */
#if defined __AVX512F__ || defined __ARM_NEON
#define TILE LINEAR_TILE_MAX
#else
#define TILE (LINEAR_TILE_MAX / 2)
#endif

/* KC of a weight's gradient. It has few steps in all, so that one longer run is faster than two short ones, although
 * with AVX-512 the micro-panel of B (36 KB) is larger than a small L1 cache. */
#if defined __AVX512F__
#define WEIGHT_KC ((size_t)192)
#else
#define WEIGHT_KC KC
#endif
#define WEIGHT_COLUMNS (256 / NR * NR) /* of a tile of a weight's gradient */
#define TAIL_PARTS ((size_t)4)         /* number of parts that each of the last tiles is cut into */

_Static_assert(LINEAR_MC_MAX % MR == 0, "row blocks hold complete micro-panels");
_Static_assert(TILE % MR == 0 && TILE % NR == 0 && WEIGHT_COLUMNS % NR == 0, "tiles hold complete micro-panels");
_Static_assert(MR <= LINEAR_MR_NR_MAX && NR <= LINEAR_MR_NR_MAX, "linear_scratch.h must reserve enough");
_Static_assert(KC <= LINEAR_KC_MAX && TILE <= LINEAR_TILE_MAX, "linear_scratch.h must reserve enough");
_Static_assert(TILE *WEIGHT_COLUMNS <= LINEAR_SUMS, "linear_scratch.h must reserve enough");
_Static_assert(TILE *(LINEAR_KC_MAX + LINEAR_MC_MAX) <= LINEAR_PART, "linear_scratch.h must reserve enough");

/* Multiplications below which waking the threads costs more than they save: about 30 µs of one core. */
#define SMALL ((size_t)1 << 20)

/* Let the calling thread poll between two tiles. */
static void poll(const LinearWork *work) {
    if (work->poll && omp_get_thread_num() == 0) work->poll(work->poll_context);
}

static int threads_for(size_t rows, const LinearShape *shape, const LinearWork *work) {
    int most = omp_get_max_threads();
    if (rows * shape->in * shape->out <= SMALL) return 1;
    return most < work->threads ? most : work->threads;
}

/* How the rows of A are cut into row blocks of at most LINEAR_MC_MAX. */
typedef struct {
    size_t rows, part; /* all rows; rows of a row block, except the last one */
    size_t inner;      /* elements of a row */
} Cut;

static size_t row_blocks(const Cut *cut) {
    return (cut->rows + cut->part - 1) / cut->part;
}

/* Where in the packed A the rows from `row` on lie, in the KC steps that start at element `from`: [row block][inner /
 * KC_INNER][micro-panel][steps][MR]. */
INLINE size_t packed_at(const Cut *cut, size_t row, size_t from) {
    size_t first = row / cut->part * cut->part, in_block = round_up(size_min(cut->part, cut->rows - first), MR);
    size_t steps = steps_of(size_min(KC_INNER, cut->inner - from));
    return first * steps_of(cut->inner) + in_block * (from / KC_INNER * KC) + (row - first) * steps;
}

/* Pack all rows of A. The threads of a team do it together and wait for one another at the end. */
INLINE void pack_tokens(float *out, const float *x, size_t stride, const Cut *cut) {
#pragma omp for schedule(static)
    for (size_t r = 0; r < cut->rows; r += MR) {
        size_t first = r / cut->part * cut->part;
        size_t rows = size_min(MR, size_min(cut->part, cut->rows - first) - (r - first));
        for (size_t from = 0; from < cut->inner; from += KC_INNER)
            pack_a(out + packed_at(cut, r, from), x + r * stride + from, stride, rows,
                   size_min(KC_INNER, cut->inner - from));
    }
}

/* One tile of y or dx. */
typedef struct {
    size_t first_row, rows, first_column, columns;
} Tile;

static size_t uncut_tiles(const Cut *cut, size_t columns) {
    return row_blocks(cut) * ((columns + TILE - 1) / TILE);
}

/* How many of `all` tiles, the last ones, are cut into parts. */
static size_t cut_tiles(size_t all) {
    size_t threads = (size_t)omp_get_num_threads();
    return threads > 1 ? size_min(all, threads) : 0;
}

/* Pieces of work for the team: tiles, and parts of the last ones. */
static size_t tiles_of(const Cut *cut, size_t columns) {
    size_t all = uncut_tiles(cut, columns);
    return all + (TAIL_PARTS - 1) * cut_tiles(all);
}

static Tile uncut_tile(const Cut *cut, size_t columns, size_t index) {
    size_t across = (columns + TILE - 1) / TILE, row = index / across * cut->part, column = index % across * TILE;
    return (Tile){row, size_min(cut->part, cut->rows - row), column, size_min(TILE, columns - column)};
}

/* The index-th piece of work; the tiles of a row block follow one another. May have no rows. */
static Tile tile_at(const Cut *cut, size_t columns, size_t index) {
    size_t all = uncut_tiles(cut, columns), uncut = all - cut_tiles(all);
    if (index < uncut) return uncut_tile(cut, columns, index);
    Tile tile = uncut_tile(cut, columns, uncut + (index - uncut) / TAIL_PARTS);
    size_t rows = round_up((tile.rows + TAIL_PARTS - 1) / TAIL_PARTS, MR);
    size_t first = size_min(tile.rows, (index - uncut) % TAIL_PARTS * rows);
    return (Tile){tile.first_row + first, size_min(rows, tile.rows - first), tile.first_column, tile.columns};
}

/* B of a product: the weight for y, its transpose for dx. */
typedef struct {
    const float *weight;
    size_t stride;
    bool transposed; /* a column of the product is a row of the weight */
} Right;

/* Pack B: `inner` elements from `from` on, for a tile's columns. */
INLINE void pack_b(float *packed, const Right *right, size_t from, size_t inner, const Tile *t) {
    size_t steps = steps_of(inner);
    if (!right->transposed) {
        pack_columns(packed, right->weight + from * right->stride + t->first_column, right->stride, inner, t->columns,
                     NR);
        return;
    }
    for (size_t c = 0; c < t->columns; c += NR)
        pack_rows(packed + c * steps, right->weight + (t->first_column + c) * right->stride + from, right->stride,
                  size_min(NR, t->columns - c), inner, NR);
}

/* Rows of a matrix to be prefetched in `portions` portions; nothing where there are no columns. */
static Fetch fetch_in(size_t portions, const float *row, size_t stride, size_t columns, size_t rows) {
    size_t lines = rows * ((columns + LINE - 1) / LINE);
    return (Fetch){row, stride, columns, lines > 0 ? rows : 0, 0, (lines + portions - 1) / portions};
}

/* What pack_b() will read for tile `t`, to be prefetched while tile `now` is multiplied. */
static Fetch fetch_b(const Right *right, size_t from, size_t inner, const Tile *t, const Tile *now) {
    size_t products = (now->rows + MR - 1) / MR * ((now->columns + NR - 1) / NR);
    size_t portions = products * (KC / FETCH_STEPS), stride = right->stride;
    if (right->transposed)
        return fetch_in(portions, right->weight + t->first_column * stride + from, stride, inner, t->columns);
    return fetch_in(portions, right->weight + from * stride + t->first_column, stride, t->columns, inner);
}

/* out [rows, columns] = sums [rows, NR]; for the last columns, fewer than NR. */
static void store_part(float *out, size_t stride, const float *sums, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) memcpy(out + r * stride, sums + r * NR, columns * sizeof *out);
}

/* The other way round, with zeros in the other columns of the sums. */
static void load_part(float *sums, const float *out, size_t stride, size_t rows, size_t columns) {
    memset(sums, 0, rows * NR * sizeof *sums);
    for (size_t r = 0; r < rows; r++) memcpy(sums + r * NR, out + r * stride, columns * sizeof *out);
}

/* Where a product goes. */
typedef struct {
    float *y;
    size_t stride;
    const float *bias; /* NULL: none */
} Result;

/* KC steps, from element k of `inner` on, for one micro-panel of B and all rows of a tile. `sums` holds the tile's sums
 * between two such calls; the last one writes the result. */
INLINE void product_block(const Result *result, const float *packed, const Cut *cut, const Tile *t, size_t column,
                          size_t k, const float *b, size_t steps, float *sums, bool last, Fetch *next) {
    size_t columns = size_min(NR, t->columns - column);
    float *y = result->y + t->first_row * result->stride + t->first_column + column, start[NR] = {0};
    bool full = columns == NR;
    if (result->bias) memcpy(start, result->bias + t->first_column + column, columns * sizeof *start);
    for (size_t r = 0; r < t->rows; r += MR) {
        float *own = sums + column * t->rows + r * NR;
        Sums at = {.from = own, .to = own, .from_stride = NR, .to_stride = NR};
        if (k == 0) at.from = result->bias ? start : NULL, at.from_stride = 0;
        if (last && full) at.to = y + r * result->stride, at.to_stride = result->stride;
        micro_kernel(&at, packed + packed_at(cut, t->first_row + r, k), b, steps, size_min(MR, t->rows - r), next);
    }
    if (last && !full) store_part(y, result->stride, sums + column * t->rows, t->rows, columns);
}

/* One tile; the first KC steps of B for tile `after` are prefetched in the meantime. */
INLINE void product_tile(const Result *result, const float *packed, const Right *right, const Cut *cut, const Tile *t,
                         const Tile *after, float *scratch) {
    float *b = scratch, *sums = scratch + LINEAR_KC_MAX * LINEAR_TILE_MAX;
    for (size_t k = 0; k < cut->inner; k += KC_INNER) {
        size_t inner = size_min(KC_INNER, cut->inner - k), steps = steps_of(inner);
        bool last = k + inner == cut->inner;
        size_t begin = last ? 0 : k + inner;
        pack_b(b, right, k, inner, t);
        Fetch next = fetch_b(right, begin, size_min(KC_INNER, cut->inner - begin), last ? after : t, t);
        for (size_t c = 0; c < t->columns; c += NR)
            product_block(result, packed, cut, t, c, k, b + c * steps, steps, sums, last, &next);
    }
}

/* y [rows, out] = x [rows, in] · right [in, out] + bias. */
INLINE void product(const Result *result, const float *x, size_t x_stride, const Right *right, size_t rows, size_t in,
                    size_t out, const LinearWork *work, int threads) {
    float *scratch = work->scratch, *own = scratch + linear_shared(rows, in, out);
    Cut cut = {rows, even_length(rows, LINEAR_MC_MAX, MR), in};
#pragma omp parallel num_threads(threads)
    {
        pack_tokens(scratch, x, x_stride, &cut);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < tiles_of(&cut, out); i++) {
            Tile t = tile_at(&cut, out, i), after = {0};
            size_t next = i + (size_t)omp_get_num_threads(); /* the one this thread will probably take next */
            if (t.rows == 0) continue;
            if (next < tiles_of(&cut, out)) after = tile_at(&cut, out, next);
            product_tile(result, scratch, right, &cut, &t, &after, own + (size_t)omp_get_thread_num() * LINEAR_PART);
            poll(work);
        }
        products_end();
    }
}

void LINEAR(linear_forward)(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                            const LinearShape *shape, const LinearWork *work) {
    Right right = {weight, shape->weight_stride, false};
    Result result = {y, shape->y_stride, bias};
    product(&result, x, shape->x_stride, &right, rows, shape->in, shape->out, work, threads_for(rows, shape, work));
}

void LINEAR(linear_backward_input)(float *dx, const float *dy, const float *weight, size_t rows,
                                   const LinearShape *shape, const LinearWork *work) {
    Right right = {weight, shape->weight_stride, true};
    Result result = {dx, shape->x_stride, NULL};
    product(&result, dy, shape->y_stride, &right, rows, shape->out, shape->in, work, threads_for(rows, shape, work));
}

/* What the tiles of a weight's gradient share. */
typedef struct {
    float *dweight;
    size_t stride;
    const float *a, *b; /* x and dy as micro-panels: [segment][micro-panel][steps][…] */
    size_t in, out;     /* columns of x and dy there, rounded up to complete micro-panels */
    const Segments *segments;
    bool accumulate;
} WeightPass;

/* Steps for one call of the micro-kernel: a part of a segment, or all of it. */
typedef struct {
    size_t segment, first, steps;
} Run;

static size_t segment_rows(const Segments *segments, size_t segment) {
    return segments->starts[segment + 1] - segments->starts[segment];
}

/* The run that starts at step `first` of a segment; at the segment's end, the first run of the next segment. */
INLINE Run run_at(const Segments *segments, size_t segment, size_t first) {
    size_t steps = steps_of(segment_rows(segments, segment));
    if (first == steps) {
        first = 0;
        if (++segment == segments->count) return (Run){segment, 0, 0};
        steps = steps_of(segment_rows(segments, segment));
    }
    size_t part = steps <= WEIGHT_KC ? steps : even_length(steps, WEIGHT_KC, GROUP);
    return (Run){segment, first, size_min(part, steps - first)};
}

INLINE Run next_run(const Segments *segments, Run run) {
    return run_at(segments, run.segment, run.first + run.steps);
}

/* The first run after a group. All runs of a group are multiplied with one micro-panel of B before the next one has its
 * turn: so short segments, of few steps together, use it while it is in the L1 cache. */
INLINE Run end_of_group(const Segments *segments, Run run) {
    size_t steps = 0;
    do {
        steps += run.steps;
        run = next_run(segments, run);
    } while (run.segment < segments->count && steps + run.steps <= WEIGHT_KC);
    return run;
}

/* One run's product for MR rows and NR columns of a tile; where its segment ends, also the tree's additions. Results of
 * NR columns that are not added to anything are written past the caches, which a layer's gradient would fill. */
INLINE void weight_run(const WeightPass *pass, Run run, const Tile *t, size_t r, size_t c, float *sums) {
    const Segments *segments = pass->segments;
    size_t start = segments->starts[run.segment], all = steps_of(segment_rows(segments, run.segment));
    size_t rows = size_min(MR, t->rows - r), stride = pass->stride;
    float *out = pass->dweight + (t->first_row + r) * stride + t->first_column + c;
    bool begins = run.first == 0, ends = run.first + run.steps == all, full = t->columns - c >= NR;
    float *own = sums + segment_height(run.segment) * LINEAR_SUMS + c * t->rows + r * NR;
    Sums at = {.from = own, .to = own, .from_stride = NR, .to_stride = NR, .top = own, .level = LINEAR_SUMS};
    Fetch next = {0};
    bool adds = begins && pass->accumulate && run.segment == 0;
    if (adds && !full) {
        load_part(own, out, stride, rows, t->columns - c);
    } else if (adds) {
        size_t below = t->rows - r - rows; /* the next call reads these */
        at.from = out, at.from_stride = stride;
        next = fetch_in(run.steps / FETCH_STEPS + 1, out + rows * stride, stride, NR, size_min(MR, below));
    } else if (begins) {
        at.from = NULL;
    }
    if (ends) {
        at.joins = segment_joins(run.segment, segments->count);
        at.to = own - at.joins * LINEAR_SUMS;
    }
    if (ends && full && run.segment + 1 == segments->count) {
        at.to = out, at.to_stride = stride;
        at.past = !pass->accumulate && ((uintptr_t)out | stride * sizeof *out) % LANE_BYTES == 0;
    }
    micro_kernel(&at, pass->a + pass->in * start + (t->first_row + r) * all + run.first * MR,
                 pass->b + pass->out * start + (t->first_column + c) * all + run.first * NR, run.steps, rows, &next);
}

/* One tile of a weight's gradient. */
INLINE void weight_tile(const WeightPass *pass, const Tile *t, float *sums) {
    const Segments *segments = pass->segments;
    for (Run run = run_at(segments, 0, 0), end; run.segment < segments->count; run = end) {
        end = end_of_group(segments, run);
        for (size_t c = 0; c < t->columns; c += NR)
            for (size_t r = 0; r < t->rows; r += MR)
                for (Run s = run; s.segment != end.segment || s.first != end.first; s = next_run(segments, s))
                    weight_run(pass, s, t, r, c, sums);
    }
    size_t rest = t->columns % NR, c = t->columns - rest;
    if (rest > 0)
        store_part(pass->dweight + t->first_row * pass->stride + t->first_column + c, pass->stride, sums + c * t->rows,
                   t->rows, rest);
    floats_streamed();
}

/* dbias [columns] = the sum of dy's rows, each segment separately, then along the tree; at most TILE columns. */
static void sum_bias(float *dbias, const float *dy, size_t stride, const Segments *segments, size_t columns,
                     bool accumulate) {
    float sums[SEGMENT_LEVELS][TILE];
    for (size_t i = 0; i < segments->count; i++) {
        size_t height = segment_height(i);
        bool added = i == 0 && accumulate;
        if (added) memcpy(sums[0], dbias, columns * sizeof *dbias);
        KERNEL(bias_gradient)
        (sums[height], dy + segments->starts[i] * stride, stride, segment_rows(segments, i), columns, added);
        for (size_t j = segment_joins(i, segments->count); j > 0; j--, height--)
            KERNEL(vector_add)(sums[height - 1], sums[height - 1], sums[height], columns);
    }
    memcpy(dbias, sums[0], columns * sizeof *dbias);
}

/* Pack columns first … first + columns − 1 of x or dy [rows, all], segment by segment: x as A, dy as B. */
INLINE void pack_segments(float *out, size_t all, const float *x, size_t stride, const Segments *segments, size_t first,
                          size_t columns, const bool as_a) {
    for (size_t i = 0; i < segments->count; i++) {
        size_t start = segments->starts[i], rows = segment_rows(segments, i);
        float *to = out + all * start + first * steps_of(rows);
        if (as_a)
            pack_a_across(to, x + start * stride + first, stride, rows, columns);
        else
            pack_columns(to, x + start * stride + first, stride, rows, columns, NR);
    }
}

void LINEAR(linear_backward_weight)(float *dweight, float *dbias, const float *x, const float *dy,
                                    const Segments *segments, const LinearShape *shape, bool accumulate,
                                    const LinearWork *work) {
    size_t rows = segments_rows(segments), in = shape->in, out = shape->out;
    float *a = work->scratch, *b = a + round_up(round_up(in, MR) * rows, LINE), *own = a + linear_shared(rows, in, out);
    WeightPass pass = {dweight, shape->weight_stride, a, b, round_up(in, MR), round_up(out, NR), segments, accumulate};
    size_t down = (in + TILE - 1) / TILE, across = (out + WEIGHT_COLUMNS - 1) / WEIGHT_COLUMNS;
#pragma omp parallel num_threads(threads_for(rows, shape, work))
    {
#pragma omp for schedule(static) nowait
        for (size_t k = 0; k < in; k += TILE)
            pack_segments(a, pass.in, x, shape->x_stride, segments, k, size_min(TILE, in - k), true);
#pragma omp for schedule(static)
        for (size_t n = 0; n < out; n += TILE) {
            size_t columns = size_min(TILE, out - n);
            pack_segments(b, pass.out, dy, shape->y_stride, segments, n, columns, false);
            if (dbias) sum_bias(dbias + n, dy + n, shape->y_stride, segments, columns, accumulate);
        }
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < down * across; i++) {
            size_t row = i % down * TILE, column = i / down * WEIGHT_COLUMNS;
            Tile t = {row, size_min(TILE, in - row), column, size_min(WEIGHT_COLUMNS, out - column)};
            weight_tile(&pass, &t, own + (size_t)omp_get_thread_num() * LINEAR_PART);
            poll(work);
        }
        products_end();
    }
}
