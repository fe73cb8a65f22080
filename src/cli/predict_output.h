#ifndef LINNET_CLI_PREDICT_OUTPUT_H
#define LINNET_CLI_PREDICT_OUTPUT_H
/** linnet predict --output: alone, or by all ranks of a job. */
#include "linnet/predict/predict_file.h"

/** Refuse several processes without --output, with one line. `texts`: texts are arguments. */
Status predict_output_require(const PredictFileOptions *options, bool texts, Error *error);

/** Predict, under MPI where a launcher has started several processes. `error` may hold what is wrong with the command
 *  line; errors are printed here. Collective. */
Status predict_output_run(const PredictFileOptions *options, bool quiet, Error *error);

#endif
