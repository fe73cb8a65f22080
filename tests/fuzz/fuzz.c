/* libFuzzer's entry: the reader that READER names is fed. Built by `make fuzz`, once a reader. */
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    READER(bytes, size);
    return 0;
}
