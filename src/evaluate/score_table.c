/* Print the scores of an evaluation as a table. */
#include "linnet/evaluate/score_table.h"
#include "linnet/core/escape.h"
#include "linnet/core/log.h"
#include <inttypes.h>
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

/* A label as it is shown: control characters, which a model's config.json may have, are escaped. */
typedef struct {
    char text[256];
} Shown;

static const char *shown(const char *label, Shown *room) {
    escape_text(ESCAPE_OUTPUT, label, strlen(label), room->text, sizeof room->text);
    return room->text;
}

/* A label right-aligned in `width` columns. */
static void print_right(const char *label, int width) {
    Shown room;
    const char *text = shown(label, &room);
    printf("  %*s", width + continuation_bytes(text), text);
}

void score_table_print(const char *title, const Metrics *metrics, const Scores *scores, char *const *label_names,
                       double samples_per_second) {
    int width = 8;
    for (int32_t i = 0; i < metrics->labels; i++) {
        Shown room;
        const int wanted = columns(shown(label_names[i], &room));
        if (wanted > width) width = wanted;
    }
    printf("%s\n", title);
    printf("  samples   %" PRId64
           "\n  accuracy  %.4f\n  macro F1  %.4f\n  loss      %.4f\n  speed     %.1f samples/s\n",
           metrics->samples, scores->accuracy, scores->f1, scores->loss, samples_per_second);
    printf("  truth \\ predicted\n");
    print_right("", width);
    for (int32_t p = 0; p < metrics->labels; p++) print_right(label_names[p], width);
    printf("\n");
    for (int32_t truth = 0; truth < metrics->labels; truth++) {
        print_right(label_names[truth], width);
        for (int32_t p = 0; p < metrics->labels; p++)
            printf("  %*" PRId64, width, metrics->confusion[truth * metrics->labels + p]);
        printf("\n");
    }
}

void score_table_warn(const char *title, const Metrics *metrics) {
    int64_t count = metrics->nan_losses + metrics->infinite_losses;
    if (count > 0)
        log_warning("%s: the loss of %" PRId64 " of %" PRId64
                    " samples is not a finite number: for them the model's values overflow float32, as in a run that "
                    "diverged",
                    title, count, metrics->samples);
}
