/* linnet --version. */
#include "cli/commands.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <cjson/cJSON.h>
#include <hdf5.h>
#include <mpi.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void print_row(const char *name, const char *version) {
    printf("%-9s %s\n", name, version);
}

void version_print(void) {
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "", hdf5[64], pcre2[64] = "";
    int size;
    unsigned major = 0, minor = 0, release = 0;
    MPI_Get_library_version(mpi, &size); /* one of the few calls allowed before MPI_Init */
    mpi[strcspn(mpi, ",\r\n")] = '\0';   /* the builders' names follow */
    H5get_libversion(&major, &minor, &release);
    snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof pcre2) pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    Error missing = {0};
    const char *blas = linear_blas(&missing);
    print_row("linnet", LINNET_VERSION);
    print_row("MPI", mpi);
    print_row("OpenBLAS", blas ? blas : missing.message); /* ends with the CPU that it detected */
    print_row("HDF5", hdf5);
    print_row("cJSON", cJSON_Version());
    print_row("PCRE2", pcre2);
    print_row("libcrypto", OpenSSL_version(OPENSSL_VERSION));
    print_row("zlib", zlibVersion());
    print_row("kernels", isa_name());
    print_row("products", linear_products()); /* linnet's own kernels or the BLAS */
}
