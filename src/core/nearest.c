/* Edit distance between names. See nearest.h. */
#include "linnet/core/nearest.h"
#include "linnet/core/integers.h"
#include <ctype.h>
#include <string.h>

static int lower(char byte) {
    return tolower((unsigned char)byte);
}

/* Optimal string alignment distance, row by row; three rows are enough to see a swap of neighbours. */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t rows[3][NEAREST_WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_size; j++) above[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replaced = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            row[j] = size_min(replaced, size_min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = size_min(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_size];
}

const char *nearest_name(const char *word, const char *const *names, size_t count) {
    size_t size = strlen(word);
    if (size > NEAREST_WORD_MAX) return NULL;
    size_t limit = size_max(size / 3, 1);
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_size = strlen(names[i]);
        if (name_size > NEAREST_WORD_MAX) continue;
        size_t distance = edit_distance(word, size, names[i], name_size);
        if (distance > limit || distance >= size) continue; /* every byte would change */
        nearest = names[i];
        if (distance == 0) break;
        limit = distance - 1;
    }
    return nearest;
}
