/* The sum along the tree. See ordered_sum.h. */
#include "comm/ordered_sum.h"
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/bf16.h"
#include "linnet/kernels/vector.h"
#include <omp.h>
#include <string.h>

Status ordered_sum_create(OrderedSum *sum, int units, size_t blocks, size_t block_max, Error *error) {
    sum->block_max = block_max;
    sum->thread_floats = 2 * block_max; /* a block of temporary sums for every level of the tree */
    for (int n = 1; n < units; n *= 2) sum->thread_floats += block_max;
    sum->squares = memory_allocate(blocks, sizeof *sum->squares, error);
    sum->received_at = memory_allocate((size_t)units, sizeof *sum->received_at, error);
    sum->temporaries = memory_allocate((size_t)omp_get_max_threads() * sum->thread_floats, sizeof(float), error);
    return error->status;
}

void ordered_sum_free(OrderedSum *sum) {
    shared_destroy(sum->buffers);
    memory_free(sum->squares);
    memory_free(sum->received_at);
    memory_free(sum->temporaries);
}

float *ordered_sum_buffer(const OrderedSum *sum, int node_rank, int number) {
    return (float *)shared_block(sum->buffers, node_rank) + (size_t)number * sum->buffer_length;
}

/* One block of a sum on its way through the tree. */
typedef struct {
    const OrderedSum *sum;
    const Sum *what;
    size_t at, n; /* floats from the sum's first, how many */
    size_t next;  /* the term that the walk meets next */
} Walk;

/* The floats of a term; those that came as bf16 are converted into `room`. */
static const float *term_values(const Walk *w, size_t index, float *room) {
    const OrderedSum *s = w->sum;
    const TreeNode *term = &s->pieces->terms[index];
    if (layout_is_neighbour(s->layout, term->rank))
        return ordered_sum_buffer(s, s->world->local_of[term->rank], term->buffer) + w->what->first + w->at;
    size_t place = s->received_at[index] + w->what->before + w->at;
    if (!s->pieces->bf16) return (const float *)s->received + place;
    floats_from_bf16(room, (const uint16_t *)s->received + place, w->n);
    return room;
}

/* The sum of the subtree over `count` units from `unit`; may lie in temporaries [levels][block_max]. */
static const float *walk(Walk *w, int unit, int count, float *temporaries) {
    const TreeNode *term = &w->sum->pieces->terms[w->next];
    if (term->first == unit && term->count == count) return term_values(w, w->next++, temporaries);
    int left = tree_split(count);
    const float *a = walk(w, unit, left, temporaries);
    const float *b = walk(w, unit + left, count - left, temporaries + w->sum->block_max);
    vector_add(temporaries, a, b, w->n);
    return temporaries;
}

void ordered_sum(OrderedSum *s, const Sum *what) {
    double start = clock_now();
    size_t blocks = size_divide_up(what->length, what->block);
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t at = i * what->block;
        Walk w = {s, what, at, size_min(what->length - at, what->block), what->from};
        float *temporaries = s->temporaries + (size_t)omp_get_thread_num() * s->thread_floats;
        const float *values = walk(&w, what->unit, what->count, temporaries);
        float *into = (float *)what->into + at;
        if (what->bf16)
            bf16_from_floats((uint16_t *)what->into + at, values, w.n);
        else if (into != values)
            memcpy(into, values, w.n * sizeof *values);
        if (what->squares) what->squares[i] = sum_of_squares(values, w.n);
    }
    s->seconds += clock_now() - start;
}

void ordered_sum_owned(OrderedSum *s, size_t index) {
    const ReductionLayout *layout = s->layout;
    const Bucket *bucket = &layout->bucket[index];
    Sum what = {.count = s->pieces->units, .block = bucket->block, .before = layout_before(layout, index)};
    layout_part(layout, index, layout->rank, &what.first, &what.length);
    what.into = ordered_sum_buffer(s, s->world->node_rank, 0) + what.first;
    what.squares = s->squares + layout->first_block[index] + (what.first - bucket->start) / bucket->block;
    ordered_sum(s, &what);
}
