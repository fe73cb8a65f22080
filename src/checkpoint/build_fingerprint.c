/* The kernels in use and the versions of the libraries. See build_fingerprint.h. */
#include "linnet/checkpoint/build_fingerprint.h"

#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>

#define PART(field)                                                                                                    \
    { #field, offsetof(BuildFingerprint, field), sizeof((BuildFingerprint *)0)->field }
const BuildFingerprintPart BUILD_FINGERPRINT_PART[BUILD_FINGERPRINT_PARTS] = {
    PART(linnet), PART(kernels), PART(products), PART(sums), PART(openblas), PART(libc), PART(compiler)};

void build_fingerprint_set(BuildFingerprint *fingerprint, size_t part, const char *text) {
    snprintf((char *)fingerprint + BUILD_FINGERPRINT_PART[part].offset, BUILD_FINGERPRINT_PART[part].size, "%s", text);
}

void build_fingerprint_here(BuildFingerprint *fingerprint, bool bf16, const char *sums) {
    Error ignored = {0}; /* where products go through it, it is open */
    const char *blas = strcmp(linear_products(), "blas") == 0 ? linear_blas(&ignored) : "";
    const char *texts[BUILD_FINGERPRINT_PARTS] = {LINNET_VERSION, isa_name(), bf16 ? linear_bf16() : linear_products(),
                                                  sums,           blas,       gnu_get_libc_version(),
                                                  __VERSION__};
    *fingerprint = (BuildFingerprint){0};
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) build_fingerprint_set(fingerprint, i, texts[i]);
}

bool build_fingerprint_differs(const BuildFingerprint *there, const BuildFingerprint *here,
                               char text[BUILD_FINGERPRINT_TEXT]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const BuildFingerprintPart *part = &BUILD_FINGERPRINT_PART[i];
        const char *a = (const char *)there + part->offset, *b = (const char *)here + part->offset;
        if (a[0] == '\0' || b[0] == '\0' || strcmp(a, b) == 0 || used >= BUILD_FINGERPRINT_TEXT) continue;
        used += (size_t)snprintf(text + used, BUILD_FINGERPRINT_TEXT - used, "%s%s %s, not %s", used > 0 ? "; " : "",
                                 part->name, a, b);
    }
    return used > 0;
}
