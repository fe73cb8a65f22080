/* Labels in columns. See score_columns.h. */
#include "evaluate/score_columns.h"
#include "linnet/core/escape.h"
#include <stdio.h>
#include <string.h>

/* Bytes of UTF-8 that continue a character, and so take no column. */
static int continuation_bytes(const char *text) {
    int count = 0;
    for (; *text != '\0'; text++) count += ((unsigned char)*text & 0xC0) == 0x80;
    return count;
}

static int columns(const char *text) {
    return (int)strlen(text) - continuation_bytes(text);
}

const char *score_columns_shown(const char *label, ShownLabel *room) {
    escape_text(ESCAPE_OUTPUT, label, strlen(label), room->text, sizeof room->text);
    return room->text;
}

void score_columns_right(const char *label, int width) {
    ShownLabel room;
    const char *text = score_columns_shown(label, &room);
    printf("  %*s", width + continuation_bytes(text), text);
}

int score_columns_width(int32_t labels, char *const *label_names, const char *word) {
    int width = (int)strlen(word);
    for (int32_t i = 0; i < labels; i++) {
        ShownLabel room;
        const int wanted = columns(score_columns_shown(label_names[i], &room));
        if (wanted > width) width = wanted;
    }
    return width;
}
