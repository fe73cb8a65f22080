/* Linear layers by a BLAS over fixed tiles, for CPUs that linnet has no tuned kernels for.
 *
 * OpenBLAS's own threads can sum in another order for every number of threads. So each tile is one single-threaded call
 * (inside an OpenMP region the OpenMP flavour of OpenBLAS starts no threads of its own), and the tiles depend only on
 * the shapes. They are dealt dynamically, so that a core that other programs slow down does not hold up the others.
 *
 * The sizes are measured on two cores at GPT-2 small's shapes with 74 to 590 tokens. Where the rows of the result are
 * tokens, tiles of fewer than 384 columns pack the other operand too often, and wider ones leave a width of 768 without
 * enough tiles to share. A weight's gradient is written once and is larger than the caches: its tiles are complete
 * rows, a fifth faster than squares of the same area at 74 tokens. */
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "kernels/linear_scratch.h"
#include "linnet/core/integers.h"
#include <omp.h>

/* Multiplications below which waking the threads costs more than they save: about 30 µs of one core. */
enum { SMALL = 1 << 20 };

/* The largest tile of a result. Results are cut into even parts whose lengths are multiples of 8. */
typedef struct {
    size_t rows, columns;
} Limit;

static const Limit ACTIVATIONS = {320, 384}; /* rows are tokens */
static const Limit WEIGHTS = {192, 3072};    /* a weight's gradient */

/* A factor of a product, row-major. */
typedef struct {
    const float *values;
    size_t stride;
    CBLAS_TRANSPOSE transpose;
} Factor;

/* c [m, n] = op(a) [m, k] · op(b) [k, n] + beta · c. */
typedef struct {
    size_t m, n, k;
    Factor a, b;
    float *c;
    size_t stride; /* of c */
    float beta;
    const float *bias; /* [n] added to each row of c; NULL: none */
    float *dbias;      /* [n] = beta · dbias + the sum of the rows of b, which is not transposed; NULL: not wanted */
} Product;

/* One tile of c, [rows, columns] from element (row, column) on, on the calling thread only: OpenBLAS uses OpenMP's
 * number of threads, which each thread has its own setting of. The sizes are those of the model and of micro-batches,
 * which model_config_load() keeps below 2^31. */
static void multiply_tile(const Blas *blas, const Product *p, size_t row, size_t rows, size_t column, size_t columns) {
    const float *a = p->a.values + row * (p->a.transpose == CblasTrans ? 1 : p->a.stride);
    const float *b = p->b.values + column * (p->b.transpose == CblasTrans ? p->b.stride : 1);
    float *c = p->c + row * p->stride + column;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    blas->sgemm(CblasRowMajor, p->a.transpose, p->b.transpose, (blasint)rows, (blasint)columns, (blasint)p->k, 1.0F, a,
                (blasint)p->a.stride, b, (blasint)p->b.stride, p->beta, c, (blasint)p->stride);
    omp_set_num_threads(threads);
    if (p->bias) bias_add(c, p->stride, p->bias + column, rows, columns);
    if (p->dbias && row == 0) bias_gradient(p->dbias + column, b, p->b.stride, p->k, columns, p->beta != 0.0F);
}

static void multiply(const Product *p, Limit limit, const LinearWork *work) {
    Error ignored = {0}; /* linear.c has opened it */
    const Blas *blas = blas_open(&ignored);
    size_t rows = even_length(p->m, limit.rows, 8), columns = even_length(p->n, limit.columns, 8);
    size_t down = size_divide_up(p->m, rows), tiles = down * size_divide_up(p->n, columns);
    int most = omp_get_max_threads(), threads = most < work->threads ? most : work->threads;
    if (tiles == 1 || p->m * p->n * p->k <= SMALL) threads = 1;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < tiles; i++) {
        size_t row = i % down * rows, column = i / down * columns;
        multiply_tile(blas, p, row, size_min(rows, p->m - row), column, size_min(columns, p->n - column));
    }
}

void linear_forward_blas(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                         const LinearShape *shape, const LinearWork *work) {
    Factor a = {x, shape->x_stride, CblasNoTrans}, b = {weight, shape->weight_stride, CblasNoTrans};
    Product product = {rows, shape->out, shape->in, a, b, y, shape->y_stride, 0.0F, bias, NULL};
    multiply(&product, ACTIVATIONS, work);
}

void linear_backward_input_blas(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape,
                                const LinearWork *work) {
    Factor a = {dy, shape->y_stride, CblasNoTrans}, b = {weight, shape->weight_stride, CblasTrans};
    Product product = {rows, shape->in, shape->out, a, b, dx, shape->x_stride, 0.0F, NULL, NULL};
    multiply(&product, ACTIVATIONS, work);
}

void linear_backward_weight_blas(float *dweight, float *dbias, const float *x, const float *dy,
                                 const Segments *segments, const LinearShape *shape, bool accumulate,
                                 const LinearWork *work) {
    Factor a = {x, shape->x_stride, CblasTrans}, b = {dy, shape->y_stride, CblasNoTrans};
    size_t k = segments_rows(segments), stride = shape->weight_stride;
    Product product = {shape->in, shape->out, k, a, b, dweight, stride, accumulate ? 1.0F : 0.0F, NULL, dbias};
    multiply(&product, WEIGHTS, work);
}
