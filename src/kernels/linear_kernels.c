/* Linear layers by products of packed blocks; product.h has the blocks and, by its parts, the inner loop.
 *
 * Forward, strips are rows of x and panels columns of the weight; for the input's gradient strips are rows of dy and
 * panels rows of the weight, read across: one product for both, y = x · right. All threads pack the tokens once, and
 * each the panels of its tiles, a block at a time. For a weight's gradient strips are columns of x and panels columns
 * of dy, all packed once.
 *
 * A weight is read from memory once a row block, and while the threads multiply a block of it the next one is
 * fetched: at few tokens that is what bounds the speed. Sums wait between blocks in the L2 cache; the last block's go
 * where they belong at once. Tiles are dealt dynamically, so that a core that a neighbour slows down does not hold up
 * the others, and the last ones in parts, so that all are done at about the same time. */
#include "kernels/kernels.h"
#include "kernels/linear_scratch.h"
#include <omp.h>

#ifndef PAIRS /* as linear_bf16_kernels.c does */
#define PAIRS 0
#endif
#include "kernels/product.h"

#if PAIRS
#define LINEAR(name) KERNEL(name##_bf16)
#else
#define LINEAR(name) KERNEL(name)
#endif

/* Columns of a tile of y or dx, and rows of one of a weight's gradient: a block of the weight, that of the rows and
 * the sums fit the L2 cache together, 512 KB where vectors are narrow and 1 MB or more where they are wide. */
#if defined __AVX512F__
#define TILE LINEAR_TILE_MOST
#else
#define TILE (LINEAR_TILE_MOST / 2)
#endif

/* Steps of a weight's gradient between which sums stay in registers: there are few in all, so that one block of them is
 * better than two short ones, though under AVX-512 its panel (36 KB) is more than a small L1 cache. */
#if defined __AVX512F__
#define WEIGHT_BLOCK ((size_t)192)
#else
#define WEIGHT_BLOCK BLOCK
#endif
#define WEIGHT_COLUMNS (256 / PANEL * PANEL) /* of a tile of a weight's gradient */
#define TAIL_PARTS ((size_t)4)               /* of a tile at the end of a product */

_Static_assert(LINEAR_ROWS_MOST % STRIP == 0, "row blocks are whole strips");
_Static_assert(TILE % STRIP == 0 && TILE % PANEL == 0 && WEIGHT_COLUMNS % PANEL == 0,
               "tiles are whole strips and panels");
_Static_assert(STRIP <= LINEAR_UNIT_MOST && PANEL <= LINEAR_UNIT_MOST, "as the scratch is reckoned");
_Static_assert(BLOCK <= LINEAR_BLOCK_MOST && TILE <= LINEAR_TILE_MOST, "as the scratch is reckoned");
_Static_assert(TILE *WEIGHT_COLUMNS <= LINEAR_SUMS, "as the scratch is reckoned");
_Static_assert(TILE *(LINEAR_BLOCK_MOST + LINEAR_ROWS_MOST) <= LINEAR_PART, "as the scratch is reckoned");

/* Multiplications below which waking threads costs more than they save: about 30 µs of one core. */
#define SMALL ((size_t)1 << 20)

/* The length of even parts of at most `most`, each a multiple of `multiple`. */
static size_t even_part(size_t extent, size_t most, size_t multiple) {
    size_t parts = (extent + most - 1) / most;
    return round_up((extent + parts - 1) / parts, multiple);
}

/* The calling thread looks after something else, a tile's time apart. */
static void poll(const LinearWork *work) {
    if (work->poll != NULL && omp_get_thread_num() == 0) work->poll(work->poll_context);
}

static int threads_for(size_t rows, const LinearShape *shape, const LinearWork *work) {
    int most = omp_get_max_threads();
    if (rows * shape->in * shape->out <= SMALL) return 1;
    return most < work->threads ? most : work->threads;
}

