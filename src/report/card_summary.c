/* What a reader of a model card wants first: the front matter, the summary, the way to use it. See card_sections.h. */
#include "linnet/evaluate/perplexity.h"
#include "report/base_model.h"
#include "report/card_sections.h"
#include "report/card_targets.h"
#include "report/card_text.h"
#include <inttypes.h>
#include <math.h>

const char *card_folder(const ModelCard *card, char room[4096]) {
    return card_name(card->settings->output_dir, room);
}

/* Digits after the point, never an exponent: YAML 1.1 takes 1e-05 for a text. A loss may not be a number. */
static void print_metric(FILE *file, const char *type, const char *name, double value, const char *more) {
    if (isfinite(value))
        fprintf(file, "    - type: %s\n      name: %s\n      value: %.6f\n%s", type, name, value, more);
}

static void print_class_metrics(FILE *file, const CardEvaluation *of) {
    const Scores *scores = of->scores;
    static const char macro[] = "      args:\n        average: macro\n";
    print_metric(file, "accuracy", "Accuracy", scores->accuracy, "");
    print_metric(file, "f1", "Macro F1", scores->f1, macro);
    print_metric(file, "precision", "Macro Precision", scores->precision, macro);
    print_metric(file, "recall", "Macro Recall", scores->recall, macro);
    print_metric(file, "matthews_correlation", "Matthews Correlation", scores->mcc, "");
    print_metric(file, "roc_auc", "AUROC", scores->auroc, of->metrics->labels > 2 ? macro : "");
    print_metric(file, "loss", of->metrics->class_weights ? "Loss with class weights" : "Loss", scores->loss, "");
}

static void print_result(FILE *file, const CardEvaluation *of) {
    const bool language = of->metrics->labels == 0;
    fprintf(file, "  - task:\n      type: %s\n      name: %s\n    dataset:\n      type: ",
            language ? "text-generation" : "text-classification", language ? "Text Generation" : "Text Classification");
    card_quoted(file, of->data->source_name);
    fputs("\n      name: ", file);
    card_quoted(file, of->data->source_name);
    fprintf(file, "\n      revision: \"%s\"\n    metrics:\n", of->data->source_digest);
    if (language) {
        print_metric(file, "perplexity", "Perplexity", perplexity(of->scores->loss), "");
        print_metric(file, "loss", "Loss", of->scores->loss, "");
    } else if (problem_has_targets(of->scores->problem))
        card_target_results(file, of);
    else
        print_class_metrics(file, of);
}

static void print_results(FILE *file, const ModelCard *card) {
    char room[4096];
    fputs("metrics:\n", file);
    if (card->config->language)
        fputs("- perplexity\n", file);
    else if (problem_has_targets(card->config->problem))
        card_target_metrics(file, card);
    else
        fputs("- accuracy\n- f1\n- precision\n- recall\n- matthews_correlation\n- roc_auc\n", file);
    fputs("model-index:\n- name: ", file);
    card_quoted(file, card_folder(card, room));
    fputs("\n  results:\n", file);
    for (size_t i = 0; i < card->evaluation_count; i++) print_result(file, &card->evaluations[i]);
}

void card_front_matter(FILE *file, const ModelCard *card) {
    char base[BASE_MODEL_TEXT];
    const bool adapter = card->settings->lora_r > 0;
    fprintf(file, "---\nlibrary_name: %s\npipeline_tag: %s\n", adapter ? "peft" : "transformers",
            card->config->language ? "text-generation" : "text-classification");
    if (base_model_name(card->settings->model_name_or_path, card->config, base)) {
        fputs("base_model: ", file);
        card_quoted(file, base);
        fputc('\n', file);
    }
    fprintf(file, "tags:\n- linnet\n- gpt2\n%s", adapter ? "- lora\n" : "");
    if (card->evaluation_count > 0) print_results(file, card);
    fputs("---\n", file);
}

void card_base(FILE *file, const ModelCard *card) {
    char base[BASE_MODEL_TEXT], room[4096];
    if (base_model_name(card->settings->model_name_or_path, card->config, base))
        fprintf(file, "[%s](https://huggingface.co/%s)", base, base);
    else {
        fputs("**", file);
        card_plain(file, card_name(card->settings->model_name_or_path, room));
        fputs("**", file);
    }
}

static void print_score(FILE *file, const char *name, double value) {
    if (isfinite(value)) fprintf(file, "| %s | %.4f |\n", name, value);
}

