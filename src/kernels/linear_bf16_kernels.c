/* Linear layers with both factors of every product in bf16: linear_kernels.c, compiled for pairs of bf16. */
#define PAIRS 1
#include "kernels/linear_kernels.c"
