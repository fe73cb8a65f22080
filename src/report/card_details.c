/* The tables of a model card: labels, data, training, origin. See card_sections.h. */
#include "linnet/core/json.h"
#include "linnet/evaluate/class_scores.h"
#include "linnet/model/adapter.h"
#include "linnet/settings/class_weights.h"
#include "report/card_sections.h"
#include "report/card_targets.h"
#include "report/card_text.h"
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

enum { EVALUATIONS_MOST = 50 };

/* --- Labels --- */

static void print_class(FILE *file, const Metrics *metrics, int32_t label) {
    const ClassScores scores = class_scores(metrics, label);
    card_interval(file, &scores.precision);
    fputs(" |", file);
    card_interval(file, &scores.recall);
    fputs(" |", file);
    card_interval(file, &scores.f1);
    fprintf(file, " | %" PRId64 " |", scores.support);
}

/* The classes, with their scores of an evaluation (NULL: none). */
static void print_classes(FILE *file, const ModelCard *card, const CardEvaluation *of) {
    fputs("\n| id | label |", file);
    if (card->class_weights) fputs(" class weight |", file);
    if (of) fputs(" precision | recall | F1 | support |", file);
    fprintf(file, "\n|---|---|%s%s\n", card->class_weights ? "---|" : "", of ? "---|---|---|---|" : "");
    for (int32_t i = 0; i < card->config->labels; i++) {
        fprintf(file, "| %" PRId32 " | ", i);
        card_plain(file, card->config->label_names[i]);
        fputs(" |", file);
        if (card->class_weights) fprintf(file, " %.6g |", card->class_weights[i]);
        if (of) print_class(file, of->metrics, i);
        fputc('\n', file);
    }
}

/* Of several evaluations each has a table of its own. */
static void print_labels(FILE *file, const ModelCard *card, const CardEvaluation *of) {
    if (card->evaluation_count > 1) {
        fputs("\n### On ", file);
        card_plain(file, of->data->source_name);
        fputc('\n', file);
    }
    if (problem_has_targets(card->config->problem))
        card_target_labels(file, card, of);
    else
        print_classes(file, card, of);
}

void card_labels(FILE *file, const ModelCard *card) {
    const Problem problem = card->config->problem;
    fputs(problem == PROBLEM_REGRESSION ? "\n## Targets\n" : "\n## Labels\n", file);
    if (card->evaluation_count == 0) print_labels(file, card, NULL);
    for (size_t i = 0; i < card->evaluation_count; i++) print_labels(file, card, &card->evaluations[i]);
    if (card->class_weights)
        fprintf(file, "\nThe class weight is what a sample of the class counts in the loss%s.\n",
                class_weights_are_balanced(card->settings) ? ", balanced by the training data" : "");
    if (card->evaluation_count > 0 && problem == PROBLEM_SINGLE_LABEL)
        fputs("\nIn brackets: 95 % confidence intervals.\n", file);
    if (problem == PROBLEM_MULTI_LABEL) fputs("\nA label applies from a probability of 0.5 on.\n", file);
}

/* --- Data --- */

static void print_data(FILE *file, const char *what, const DatasetInfo *info) {
    fprintf(file, "| %s | ", what);
    card_plain(file, info->source_name);
    fprintf(file, " | %" PRId64 " | %" PRId64 " | %" PRId32 " | `%s` |\n", info->samples, info->tokens, info->longest,
            info->source_digest);
}

static void print_part(FILE *file, const char *what, const DatasetInfo *info) {
    if (!*info->part) return;
    fprintf(file, "\nThe %s samples were chosen by linnet prepare: ", what);
    card_plain(file, info->part);
    fputs(".\n", file);
}

void card_data(FILE *file, const ModelCard *card) {
    fputs("\n## Data\n\n| | table | samples | tokens | longest sample, tokens | SHA-256 of the table |\n"
          "|---|---|---|---|---|---|\n",
          file);
    print_data(file, "training", card->train);
    for (size_t i = 0; i < card->evaluation_count; i++) print_data(file, "evaluation", card->evaluations[i].data);
    print_part(file, "training", card->train);
    for (size_t i = 0; i < card->evaluation_count; i++) print_part(file, "evaluation", card->evaluations[i].data);
}

