#ifndef LINNET_TESTS_FUZZ_READERS_H
#define LINNET_TESTS_FUZZ_READERS_H
/** Each reader of untrusted files or texts as a function of bytes. It returns nothing: a fault of the reader (a status
 *  other than success or bad input, a message of more than one line, a result that breaks the contract) ends the
 *  process. Used by libFuzzer (fuzz.c) and tests/unit/fuzz_cases_test.c. Runs in the root of the repository. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name; /**< also the name of its folder in tests/fuzz/seeds and tests/fuzz/found */
    void (*feed)(const uint8_t *bytes, size_t size);
} FuzzReader;

/** The last entry has the name NULL. */
extern const FuzzReader fuzz_readers[];

void feed_csv(const uint8_t *bytes, size_t size);
void feed_tsv(const uint8_t *bytes, size_t size);
void feed_jsonl(const uint8_t *bytes, size_t size);
void feed_table(const uint8_t *bytes, size_t size);
void feed_gzip(const uint8_t *bytes, size_t size);
void feed_zstd(const uint8_t *bytes, size_t size);
void feed_settings(const uint8_t *bytes, size_t size);
void feed_config(const uint8_t *bytes, size_t size);
void feed_state(const uint8_t *bytes, size_t size);
void feed_vocabulary(const uint8_t *bytes, size_t size);
void feed_tokenizer_json(const uint8_t *bytes, size_t size);
void feed_tokenizer_config(const uint8_t *bytes, size_t size);
void feed_tokenizer(const uint8_t *bytes, size_t size);
void feed_safetensors(const uint8_t *bytes, size_t size);
void feed_index(const uint8_t *bytes, size_t size);
void feed_tokens(const uint8_t *bytes, size_t size);
void feed_moments(const uint8_t *bytes, size_t size);
void feed_hdf5(const uint8_t *bytes, size_t size);

/** The folder of this process in $TMPDIR or /tmp; the process removes it when it ends. */
const char *fuzz_folder(void);
/** Write a file into that folder; its path is valid until the next call. */
const char *fuzz_file(const char *name, const void *bytes, size_t size);
/** End the process unless `truth` is true. */
#define fuzz_check(truth) fuzz_check_at((truth), #truth, __FILE__, __LINE__)
void fuzz_check_at(bool truth, const char *text, const char *file, int line);
/** Check the status of a reader: success, or bad input with a message of one line. */
void fuzz_check_error(const Error *error);

#endif
