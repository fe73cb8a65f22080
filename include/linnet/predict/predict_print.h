#ifndef LINNET_PREDICT_PRINT_H
#define LINNET_PREDICT_PRINT_H
/** What `linnet predict` writes to standard output: an answer a text, in the order of the texts. Texts run in batches of
 *  the predictor's batch size: without padding nothing is gained by reading further ahead and sorting by length. Where a
 *  text is refused, those before it are answered first. Not collective. */
#include "linnet/predict/answer.h"
#include "linnet/predict/predictor.h"
#include "linnet/text/records.h"

/** Answer texts [count], each with a zero byte at its end. */
Status predict_print_texts(Predictor *predictor, char *const *texts, size_t count, const AnswerStyle *style,
                           Error *error);

/** Answer each row of a table ("-": standard input), whose texts are in a column, and second texts perhaps in another
 *  one (NULL: there are none). The texts read so far are answered as
 *  soon as no further row is waiting (records_ready()), so that who writes a line gets its answer. */
Status predict_print_table(Predictor *predictor, const char *input, const TableOptions *table, const char *text_column,
                           const char *pair_column, const AnswerStyle *style, Error *error);

/** Answer each sample of a token file. */
Status predict_print_samples(Predictor *predictor, const char *input, const AnswerStyle *style, Error *error);
#endif
