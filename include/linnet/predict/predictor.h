#ifndef LINNET_PREDICT_PREDICTOR_H
#define LINNET_PREDICT_PREDICTOR_H
/** A loaded model that classifies texts, or tells a number of them, in one process with all its threads.
 *
 *  The texts of a call run in batches, packed without padding (batch.h), and the answers come in the order of the texts.
 *  Texts with equal beginnings run together and share the rows of these: the more texts in a call, the more is shared.
 *  A text's probabilities have the same bits whatever texts are given with it, and whatever the batch size, where
 *  products are linnet's own (linear_batch_invariant(): on every CPU with AVX2; a BLAS may sum in another order when it
 *  has other numbers of rows). Two threads must not use the same Predictor at once. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The usual batch size. More texts than fit batch_rows_max() rows run in several batches in any case. */
#define PREDICT_BATCH_SIZE 32

typedef struct Predictor Predictor;

typedef struct {
    const char *text; /**< [size] UTF-8, may hold zero bytes; borrowed */
    size_t size;      /**< bytes */
    const char *pair; /**< [pair_size] a second text, likewise; NULL: there is none */
    size_t pair_size;
} PredictText;

/** From this probability on a label applies, where several may. */
#define PREDICT_THRESHOLD 0.5

/** Load a model folder, checkpoint or adapter with its tokenizer, or the adapter `adapter` (NULL: none) of the model
 *  (model_paths.h); at most `batch_size` ≥ 1 texts run together. STATUS_INPUT also
 *  where it has no classification head, more labels than METRICS_LABELS_MAX, or a tokenizer with more tokens than the
 *  model. */
Status predictor_open(Predictor **predictor, const char *model, const char *adapter, int64_t batch_size, Error *error);
/** STATUS_INPUT where texts cannot have second texts: tokenizer_takes_pairs(). */
Status predictor_takes_pairs(const Predictor *predictor, Error *error);
void predictor_close(Predictor *predictor); /**< NULL is allowed */

size_t predictor_batch_size(const Predictor *predictor); /**< texts that run together at most */
Problem predictor_problem(const Predictor *predictor);
int32_t predictor_labels(const Predictor *predictor);           /**< number of classes or targets, L */
char *const *predictor_label_names(const Predictor *predictor); /**< [L] borrowed */

/** STATUS_INPUT, naming the option, where the model tells numbers, which have no probabilities. */
Status predictor_require_probabilities(const Predictor *predictor, const char *option, Error *error);

/** Asked after each batch, with the number of texts answered so far: false ends the call with STATUS_STOPPED, and no
 *  answer of it counts. */
typedef struct {
    bool (*go_on)(void *context, int64_t answered);
    void *context; /**< borrowed */
} PredictWatch;

/** Classify texts [count], tokenized by tokenizer_encode_sample() or, with a second text, tokenizer_encode_pair() up to the tokenizer's model_max_length and the model's
 *  positions.
 *   best [count]              written: the index of the label, metrics_predicted(); with targets 0; −1 where the model's
 *                             values overflow float32, so that no label is meant
 *   probabilities [count, L]  written: of each label (target_outputs(): with regression the values); all of a text's are
 *                             NaN where best is −1
 *   watch                     NULL: none
 *   failed                    written after an error about one text (STATUS_INPUT: it is not UTF-8): the text's index.
 *                             After any other error it is `count`. No answer is written then. */
Status predictor_classify_all(Predictor *predictor, const PredictText *texts, size_t count, int32_t *best,
                              double *probabilities, const PredictWatch *watch, size_t *failed, Error *error);

/** Verify a token file: STATUS_INPUT where it is damaged or was made with another tokenizer than the model's. Warn of
 *  samples longer than the model's positions. */
Status predictor_check_data(const Predictor *predictor, Dataset *data, Error *error);

/** Classify samples of such a file, up to the model's positions; best [samples->count] and probabilities
 *  [samples->count, L] as above. */
Status predictor_classify_samples(Predictor *predictor, const Samples *samples, int32_t *best, double *probabilities,
                                  const PredictWatch *watch, Error *error);

/** Texts of predictor_classify_all() so far, and how many of them had more tokens than were read. */
typedef struct {
    int64_t texts, truncated;
} PredictCounts;
PredictCounts predictor_counts(const Predictor *predictor);

/** Warn, with their number, if texts had more tokens than were read. The counts may be those of several processes. */
void predictor_warn_truncated(const Predictor *predictor, const PredictCounts *counts);

#endif
