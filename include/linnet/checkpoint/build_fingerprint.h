#ifndef LINNET_CHECKPOINT_BUILD_FINGERPRINT_H
#define LINNET_CHECKPOINT_BUILD_FINGERPRINT_H
/** What the last bits of a run depend on besides its settings: how the kernels round, whose products, the order of
 *  sums. A checkpoint records it, so that a run resumed elsewhere can warn that the bits may differ. The kernels' name,
 *  the C library and the compiler are recorded with it, for people; no bit depends on them. */
#include <stdbool.h>
#include <stddef.h>

/** Texts; empty where unknown. */
typedef struct {
    char linnet[32];
    char kernels[16];    /**< isa_name() */
    char arithmetic[16]; /**< isa_arithmetic() */
    char products[16];   /**< linear_products() or linear_bf16() */
    char sums[24];       /**< how ranks add gradients */
    char openblas[160];  /**< linear_blas() where products go through it, else empty */
    char libc[32];
    char compiler[64];
} BuildFingerprint;

/** A member of a BuildFingerprint by name, for files and messages. */
typedef struct {
    const char *name;
    size_t offset, size;
    bool decides; /* bits depend on it */
} BuildFingerprintPart;
enum { BUILD_FINGERPRINT_PARTS = 8 };
extern const BuildFingerprintPart BUILD_FINGERPRINT_PART[BUILD_FINGERPRINT_PARTS];

void build_fingerprint_set(BuildFingerprint *fingerprint, size_t part, const char *text);

/** The fingerprint of this process. bf16: it multiplies in bf16 (linear_bf16() is not NULL); `sums`: how its job adds
 *  gradients. Not collective. */
void build_fingerprint_here(BuildFingerprint *fingerprint, bool bf16, const char *sums);

/** Room for the text of a difference. */
#define BUILD_FINGERPRINT_TEXT 512

/** Whether two differ in a part that bits depend on and that both know; `text` then says in which: "products blas, not
 *  own". Kernels are named with their arithmetic: "kernels base (unfused), not avx2 (fused)". */
bool build_fingerprint_differs(const BuildFingerprint *there, const BuildFingerprint *here,
                               char text[BUILD_FINGERPRINT_TEXT]);

#endif
