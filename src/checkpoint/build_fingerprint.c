/* Kernels and versions. See build_fingerprint.h. */
#include "linnet/checkpoint/build_fingerprint.h"

#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include <cblas.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>

#define PART(field)                                                                                                    \
    { #field, offsetof(Origin, field), sizeof((Origin *)0)->field }
const OriginPart ORIGIN_PART[ORIGIN_PARTS] = {PART(linnet),   PART(kernels), PART(products), PART(sums),
                                              PART(openblas), PART(libc),    PART(compiler)};

static void set(char *field, size_t room, const char *text) {
    snprintf(field, room, "%s", text);
}

void origin_here(Origin *origin, bool bf16, const char *sums) {
    *origin = (Origin){0};
    set(origin->linnet, sizeof origin->linnet, LINNET_VERSION);
    set(origin->kernels, sizeof origin->kernels, isa_name());
    set(origin->products, sizeof origin->products, bf16 ? linear_bf16() : linear_products());
    set(origin->sums, sizeof origin->sums, sums);
    set(origin->openblas, sizeof origin->openblas, openblas_get_config());
    set(origin->libc, sizeof origin->libc, gnu_get_libc_version());
    set(origin->compiler, sizeof origin->compiler, __VERSION__);
}

bool origin_differs(const Origin *there, const Origin *here, char text[ORIGIN_TEXT]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ORIGIN_PARTS; i++) {
        const OriginPart *part = &ORIGIN_PART[i];
        const char *a = (const char *)there + part->offset, *b = (const char *)here + part->offset;
        if (a[0] == '\0' || b[0] == '\0' || strcmp(a, b) == 0 || used >= ORIGIN_TEXT) continue;
        used += (size_t)snprintf(text + used, ORIGIN_TEXT - used, "%s%s %s, not %s", used > 0 ? "; " : "", part->name,
                                 a, b);
    }
    return used > 0;
}
