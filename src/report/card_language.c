/* What the card of a language model says in the place of a classifier's scores, use and labels. See card_sections.h. */
#include "linnet/evaluate/perplexity.h"
#include "report/card_sections.h"
#include "report/card_text.h"
#include <inttypes.h>

void card_language_summary(FILE *file, const ModelCard *card) {
    char room[4096];
    fputs("\n# ", file);
    card_plain(file, card_folder(card, room));
    fputs("\n\nA GPT-2 language model: ", file);
    card_base(file, card);
    fputs(" trained on ", file);
    card_plain(file, card->train->source_name);
    fputs(".\n", file);
    if (card->evaluation_count == 0) fputs("\nIt was not evaluated.\n", file);
    for (size_t i = 0; i < card->evaluation_count; i++) {
        const CardEvaluation *of = &card->evaluations[i];
        fputs("\n| ", file);
        card_plain(file, of->data->source_name);
        fprintf(file,
                " | |\n|---|---|\n| samples | %" PRId64 " |\n| predicted tokens | %" PRId64
                " |\n| loss of a token | %.4f |\n| perplexity | %.4f |\n",
                of->metrics->samples, of->metrics->predictions, of->scores->loss, perplexity(of->scores->loss));
    }
}

void card_language_usage(FILE *file, const ModelCard *card) {
    char room[4096];
    const char *name = card_folder(card, room);
    fputs("\n## How to use it\n\nIn the folder that this one is in:\n\n```python\nfrom transformers import pipeline\n\n"
          "generate = pipeline(\"text-generation\", model=",
          file);
    card_quoted(file, name);
    fputs(")\nprint(generate(\"what a lovely\", max_new_tokens=20))\n```\n\n"
          "A classifier starts from it as from any GPT-2:\n\n```sh\nlinnet train run.json --model_name_or_path ",
          file);
    card_word(file, name);
    fputs("\n```\n", file);
    if (!card->tokenizer)
        fputs("\nThe model has no tokenizer: copy the files of the one that the data was prepared with to it first.\n",
              file);
}
