/* Aligned memory and advice to the system about it. See memory.h. */
#include "linnet/core/memory.h"
#include "linnet/core/integers.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool memory_multiply(size_t a, size_t b, size_t *product) {
    size_t result;
    if (__builtin_mul_overflow(a, b, &result)) return false;
    *product = result;
    return true;
}

/* The block lies inside a larger one from calloc(), whose address is stored before it. aligned_alloc() does not promise
 * zero pages, and clearing them would make every page resident. */
void *memory_allocate(size_t count, size_t size, Error *error) {
    size_t bytes, padded;
    if (!memory_multiply(count, size, &bytes) || __builtin_add_overflow(bytes, MEMORY_ALIGNMENT, &padded)) {
        error_set(error, STATUS_FAILURE, "out of memory: cannot address %zu elements of %zu bytes", count, size);
        return NULL;
    }
    unsigned char *base = calloc(1, padded);
    if (!base) {
        error_set(error, STATUS_FAILURE, "out of memory: cannot allocate %zu bytes", bytes);
        return NULL;
    }
    static_assert(MEMORY_ALIGNMENT % _Alignof(max_align_t) == 0, "malloc's alignment divides ours");
    static_assert(_Alignof(max_align_t) >= sizeof base, "the gap before the block holds an address");
    unsigned char *block = base + (MEMORY_ALIGNMENT - (uintptr_t)base % MEMORY_ALIGNMENT);
    memcpy(block - sizeof base, &base, sizeof base);
    return block;
}

void *memory_resize(void *block, size_t kept, size_t count, size_t size, Error *error) {
    void *resized = memory_allocate(count, size, error);
    if (!resized) return NULL;
    size_t bytes = count * size; /* memory_allocate() has checked the product */
    if (block) memcpy(resized, block, size_min(kept, bytes));
    memory_free(block);
    return resized;
}

void memory_advise(void *start, size_t bytes, int advice) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), address = (uintptr_t)start;
    uintptr_t first = (address + page - 1) / page * page, end = (address + bytes) / page * page;
    if (first < end) madvise((void *)first, end - first, advice);
}

void memory_prefault_copy(void *start, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), address = (uintptr_t)start;
    uintptr_t first = address / page * page, end = (address + bytes + page - 1) / page * page;
    madvise((void *)first, end - first, MADV_POPULATE_WRITE);
#else
    (void)start;
    (void)bytes;
#endif
}

void memory_prefault(void *block, size_t bytes) {
    memory_advise(block, bytes, MADV_HUGEPAGE);
}

char *memory_text(const char *text, Error *error) {
    size_t bytes = strlen(text) + 1;
    char *copy = memory_allocate(bytes, 1, error);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

void memory_free(void *block) {
    if (!block) return;
    void *base;
    memcpy(&base, (unsigned char *)block - sizeof base, sizeof base);
    free(base);
}
