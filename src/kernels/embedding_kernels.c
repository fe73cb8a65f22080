/* Embeddings, for each instruction set. embedding.h has the contract. */
#include "kernels/dropout_lanes.h"
#include "kernels/kernels.h"

/* Columns of a gradient that one thread sums at a time: few, so that all threads have some; they fill cache lines. */
#define SUM_COLUMNS ((size_t)64)

static void add_row(float *out, const float *token, const float *position, size_t width) {
#pragma omp simd
    for (size_t c = 0; c < width; c++) out[c] = token[c] + position[c];
}

void KERNEL(embedding_forward)(float *out, const float *token, const float *position, const int32_t *ids,
                               const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                               const Dropout *dropout) {
    DropoutLanes room;
    const DropoutLanes *lanes = dropout_prepare(&room, dropout);
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        float *row = out + r * width;
        add_row(row, token + (size_t)ids[r] * width, position + (size_t)positions[r] * width, width);
        if (lanes) dropout_row(row, NULL, row, width, lanes, samples[r], positions[r]);
    }
}

/* A linked list of rows for each target: chains [count] holds each target's first row, and after them [rows] the next
 * row of the same target; −1: none. */
static void chain_rows(int32_t *chains, const int32_t *index, size_t count, size_t rows) {
    int32_t *next = chains + count;
    for (size_t i = 0; i < count; i++) chains[i] = -1;
    for (size_t r = rows; r-- > 0; chains[index[r]] = (int32_t)r) next[r] = chains[index[r]];
}

/* Add the rows of one target, a linked list from `row` on, to out: columns first … first + columns − 1. A segment
 * without such a row is skipped. This gives the same bits as adding its 0, since no sum that starts from zero is −0. */
static void add_row_chain(float *out, const float *x, int32_t row, const int32_t *next, const Segments *segments,
                          size_t first, size_t columns, size_t width) {
    float sums[SEGMENT_LEVELS][SUM_COLUMNS];
    bool filled[SEGMENT_LEVELS];
    for (size_t i = 0; i < segments->count; i++) {
        size_t top = segment_height(i);
        float *sum = i == 0 ? out : sums[top];
        filled[top] = i == 0;
        for (; row >= 0 && (size_t)row < segments->starts[i + 1]; row = next[row], filled[top] = true) {
            if (!filled[top]) memset(sum, 0, columns * sizeof *sum);
            KERNEL(vector_add)(sum, sum, x + (size_t)row * width + first, columns);
        }
        for (size_t j = segment_joins(i, segments->count); j > 0; j--, top--) {
            if (!filled[top]) continue;
            float *below = top == 1 ? out : sums[top - 1];
            if (filled[top - 1])
                KERNEL(vector_add)(below, below, sums[top], columns);
            else
                memcpy(below, sums[top], columns * sizeof *below);
            filled[top - 1] = true;
        }
    }
}

void KERNEL(embedding_index_add)(float *out, const float *x, const int32_t *index, size_t count,
                                 const Segments *segments, size_t width, int32_t *scratch) {
    size_t rows = segments_rows(segments);
    chain_rows(scratch, index, count, rows);
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t first = 0; first < width; first += SUM_COLUMNS)
        for (size_t target = 0; target < count; target++)
            if (scratch[target] >= 0)
                add_row_chain(out + target * width + first, x, scratch[target], scratch + count, segments, first,
                              size_min(SUM_COLUMNS, width - first), width);
}
