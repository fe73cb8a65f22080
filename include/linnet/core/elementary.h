#ifndef LINNET_CORE_ELEMENTARY_H
#define LINNET_CORE_ELEMENTARY_H
/** exp, log, cos, sin and powers in float64 with the same bits on every processor, compiler and C library. Those of a C
 *  library change their last bit between versions, and with the instructions that they find. These are additions,
 *  multiplications and divisions alone, each rounded (the Makefile's -ffp-contract=off). Relative error at most 4e-16
 *  where the result is a normal number, of cos and sin at most 3e-16 absolute. Not collective; cannot fail. */
#include <stdint.h>

/** e^x; infinity above 709.78, subnormal and then 0 below −708.4; NaN for NaN. */
double elementary_exp(double x);

/** The natural logarithm; −infinity for 0, NaN for negative x and NaN. */
double elementary_log(double x);

/** cos(π·x) and sin(π·x), for |x| < 2^50. Exact where x is a multiple of ½. */
double elementary_cos_pi(double x);
double elementary_sin_pi(double x);

/** base^exponent for exponent ≥ 0, by repeated squaring: relative error up to exponent · 2.3e-16. */
double elementary_power(double base, int64_t exponent);

#endif
