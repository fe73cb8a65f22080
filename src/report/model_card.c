/* README.md of a final model. See model_card.h. */
#include "linnet/report/model_card.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "report/card_sections.h"
#include <string.h>

/* Whether linnet wrote the card and its author has not taken it over: a line begins with the mark. */
static Status is_own(const char *path, bool *own, Error *error) {
    char *text = NULL;
    *own = false;
    if (file_read(path, &text, NULL, error)) return error->status;
    for (const char *mark = text; !*own && (mark = strstr(mark, MODEL_CARD_MARK)); mark++)
        *own = mark == text || mark[-1] == '\n';
    memory_free(text);
    return STATUS_OK;
}

static void print_card(FILE *file, const ModelCard *card) {
    card_front_matter(file, card);
    fputs("\n" MODEL_CARD_MARK " It is written anew when linnet saves a model here again: remove this line to keep "
          "your own text. -->\n",
          file);
    if (card->config->language) {
        card_language_summary(file, card);
        card_language_usage(file, card);
    } else {
        card_summary(file, card);
        card_usage(file, card);
        card_labels(file, card);
    }
    card_data(file, card);
    card_training(file, card);
    card_evaluations(file, card);
    card_origin(file, card);
}

Status model_card_save(const ModelCard *card, Error *error) {
    bool own = true;
    FILE *file = NULL;
    char *path = file_join(card->settings->output_dir, MODEL_CARD_FILE, error);
    if (path && file_exists(path)) is_own(path, &own, error);
    if (!error->status && !own)
        log_warning("%s: kept as it is, since linnet did not write it: it may be the card of another model", path);
    else if (!error->status && !file_begin(&file, path, error)) {
        print_card(file, card);
        file_end(file, path, error);
    }
    memory_free(path);
    return error->status;
}

Status model_card_remove(const char *output_dir, Error *error) {
    bool own = false;
    char *path = file_join(output_dir, MODEL_CARD_FILE, error);
    if (path && file_exists(path) && !is_own(path, &own, error) && own) file_remove(path, error);
    memory_free(path);
    return error->status;
}
