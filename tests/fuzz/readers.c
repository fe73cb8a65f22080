/* Shared by the readers: their table, files for them, and checks of their results. */
#include "fuzz/readers.h"
#include "linnet/core/file.h"
#include "linnet/core/utf8.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const FuzzReader fuzz_readers[] = {
    {"csv", feed_csv},
    {"tsv", feed_tsv},
    {"jsonl", feed_jsonl},
    {"table", feed_table},
    {"gzip", feed_gzip},
    {"zstd", feed_zstd},
    {"settings", feed_settings},
    {"config", feed_config},
    {"state", feed_state},
    {"vocabulary", feed_vocabulary},
    {"tokenizer_json", feed_tokenizer_json},
    {"tokenizer_config", feed_tokenizer_config},
    {"tokenizer", feed_tokenizer},
    {"safetensors", feed_safetensors},
    {"index", feed_index},
    {"tokens", feed_tokens},
    {"moments", feed_moments},
    {"hdf5", feed_hdf5},
    {NULL, NULL},
};

void fuzz_check_at(bool truth, const char *text, const char *file, int line) {
    if (truth) return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    abort();
}

static char folder[256];

static void remove_folder(void) {
    Error ignored = {0};
    file_remove(folder, &ignored);
}

const char *fuzz_folder(void) {
    if (folder[0]) return folder;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/linnet-fuzz-XXXXXX", parent ? parent : "/tmp");
    fuzz_check(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    return folder;
}

const char *fuzz_file(const char *name, const void *bytes, size_t size) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    fuzz_check(file >= 0);
    fuzz_check(write(file, bytes, size) == (ssize_t)size);
    close(file);
    return path;
}

void fuzz_check_error(const Error *error) {
    fuzz_check(error->status == STATUS_OK || error->status == STATUS_INPUT);
    fuzz_check((error->status == STATUS_OK) == (error->message[0] == '\0'));
    for (const char *c = error->message; *c; c++) fuzz_check((unsigned char)*c >= 0x20 && *c != 0x7f);
}
