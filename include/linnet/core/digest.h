#ifndef LINNET_CORE_DIGEST_H
#define LINNET_CORE_DIGEST_H
/** SHA-256 digests (FIPS 180-4, computed by libcrypto), written as 64 lower-case hexadecimal digits. Not
 *  collective. */
#include "linnet/core/error.h"
#include <stddef.h>

#define DIGEST_TEXT 65 /**< bytes of a digest's text with its closing zero */

typedef struct Digest Digest; /**< a digest under way */

Status digest_create(Digest **digest, Error *error);
void digest_add(Digest *digest, const void *bytes, size_t count);
/** Write the digest of everything added; the Digest can then only be destroyed. */
void digest_finish(Digest *digest, char text[DIGEST_TEXT]);
void digest_destroy(Digest *digest);

/** The digest of one whole file, read in pieces. STATUS_INPUT when it cannot be read. */
Status digest_file(const char *path, char text[DIGEST_TEXT], Error *error);

#endif