static void print_class_scores(FILE *file, const CardEvaluation *of) {
    const OverallScores overall = overall_scores(of->metrics);
    fputs("| accuracy |", file);
    card_interval(file, &overall.accuracy);
    fputs(" |\n| macro F1 |", file);
    card_interval(file, &overall.f1);
    fputs(" |\n", file);
    print_score(file, "weighted F1", overall.f1_weighted);
    print_score(file, "Matthews correlation coefficient", overall.mcc);
    print_score(file, of->metrics->labels > 2 ? "AUROC, one class against the rest, macro" : "AUROC",
                of->scores->auroc);
    print_score(file, "expected calibration error", of->scores->ece);
    fprintf(file, "| loss%s | %.4f |\n", of->metrics->class_weights ? " with class weights" : "", of->scores->loss);
}

static void print_scores(FILE *file, const CardEvaluation *of) {
    fputs("\n| ", file);
    card_plain(file, of->data->source_name);
    fprintf(file, " | |\n|---|---|\n| samples | %" PRId64 " |\n", of->metrics->samples);
    if (problem_has_targets(of->scores->problem))
        card_target_summary(file, of);
    else
        print_class_scores(file, of);
}

void card_summary(FILE *file, const ModelCard *card) {
    char room[4096];
    fputs("\n# ", file);
    card_plain(file, card_folder(card, room));
    const bool adapter = card->settings->lora_r > 0;
    const char *kind = card->config->problem == PROBLEM_REGRESSION ? "regressor" : "classifier";
    fprintf(file, adapter ? "\n\nA LoRA adapter that makes a text %s of " : "\n\nA GPT-2 text %s: ", kind);
    card_base(file, card);
    fputs(adapter ? ", trained on " : " fine-tuned on ", file);
    card_plain(file, card->train->source_name);
    if (problem_has_targets(card->config->problem))
        card_target_kind(file, card);
    else
        fprintf(file, ". It gives a text one of %" PRId32 " labels.\n", card->config->labels);
    if (card->evaluation_count == 0) fputs("\nIt was not evaluated.\n", file);
    for (size_t i = 0; i < card->evaluation_count; i++) print_scores(file, &card->evaluations[i]);
}

/* As it was trained: with padded_end the head reads the last position of a text that is padded to the model's length,
 * and the configuration names no pad token, without which Transformers runs no batches. */
static void print_call(FILE *file, const ModelCard *card) {
    const bool padded = card->config->pooling == POOLING_PADDED_END;
    fputs(padded ? ", truncation=True, padding=\"max_length\")\n" : ", truncation=True)\n", file);
    fputs("print(classify([\"what a lovely day\", \"i missed the bus\"]", file);
    if (card->config->problem == PROBLEM_MULTI_LABEL) fputs(", top_k=None", file);
    fputs(padded ? "))\n" : ", batch_size=8))\n", file);
}

static void print_pipeline(FILE *file, const char *name) {
    fputs("from transformers import pipeline\n\nclassify = pipeline(\"text-classification\", model=", file);
    card_quoted(file, name);
}

/* PEFT takes labels and pad token from the base model, which may have others. */
static void print_adapted_pipeline(FILE *file, const ModelCard *card, const char *name) {
    const ModelConfig *config = card->config;
    const bool padded = config->pooling == POOLING_PADDED_END;
    fputs("from peft import AutoPeftModelForSequenceClassification\nfrom transformers import pipeline\n\n"
          "labels = [",
          file);
    for (int32_t i = 0; i < config->labels; i++) {
        if (i > 0) fputs(", ", file);
        card_quoted(file, config->label_names[i]);
    }
    fputs("]\nmodel = AutoPeftModelForSequenceClassification.from_pretrained(", file);
    card_quoted(file, name);
    fputs(", id2label=dict(enumerate(labels)), num_labels=len(labels)", file);
    if (problem_has_targets(config->problem)) fprintf(file, ", problem_type=\"%s\"", problem_name(config->problem));
    if (!padded) fprintf(file, ", pad_token_id=%" PRId32, config->pad_token);
    fputs(")\nclassify = pipeline(\"text-classification\", model=model.merge_and_unload(), tokenizer=", file);
    card_quoted(file, name);
}

void card_usage(FILE *file, const ModelCard *card) {
    char room[4096];
    const char *name = card_folder(card, room);
    fputs("\n## How to use it\n\nIn the folder that this one is in:\n\n```python\n", file);
    if (card->settings->lora_r > 0)
        print_adapted_pipeline(file, card, name);
    else
        print_pipeline(file, name);
    print_call(file, card);
    fputs("```\n\n```sh\nlinnet predict --model ", file);
    card_word(file, name);
    fputs(" 'what a lovely day' 'i missed the bus'\n```\n", file);
    if (!card->tokenizer)
        fputs("\nThe model has no tokenizer: copy the files of the one that the data was prepared with to it first.\n",
              file);
}
