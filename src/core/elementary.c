/* Elementary functions with the same bits everywhere. elementary.h has the contract. */
#include "linnet/core/elementary.h"
#include <math.h>
#include <stddef.h>

/* ln 2 in two parts, the first with so many zeros at its end that its product with an exponent is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33, LOG2_E = 0x1.71547652b82fep+0;
static const double PI = 0x1.921fb54442d18p+1;

/* 1/n! */
static const double FACTORIALS[] = {1.0,
                                    1.0,
                                    1.0 / 2,
                                    1.0 / 6,
                                    1.0 / 24,
                                    1.0 / 120,
                                    1.0 / 720,
                                    1.0 / 5040,
                                    1.0 / 40320,
                                    1.0 / 362880,
                                    1.0 / 3628800,
                                    1.0 / 39916800,
                                    1.0 / 479001600,
                                    1.0 / 6227020800.0,
                                    1.0 / 87178291200.0,
                                    1.0 / 1307674368000.0,
                                    1.0 / 20922789888000.0,
                                    1.0 / 355687428096000.0};

/* x = n · ln 2 + r with |r| ≤ 0.35, and e^r by its Taylor series, whose next term is below 5e-18. */
double elementary_exp(double x) {
    if (isnan(x)) return x;
    if (x > 710.0) return INFINITY;
    if (x < -746.0) return 0.0;
    const double n = rint(x * LOG2_E), r = (x - n * LN2_HIGH) - n * LN2_LOW;
    double sum = FACTORIALS[13];
    for (size_t i = 13; i-- > 0;) sum = sum * r + FACTORIALS[i];
    return ldexp(sum, (int)n);
}

/* x = 2^n · (1 + f) with 1 + f between √½ and √2, and log(1 + f) = 2 (s + s³/3 + s⁵/5 + …) with s = f / (2 + f), |s| ≤
 * 0.172; the next term is below 1e-18 of the sum. */
double elementary_log(double x) {
    if (isnan(x) || x < 0.0) return NAN;
    if (x == 0.0 || isinf(x)) return x == 0.0 ? -INFINITY : x;
    int exponent;
    double fraction = frexp(x, &exponent);
    if (fraction < 0x1.6a09e667f3bcdp-1) fraction *= 2.0, exponent--;
    const double f = fraction - 1.0, s = f / (2.0 + f), square = s * s, n = (double)exponent;
    double sum = 1.0 / 21;
    for (int odd = 19; odd >= 3; odd -= 2) sum = sum * square + 1.0 / odd;
    const double small = (2.0 * s) * (square * sum) + n * LN2_LOW;
    return n * LN2_HIGH + (2.0 * s + small);
}

/* cos or sin of an angle up to π/4, by its Taylor series: every other power, with signs in turn. */
static double series(double angle, size_t first) {
    const double square = angle * angle;
    double sum = 0.0;
    for (size_t i = first + 16; i > first; i -= 2) sum = FACTORIALS[i] - square * sum;
    sum = FACTORIALS[first] - square * sum;
    return first == 1 ? angle * sum : sum;
}

/* cos(π·x + quarters · π/2), from the nearest multiple of π/2. */
static double cos_pi(double x, int quarters) {
    const double nearest = rint(2.0 * x), angle = PI * (x - 0.5 * nearest);
    switch (((int64_t)nearest + quarters) & 3) {
    case 0:
        return series(angle, 0);
    case 1:
        return -series(angle, 1);
    case 2:
        return -series(angle, 0);
    default:
        return series(angle, 1);
    }
}

double elementary_cos_pi(double x) {
    return cos_pi(x, 0);
}

double elementary_sin_pi(double x) {
    return cos_pi(x, 3);
}

double elementary_power(double base, int64_t exponent) {
    double power = 1.0;
    for (; exponent > 0; exponent /= 2, base *= base)
        if (exponent % 2 == 1) power *= base;
    return power;
}
