/* Chooses the instruction set of the kernels. isa.h has the contract. */
#include "linnet/kernels/isa.h"
#include "kernels/kernels.h"
#include "linnet/core/log.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(const Kernels *) chosen;

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang 14's builtin does not know this name. */
static int has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

/* The same sets as ISA_FLAGS in the Makefile. The builtin also asks whether the system saves the wide registers. */
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int has_avx512bf16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* A process must ask the system to save AMX's tiles: arch_prctl(2), Linux 5.16. The system refuses where it does not
 * save them, or where a thread's signal stack is too small for them; later signal stacks must be large enough. */
static int has_amx(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, TILES = 1 << 24, TILES_BF16 = 1 << 22 };
    unsigned a, b, c, d;
    return has_avx512bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & TILES) && (d & TILES_BF16) &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#elif defined LINNET_SVE
#include <sys/auxv.h>
#include <sys/prctl.h>

/* Bits of SVE's vectors in this thread, and in those that it starts; 0 without SVE. */
static int sve_bits(void) {
    const int answer = getauxval(AT_HWCAP) & HWCAP_SVE ? prctl(PR_SVE_GET_VL) : 0;
    return answer > 0 ? (answer & PR_SVE_VL_LEN_MASK) * 8 : 0;
}
#endif

/* The best set that this machine has, or the one with that name; NULL when there is none. */
static const Kernels *find(const char *name) {
#ifdef __x86_64__
    if ((!name || strcmp(name, kernels_amx.isa) == 0) && has_amx()) return &kernels_amx;
    if (has_avx512bf16() && (!name || strcmp(name, kernels_avx512bf16.isa) == 0)) return &kernels_avx512bf16;
    if (has_avx512() && (!name || strcmp(name, kernels_avx512.isa) == 0)) return &kernels_avx512;
    if (has_avx2() && (!name || strcmp(name, kernels_avx2.isa) == 0)) return &kernels_avx2;
#elif defined __aarch64__
#ifdef LINNET_SVE
    if ((!name || strcmp(name, kernels_sve512.isa) == 0) && sve_bits() == 512) return &kernels_sve512;
    if ((!name || strcmp(name, kernels_sve256.isa) == 0) && sve_bits() == 256) return &kernels_sve256;
#endif
    if (!name || strcmp(name, kernels_neon.isa) == 0) return &kernels_neon; /* part of the architecture */
#endif
    return !name || strcmp(name, kernels_base.isa) == 0 ? &kernels_base : NULL;
}

/* The first use. Several threads may be first at once: all choose the same set, and one of them warns. */
static const Kernels *choose(void) {
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    const char *wanted = getenv("LINNET_ISA");
    if (isa_choose(wanted && *wanted ? wanted : NULL)) return atomic_load(&chosen);
    isa_choose(NULL);
    if (!atomic_flag_test_and_set(&warned))
        log_warning("LINNET_ISA=%s: this build, CPU or system has no such instruction set; using %s "
                    "(known: base, avx2, avx512, avx512bf16, amx, neon, sve256, sve512)",
                    wanted, isa_name());
    return atomic_load(&chosen);
}

const Kernels *kernels(void) {
    const Kernels *set = atomic_load_explicit(&chosen, memory_order_relaxed);
    return set ? set : choose();
}

const char *isa_name(void) {
    return kernels()->isa;
}

const char *isa_arithmetic(void) {
    return kernels()->arithmetic;
}

int isa_bf16(void) {
#ifdef __x86_64__
    return kernels() == &kernels_avx512bf16 || kernels() == &kernels_amx;
#else
    return 0;
#endif
}

void kernels_use(const Kernels *set) {
    atomic_store(&chosen, set);
}

int isa_choose(const char *name) {
    const Kernels *set = find(name);
    if (set) kernels_use(set);
    return set != NULL;
}
