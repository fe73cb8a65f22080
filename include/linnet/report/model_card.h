#ifndef LINNET_REPORT_MODEL_CARD_H
#define LINNET_REPORT_MODEL_CARD_H
/** The model card of a final model: OUTPUT/README.md, as the Hugging Face Hub shows it. YAML front matter with the
 *  metrics as the Hub's `model-index`, then Markdown: data with digests, settings, results by class, how to load the
 *  model. Folders are named without their parents, and hosts not at all. Not collective: rank 0 calls it.
 *
 *  A card is linnet's own while it has the line MODEL_CARD_MARK begins. Any other README.md is its author's. */
#include "linnet/checkpoint/run_state.h"
#include "linnet/data/dataset.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/model/model_config.h"
#include "linnet/settings/settings.h"

#define MODEL_CARD_FILE "README.md"
#define MODEL_CARD_MARK "<!-- This card was written by linnet."

/** The evaluation of the final model on a file. */
typedef struct {
    const char *prefix; /**< of its scores in the log, "eval_" or "eval_NAME_" */
    const DatasetInfo *data;
    const Metrics *metrics;
    const Scores *scores;
} CardEvaluation;

/** What a card tells; all borrowed. */
typedef struct {
    const Settings *settings;
    const char *settings_text; /**< the same by settings_text() */
    const RunState *state;
    int64_t step; /**< update whose weights the model has */
    const ModelConfig *config;
    bool tokenizer;                    /**< the model has one */
    const DatasetInfo *train;          /**< training data */
    const CardEvaluation *evaluations; /**< [evaluation_count] in the order of eval_file */
    size_t evaluation_count;           /**< 0: the model was not evaluated */
    const double *class_weights;       /**< [labels] in the loss; NULL: none */
    const cJSON *history;              /**< the log's events, an array; NULL: none */
    int ranks, nodes, threads;
    const char *digest; /**< SHA-256 of model.safetensors or adapter_model.safetensors */
} ModelCard;

/** Write the card, complete or not at all. A README.md that is not linnet's own stays as it is, and a warning says so.
 *  STATUS_INPUT or STATUS_FAILURE name the file. */
Status model_card_save(const ModelCard *card, Error *error);

/** Remove the card of a model that is about to be replaced, if it is linnet's own. */
Status model_card_remove(const char *output_dir, Error *error);

#endif
