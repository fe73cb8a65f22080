#ifndef LINNET_KERNELS_ADAMW_FACTORS_H
#define LINNET_KERNELS_ADAMW_FACTORS_H
/** What the reference and the kernels of AdamW must round alike: the coefficients, made in float64, used in float32. */
#include "linnet/core/elementary.h"
#include "linnet/kernels/adamw.h"
#include <math.h>

typedef struct {
    float grad_scale, kept, mean_share, square_kept, square_share, rate, root_correction, epsilon;
} AdamWFactors;

static inline AdamWFactors adamw_factors(const AdamW *adamw) {
    return (AdamWFactors){
        .grad_scale = adamw->grad_scale,
        .kept = (float)(1.0 - adamw->rate * adamw->decay),
        .mean_share = (float)(1.0 - adamw->beta1),
        .square_kept = (float)adamw->beta2,
        .square_share = (float)(1.0 - adamw->beta2),
        .rate = (float)(adamw->rate / (1.0 - elementary_power(adamw->beta1, adamw->step))),
        .root_correction = (float)sqrt(1.0 - elementary_power(adamw->beta2, adamw->step)),
        .epsilon = (float)adamw->epsilon,
    };
}
#endif