/* x [inner, columns] → [columns / width][steps][width], zeros behind the last column. */
INLINE void pack_columns(float *out, const float *x, size_t stride, size_t inner, size_t columns, const size_t width) {
    static const float none[LINEAR_TILE_MOST];
    size_t steps = steps_of(inner), whole = columns / width * width;
    for (size_t s = 0; s < steps; s++) {
        const float *low = x + (PAIRS ? 2 * s : s) * stride;
        bool odd = !PAIRS || 2 * s + 1 == inner;
        for (size_t c = 0; c < whole; c += width) {
            const float *high = odd ? none : low + stride + c;
            float *to = out + c * steps + s * width;
            if (PAIRS)
                steps_down(to, low + c, high, width);
            else
                for (size_t i = 0; i < width; i++) to[i] = low[c + i];
        }
        for (size_t i = 0; whole < columns && i < width; i++) {
            bool inside = whole + i < columns;
            out[whole * steps + s * width + i] =
                inside ? step_of(low[whole + i], odd ? 0.0F : low[stride + whole + i]) : 0.0F;
        }
    }
}

/* Some rows into their places in each step, `most` of them at the most, zeros for those that are not there. */
INLINE void pack_some_rows(float *out, const float *x, size_t stride, size_t rows, size_t inner, const size_t width,
                           const size_t most) {
    float copies[LANES][BLOCK];
    size_t steps = steps_of(inner), s = 0;
    if (PAIRS || rows < most) {
        for (size_t j = 0; j < most; j++) {
            if (j >= rows)
                memset(copies[j], 0, steps * sizeof copies[j][0]);
            else if (PAIRS)
                steps_along(copies[j], x + j * stride, inner);
            else
                memcpy(copies[j], x + j * stride, inner * sizeof copies[j][0]);
        }
        x = copies[0];
        stride = BLOCK;
    }
    if (most == LANES)
        for (; s + LANES <= steps; s += LANES) transpose_lanes(out + s * width, width, x + s, stride);
    else
        for (; s + 4 <= steps; s += 4) transpose_four(out + s * width, width, x + s, stride, 4);
    for (; s < steps; s++)
        for (size_t j = 0; j < most; j++) out[s * width + j] = x[j * stride + s];
}

/* x [rows ≤ width, inner ≤ a block] → [steps][width], zeros behind the last row. Rows are taken by
 * whole vectors or four at a time; where `width` is a multiple of neither the last four overlap those before. */
INLINE void pack_rows(float *out, const float *x, size_t stride, size_t rows, size_t inner, const size_t width) {
    const size_t most = width % LANES == 0 ? LANES : 4;
    for (size_t j = 0; j < width; j += most) {
        size_t first = smaller(j, width - most);
        size_t inside = rows > first ? smaller(most, rows - first) : 0;
        pack_some_rows(out + first, x + first * stride, stride, inside, inner, width, most);
    }
}

/* x [rows ≤ STRIP, inner ≤ a block] → a strip, zeros behind the last row. */
INLINE void pack_strip(float *out, const float *x, size_t stride, size_t rows, size_t inner) {
#if TILES
    float row[BLOCK];
    size_t steps = steps_of(inner);
    for (size_t j = 0; j < STRIP; j++) {
        if (j < rows) steps_along(row, x + j * stride, inner);
        for (size_t s = 0; s < steps; s += GROUP) {
            size_t piece = smaller(GROUP, steps - s);
            float *to = out + s * STRIP + j * piece;
            if (j < rows)
                memcpy(to, row + s, piece * sizeof *to);
            else
                memset(to, 0, piece * sizeof *to);
        }
    }
#else
    pack_rows(out, x, stride, rows, inner, STRIP);
#endif
}

/* x [inner, columns] → strips of columns, zeros behind the last one. */
INLINE void pack_strips_across(float *out, const float *x, size_t stride, size_t inner, size_t columns) {
#if TILES
    size_t steps = steps_of(inner);
    for (size_t c = 0; c < columns; c += STRIP)
        for (size_t s = 0; s < steps; s += GROUP) {
            float across[GROUP * STRIP], *to = out + c * steps + s * STRIP;
            size_t piece = smaller(GROUP, steps - s);
            pack_columns(across, x + 2 * s * stride + c, stride, smaller(2 * GROUP, inner - 2 * s),
                         smaller(STRIP, columns - c), STRIP);
            if (piece == GROUP)
                transpose_lanes(to, GROUP, across, STRIP);
            else
                for (size_t i = 0; i < STRIP * piece; i++) to[i] = across[i % piece * STRIP + i / piece];
        }
#else
    pack_columns(out, x, stride, inner, columns, STRIP);
#endif
}

