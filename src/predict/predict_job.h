#ifndef LINNET_PREDICT_PREDICT_JOB_H
#define LINNET_PREDICT_PREDICT_JOB_H
/** A job of predict_file(), as its sources share it. */
#include "linnet/core/digest.h"
#include "linnet/core/lock.h"
#include "linnet/predict/predict_file.h"
#include "linnet/predict/predictor.h"
#include "predict/table_rows.h"
#include <sys/stat.h>

typedef struct {
    World *world; /**< borrowed; NULL: one process without MPI */
    int rank, ranks;
    const PredictFileOptions *options; /**< borrowed */
    TableOptions table;                /**< of the input, also where that is a copy of standard input */
    char *input;                       /**< what is read: the path, or that copy */
    OutputFormat format;
    char *folder;    /**< OUTPUT.parts */
    bool disposable; /**< the folder holds nothing to go on from; rank 0 */
    Lock lock;       /**< rank 0 */
    TableRows *rows;
    AnswerColumns answers;
    Predictor *predictor;
    /* the parts, the same on every rank */
    TablePart *parts;         /**< [count] */
    bool *done;               /**< [count] */
    int64_t count, total;     /**< total: rows */
    char digest[DIGEST_TEXT]; /**< of the input */
    struct stat opened;       /**< the input's size and time when it was opened; rank 0 */
} PredictJob;

/** Agree on an error: world_agree(), which prints; alone *error's status. Collective. */
Status predict_agree(const PredictJob *job, Error *error);
/** *error's status; STATUS_STOPPED if a signal has asked this rank to stop before the first row is classified. */
Status predict_check_signals(Error *error);
/** Sums over the ranks. Collective. */
void predict_sum(const PredictJob *job, int64_t *values, size_t count);

/** Divide the input: fills parts (a table that is divided by bytes has no rows in them yet), count, done (all false) and
 *  digest. Collective; ends with predict_agree(). */
Status predict_divide(PredictJob *job, Error *error);

/** Check every row of a table and count those of its parts. Collective; ends with predict_agree(). */
Status predict_check_rows(PredictJob *job, Error *error);

/** Classify the parts that are not done, all ranks together; each finished part is a file. *stopped: by a signal to any
 *  of them. Collective, does not agree. */
Status predict_classify_parts(PredictJob *job, bool *stopped, Error *error);

#endif
