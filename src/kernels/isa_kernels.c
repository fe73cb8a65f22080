/* The table of one instruction set's kernels. kernels.h explains it. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

#define TEXT_OF(word) #word
#define TEXT(word) TEXT_OF(word)
#define ENTRY(name) .name = KERNEL(name),

const Kernels KERNEL(kernels) = {.isa = TEXT(ISA), .arithmetic = FUSED ? "fused" : "unfused", KERNEL_LIST(ENTRY)};