/* --- Training --- */

/* The settings that decide what the model becomes, by their names in the configuration. */
static const char *const SETTINGS[] = {"learning_rate",
                                       "lr_scheduler_type",
                                       "warmup_steps",
                                       "weight_decay",
                                       "adam_beta1",
                                       "adam_beta2",
                                       "adam_epsilon",
                                       "max_grad_norm",
                                       "label_smoothing_factor",
                                       "focal_gamma",
                                       "dropout",
                                       "pooling",
                                       "bf16",
                                       "seed",
                                       "data_order",
                                       "reduction",
                                       "reduction_dtype",
                                       "head_learning_rate",
                                       "layerwise_lr_decay",
                                       "freeze_layers",
                                       "freeze_embeddings"};

/* Null is the model's own value. */
static void print_setting(FILE *file, const cJSON *settings, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(settings, key);
    char number[JSON_REAL_TEXT];
    if (!value || cJSON_IsNull(value)) return;
    json_real_text(value->valuedouble, number);
    fprintf(file, "| %s | %s |\n", key,
            cJSON_IsString(value)   ? value->valuestring
            : cJSON_IsNumber(value) ? number
            : cJSON_IsTrue(value)   ? "true"
                                    : "false");
}

static void print_adapter(FILE *file, const Settings *settings) {
    fprintf(file, "| lora_r | %" PRId64 " |\n| lora_alpha | %g |\n| lora_dropout | %g |\n| lora_target_modules | ",
            settings->lora_r, settings->lora_alpha, settings->lora_dropout);
    card_plain(file, settings->lora_target_modules ? settings->lora_target_modules : "c_attn");
    fputs(" |\n", file);
}

void card_training(FILE *file, const ModelCard *card) {
    const RunState *state = card->state;
    cJSON *settings = cJSON_Parse(card->settings_text);
    fputs("\n## Training\n\n| setting | value |\n|---|---|\n", file);
    print_setting(file, settings, card->settings->max_steps > 0 ? "max_steps" : "num_train_epochs");
    fprintf(file, "| global_batch_size | %" PRId64 " |\n", state->global_batch);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) print_setting(file, settings, SETTINGS[i]);
    fprintf(file, "| reduction_units | %" PRId64 " |\n", state->units);
    if (card->settings->lora_r > 0) print_adapter(file, card->settings);
    cJSON_Delete(settings);
    fprintf(file, "\nThe optimizer is AdamW. The weights are those of update %" PRId64 " of %" PRId64 ".\n", card->step,
            state->total);
    if (state->trainable < state->parameters)
        fprintf(file,
                "%" PRId64 " of the model's %" PRId64 " parameters were trained; the others are the base model's.\n",
                state->trainable, state->parameters);
    if (state->skipped > 0)
        fprintf(file, "%" PRId64 " updates were left out, since their loss or gradient was not finite.\n",
                state->skipped);
}

/* A cell with a number of an event; "-" where it has none. */
static void print_number(FILE *file, const cJSON *event, const char *name, int digits) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(event, name);
    if (cJSON_IsNumber(value))
        fprintf(file, " %.*f |", digits, value->valuedouble);
    else
        fputs(" - |", file);
}

/* A score's name in the log. */
typedef struct {
    char text[128];
} Field;

static const char *field_of(const CardEvaluation *of, const char *metric, Field *room) {
    snprintf(room->text, sizeof room->text, "%s%s", of->prefix, metric);
    return room->text;
}

static bool is_evaluation(const CardEvaluation *of, const cJSON *event) {
    Field room;
    return cJSON_HasObjectItem(event, field_of(of, "loss", &room));
}

/* Where the evaluations at their own steps end: behind the run's summary there is that of the best model, whose weights
 * are of another step than the one that it is logged at. */
static const cJSON *end_of_evaluations(const ModelCard *card) {
    const cJSON *event;
    cJSON_ArrayForEach(event, card->history) {
        if (card->step != card->state->step && cJSON_HasObjectItem(event, "train_loss")) return event;
    }
    return NULL;
}

