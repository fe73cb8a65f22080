/* linnet --version. */
#include "cli/commands.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <cblas.h>
#include <cjson/cJSON.h>
#include <hdf5.h>
#include <mpi.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

static void print_row(const char *name, const char *version) {
    printf("%-9s %s\n", name, version);
}

/* MPI libraries name their builders after the first comma or line end, and the version before it. */
static void print_mpi(void) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int size;
    MPI_Get_library_version(text, &size); /* one of the few calls allowed before MPI_Init */
    text[strcspn(text, ",\r\n")] = '\0';
    print_row("MPI", text);
}

static void print_hdf5(void) {
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    char text[64];
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
    print_row("HDF5", text);
}

static void print_pcre2(void) {
    char text[64] = "";
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof text) pcre2_config(PCRE2_CONFIG_VERSION, text);
    print_row("PCRE2", text);
}

void version_print(void) {
    print_row("linnet", LINNET_VERSION);
    print_mpi();
    print_row("OpenBLAS", openblas_get_config()); /* ends with the CPU that it detected */
    print_hdf5();
    print_row("cJSON", cJSON_Version());
    print_pcre2();
    print_row("libcrypto", OpenSSL_version(OPENSSL_VERSION));
    print_row("kernels", isa_name());
    print_row("matmul", linear_products()); /* linnet's own kernels or the BLAS */
}
