#ifndef LINNET_PREDICT_PREDICT_FILE_H
#define LINNET_PREDICT_PREDICT_FILE_H
/** What `linnet predict --output` does: label each row of a table, or each sample of a token file, and write a table
 *  with the answers (docs/reference/formats.md, "Predictions").
 *
 *  The input is divided into parts, as a function of the input alone (linnet/text/division.h; what cannot be divided by
 *  bytes is read by every rank, which classifies only its parts). Ranks take parts until none is left. Each finished
 *  part becomes a file in the folder OUTPUT.parts, beside a manifest that says what the parts are made of: a job that
 *  ended early goes on behind them, on any number of ranks. At the end rank 0 joins the parts. So the output has the same
 *  bytes on any number of ranks, is complete or absent, and memory does not grow with the number of rows. */
#include "linnet/comm/world.h"
#include "linnet/text/records.h"

typedef struct {
    const char *model;
    const char *adapter; /**< of that model; NULL: none */
    const char *input;   /**< a table, a token file, or "-": standard input */
    const char *output;  /**< its name tells the format, see output_format() */
    const char *text_column;
    const char *pair_column; /**< of second texts; NULL: there are none */
    TableOptions table;
    double threshold;     /**< labels of a lower probability are left out */
    int64_t batch_size;   /**< texts that run together */
    int64_t threads;      /**< per rank; 0: one per core that the rank may use */
    int64_t rank_timeout; /**< seconds, see heartbeat_limit() */
} PredictFileOptions;

/** Predict. `world` is NULL for one process without MPI, whose caller prints the error; in a job the rank where an error
 *  occurred has printed it. STATUS_STOPPED after a stop signal: the same command goes on behind the finished parts. Collective. */
Status predict_file(World *world, const PredictFileOptions *options, Error *error);

#endif
