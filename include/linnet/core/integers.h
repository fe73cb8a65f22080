#ifndef LINNET_CORE_INTEGERS_H
#define LINNET_CORE_INTEGERS_H
/** Integer arithmetic that many directories need: minimum, maximum, division rounded up, and even parts. */
#include <stddef.h>
#include <stdint.h>

static inline size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t size_max(size_t a, size_t b) {
    return a > b ? a : b;
}
static inline int64_t int64_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t int64_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/** a / b rounded up; a ≥ 0, b > 0. */
static inline size_t size_divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}
static inline int64_t int64_divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/** Cut `total` items into `parts` runs whose lengths differ by at most 1, longer ones first: run `part` is
 *  [*first, *first + *count). */
static inline void even_part(int64_t total, int parts, int part, int64_t *first, int64_t *count) {
    int64_t length = total / parts, longer = total % parts;
    *first = part * length + int64_min(part, longer);
    *count = length + (part < longer);
}

#endif
