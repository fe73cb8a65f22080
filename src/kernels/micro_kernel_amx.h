#ifndef LINNET_KERNELS_MICRO_KERNEL_AMX_H
#define LINNET_KERNELS_MICRO_KERNEL_AMX_H
/** The micro-kernel of bf16 with its sums in AMX's tiles: part of product.h. Experimental: tested by emulating the
 *  instructions, not yet timed on hardware. Intel's Software Developer's Manual describes the instructions (volume 1,
 *  chapter 18; TDPBF16PS in volume 2).
 *
 *  A tile is 16 rows of 64 bytes. It holds MR rows of GROUP steps of a micro-panel of A, or GROUP steps of LANES
 *  columns of a micro-panel of B. TDPBF16PS sums a group's even elements and, separately, its odd elements, each from
 *  zero in the order of `inner`; then it adds both sums to one another, and the result to the tile of sums. Groups
 *  begin at multiples of GROUP steps of `inner`, or of a segment, wherever a tile of the result lies.
 *
 *  Tiles belong to a thread, and the system saves them with its registers. So they are configured only from the start
 *  of a product to products_end(). */

_Static_assert(MR == LANES && GROUP == LANES,
               "tiles are square, so that micro-panels of A are transposed by whole vectors");

/* "memory" tells the compiler that these read and write memory. It does not know which tiles they change, but uses no
 * tiles itself. */
#define TILE_CONFIGURE(form) __asm__ volatile("ldtilecfg %0" ::"m"(form))
#define TILE_RELEASE() __asm__ volatile("tilerelease")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define TILE_LOAD(tile, from, stride)                                                                                  \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"((stride) * sizeof(float)) : "memory")
#define TILE_STORE(tile, to, stride)                                                                                   \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"((stride) * sizeof(float)) : "memory")
#define TILE_MULTIPLY(sums, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sums ::)

/* Tiles 0 to 2 are sums, 3 is of a micro-panel of A, 4 and 5 are of one of B. Tiles 6 and 7 are of A and of B for the
 * steps that remain, fewer than a group. */
enum { REST_A = 6, REST_B = 7, TILE_COUNT = 8 };

/* sums += a · b for `steps` steps: tile `left` takes those of a, `right` and `other` take turns for b's columns. */
#define TILES_ADD(left, right, other, a, steps, b)                                                                     \
    do {                                                                                                               \
        TILE_LOAD(left, a, steps);                                                                                     \
        TILE_LOAD(right, b, NR);                                                                                       \
        TILE_MULTIPLY(0, left, right);                                                                                 \
        TILE_LOAD(other, (b) + LANES, NR);                                                                             \
        TILE_MULTIPLY(1, left, other);                                                                                 \
        TILE_LOAD(right, (b) + 2 * LANES, NR);                                                                         \
        TILE_MULTIPLY(2, left, right);                                                                                 \
    } while (0)

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileForm;

#define TILES_NONE ((size_t)-1)
static _Thread_local size_t tiles_rest = TILES_NONE; /* steps that tiles 6 and 7 have room for */

INLINE void tiles_configure(size_t rest) {
    if (tiles_rest == rest) return;
    TileForm form = {.palette = 1};
    for (size_t i = 0; i < TILE_COUNT; i++) {
        form.rows[i] = (uint8_t)GROUP;
        form.row_bytes[i] = LANE_BYTES;
    }
    form.row_bytes[REST_A] = (uint16_t)(rest * sizeof(float));
    form.rows[REST_B] = (uint8_t)rest;
    if (rest == 0) form.rows[REST_A] = 0, form.row_bytes[REST_B] = 0;
    TILE_CONFIGURE(form);
    tiles_rest = rest;
}

/** to [MR, NR] = from + a · b; `from` NULL: from zero. */
INLINE void panels_multiply(const float *from, size_t from_stride, float *to, size_t to_stride, const float *a,
                            const float *b, size_t steps, Fetch *next) {
    tiles_configure(steps % GROUP);
    if (!from) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
    } else {
        TILE_LOAD(0, from, from_stride);
        TILE_LOAD(1, from + LANES, from_stride);
        TILE_LOAD(2, from + 2 * LANES, from_stride);
    }
    for (; steps >= GROUP; steps -= GROUP) {
        for (size_t i = 0; i < GROUP; i += FETCH_STEPS) fetch(next);
        TILES_ADD(3, 4, 5, a, GROUP, b);
        a += MR * GROUP;
        b += GROUP * NR;
    }
    if (steps > 0) TILES_ADD(6, 7, 7, a, steps, b);
    TILE_STORE(0, to, to_stride);
    TILE_STORE(1, to + LANES, to_stride);
    TILE_STORE(2, to + 2 * LANES, to_stride);
}

/* The rows of micro-panel a from `rows` on are zeros and are multiplied like the others. Their sums must not be read
 * from, or written to, what follows the caller's rows. */
static __attribute__((noinline)) void micro_kernel(const Sums *at, const float *a, const float *b, size_t steps,
                                                   size_t rows, Fetch *next) {
    Floats own[MR][VECTORS];
    float *room = (float *)own;
    bool from_there = rows == MR || !at->from, to_there = rows == MR && at->joins == 0 && !at->past;
    if (!from_there) {
        sums_begin(own, at, rows);
        for (size_t r = rows; r < MR; r++)
            for (size_t v = 0; v < VECTORS; v++) own[r][v] = (Floats){0};
    }
    panels_multiply(from_there ? at->from : room, from_there ? at->from_stride : NR, to_there ? at->to : room,
                    to_there ? at->to_stride : NR, a, b, steps, next);
    if (!to_there) sums_end(own, at, rows);
}

INLINE void products_end(void) {
    if (tiles_rest == TILES_NONE) return;
    TILE_RELEASE();
    tiles_rest = TILES_NONE;
}
#endif
