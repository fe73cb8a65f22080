#ifndef LINNET_KERNELS_PRODUCT_TILES_H
#define LINNET_KERNELS_PRODUCT_TILES_H
/** A product of bf16 with its sums in AMX's tiles: part of product.h. Intel's Software Developer's Manual has the
 *  instructions (volume 1, chapter 18; TDPBF16PS in volume 2).
 *
 *  A tile is 16 rows of 64 bytes. Of a strip it holds STRIP rows of GROUP steps, of a panel GROUP steps of LANES
 *  columns. The instruction sums a group's earlier elements of each pair, and apart from them its later ones, each from
 *  zero in the order of `inner`; then both sums are added to one another, and that to the tile of sums. Groups begin at
 *  multiples of GROUP steps of `inner`, or of a segment, wherever a tile lies.
 *
 *  Tiles belong to a thread, and the system saves them with its registers: so they are there only from a product's start
 *  to products_end(). */

_Static_assert(STRIP == LANES && GROUP == LANES, "tiles are square, so that strips are transposed by whole vectors");

/* The compiler does not know by itself that these read and write memory, and is told. Nor does it know which tiles they
 * change, but it uses none. */
#define TILE_CONFIGURE(form) __asm__ volatile("ldtilecfg %0" ::"m"(form))
#define TILE_RELEASE() __asm__ volatile("tilerelease")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define TILE_LOAD(tile, from, stride)                                                                                  \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"((stride) * sizeof(float)) : "memory")
#define TILE_STORE(tile, to, stride)                                                                                   \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"((stride) * sizeof(float)) : "memory")
#define TILE_MULTIPLY(sums, strip, panel) __asm__ volatile("tdpbf16ps %%tmm" #panel ", %%tmm" #strip ", %%tmm" #sums ::)

/* Tiles 0 to 2 are sums, 3 is of a strip and 4 and 5 are of a panel; 6 and 7 are the same for the steps that are left,
 * fewer than a group. */
enum { REST_STRIP = 6, REST_PANEL = 7, TILE_COUNT = 8 };

/* sums += strip · panel, the strip's steps in tile `a`, the panel's columns by turns in `b` and `other`. */
#define TILES_ADD(a, b, other, strip, steps, panel)                                                                    \
    do {                                                                                                               \
        TILE_LOAD(a, strip, steps);                                                                                    \
        TILE_LOAD(b, panel, PANEL);                                                                                    \
        TILE_MULTIPLY(0, a, b);                                                                                        \
        TILE_LOAD(other, (panel) + LANES, PANEL);                                                                      \
        TILE_MULTIPLY(1, a, other);                                                                                    \
        TILE_LOAD(b, (panel) + 2 * LANES, PANEL);                                                                      \
        TILE_MULTIPLY(2, a, b);                                                                                        \
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
    form.row_bytes[REST_STRIP] = (uint16_t)(rest * sizeof(float));
    form.rows[REST_PANEL] = (uint8_t)rest;
    if (rest == 0) form.rows[REST_STRIP] = 0, form.row_bytes[REST_PANEL] = 0;
    TILE_CONFIGURE(form);
    tiles_rest = rest;
}

/** to [STRIP, PANEL] = from + strip · panel; `from` NULL: from zero. */
INLINE void strip_times_panel(const float *from, size_t from_stride, float *to, size_t to_stride, const float *strip,
                              const float *panel, size_t steps, Fetch *next) {
    tiles_configure(steps % GROUP);
    if (from == NULL) {
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
        TILES_ADD(3, 4, 5, strip, GROUP, panel);
        strip += STRIP * GROUP;
        panel += GROUP * PANEL;
    }
    if (steps > 0) TILES_ADD(6, 7, 7, strip, steps, panel);
    TILE_STORE(0, to, to_stride);
    TILE_STORE(1, to + LANES, to_stride);
    TILE_STORE(2, to + 2 * LANES, to_stride);
}

/* A strip's rows behind `rows` are zeros, and are multiplied as the others are: what they are added to, and their sums,
 * must not lie behind the caller's rows. */
static __attribute__((noinline)) void multiply(const Sums *at, const float *strip, const float *panel, size_t steps,
                                               size_t rows, Fetch *next) {
    Floats own[STRIP][VECTORS];
    float *room = (float *)own;
    bool from_there = rows == STRIP || at->from == NULL, to_there = rows == STRIP && at->joins == 0 && !at->past;
    if (!from_there) {
        sums_begin(own, at, rows);
        for (size_t r = rows; r < STRIP; r++)
            for (size_t v = 0; v < VECTORS; v++) own[r][v] = (Floats){0};
    }
    strip_times_panel(from_there ? at->from : room, from_there ? at->from_stride : PANEL, to_there ? at->to : room,
                      to_there ? at->to_stride : PANEL, strip, panel, steps, next);
    if (!to_there) sums_end(own, at, rows);
}

INLINE void products_end(void) {
    if (tiles_rest == TILES_NONE) return;
    TILE_RELEASE();
    tiles_rest = TILES_NONE;
}
#endif