/* The scores beside the loss, by their names in the log. */
enum { COLUMNS_MOST = 4 };
typedef struct {
    int count;
    const char *names[COLUMNS_MOST], *metrics[COLUMNS_MOST];
} EvaluationColumns;

static const EvaluationColumns EVALUATION_COLUMNS[] = {
    [PROBLEM_SINGLE_LABEL] = {4, {"accuracy", "macro F1", "MCC", "AUROC"}, {"accuracy", "f1", "mcc", "auroc"}},
    [PROBLEM_MULTI_LABEL] = {3,
                             {"micro F1", "macro F1", "mean average precision"},
                             {"f1_micro", "f1", "average_precision"}},
    [PROBLEM_REGRESSION] = {4, {"RMSE", "MAE", "Pearson", "Spearman"}, {"rmse", "mae", "pearson", "spearmanr"}},
};

static const EvaluationColumns LANGUAGE_COLUMNS = {1, {"perplexity"}, {"perplexity"}};

static const EvaluationColumns *columns_of(const ModelConfig *config) {
    return config->language ? &LANGUAGE_COLUMNS : &EVALUATION_COLUMNS[config->problem];
}

static void print_evaluation(FILE *file, const ModelCard *card, const CardEvaluation *of, const cJSON *event,
                             const cJSON *trained) {
    const EvaluationColumns *columns = columns_of(card->config);
    Field room;
    fputc('|', file);
    print_number(file, event, "step", 0);
    print_number(file, event, "epoch", 4);
    print_number(file, trained, "loss", 4);
    print_number(file, event, field_of(of, "loss", &room), 4);
    for (int i = 0; i < columns->count; i++) print_number(file, event, field_of(of, columns->metrics[i], &room), 4);
    fputc('\n', file);
}

static void print_evaluations(FILE *file, const ModelCard *card, const CardEvaluation *of) {
    const EvaluationColumns *columns = columns_of(card->config);
    int count = 0, number = 0;
    const cJSON *const first = card->history ? card->history->child : NULL, *const end = end_of_evaluations(card);
    const cJSON *trained = NULL;
    for (const cJSON *event = first; event != end; event = event->next) count += is_evaluation(of, event);
    if (count < 2) return;
    const int stride = (count + EVALUATIONS_MOST - 1) / EVALUATIONS_MOST;
    fputs("\n### Evaluations", file);
    if (card->evaluation_count > 1) {
        fputs(" on ", file);
        card_plain(file, of->data->source_name);
    }
    fputs("\n\n| step | epoch | training loss | loss |", file);
    for (int i = 0; i < columns->count; i++) fprintf(file, " %s |", columns->names[i]);
    fputs("\n|---|---|---|---|", file);
    for (int i = 0; i < columns->count; i++) fputs("---|", file);
    fputc('\n', file);
    for (const cJSON *event = first; event != end; event = event->next) {
        if (cJSON_HasObjectItem(event, "loss")) trained = event;
        if (!is_evaluation(of, event) || (++number % stride && number != count)) continue;
        print_evaluation(file, card, of, event, trained);
    }
    if (stride > 1) fprintf(file, "\nOf %d evaluations one in %d is shown, and the last one.\n", count, stride);
}

void card_evaluations(FILE *file, const ModelCard *card) {
    for (size_t i = 0; i < card->evaluation_count; i++) print_evaluations(file, card, &card->evaluations[i]);
}

/* --- Origin --- */

static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

void card_origin(FILE *file, const ModelCard *card) {
    const BuildFingerprint *build = &card->state->fingerprint;
    fprintf(file, "\n## Made with\n\n- linnet %s\n- %d rank%s with %d thread%s each, on %d host%s\n", build->linnet,
            card->ranks, plural(card->ranks), card->threads, plural(card->threads), card->nodes, plural(card->nodes));
    fprintf(file, "- kernels %s, products %s, sums %s, compiler %s\n", build->kernels, build->products, build->sums,
            build->compiler);
    fprintf(file, "- run `%s`, started %s\n- SHA-256 of %s: `%s`\n", card->state->run.id, card->state->run.started,
            card->settings->lora_r > 0 ? ADAPTER_VALUES_FILE : "model.safetensors", card->digest);
}
