/* As many samples of each class as of each other. See class_balance.h. */
#include "text/class_balance.h"
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A sample, sorted by its class and then as drawn. */
typedef struct {
    uint64_t key;
    int64_t sample;
    uint16_t label;
} Drawn;

static int compare_drawn(const void *left, const void *right) {
    const Drawn *a = left, *b = right;
    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

/* The number of samples that each class is to have. left_out [label_count]: whether samples of the class are. */
static Status choose_number(ClassBalance kind, const int64_t *sizes, const bool *left_out, char *const *label_names,
                            size_t label_count, int64_t *number, Error *error) {
    *number = sizes[0];
    for (size_t k = 0; k < label_count; k++) {
        Quoted shown;
        if (sizes[k] == 0)
            return error_set(error, STATUS_INPUT,
                             left_out[k] ? "--class-balance: all samples with the label %s are for evaluation: add "
                                           "--stratify, or take another --split-seed"
                                         : "--class-balance: no sample has the label %s: leave it out of --labels",
                             quoted(label_names[k], strlen(label_names[k]), &shown));
        *number = kind == BALANCE_UNDERSAMPLE ? int64_min(*number, sizes[k]) : int64_max(*number, sizes[k]);
    }
    if (*number <= UINT32_MAX) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "--class-balance: a class has too many samples, %" PRId64, *number);
}

Status balance_classes(ClassBalance kind, uint64_t seed, const uint16_t *labels, char *const *label_names,
                       size_t label_count, const uint8_t *left_out, int64_t count, uint32_t *copies, Error *error) {
    int64_t sizes[DATASET_LABELS_MAX] = {0}, taken = 0, number;
    bool elsewhere[DATASET_LABELS_MAX] = {false}; /* a class has samples that are left out */
    const uint64_t key = mix_bits(seed + 1);
    Drawn *drawn = memory_allocate((size_t)count, sizeof *drawn, error);
    if (!drawn) return error->status;
    for (int64_t i = 0; i < count; i++) {
        if (left_out && left_out[i]) {
            elsewhere[labels[i]] = true;
            continue;
        }
        drawn[taken++] = (Drawn){mix_bits((uint64_t)i ^ key), i, labels[i]};
        sizes[labels[i]]++;
    }
    if (choose_number(kind, sizes, elsewhere, label_names, label_count, &number, error)) goto cleanup;
    qsort(drawn, (size_t)taken, sizeof *drawn, compare_drawn);
    for (int64_t i = 0, first = 0; i < taken; i++) {
        if (drawn[i].label != drawn[first].label) first = i;
        const int64_t size = sizes[drawn[i].label], place = i - first; /* of the sample in its class */
        copies[drawn[i].sample] = (uint32_t)(number / size + (place < number % size));
    }
cleanup:
    memory_free(drawn);
    return error->status;
}
