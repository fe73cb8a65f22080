/* SHA-256 with libcrypto. See digest.h. */
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)1 << 20)

/* SHA-256 over memory fails only when a Digest is used wrongly, which no caller can handle. */
static void require(int ok) {
    if (ok) return;
    log_error("libcrypto failed in a SHA-256 digest");
    abort();
}

Status digest_create(Digest **digest, Error *error) {
    Digest *created = EVP_MD_CTX_new();
    if (created && EVP_DigestInit_ex(created, EVP_sha256(), NULL) == 1) {
        *digest = created;
        return STATUS_OK;
    }
    digest_destroy(created);
    return error_set(error, STATUS_FAILURE, "libcrypto offers no SHA-256 on this machine");
}

void digest_add(Digest *digest, const void *bytes, size_t count) {
    require(EVP_DigestUpdate(digest, bytes, count) == 1);
}

void digest_finish(Digest *digest, char text[DIGEST_TEXT]) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    require(EVP_DigestFinal_ex(digest, sum, &size) == 1 && 2 * size + 1 == DIGEST_TEXT);
    for (unsigned i = 0; i < size; i++) snprintf(text + 2 * i, 3, "%02x", (unsigned)sum[i]);
}

void digest_destroy(Digest *digest) {
    EVP_MD_CTX_free(digest);
}

Status digest_file(const char *path, char text[DIGEST_TEXT], Error *error) {
    Digest *digest = NULL;
    FILE *file;
    if (file_open_stream(path, &file, error)) return error->status;
    unsigned char *piece = memory_allocate(PIECE_BYTES, 1, error);
    if (!piece || digest_create(&digest, error)) goto cleanup;
    for (size_t count; (count = fread(piece, 1, PIECE_BYTES, file)) > 0;) {
        digest_add(digest, piece, count);
        progress_add_bytes((int64_t)count);
    }
    if (ferror(file))
        error_set(error, file_blame(errno), "%s: cannot read: %s", path, strerror(errno));
    else
        digest_finish(digest, text);
cleanup:
    fclose(file);
    digest_destroy(digest);
    memory_free(piece);
    return error->status;
}
