#ifndef LINNET_CORE_MEMORY_H
#define LINNET_CORE_MEMORY_H
/** Memory: aligned to 64 bytes (one cache line, one AVX-512 register), sizes checked for overflow.
 *
 *  Who allocates frees, with memory_free(); a view borrows and never frees. Nothing here is collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/** count × size bytes, aligned, all zero. Large blocks are untouched zero pages of the system: what is never
 *  written is never resident. NULL and *error filled when memory is short or the product overflows; count 0 gives
 *  a block that may be freed and not read. */
void *memory_allocate(size_t count, size_t size, Error *error);

/** Change a block from memory_allocate() (or NULL) to count × size bytes, keeping the first `kept` bytes. On
 *  failure the old block stays valid and NULL is returned. */
void *memory_resize(void *block, size_t kept, size_t count, size_t size, Error *error);

/** Say that all of a large block will be written, so that the system may back it with large pages: fewer page
 *  faults at first, fewer misses in the processor's page tables later. Not for blocks of which much stays
 *  untouched. */
void memory_prefault(void *block, size_t bytes);

/** madvise(2) on the whole pages inside start … start + bytes; what lies on a page with something else is left alone. A
 *  wish: where the system refuses, all is as before. */
void memory_advise(void *start, size_t bytes, int advice);

/** Say that a few bytes of a file mapped copy-on-write will be written: their pages are copied now. Reading them first
 *  would map their neighbours as well, up to a megabyte of the file each time. A wish, as memory_advise() is. */
void memory_prefault_copy(void *start, size_t bytes);

/** Bytes that this process could still take without driving the system, or the control group it is confined to, out of
 *  memory; SIZE_MAX where the system does not tell. An estimate: others take memory too. */
size_t memory_available(void);

/** A copy of a text, to be freed with memory_free(). */
char *memory_text(const char *text, Error *error);

/** Free a block from this module; NULL is fine. */
void memory_free(void *block);

/** *product = a × b; false (and *product untouched) when it overflows size_t. */
bool memory_multiply(size_t a, size_t b, size_t *product);

#endif