/* How rows of tokens are cut, and the block of `inner` that steps into them. */
typedef struct {
    size_t rows, part; /* of a row block: all but the last have `part` */
    size_t inner;      /* elements */
} Cut;

static size_t row_blocks(const Cut *cut) {
    return (cut->rows + cut->part - 1) / cut->part;
}

/* Where the rows from `row` on and the block of `inner` from `from` on lie among packed ones: [row
 * block][block][strip][steps][STRIP]. */
INLINE size_t packed_at(const Cut *cut, size_t row, size_t from) {
    size_t first = row / cut->part * cut->part, in_block = round_up(smaller(cut->part, cut->rows - first), STRIP);
    size_t steps = steps_of(smaller(BLOCK_INNER, cut->inner - from));
    return first * steps_of(cut->inner) + in_block * (from / BLOCK_INNER * BLOCK) + (row - first) * steps;
}

/* Pack the rows of tokens for a whole product. By the threads of a team together; a barrier at its end. */
INLINE void pack_tokens(float *out, const float *x, size_t stride, const Cut *cut) {
#pragma omp for schedule(static)
    for (size_t r = 0; r < cut->rows; r += STRIP) {
        size_t first = r / cut->part * cut->part;
        size_t rows = smaller(STRIP, smaller(cut->part, cut->rows - first) - (r - first));
        for (size_t from = 0; from < cut->inner; from += BLOCK_INNER)
            pack_strip(out + packed_at(cut, r, from), x + r * stride + from, stride, rows,
                       smaller(BLOCK_INNER, cut->inner - from));
    }
}

/* One tile of y or dx. */
typedef struct {
    size_t first_row, rows, first_column, columns;
} Tile;

static size_t whole_tiles(const Cut *cut, size_t columns) {
    return row_blocks(cut) * ((columns + TILE - 1) / TILE);
}

/* Tiles at the end that are cut into parts, so that the threads of a team are done at about the same time. */
static size_t cut_tiles(size_t whole) {
    size_t threads = (size_t)omp_get_num_threads();
    return threads > 1 ? smaller(whole, threads) : 0;
}

/* Pieces of work for the team. */
static size_t tiles_of(const Cut *cut, size_t columns) {
    size_t whole = whole_tiles(cut, columns);
    return whole + (TAIL_PARTS - 1) * cut_tiles(whole);
}

static Tile whole_tile(const Cut *cut, size_t columns, size_t index) {
    size_t across = (columns + TILE - 1) / TILE, row = index / across * cut->part, column = index % across * TILE;
    return (Tile){row, smaller(cut->part, cut->rows - row), column, smaller(TILE, columns - column)};
}

/* The index-th piece of work; a row block's tiles follow one another. May have no rows. */
static Tile tile_at(const Cut *cut, size_t columns, size_t index) {
    size_t whole = whole_tiles(cut, columns), uncut = whole - cut_tiles(whole);
    if (index < uncut) return whole_tile(cut, columns, index);
    Tile tile = whole_tile(cut, columns, uncut + (index - uncut) / TAIL_PARTS);
    size_t rows = round_up((tile.rows + TAIL_PARTS - 1) / TAIL_PARTS, STRIP);
    size_t first = smaller(tile.rows, (index - uncut) % TAIL_PARTS * rows);
    return (Tile){tile.first_row + first, smaller(rows, tile.rows - first), tile.first_column, tile.columns};
}

/* What tokens are multiplied with: the weight for y, its transpose for dx. */
typedef struct {
    const float *weight;
    size_t stride;
    bool across; /* transposed: a column of the product is a row of the weight */
} Right;

