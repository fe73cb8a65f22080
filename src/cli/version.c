/* linnet --version. */
#include "cli/commands.h"
#include "linnet/core/cpus.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <cjson/cJSON.h>
#include <ctype.h>
#include <hdf5.h>
#include <mpi.h>
#include <omp.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* What the program was built with; each MPI's header defines its version in its own way, and those of MPICH's relatives
 * MPICH's as well. */
#define NUMBER_(number) #number
#define NUMBER(number) NUMBER_(number)
#if defined OPEN_MPI
#define MPI_BUILT "Open MPI " NUMBER(OMPI_MAJOR_VERSION) "." NUMBER(OMPI_MINOR_VERSION) "." NUMBER(OMPI_RELEASE_VERSION)
#elif defined I_MPI_VERSION
#define MPI_BUILT "Intel MPI " I_MPI_VERSION
#elif defined MVAPICH2_VERSION
#define MPI_BUILT "MVAPICH2 " MVAPICH2_VERSION
#elif defined MPICH_VERSION
#define MPI_BUILT "MPICH " MPICH_VERSION
#else
#define MPI_BUILT "MPI " NUMBER(MPI_VERSION) "." NUMBER(MPI_SUBVERSION)
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* What is told, by name. */
typedef struct {
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[64], pcre2[64], cpu[128], threads[16];
    Error no_blas;
} Texts;

typedef struct {
    const char *name, *text;
} Row;

/* Make one space of each run of spaces and tabs, of which MPICH's text has some. */
static void one_space(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++)
        if (!isspace((unsigned char)*from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    *to = '\0';
}

static void find_versions(Texts *texts) {
    int size;
    unsigned major = 0, minor = 0, release = 0;
    MPI_Get_library_version(texts->mpi, &size);      /* one of the few calls allowed before MPI_Init */
    texts->mpi[strcspn(texts->mpi, ",\r\n")] = '\0'; /* the builders' names follow */
    one_space(texts->mpi);
    H5get_libversion(&major, &minor, &release);
    snprintf(texts->hdf5, sizeof texts->hdf5, "%u.%u.%u", major, minor, release);
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof texts->pcre2)
        pcre2_config(PCRE2_CONFIG_VERSION, texts->pcre2);
    cpus_name("/proc/cpuinfo", texts->cpu, sizeof texts->cpu);
    snprintf(texts->threads, sizeof texts->threads, "%d", omp_get_max_threads());
}

static Status print_json(const Row *rows, size_t count, int threads, Error *error) {
    cJSON *tree = cJSON_CreateObject();
    bool complete = tree != NULL;
    for (size_t i = 0; i < count; i++) {
        char key[16] = "";
        for (size_t k = 0; rows[i].name[k]; k++) key[k] = (char)tolower((unsigned char)rows[i].name[k]);
        complete = complete && (strcmp(key, "threads") == 0 ? cJSON_AddNumberToObject(tree, key, threads)
                                                            : cJSON_AddStringToObject(tree, key, rows[i].text));
    }
    char *text = complete ? json_text(tree, false, "--version", error) : NULL;
    if (text)
        fputs(text, stdout);
    else
        error_set(error, STATUS_FAILURE, "--version: out of memory");
    memory_free(text);
    cJSON_Delete(tree);
    return error->status;
}

Status version_print(bool json, Error *error) {
    Texts texts = {.pcre2 = ""};
    find_versions(&texts);
    const char *blas = linear_blas(&texts.no_blas);
    const Row rows[] = {
        {"linnet", LINNET_VERSION},
        {"MPI", texts.mpi},
        {"mpi.h", MPI_BUILT}, /* that it was built with: another MPI of the same ABI may be loaded */
        {"OpenBLAS", blas ? blas : texts.no_blas.message}, /* ends with the CPU that it detected */
        {"HDF5", texts.hdf5},
        {"cJSON", cJSON_Version()},
        {"PCRE2", texts.pcre2},
        {"libcrypto", OpenSSL_version(OPENSSL_VERSION)},
        {"zlib", zlibVersion()},
        {"zstd", ZSTD_versionString()},
        {"compiler", COMPILER},
        {"kernels", isa_name()},
        {"products", linear_products()}, /* linnet's own kernels or the BLAS */
        {"CPU", texts.cpu},
        {"threads", texts.threads},
    };
    if (json) return print_json(rows, sizeof rows / sizeof *rows, omp_get_max_threads(), error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) printf("%-9s %s\n", rows[i].name, rows[i].text);
    return STATUS_OK;
}
