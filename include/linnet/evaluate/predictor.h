#ifndef LINNET_EVALUATE_PREDICTOR_H
#define LINNET_EVALUATE_PREDICTOR_H
/** A loaded model that classifies one text at a time, in one process with all its threads. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/evaluate/metrics.h"
#include <stddef.h>

typedef struct Predictor Predictor;

typedef struct {
    int32_t labels;
    char *const *label_names;                 /**< [labels] borrowed from the predictor */
    int32_t best;                             /**< metrics_predicted() */
    double probabilities[METRICS_LABELS_MAX]; /**< [labels] NaN where the model's values overflow float32 */
} Prediction;

/** Load a model folder or checkpoint with its tokenizer. STATUS_INPUT also where it has no classification head, or its
 *  tokenizer has more tokens than the model. */
Status predictor_open(Predictor **predictor, const char *model, Error *error);
void predictor_close(Predictor *predictor); /**< NULL is allowed */

/** Classify a text (UTF-8, `size` bytes), tokenized by tokenizer_encode_sample() up to the
 *  tokenizer's model_max_length and the model's positions. */
Status predictor_classify(Predictor *predictor, const char *text, size_t size, Prediction *prediction, Error *error);

/** Verify a token file: STATUS_INPUT where it is damaged or was made with another tokenizer than the model's. Warn of
 *  samples longer than the model's positions. */
Status predictor_check_data(const Predictor *predictor, Dataset *data, Error *error);
/** Classify a sample of such a file, ids [count ≥ 1], up to the model's positions. */
void predictor_classify_ids(Predictor *predictor, const int32_t *ids, size_t count, Prediction *prediction);

/** Warn, with their number, if texts so far had more tokens than were read. */
void predictor_warn_truncated(const Predictor *predictor);

#endif
