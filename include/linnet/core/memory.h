#ifndef LINNET_CORE_MEMORY_H
#define LINNET_CORE_MEMORY_H
/** Memory aligned to 64 bytes (a cache line, an AVX-512 register), with sizes checked for overflow.
 *
 *  The owner frees a block with memory_free(); a view borrows and never frees. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/** count × size bytes, aligned, all zero. A large block is untouched zero pages of the system: pages that are never
 *  written take no memory. NULL with *error filled when memory is short or the product overflows. A block of count 0
 *  may only be freed. */
void *memory_allocate(size_t count, size_t size, Error *error);

/** Change a block of memory_allocate() (or NULL) to count × size bytes and keep its first `kept` bytes. After an error
 *  the result is NULL and the old block stays valid. */
void *memory_resize(void *block, size_t kept, size_t count, size_t size, Error *error);

/** Tell the system that all of a large block will be written, so that it may use large pages: fewer page faults and TLB
 *  misses. Not for blocks of which much stays untouched. */
void memory_prefault(void *block, size_t bytes);

/** madvise(2) for the pages that lie completely inside start … start + bytes. Where the system refuses nothing
 *  changes. */
void memory_advise(void *start, size_t bytes, int advice);

/** Copy the pages of a few bytes of a file mapped copy-on-write, which will be written, now. If they were read first
 *  the system would map up to a megabyte of the file around each. Where the system refuses nothing changes. */
void memory_prefault_copy(void *start, size_t bytes);

/** Bytes that this process can still take before the system, or its control group, is out of memory; SIZE_MAX where the
 *  system does not say. An estimate: other processes take memory too. */
size_t memory_available(void);

/** Bytes of this machine's memory, or of the least limit of the control groups that this process is in. */
size_t memory_total(void);

/** STATUS_FAILURE where `what` (a plural) takes more bytes than memory_total(): the system would promise them and kill
 *  the process when it uses them. */
Status memory_check(size_t bytes, const char *what, Error *error);

/** A copy of a text, freed with memory_free(). */
char *memory_text(const char *text, Error *error);

/** Free a block of this module; NULL is allowed. */
void memory_free(void *block);

/** *product = a × b; false (and *product untouched) when it overflows size_t. */
bool memory_multiply(size_t a, size_t b, size_t *product);

#endif
