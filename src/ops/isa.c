#include "linnet/isa.h"
#include "linnet/log.h"
#include "ops/kernels.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(const Kernels *) chosen;

#ifdef __x86_64__
/* The flags of the Makefile's ISA_FLAGS; the builtin also asks the system whether it saves the wide registers. */
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

/** The best set that the CPU has, or the one with that name; NULL when there is none. */
static const Kernels *find(const char *name) {
#ifdef __x86_64__
    if (has_avx512() && __builtin_cpu_supports("avx512bf16") && (!name || strcmp(name, kernels_avx512bf16.isa) == 0))
        return &kernels_avx512bf16;
    if (has_avx512() && (!name || strcmp(name, kernels_avx512.isa) == 0)) return &kernels_avx512;
    if (has_avx2() && (!name || strcmp(name, kernels_avx2.isa) == 0)) return &kernels_avx2;
#endif
    return !name || strcmp(name, kernels_base.isa) == 0 ? &kernels_base : NULL;
}

/** First use, perhaps by several threads at once: all find the same set, one of them warns. */
static const Kernels *choose(void) {
    const char *wanted = getenv("LINNET_ISA");
    if (wanted && !*wanted) wanted = NULL;
    const Kernels *found = find(wanted), *set = found ? found : find(NULL), *none = NULL;
    if (!atomic_compare_exchange_strong(&chosen, &none, set)) return none;
    if (!found)
        log_warning("LINNET_ISA=%s: this build or this CPU has no such instruction set; using %s "
                    "(known: base, avx2, avx512, avx512bf16)",
                    wanted, set->isa);
    return set;
}

const Kernels *kernels(void) {
    const Kernels *set = atomic_load_explicit(&chosen, memory_order_relaxed);
    return set ? set : choose();
}

const char *isa_name(void) {
    return kernels()->isa;
}

int isa_choose(const char *name) {
    const Kernels *set = find(name);
    if (!set) return 0;
    atomic_store(&chosen, set);
    return 1;
}
