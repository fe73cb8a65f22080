/* What a reader of a model card wants first: the front matter, the summary, the way to use it. See card_sections.h. */
#include "report/base_model.h"
#include "report/card_sections.h"
#include "report/card_text.h"
#include <inttypes.h>
#include <math.h>

static const char *folder_name(const ModelCard *card, char room[4096]) {
    return card_name(card->settings->output_dir, room);
}

/* Digits after the point, never an exponent: YAML 1.1 takes 1e-05 for a text. A loss may not be a number. */
static void print_metric(FILE *file, const char *type, const char *name, double value, const char *more) {
    if (isfinite(value))
        fprintf(file, "    - type: %s\n      name: %s\n      value: %.6f\n%s", type, name, value, more);
}

static void print_results(FILE *file, const ModelCard *card) {
    const Scores scores = metrics_scores(card->metrics);
    char room[4096];
    fputs("metrics:\n- accuracy\n- f1\nmodel-index:\n- name: ", file);
    card_quoted(file, folder_name(card, room));
    fputs("\n  results:\n  - task:\n      type: text-classification\n      name: Text Classification\n"
          "    dataset:\n      type: ",
          file);
    card_quoted(file, card->eval->source_name);
    fputs("\n      name: ", file);
    card_quoted(file, card->eval->source_name);
    fprintf(file, "\n      revision: \"%s\"\n    metrics:\n", card->eval->source_digest);
    print_metric(file, "accuracy", "Accuracy", scores.accuracy, "");
    print_metric(file, "f1", "Macro F1", scores.f1, "      args:\n        average: macro\n");
    print_metric(file, "loss", card->class_weights ? "Loss with class weights" : "Loss", scores.loss, "");
}

void card_front_matter(FILE *file, const ModelCard *card) {
    char base[BASE_MODEL_TEXT];
    fputs("---\nlibrary_name: transformers\npipeline_tag: text-classification\n", file);
    if (base_model_name(card->settings->model_name_or_path, card->config, base)) {
        fputs("base_model: ", file);
        card_quoted(file, base);
        fputc('\n', file);
    }
    fputs("tags:\n- linnet\n- gpt2\n", file);
    if (card->metrics) print_results(file, card);
    fputs("---\n", file);
}

static void print_base(FILE *file, const ModelCard *card) {
    char base[BASE_MODEL_TEXT], room[4096];
    if (base_model_name(card->settings->model_name_or_path, card->config, base))
        fprintf(file, "[%s](https://huggingface.co/%s)", base, base);
    else {
        fputs("**", file);
        card_plain(file, card_name(card->settings->model_name_or_path, room));
        fputs("**", file);
    }
}

void card_summary(FILE *file, const ModelCard *card) {
    char room[4096];
    fputs("\n# ", file);
    card_plain(file, folder_name(card, room));
    fputs("\n\nA GPT-2 text classifier: ", file);
    print_base(file, card);
    fputs(" fine-tuned on ", file);
    card_plain(file, card->train->source_name);
    fprintf(file, ". It gives a text one of %" PRId32 " labels.\n", card->config->labels);
    if (!card->metrics) {
        fputs("\nIt was not evaluated.\n", file);
        return;
    }
    const OverallScores overall = overall_scores(card->metrics);
    fputs("\n| ", file);
    card_plain(file, card->eval->source_name);
    fprintf(file, " | |\n|---|---|\n| samples | %" PRId64 " |\n| accuracy |", card->metrics->samples);
    card_interval(file, &overall.accuracy);
    fputs(" |\n| macro F1 |", file);
    card_interval(file, &overall.f1);
    fprintf(file, " |\n| loss%s | %.4f |\n", card->class_weights ? " with class weights" : "",
            metrics_scores(card->metrics).loss);
}

/* As it was trained: with padded_end the head reads the last position of a text that is padded to the model's length,
 * and the configuration names no pad token, without which Transformers runs no batches. */
static void print_call(FILE *file, const ModelCard *card) {
    const bool padded = card->config->pooling == POOLING_PADDED_END;
    fputs(padded ? ", truncation=True, padding=\"max_length\")\n" : ", truncation=True)\n", file);
    fputs("print(classify([\"what a lovely day\", \"i missed the bus\"]", file);
    fputs(padded ? "))\n" : ", batch_size=8))\n", file);
}

void card_usage(FILE *file, const ModelCard *card) {
    char room[4096];
    const char *name = folder_name(card, room);
    fputs("\n## How to use it\n\nIn the folder that this one is in:\n\n```python\nfrom transformers import pipeline\n\n"
          "classify = pipeline(\"text-classification\", model=",
          file);
    card_quoted(file, name);
    print_call(file, card);
    fputs("```\n\n```sh\nlinnet predict --model ", file);
    card_word(file, name);
    fputs(" 'what a lovely day' 'i missed the bus'\n```\n", file);
    if (!card->tokenizer)
        fputs("\nThe model has no tokenizer: copy the files of the one that the data was prepared with to it first.\n",
              file);
}
