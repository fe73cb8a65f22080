/* SHA-256 with libcrypto. See digest.h. */
#include "linnet/core/digest.h"
#include "linnet/core/file_source.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

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
    FileSource source;
    if (file_source_open(&source, path, error)) return error->status;
    unsigned char *piece = memory_allocate(PIECE_BYTES, 1, error);
    if (!piece || digest_create(&digest, error)) goto cleanup;
    for (size_t got = PIECE_BYTES, at = 0; got == PIECE_BYTES; at += got) {
        if (file_source_read(&source, piece, PIECE_BYTES, (int64_t)at, &got, error)) goto cleanup;
        digest_add(digest, piece, got);
        progress_add_bytes((int64_t)got);
    }
    digest_finish(digest, text);
cleanup:
    file_source_close(&source);
    digest_destroy(digest);
    memory_free(piece);
    return error->status;
}
