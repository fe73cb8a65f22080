/* Linear layers by a BLAS over fixed tiles, for CPUs that linnet has no tuned kernels for.
 *
 * OpenBLAS's own threads can sum in another order for every number of threads. So each tile is one single-threaded call
 * (inside an OpenMP region the OpenMP flavour of OpenBLAS starts no threads of its own), and the tiles depend only on the
 * shapes. They are dealt dynamically, so that a core that other programs slow down does not hold up the others.
 *
 * The sizes are measured on two cores at GPT-2 small's shapes with 74 to 590 tokens. Where the rows of the result are
 * tokens, tiles of fewer than 384 columns pack the other operand too often, and wider ones leave a width of 768 without
 * enough tiles to share. A weight's gradient is written once and is larger than the caches: its tiles are complete rows,
 * a fifth faster than squares of the same area at 74 tokens. */
#include "kernels/linear_blas.h"
#include "linnet/kernels/bias.h"
#include <cblas.h>
#include <omp.h>

enum {
    SMALL =
        1 << 20 /* multiplications below which waking the threads costs more than they save: about 30 µs of one core */
};

/* The largest tile of a result. Results are cut into even parts whose lengths are multiples of 8. */
typedef struct {
    size_t rows, columns;
} Limit;

static const Limit ACTIVATIONS = {320, 384}; /* rows are tokens */
static const Limit WEIGHTS = {192, 3072};    /* a weight's gradient */

/* How a result is cut into tiles. */
typedef struct {
    size_t rows, columns; /* of the result */
    size_t tile_rows, tile_columns;
    size_t down, count; /* tiles along the rows; all tiles */
} Grid;

/* A rectangle of a result, from first_row and first_column on. */
typedef struct {
    size_t first_row, rows, first_column, columns;
} Tile;

/* The length of even parts of at most `most` along an extent. */
static size_t even_part(size_t extent, size_t most) {
    size_t parts = (extent + most - 1) / most;
    size_t length = parts > 0 ? (extent + parts - 1) / parts : 1;
    return (length + 7) / 8 * 8;
}

static Grid grid_of(size_t rows, size_t columns, Limit limit) {
    Grid g = {rows, columns, even_part(rows, limit.rows), even_part(columns, limit.columns), 0, 0};
    g.down = (rows + g.tile_rows - 1) / g.tile_rows;
    g.count = g.down * ((columns + g.tile_columns - 1) / g.tile_columns);
    return g;
}

/* The index-th tile. */
static Tile tile_at(const Grid *g, size_t index) {
    size_t first_row = index % g->down * g->tile_rows, first_column = index / g->down * g->tile_columns;
    return (Tile){
        .first_row = first_row,
        .rows = g->rows - first_row < g->tile_rows ? g->rows - first_row : g->tile_rows,
        .first_column = first_column,
        .columns = g->columns - first_column < g->tile_columns ? g->columns - first_column : g->tile_columns,
    };
}

/* c [m, n] = op(a) · op(b) + beta · c, row-major, on the calling thread only: OpenBLAS uses OpenMP's number of threads,
 * which each thread has its own setting of. The sizes are those of the model and of micro-batches, which
 * model_config_load() keeps below 2^31. */
static void product(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, size_t m, size_t n, size_t k,
                    const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, (blasint)m, (blasint)n, (blasint)k, 1.0F, a, (blasint)lda, b,
                (blasint)ldb, beta, c, (blasint)ldc);
    omp_set_num_threads(threads);
}

/* Threads for a product of m · n · k multiplications cut into `tiles`. */
static int threads_for(size_t m, size_t n, size_t k, size_t tiles) {
    return tiles > 1 && m * n * k > SMALL ? omp_get_max_threads() : 1;
}

void linear_blas_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                         const LinearShape *shape) {
    Grid grid = grid_of(rows, shape->out, ACTIVATIONS);
    int threads = threads_for(rows, shape->out, shape->in, grid.count);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < grid.count; i++) {
        Tile t = tile_at(&grid, i);
        float *out = y + t.first_row * shape->y_stride + t.first_column;
        product(CblasNoTrans, CblasNoTrans, t.rows, t.columns, shape->in, x + t.first_row * shape->x_stride,
                shape->x_stride, weight + t.first_column, shape->weight_stride, 0.0F, out, shape->y_stride);
        if (bias) bias_add(out, shape->y_stride, bias + t.first_column, t.rows, t.columns);
    }
}

void linear_blas_backward_input(float *dx, const float *dy, const float *weight, size_t rows,
                                const LinearShape *shape) {
    Grid grid = grid_of(rows, shape->in, ACTIVATIONS);
    int threads = threads_for(rows, shape->out, shape->in, grid.count);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < grid.count; i++) {
        Tile t = tile_at(&grid, i);
        product(CblasNoTrans, CblasTrans, t.rows, t.columns, shape->out, dy + t.first_row * shape->y_stride,
                shape->y_stride, weight + t.first_column * shape->weight_stride, shape->weight_stride, 0.0F,
                dx + t.first_row * shape->x_stride + t.first_column, shape->x_stride);
    }
}

void linear_blas_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, size_t rows,
                                 const LinearShape *shape, bool accumulate) {
    Grid grid = grid_of(shape->in, shape->out, WEIGHTS);
    int threads = threads_for(rows, shape->out, shape->in, grid.count);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < grid.count; i++) {
        Tile t = tile_at(&grid, i);
        product(CblasTrans, CblasNoTrans, t.rows, t.columns, rows, x + t.first_row, shape->x_stride,
                dy + t.first_column, shape->y_stride, accumulate ? 1.0F : 0.0F,
                dweight + t.first_row * shape->weight_stride + t.first_column, shape->weight_stride);
        if (dbias && t.first_row == 0)
            bias_gradient(dbias + t.first_column, dy + t.first_column, shape->y_stride, rows, t.columns, accumulate);
    }
}
