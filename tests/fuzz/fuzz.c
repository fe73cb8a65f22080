/* The entry of libFuzzer, which runs the reader READER. `make fuzz` builds it once for each reader. */
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    READER(bytes, size);
    return 0;
}
