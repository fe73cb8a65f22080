/* Checking a model's values for NaN and infinity. finite.h has the contract. */
#include "linnet/model/finite.h"
#include "linnet/core/integers.h"
#include "linnet/kernels/vector.h"
#include <math.h>

enum { CHUNK = 1 << 18 /* floats that a thread takes at a time */ };

bool values_are_finite(const float *values, size_t count) {
    bool finite = true;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (count > CHUNK)
    for (size_t at = 0; at < count; at += CHUNK)
        finite = finite && all_finite(values + at, size_min(CHUNK, count - at));
    return finite;
}

Status tensor_check_finite(const char *where, const ParameterTensor *tensor, const float *values, Error *error) {
    size_t found = 0, first = 0;
    if (values_are_finite(values, tensor->count)) return STATUS_OK;
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite(values[i]) && found++ == 0) first = i;
    return error_set(error, STATUS_INPUT,
                     "%s: tensor %s: %zu of its %zu values are not finite numbers, the first at index %zu (%s)", where,
                     tensor->name, found, tensor->count, first, isnan(values[first]) ? "nan" : "infinity");
}

Status parameters_check_finite(const char *where, const ParameterLayout *layout, const Parameters *parameters,
                               Error *error) {
    if ((!layout->language && tensor_check_finite(where, &layout->token, parameters->token, error)) ||
        tensor_check_finite(where, &layout->position, parameters->position, error))
        return error->status;
    for (size_t i = 0; i < layout->tensors && !error->status; i++)
        tensor_check_finite(where, &layout->tensor[i], parameters->dense + layout->tensor[i].offset, error);
    return error->status;
}
