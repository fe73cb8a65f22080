#ifndef LINNET_MISSING_INSTRUCTIONS_H
#define LINNET_MISSING_INSTRUCTIONS_H
/** Runs the kernels of AVX512-BF16 and AMX-BF16 on a CPU that has AVX-512 but not these: each of their instructions
 *  ends in SIGILL there, and the handler does by plain C what Intel's Software Developer's Manual (volume 2) says of
 *  it. So the compiled kernels are tested, though not their speed. What the manual forbids, and what this does not
 *  know, ends the process. For x86-64 on Linux. */
#include "kernels/kernels.h"
#include "linnet/kernels/isa.h"
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined __x86_64__ && defined __linux__
#include <cpuid.h>
#include <float.h>
#include <math.h>
#include <ucontext.h>
#include <unistd.h>

/** An instruction's operands, as its prefix and its ModRM byte name them. */
typedef struct {
    const uint8_t *next;     /* byte behind what is read */
    unsigned reg, rm, other; /* registers: ModRM.reg, ModRM.rm, the prefix's vvvv */
    bool memory;
    uintptr_t address, step; /* of memory: base and displacement; index times scale */
} Operands;

static void missing_end(const char *why, const uint8_t *code) {
    char text[200];
    int length = snprintf(text, sizeof text, "missing_instructions.h: %s: %02x %02x %02x %02x %02x %02x\n", why,
                          code[0], code[1], code[2], code[3], code[4], code[5]);
    if (write(STDERR_FILENO, text, (size_t)length) < 0) _exit(98);
    _exit(99);
}

static uint64_t missing_register(const ucontext_t *context, unsigned number) {
    static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)context->uc_mcontext.gregs[places[number]];
}

/** A bit of a prefix that says 1 by 0. */
static unsigned missing_inverted(uint8_t prefix, unsigned bit) {
    return ((unsigned)prefix >> bit & 1U) ^ 1U;
}

/** ModRM and what follows it. `prefix` has the bits that extend its numbers; `unit` is what a displacement of one byte
 *  counts in. */
static void missing_operands(Operands *o, const ucontext_t *context, const uint8_t *modrm, uint8_t prefix, int unit) {
    unsigned r = missing_inverted(prefix, 7), x = missing_inverted(prefix, 6), b = missing_inverted(prefix, 5);
    unsigned mode = *modrm >> 6, low = *modrm & 7U;
    o->reg = (*modrm >> 3 & 7U) + 8 * r;
    o->rm = low + 8 * b;
    o->memory = mode != 3;
    o->next = modrm + 1;
    o->address = o->step = 0;
    if (!o->memory) return;
    bool base = true;
    if (low == 4) {
        unsigned sib = *o->next++, index = (sib >> 3 & 7U) + 8 * x;
        if (index != 4) o->step = (uintptr_t)missing_register(context, index) << (sib >> 6);
        o->rm = (sib & 7U) + 8 * b;
        base = mode != 0 || (sib & 7U) != 5;
    } else if (mode == 0 && low == 5) {
        missing_end("an address relative to the instruction pointer", modrm);
    }
    int32_t distance = 0;
    if (mode == 1) {
        distance = (int8_t)*o->next * unit;
        o->next++;
    } else if (mode == 2 || !base) {
        memcpy(&distance, o->next, sizeof distance);
        o->next += sizeof distance;
    }
    o->address = (base ? (uintptr_t)missing_register(context, o->rm) : 0) + (uintptr_t)(intptr_t)distance;
}

/* The vector registers of the interrupted thread, in the form of XSAVE: what is marked as absent counts as zeros. */
enum { XSAVE_MARKS = 512, XSAVE_SSE = 1, XSAVE_SSE_PLACE = 160, XSAVE_AVX = 2, XSAVE_UPPER = 6, XSAVE_MORE = 7 };

typedef struct {
    unsigned bytes, place;
} XsavePart;

static XsavePart missing_parts[XSAVE_MORE + 1];

/** Before the first signal: a hypervisor takes long to answer. */
static void missing_ask_parts(void) {
    missing_parts[XSAVE_SSE] = (XsavePart){256, XSAVE_SSE_PLACE};
    for (unsigned i = XSAVE_AVX, c, d; i <= XSAVE_MORE; i++)
        __cpuid_count(13, i, missing_parts[i].bytes, missing_parts[i].place, c, d);
}

static void missing_piece(ucontext_t *context, int part, size_t offset, void *value, size_t size, bool write) {
    uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;
    uint64_t marks;
    size_t place = missing_parts[part].place;
    memcpy(&marks, area + XSAVE_MARKS, sizeof marks);
    bool there = marks >> part & 1U;
    if (!write) {
        if (there)
            memcpy(value, area + place + offset, size);
        else
            memset(value, 0, size);
        return;
    }
    if (!there) memset(area + place, 0, missing_parts[part].bytes);
    marks |= UINT64_C(1) << part;
    memcpy(area + XSAVE_MARKS, &marks, sizeof marks);
    memcpy(area + place + offset, value, size);
}

