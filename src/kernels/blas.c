/* Opening OpenBLAS, by the name that scripts/configure.sh has found (LINNET_OPENBLAS). See blas.h. */
#include "kernels/blas.h"
#include "linnet/core/limits.h"
#include <dlfcn.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of address space that it needs besides its code: a buffer when it is loaded and one for each thread that calls
 * it, each of 32 MiB in Debian's builds and up to 128 MiB in others'. */
#define BUFFER ((size_t)128 << 20)
#define CODE ((size_t)128 << 20)

/* dlsym() gives functions as pointers to objects, which C does not convert. */
static bool find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    if (found) memcpy(function, &found, sizeof found);
    return found;
}

const Blas *blas_open(Error *error) {
    static Blas blas;
    const int threads = omp_get_max_threads();
    if (blas.sgemm) return &blas;
    if (limits_room(CODE + ((size_t)threads + 1) * BUFFER, "OpenBLAS", error)) return NULL;
    void *library = dlopen(LINNET_OPENBLAS, RTLD_NOW | RTLD_LOCAL);
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(openblas_get_config) *get_config;
    __typeof__(openblas_set_num_threads) *set_threads;
    if (!library || !find(library, "cblas_sgemm", &sgemm) || !find(library, "openblas_get_config", &get_config) ||
        !find(library, "openblas_set_num_threads", &set_threads)) {
        error_set(error, STATUS_FAILURE, "%s", dlerror());
        return NULL;
    }
    set_threads(1); /* products run on linnet's own threads */
    omp_set_num_threads(threads);
    blas = (Blas){sgemm, get_config()};
    return &blas;
}
