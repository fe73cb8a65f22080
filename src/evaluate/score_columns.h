#ifndef LINNET_EVALUATE_SCORE_COLUMNS_H
#define LINNET_EVALUATE_SCORE_COLUMNS_H
/** Labels in the columns of a table on a terminal. */
#include <stdint.h>

/** A label as it is shown: control characters, which a model's config.json may have, are escaped. */
typedef struct {
    char text[256];
} ShownLabel;
const char *score_columns_shown(const char *label, ShownLabel *room);

/** A label right-aligned in `width` columns, with control characters escaped, after two spaces. */
void score_columns_right(const char *label, int width);

/** The columns of the widest label, and of another word. */
int score_columns_width(int32_t labels, char *const *label_names, const char *word);

#endif