static void missing_vector(ucontext_t *context, unsigned number, void *value, bool write) {
    uint8_t *bytes = value;
    if (number >= 16) {
        missing_piece(context, XSAVE_MORE, (size_t)(number - 16) * 64, bytes, 64, write);
        return;
    }
    missing_piece(context, XSAVE_SSE, (size_t)number * 16, bytes, 16, write);
    missing_piece(context, XSAVE_AVX, (size_t)number * 16, bytes + 16, 16, write);
    missing_piece(context, XSAVE_UPPER, (size_t)number * 32, bytes + 32, 32, write);
}

/** A subnormal number is zero to these instructions, as a factor and as a result. */
static float missing_flush(float x) {
    return fabsf(x) < FLT_MIN ? copysignf(0.0F, x) : x;
}

static float missing_wide(uint16_t bf16) {
    uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return missing_flush(x);
}

/** A product of two bf16 has 16 bits: while it is no subnormal number it is exact, so that the sum alone is rounded. */
static float missing_multiply_add(float sum, uint16_t a, uint16_t b) {
    return missing_flush(missing_flush(sum) + missing_wide(a) * missing_wide(b));
}

static uint16_t missing_narrow(float x) {
    uint32_t bits;
    if (isnan(x)) {
        memcpy(&bits, &x, sizeof bits);
        return (uint16_t)(bits >> 16 | 0x40U);
    }
    x = missing_flush(x);
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

static void missing_dot_product(float sums[16], const uint16_t a[32], const uint16_t b[32]) {
    for (size_t i = 0; i < 16; i++) {
        sums[i] = missing_multiply_add(sums[i], a[2 * i + 1], b[2 * i + 1]);
        sums[i] = missing_multiply_add(sums[i], a[2 * i], b[2 * i]);
    }
}

/** VDPBF16PS and VCVTNE2PS2BF16 of complete registers. */
static const uint8_t *missing_avx512(ucontext_t *context, const uint8_t *code) {
    bool dot = code[4] == 0x52 && (code[2] & 0x83U) == 0x02, convert = code[4] == 0x72 && (code[2] & 0x83U) == 0x03;
    if ((code[1] & 0x07U) != 2 || (code[3] & 0x67U) != 0x40 || !(dot || convert)) missing_end("unknown", code);
    bool broadcast = code[3] >> 4 & 1U;
    Operands o;
    missing_operands(&o, context, code + 5, code[1], broadcast ? 4 : 64);
    o.reg += 16 * missing_inverted(code[1], 4);
    o.other = ((code[2] >> 3 & 15U) ^ 15U) + 16 * missing_inverted(code[3], 3);
    float first[16], second[16], result[16];
    missing_vector(context, o.other, first, false);
    if (o.memory)
        for (size_t i = 0; i < 16; i++)
            memcpy(&second[i], (const char *)(o.address + o.step) + (broadcast ? 0 : 4 * i), sizeof second[i]);
    else
        missing_vector(context, o.rm + 16 * missing_inverted(code[1], 6), second, false);
    if (dot) {
        uint16_t a[32], b[32];
        memcpy(a, first, sizeof a);
        memcpy(b, second, sizeof b);
        missing_vector(context, o.reg, result, false);
        missing_dot_product(result, a, b);
    } else {
        uint16_t halves[32];
        for (size_t i = 0; i < 16; i++)
            halves[i] = missing_narrow(second[i]), halves[i + 16] = missing_narrow(first[i]);
        memcpy(result, halves, sizeof result);
    }
    missing_vector(context, o.reg, result, true);
    return o.next;
}

/** What a thread's tiles hold. */
typedef struct {
    bool configured;
    size_t rows[8], bytes[8];
    uint8_t tile[8][16][64];
} MissingTiles;

static _Thread_local MissingTiles missing_tiles;

static void missing_configure(const uint8_t *form, const uint8_t *code) {
    MissingTiles *t = &missing_tiles;
    if (form[0] != 1 || form[1] != 0) missing_end("LDTILECFG: palette", code);
    for (size_t i = 2; i < 16; i++)
        if (form[i] != 0) missing_end("LDTILECFG: reserved bytes", code);
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < 16; i++) {
        size_t bytes = form[16 + 2 * i] + 256U * form[17 + 2 * i], rows = form[48 + i];
        if (bytes > 64 || rows > 16 || (bytes == 0) != (rows == 0) || (i >= 8 && rows > 0))
            missing_end("LDTILECFG: rows or columns", code);
        if (i < 8) t->rows[i] = rows, t->bytes[i] = bytes;
    }
    t->configured = true;
}

