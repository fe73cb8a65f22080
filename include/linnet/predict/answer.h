#ifndef LINNET_PREDICT_ANSWER_H
#define LINNET_PREDICT_ANSWER_H
/** The answer to one text as a line of output: tab-separated, or a JSON object. docs/reference/formats.md describes
 *  both. Where several labels may apply, the answer is those whose probability reaches the threshold; with regression it
 *  is numbers. Not collective. */
#include "linnet/data/problem.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    bool json;
    int64_t top_k; /**< the most probable labels, so many at most; 0: the best one (in JSON the probabilities of all) */
    double threshold; /**< a label with a smaller probability is not named; 0: all are, with multi label those from
                           PREDICT_THRESHOLD on */
} AnswerStyle;

/** What was classified: a text, or the row of a token file. */
typedef struct {
    const char *text; /**< [size], or NULL */
    size_t size;      /**< bytes */
    int64_t row;
} Subject;

typedef struct {
    int32_t labels;              /**< L */
    char *const *label_names;    /**< [L] */
    int32_t best;                /**< −1: the model's values overflow float32 */
    const double *probabilities; /**< [L] with regression the values */
    Problem problem;
} Answer;

/** Write the line. The stream's error flag tells of failures. */
void answer_print(FILE *stream, const AnswerStyle *style, const Answer *answer, const Subject *subject);
#endif
