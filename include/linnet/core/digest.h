#ifndef LINNET_CORE_DIGEST_H
#define LINNET_CORE_DIGEST_H
/** SHA-256 digests (FIPS 180-4, by libcrypto) as 64 lower-case hexadecimal digits. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>

#define DIGEST_TEXT 65 /**< bytes of a digest's text with its final zero */

typedef struct evp_md_ctx_st Digest; /**< a digest that is being computed, a context of libcrypto */

Status digest_create(Digest **digest, Error *error);
void digest_add(Digest *digest, const void *bytes, size_t count);
/** Write the digest of all bytes added. After this the Digest can only be destroyed. */
void digest_finish(Digest *digest, char text[DIGEST_TEXT]);
void digest_destroy(Digest *digest);

/** The digest of a file, read in pieces. Errors as in file_open(). */
Status digest_file(const char *path, char text[DIGEST_TEXT], Error *error);

#endif
