#ifndef LINNET_KERNELS_ISA_H
#define LINNET_KERNELS_ISA_H
/** Which instruction set the kernels use. Every src/ops/<name>_kernels.c is compiled once for each set (the
 *  Makefile's ISAS); its functions are reached through a table chosen once, at the first call, by what the CPU
 *  has and the system allows. The environment variable LINNET_ISA (base, avx2, avx512, avx512bf16, amx) may ask for a
 *  lower set: for tests, and to make a mixed cluster's ranks use the same one. Not collective. */

/** "base", "avx2", "avx512" or, the same with products of bf16 by their own instructions, "avx512bf16" or "amx". */
const char *isa_name(void);

/** Whether that set has such instructions. */
int isa_bf16(void);

/** Use the named set from now on; 0 when this build, CPU or system lacks it. For tests; not while kernels run. */
int isa_choose(const char *name);

#endif
