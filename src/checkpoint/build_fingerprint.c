/* The kernels in use and the versions of the libraries. See build_fingerprint.h. */
#include "linnet/checkpoint/build_fingerprint.h"

#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>

#define PART(field, decides)                                                                                           \
    { #field, offsetof(BuildFingerprint, field), sizeof((BuildFingerprint *)0)->field, decides }
const BuildFingerprintPart BUILD_FINGERPRINT_PART[BUILD_FINGERPRINT_PARTS] = {
    PART(linnet, true), PART(kernels, false), PART(arithmetic, true), PART(products, true),
    PART(sums, true),   PART(openblas, true), PART(libc, false),      PART(compiler, false)};

void build_fingerprint_set(BuildFingerprint *fingerprint, size_t part, const char *text) {
    snprintf((char *)fingerprint + BUILD_FINGERPRINT_PART[part].offset, BUILD_FINGERPRINT_PART[part].size, "%s", text);
}

void build_fingerprint_here(BuildFingerprint *fingerprint, bool bf16, const char *sums) {
    Error ignored = {0}; /* where products go through it, it is open */
    const char *blas = strcmp(linear_products(), "blas") == 0 ? linear_blas(&ignored) : "";
    const char *products = bf16 ? linear_bf16() : linear_products();
    const char *texts[BUILD_FINGERPRINT_PARTS] = {LINNET_VERSION, isa_name(), isa_arithmetic(),       products,
                                                  sums,           blas,       gnu_get_libc_version(), __VERSION__};
    *fingerprint = (BuildFingerprint){0};
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) build_fingerprint_set(fingerprint, i, texts[i]);
}

/* A part for people. */
static void print_part(char text[BUILD_FINGERPRINT_TEXT], const BuildFingerprint *fingerprint,
                       const BuildFingerprintPart *part) {
    const char *own = (const char *)fingerprint + part->offset;
    if (own == fingerprint->arithmetic)
        snprintf(text, BUILD_FINGERPRINT_TEXT, "%s (%s)", fingerprint->kernels, own);
    else
        snprintf(text, BUILD_FINGERPRINT_TEXT, "%s", own);
}

bool build_fingerprint_differs(const BuildFingerprint *there, const BuildFingerprint *here,
                               char text[BUILD_FINGERPRINT_TEXT]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < BUILD_FINGERPRINT_PARTS; i++) {
        const BuildFingerprintPart *part = &BUILD_FINGERPRINT_PART[i];
        const char *a = (const char *)there + part->offset, *b = (const char *)here + part->offset;
        if (!part->decides || a[0] == '\0' || b[0] == '\0' || strcmp(a, b) == 0 || used >= BUILD_FINGERPRINT_TEXT)
            continue;
        char was[BUILD_FINGERPRINT_TEXT], is[BUILD_FINGERPRINT_TEXT];
        print_part(was, there, part);
        print_part(is, here, part);
        used += (size_t)snprintf(text + used, BUILD_FINGERPRINT_TEXT - used, "%s%s %s, not %s", used > 0 ? "; " : "",
                                 a == there->arithmetic ? "kernels" : part->name, was, is);
    }
    return used > 0;
}
