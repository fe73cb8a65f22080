/* Linear layers with the factors of every product in bf16: what linear_kernels.c has, compiled for pairs. */
#define PAIRS 1
#include "kernels/linear_kernels.c"
