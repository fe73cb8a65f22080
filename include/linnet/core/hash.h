#ifndef LINNET_CORE_HASH_H
#define LINNET_CORE_HASH_H
/** FNV-1a with 64 bits, for tables in memory. Not collective. */
#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xCBF29CE484222325)

/** The hash of what `hash` is of, followed by bytes [size]; HASH_START is that of nothing. */
static inline uint64_t hash_add(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ byte[i]) * UINT64_C(0x100000001B3);
    return hash;
}

/** 32 bits of it, of which the lowest can index a table. */
static inline uint32_t hash_fold(uint64_t hash) {
    return (uint32_t)(hash ^ hash >> 32);
}

#endif
