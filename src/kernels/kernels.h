#ifndef LINNET_KERNELS_KERNELS_H
#define LINNET_KERNELS_KERNELS_H
/** The kernels that exist once for every instruction set. Each file <name>_kernels.c is compiled once for each set,
 *  with ISA=base, avx2 …, and defines KERNEL(function). isa_kernels.c gathers the functions of a set in a Kernels;
 *  isa.c chooses one.
 *
 *  To add a kernel: declare the public function in its header, add its name to KERNEL_LIST, define KERNEL(name) in
 *  a *_kernels.c, and call kernels()->name from the public function. */
#include "linnet/kernels/adamw.h"
#include "linnet/kernels/attention.h"
#include "linnet/kernels/bf16.h"
#include "linnet/kernels/bias.h"
#include "linnet/kernels/embedding.h"
#include "linnet/kernels/gelu.h"
#include "linnet/kernels/language_head.h"
#include "linnet/kernels/layernorm.h"
#include "linnet/kernels/linear.h"
#include "linnet/kernels/residual.h"
#include "linnet/kernels/vector.h"

/** The kernels of linear.h where LinearWork asks for bf16, and the same functions by a BLAS (linear_blas.c). */
__typeof__(linear_forward) linear_forward_bf16, linear_forward_blas;
__typeof__(linear_backward_input) linear_backward_input_bf16, linear_backward_input_blas;
__typeof__(linear_backward_weight) linear_backward_weight_bf16, linear_backward_weight_blas;

/* clang-format off */
#define KERNEL_LIST(X)                                                                                                 \
    X(embedding_forward) X(embedding_index_add) X(residual_forward) X(residual_backward)                               \
    X(layernorm_forward) X(layernorm_backward) X(attention_forward) X(attention_backward)                              \
    X(linear_forward) X(linear_backward_input) X(linear_backward_weight)                                               \
    X(linear_forward_bf16) X(linear_backward_input_bf16) X(linear_backward_weight_bf16)                                \
    X(gelu_forward) X(gelu_backward) X(bias_add) X(bias_gradient) X(adamw_update)                                      \
    X(sum_of_squares) X(vector_add) X(vector_scale) X(all_finite) X(bf16_from_floats) X(floats_from_bf16)              \
    X(vocabulary_loss)
/* clang-format on */

/** The kernels of one instruction set: a member has the type and the contract of the public function of its name. */
typedef struct {
    const char *isa;
    const char *arithmetic; /* isa_arithmetic() */
#define KERNEL_MEMBER(name) __typeof__(name) *name;
    KERNEL_LIST(KERNEL_MEMBER)
#undef KERNEL_MEMBER
} Kernels;

extern const Kernels kernels_base;
#ifdef __x86_64__
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512bf16, kernels_amx;
#elif defined __aarch64__
extern const Kernels kernels_neon;
#ifdef LINNET_SVE /* the compiler has it: scripts/configure.sh */
extern const Kernels kernels_sve256, kernels_sve512;
#endif
#endif

/** The set in use, chosen at the first call. Any thread may call it. */
const Kernels *kernels(void);

/** Use this set from now on, even if the CPU lacks its instructions. For tests; not while kernels run. */
void kernels_use(const Kernels *set);

/** With fewer elements than this one thread is faster than a parallel region, which costs a few microseconds. */
#define PARALLEL_ELEMENTS 16384

#ifdef ISA
#define KERNEL_PASTE(name, isa) name##_##isa
#define KERNEL_NAME(name, isa) KERNEL_PASTE(name, isa)
#define KERNEL(name) KERNEL_NAME(name, ISA)
#define KERNEL_DECLARE(name) __typeof__(name) KERNEL(name);
KERNEL_LIST(KERNEL_DECLARE)
#undef KERNEL_DECLARE
#endif
#endif
