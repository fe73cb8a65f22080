#ifndef LINNET_KERNELS_ISA_H
#define LINNET_KERNELS_ISA_H
/** Which instruction set the kernels use. Every src/kernels/<name>_kernels.c is compiled once for each set (ISAS in the
 *  Makefile). The first call of a kernel chooses the best set that the CPU has and the operating system allows. The
 *  environment variable LINNET_ISA (base, neon, sve256, sve512, avx2, avx512, avx512bf16, amx) asks for a lower set. Not
 *  collective.
 *
 *  All sets that have a fused multiply-add give the same bits (isa_arithmetic()).
 *
 *  "base" is plain C for any CPU. Every CPU of aarch64 has "neon"; "sve256" and "sve512" are for CPUs whose SVE has
 *  vectors of just that many bits, since they are compiled for a fixed length. "avx512bf16" and "amx" are "avx512" with
 *  matrix products in bf16 by the CPU's own instructions. The avx512bf16 products have been timed on AMD Zen 4. The amx
 *  products are experimental: they are tested by emulating the instructions and have not been timed on hardware; nor have
 *  those of neon, sve256 and sve512. */

/** The set in use: "base", "neon", "sve256", "sve512", "avx2", "avx512", "avx512bf16" or "amx". */
const char *isa_name(void);

/** How the set in use rounds a product and the addition that follows it: "fused", once, or "unfused", each. In float32,
 *  and with linnet's own products, sets of the same arithmetic give the same bits on every processor. Unfused is only
 *  "base" on processors whose common instructions have no fused multiply-add, as those of x86-64. */
const char *isa_arithmetic(void);

/** Whether the set in use multiplies bf16 by the CPU's own instructions. */
int isa_bf16(void);

/** Use the named set from now on, or with NULL the best that there is; 0 when this build, CPU or system lacks it. The
 *  first call of a kernel calls it with LINNET_ISA. Not while kernels run. */
int isa_choose(const char *name);
#endif
