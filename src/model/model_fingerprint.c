/* Telling a model from another one by a small part of its bytes. See model_folder.h. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model_folder.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECES = 256, PIECE_BYTES = 4096 };

/* Training changes every dense weight, so that any piece shows it; of what else may write a model the time tells. */
static void add_file(Digest *digest, const char *path, bool times) {
    unsigned char piece[PIECE_BYTES];
    struct stat about;
    Error unreadable = {0};
    int file;
    if (file_open(path, &file, &unreadable)) return;
    if (fstat(file, &about) == 0) {
        const int64_t size = about.st_size, stride = size / PIECES > PIECE_BYTES ? size / PIECES : PIECE_BYTES;
        const int64_t time[] = {about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
        digest_add(digest, &size, sizeof size);
        if (times) digest_add(digest, time, sizeof time);
        for (int64_t at = 0; at < size; at += stride) {
            const ssize_t got = pread(file, piece, sizeof piece, (off_t)at);
            if (got > 0) digest_add(digest, piece, (size_t)got);
        }
    }
    close(file);
}

static int is_of_a_model(const struct dirent *entry) {
    const char *ending = strrchr(entry->d_name, '.');
    return strcmp(entry->d_name, "config.json") == 0 || strcmp(entry->d_name, ADAPTER_CONFIG_FILE) == 0 ||
           strcmp(entry->d_name, ADAPTER_MODEL_FILE) == 0 || strcmp(entry->d_name, ADAPTER_VALUES_FILE) == 0 ||
           (strncmp(entry->d_name, "model", 5) == 0 && ending && strcmp(ending, ".safetensors") == 0);
}

void model_fingerprint(const char *path, bool times, char text[DIGEST_TEXT]) {
    struct dirent **names = NULL;
    Digest *digest = NULL;
    Error error = {0};
    const int count = scandir(path, &names, is_of_a_model, alphasort);
    text[0] = '\0';
    if (count > 0 && !digest_create(&digest, &error)) {
        for (int i = 0; i < count; i++) {
            char *file = file_join(path, names[i]->d_name, &error);
            if (file) add_file(digest, file, times);
            memory_free(file);
        }
        digest_finish(digest, text);
        digest_destroy(digest);
    }
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
}
