#ifndef KERNELS_BLAS_H
#define KERNELS_BLAS_H
/** OpenBLAS, opened when products first go through it, and not linked: it takes address space for its buffers when it
 *  is loaded, and where that is limited (ulimit -v) it waits for ever. */
#include "linnet/core/error.h"
#include <cblas.h>

typedef struct {
    __typeof__(cblas_sgemm) *sgemm;
    const char *config; /**< version, options, and the kind of CPU that it detected; static text */
} Blas;

/** Open it once for the process, with one thread for each call. NULL, with the reason in *error, where it is not
 *  installed or has no room. Keeps OpenMP's number of threads. Not collective; not in several threads at once. */
const Blas *blas_open(Error *error);

#endif