/* The panels of a block of `inner` elements from `from` on, for a tile's columns. */
INLINE void pack_right(float *panels, const Right *right, size_t from, size_t inner, const Tile *t) {
    size_t steps = steps_of(inner);
    if (!right->across) {
        pack_columns(panels, right->weight + from * right->stride + t->first_column, right->stride, inner, t->columns,
                     PANEL);
        return;
    }
    for (size_t c = 0; c < t->columns; c += PANEL)
        pack_rows(panels + c * steps, right->weight + (t->first_column + c) * right->stride + from, right->stride,
                  smaller(PANEL, t->columns - c), inner, PANEL);
}

/* Rows of a matrix to be asked for in so many portions. No columns: nothing. */
static Fetch fetch_in(size_t portions, const float *row, size_t stride, size_t columns, size_t rows) {
    size_t lines = rows * ((columns + LINE - 1) / LINE);
    return (Fetch){row, stride, columns, lines > 0 ? rows : 0, 0, (lines + portions - 1) / portions};
}

/* The same block, to be asked for while the blocks of a tile `now` are multiplied. */
static Fetch fetch_right(const Right *right, size_t from, size_t inner, const Tile *t, const Tile *now) {
    size_t products = (now->rows + STRIP - 1) / STRIP * ((now->columns + PANEL - 1) / PANEL);
    size_t portions = products * (BLOCK / FETCH_STEPS), stride = right->stride;
    if (right->across)
        return fetch_in(portions, right->weight + t->first_column * stride + from, stride, inner, t->columns);
    return fetch_in(portions, right->weight + from * stride + t->first_column, stride, t->columns, inner);
}

/* Add up to a panel's columns of sums to a matrix, or put them there. */
static void store_part(float *out, size_t stride, const float *sums, size_t rows, size_t columns, bool add) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[r * stride + c] = add ? out[r * stride + c] + sums[r * PANEL + c] : sums[r * PANEL + c];
}

/* A product's result. */
typedef struct {
    float *y;
    size_t stride;
    const float *bias; /* NULL: none */
} Result;

/* One block of one panel's columns of a tile. */
INLINE void product_block(const Result *result, const float *packed, const Cut *cut, const Tile *t, size_t column,
                          size_t k, const float *panel, size_t steps, float *sums, bool last, Fetch *next) {
    size_t columns = smaller(PANEL, t->columns - column);
    float *y = result->y + t->first_row * result->stride + t->first_column + column, start[PANEL] = {0};
    bool whole = columns == PANEL;
    if (result->bias != NULL) memcpy(start, result->bias + t->first_column + column, columns * sizeof *start);
    for (size_t r = 0; r < t->rows; r += STRIP) {
        float *own = sums + column * t->rows + r * PANEL;
        Sums at = {.from = own, .to = own, .from_stride = PANEL, .to_stride = PANEL};
        if (k == 0) at.from = result->bias != NULL ? start : NULL, at.from_stride = 0;
        if (last && whole) at.to = y + r * result->stride, at.to_stride = result->stride;
        multiply(&at, packed + packed_at(cut, t->first_row + r, k), panel, steps, smaller(STRIP, t->rows - r), next);
    }
    if (last && !whole) store_part(y, result->stride, sums + column * t->rows, t->rows, columns, false);
}

/* One tile; meanwhile the first block of `after` is fetched as well. */
INLINE void product_tile(const Result *result, const float *packed, const Right *right, const Cut *cut, const Tile *t,
                         const Tile *after, float *scratch) {
    float *panels = scratch, *sums = scratch + LINEAR_BLOCK_MOST * LINEAR_TILE_MOST;
    for (size_t k = 0; k < cut->inner; k += BLOCK_INNER) {
        size_t inner = smaller(BLOCK_INNER, cut->inner - k), steps = steps_of(inner);
        bool last = k + inner == cut->inner;
        size_t begin = last ? 0 : k + inner;
        pack_right(panels, right, k, inner, t);
        Fetch next = fetch_right(right, begin, smaller(BLOCK_INNER, cut->inner - begin), last ? after : t, t);
        for (size_t c = 0; c < t->columns; c += PANEL)
            product_block(result, packed, cut, t, c, k, panels + c * steps, steps, sums, last, &next);
    }
}

