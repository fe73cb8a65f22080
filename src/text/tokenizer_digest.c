/* What tells one tokenizer from another. See tokenizer.h. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/text/tokenizer.h"

Status tokenizer_folder_digest(const char *folder, char text[DIGEST_TEXT], Error *error) {
    static const char *const names[] = {"vocab.json", "merges.txt"};
    Digest *digest = NULL;
    if (digest_create(&digest, error)) return error->status;
    for (size_t i = 0; i < sizeof names / sizeof *names && error->status == STATUS_OK; i++) {
        char *path = file_join(folder, names[i], error), *bytes = NULL;
        size_t size = 0;
        if (path != NULL && file_read(path, &bytes, &size, error) == STATUS_OK) digest_add(digest, bytes, size);
        memory_free(bytes);
        memory_free(path);
    }
    if (error->status == STATUS_OK) digest_finish(digest, text);
    digest_destroy(digest);
    return error->status;
}