static void missing_tile_product(unsigned sums, unsigned a, unsigned b, const uint8_t *code) {
    MissingTiles *t = &missing_tiles;
    if (sums == a || sums == b || a == b || sums > 7 || a > 7 || b > 7 || !t->rows[sums] || !t->rows[a] || !t->rows[b])
        missing_end("TDPBF16PS: tiles", code);
    if (t->rows[sums] != t->rows[a] || t->bytes[sums] != t->bytes[b] || t->bytes[a] != 4 * t->rows[b] ||
        t->bytes[sums] % 4 != 0)
        missing_end("TDPBF16PS: forms", code);
    for (size_t m = 0; m < t->rows[sums]; m++) {
        float halves[32] = {0}, row[16];
        uint16_t left[32], right[32];
        memcpy(left, t->tile[a][m], sizeof left);
        for (size_t k = 0; k < t->rows[b]; k++) {
            memcpy(right, t->tile[b][k], sizeof right); /* zeros behind its columns */
            for (size_t n = 0; n < 32; n++) halves[n] = missing_multiply_add(halves[n], left[2 * k + n % 2], right[n]);
        }
        memcpy(row, t->tile[sums][m], sizeof row);
        for (size_t n = 0; n < 16; n++)
            row[n] = missing_flush(missing_flush(row[n]) + missing_flush(halves[2 * n] + halves[2 * n + 1]));
        memcpy(t->tile[sums][m], row, t->bytes[sums]);
    }
}

static void missing_tile_move(unsigned tile, const Operands *o, bool load, const uint8_t *code) {
    MissingTiles *t = &missing_tiles;
    if (!o->memory || tile > 7 || !t->rows[tile]) missing_end("TILELOADD or TILESTORED: no such tile", code);
    if (load) memset(t->tile[tile], 0, sizeof t->tile[tile]);
    for (size_t r = 0; r < t->rows[tile]; r++) {
        char *at = (char *)(o->address + r * o->step);
        if (load)
            memcpy(t->tile[tile][r], at, t->bytes[tile]);
        else
            memcpy(at, t->tile[tile][r], t->bytes[tile]);
    }
}

/** LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED, TDPBF16PS. */
static const uint8_t *missing_amx(const ucontext_t *context, const uint8_t *code) {
    if ((code[1] & 0x1fU) != 2 || code[2] & 0x84U) missing_end("unknown", code);
    unsigned prefix = code[2] & 3U; /* none, 66, F3, F2 */
    Operands o;
    missing_operands(&o, context, code + 4, code[1], 1);
    o.other = (code[2] >> 3 & 15U) ^ 15U;
    bool loaded = code[3] == 0x49 && prefix == 0 && o.memory;
    if (!loaded && !missing_tiles.configured) missing_end("no tiles are configured", code);
    if (loaded)
        missing_configure((const uint8_t *)(o.address + o.step), code);
    else if (code[3] == 0x49 && prefix == 0 && code[4] == 0xc0)
        memset(&missing_tiles, 0, sizeof missing_tiles);
    else if (code[3] == 0x49 && prefix == 3 && !o.memory && o.reg < 8)
        memset(missing_tiles.tile[o.reg], 0, sizeof missing_tiles.tile[o.reg]);
    else if (code[3] == 0x4b && (prefix == 3 || prefix == 2) && (code[4] & 7U) == 4)
        missing_tile_move(o.reg, &o, prefix == 3, code);
    else if (code[3] == 0x5c && prefix == 2 && !o.memory)
        missing_tile_product(o.reg, o.rm, o.other, code);
    else
        missing_end("unknown", code);
    return o.next;
}

static void missing_handler(int signal, siginfo_t *info, void *context_of_signal) {
    ucontext_t *context = context_of_signal;
    const uint8_t *code = info->si_addr;
    (void)signal;
    if (code[0] != 0x62 && code[0] != 0xc4) missing_end("unknown", code);
    const uint8_t *next = code[0] == 0x62 ? missing_avx512(context, code) : missing_amx(context, code);
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)next;
}

/** Use the named set from now on though the CPU lacks its instructions; 0 where it lacks others as well. */
static int isa_choose_missing(const char *name) {
    const Kernels *sets[] = {&kernels_avx512bf16, &kernels_amx};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i]->isa) != 0 || !isa_choose("avx512")) continue;
        missing_ask_parts();
        struct sigaction action = {.sa_sigaction = missing_handler, .sa_flags = SA_SIGINFO};
        if (sigaction(SIGILL, &action, NULL) != 0) return 0;
        kernels_use(sets[i]);
        return 1;
    }
    return 0;
}
#else
static int isa_choose_missing(const char *name) {
    (void)name;
    return 0;
}
#endif
#endif