/* y [rows, out] = x [rows, in] · right [in, out] + bias. */
INLINE void product(const Result *result, const float *x, size_t x_stride, const Right *right, size_t rows, size_t in,
                    size_t out, const LinearWork *work, int threads) {
    float *scratch = work->scratch, *own = scratch + linear_shared(rows, in, out);
    Cut cut = {rows, even_part(rows, LINEAR_ROWS_MOST, STRIP), in};
#pragma omp parallel num_threads(threads)
    {
        pack_tokens(scratch, x, x_stride, &cut);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < tiles_of(&cut, out); i++) {
            Tile t = tile_at(&cut, out, i), after = {0};
            size_t next = i + (size_t)omp_get_num_threads(); /* that this thread will probably take */
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
    const float *strips, *panels; /* packed x and dy: [segment][strip or panel][steps][…] */
    size_t in, out;               /* columns there, whole strips and panels */
    const Segments *segments;
    bool accumulate;
} WeightPass;

/* Steps that are multiplied at once: a part of a segment, or all of it. */
typedef struct {
    size_t segment, first, steps;
} Span;

static size_t segment_rows(const Segments *segments, size_t segment) {
    return segments->starts[segment + 1] - segments->starts[segment];
}

/* The prefetch chunk that starts at step `first` of a segment; at the segment's end, the next segment's first. */
INLINE Span chunk_at(const Segments *segments, size_t segment, size_t first) {
    size_t steps = steps_of(segment_rows(segments, segment));
    if (first == steps) {
        first = 0;
        if (++segment == segments->count) return (Span){segment, 0, 0};
        steps = steps_of(segment_rows(segments, segment));
    }
    size_t part = steps <= WEIGHT_BLOCK ? steps : even_part(steps, WEIGHT_BLOCK, GROUP);
    return (Span){segment, first, smaller(part, steps - first)};
}

INLINE Span next_chunk(const Segments *segments, Span span) {
    return chunk_at(segments, span.segment, span.first + span.steps);
}

/* The first prefetch chunk behind those that are multiplied with one panel before the next panel's turn: short leaves'
 * together. */
INLINE Span end_of_group(const Segments *segments, Span span) {
    size_t steps = 0;
    do {
        steps += span.steps;
        span = next_chunk(segments, span);
    } while (span.segment < segments->count && steps + span.steps <= WEIGHT_BLOCK);
    return span;
}

/* A prefetch chunk's product for some rows and a panel's columns of a tile, and where the segment ends, the sums that the tree
 * joins. Whole panels that nothing is added to go past the caches, which a layer's gradient would fill. */
INLINE void weight_span(const WeightPass *pass, Span span, const Tile *t, size_t r, size_t c, float *sums) {
    const Segments *segments = pass->segments;
    size_t start = segments->starts[span.segment], all = steps_of(segment_rows(segments, span.segment));
    size_t rows = smaller(STRIP, t->rows - r), stride = pass->stride;
    float *out = pass->dweight + (t->first_row + r) * stride + t->first_column + c;
    bool begins = span.first == 0, ends = span.first + span.steps == all, whole = t->columns - c >= PANEL;
    float *own = sums + segment_height(span.segment) * LINEAR_SUMS + c * t->rows + r * PANEL;
    Sums at = {.from = own, .to = own, .from_stride = PANEL, .to_stride = PANEL, .top = own, .level = LINEAR_SUMS};
    Fetch next = {0};
    if (begins && pass->accumulate && whole && span.segment == 0) {
        size_t below = t->rows - r - rows; /* these are read next */
        at.from = out, at.from_stride = stride;
        next = fetch_in(span.steps / FETCH_STEPS + 1, out + rows * stride, stride, PANEL, smaller(STRIP, below));
    } else if (begins) {
        at.from = NULL;
    }
    if (ends) {
        at.joins = segment_joins(span.segment, segments->count);
        at.to = own - at.joins * LINEAR_SUMS;
    }
    if (ends && whole && span.segment + 1 == segments->count) {
        at.to = out, at.to_stride = stride;
        at.past = !pass->accumulate && ((uintptr_t)out | stride * sizeof *out) % LANE_BYTES == 0;
    }
    multiply(&at, pass->strips + pass->in * start + (t->first_row + r) * all + span.first * STRIP,
             pass->panels + pass->out * start + (t->first_column + c) * all + span.first * PANEL, span.steps, rows,
             &next);
}

/* A tile of the gradient. */
INLINE void weight_tile(const WeightPass *pass, const Tile *t, float *sums) {
    const Segments *segments = pass->segments;
    for (Span span = chunk_at(segments, 0, 0), end; span.segment < segments->count; span = end) {
        end = end_of_group(segments, span);
        for (size_t c = 0; c < t->columns; c += PANEL)
            for (size_t r = 0; r < t->rows; r += STRIP)
                for (Span s = span; s.segment != end.segment || s.first != end.first; s = next_chunk(segments, s))
                    weight_span(pass, s, t, r, c, sums);
    }
    size_t rest = t->columns % PANEL, c = t->columns - rest;
    if (rest > 0)
        store_part(pass->dweight + t->first_row * pass->stride + t->first_column + c, pass->stride, sums + c * t->rows,
                   t->rows, rest, pass->accumulate);
    floats_streamed();
}

/* dbias = the sum of dy's rows, columns first … first + columns − 1, at most a tile's. */
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

/* Pack columns of x or dy, first … first + columns − 1 of `all`, segment by segment, as strips or as panels. */
INLINE void pack_segments(float *out, size_t all, const float *x, size_t stride, const Segments *segments, size_t first,
                          size_t columns, const bool strips) {
    for (size_t i = 0; i < segments->count; i++) {
        size_t start = segments->starts[i], rows = segment_rows(segments, i);
        float *to = out + all * start + first * steps_of(rows);
        if (strips)
            pack_strips_across(to, x + start * stride + first, stride, rows, columns);
        else
            pack_columns(to, x + start * stride + first, stride, rows, columns, PANEL);
    }
}

void LINEAR(linear_backward_weight)(float *dweight, float *dbias, const float *x, const float *dy,
                                    const Segments *segments, const LinearShape *shape, bool accumulate,
                                    const LinearWork *work) {
    size_t rows = segments_rows(segments), in = shape->in, out = shape->out;
    float *strips = work->scratch, *panels = strips + round_up(round_up(in, STRIP) * rows, LINE),
          *own = strips + linear_shared(rows, in, out);
    WeightPass pass = {
        dweight, shape->weight_stride, strips, panels, round_up(in, STRIP), round_up(out, PANEL), segments, accumulate};
    size_t down = (in + TILE - 1) / TILE, across = (out + WEIGHT_COLUMNS - 1) / WEIGHT_COLUMNS;
#pragma omp parallel num_threads(threads_for(rows, shape, work))
    {
#pragma omp for schedule(static) nowait
        for (size_t k = 0; k < in; k += TILE)
            pack_segments(strips, pass.in, x, shape->x_stride, segments, k, smaller(TILE, in - k), true);
#pragma omp for schedule(static)
        for (size_t n = 0; n < out; n += TILE) {
            size_t columns = smaller(TILE, out - n);
            pack_segments(panels, pass.out, dy, shape->y_stride, segments, n, columns, false);
            if (dbias != NULL) sum_bias(dbias + n, dy + n, shape->y_stride, segments, columns, accumulate);
        }
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < down * across; i++) {
            size_t row = i % down * TILE, column = i / down * WEIGHT_COLUMNS;
            Tile t = {row, smaller(TILE, in - row), column, smaller(WEIGHT_COLUMNS, out - column)};
            weight_tile(&pass, &t, own + (size_t)omp_get_thread_num() * LINEAR_PART);
            poll(work);
        }
        products_end();
    }
}
