#ifndef LINNET_MODEL_FINITE_H
#define LINNET_MODEL_FINITE_H
/** Whether a model's values are finite numbers. With NaN or infinity among them every result is one, or means nothing.
 *  The threads share the work. Not collective. */
#include "linnet/model/parameters.h"

/** Whether no values [count] is NaN or infinite. */
bool values_are_finite(const float *values, size_t count);

/** STATUS_INPUT if any of the tensor's values [tensor->count] is NaN or infinite: "WHERE: tensor NAME: 3 of its 768
 *  values are not finite numbers, the first at index 5 (nan)". The index counts through the tensor row by row. */
Status tensor_check_finite(const char *where, const ParameterTensor *tensor, const float *values, Error *error);

/** The same for all tensors of a model, embeddings first; the first tensor with such values is named. */
Status parameters_check_finite(const char *where, const ParameterLayout *layout, const Parameters *parameters,
                               Error *error);
#endif
