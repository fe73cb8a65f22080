/* Samples of one length from texts of any. See packer.h. */
#include "text/packer.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <string.h>

struct Packer {
    DatasetWriter *writer;
    int32_t *ids; /* [length] the sample that is being filled */
    size_t length, filled;
    int64_t row, samples; /* row of the first of these tokens; samples written */
    int32_t end_of_text;
};

Status packer_create(Packer **packer, DatasetWriter *writer, int32_t length, int32_t end_of_text, Error *error) {
    Packer *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    *made = (Packer){.writer = writer, .length = (size_t)length, .end_of_text = end_of_text};
    made->ids = memory_allocate(made->length, sizeof *made->ids, error);
    if (error->status)
        packer_destroy(made);
    else
        *packer = made;
    return error->status;
}

void packer_destroy(Packer *packer) {
    if (!packer) return;
    memory_free(packer->ids);
    memory_free(packer);
}

static Status append(Packer *packer, const int32_t *ids, size_t count, int64_t row, Error *error) {
    for (size_t done = 0; done < count && !error->status;) {
        const size_t fit = size_min(count - done, packer->length - packer->filled);
        if (packer->filled == 0) packer->row = row;
        memcpy(packer->ids + packer->filled, ids + done, fit * sizeof *ids);
        packer->filled += fit;
        done += fit;
        if (packer->filled < packer->length) break;
        dataset_writer_add(packer->writer, packer->ids, packer->length, 0, packer->row, error);
        packer->filled = 0;
        packer->samples++;
    }
    return error->status;
}

Status packer_add(Packer *packer, const int32_t *ids, size_t count, int64_t row, Error *error) {
    if (append(packer, ids, count, row, error)) return error->status;
    return append(packer, &packer->end_of_text, 1, row, error);
}

int64_t packer_samples(const Packer *packer) {
    return packer->samples;
}

int64_t packer_rest(const Packer *packer) {
    return (int64_t)packer->filled;
}
