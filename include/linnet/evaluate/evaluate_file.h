#ifndef LINNET_EVALUATE_EVALUATE_FILE_H
#define LINNET_EVALUATE_EVALUATE_FILE_H
/** What `linnet evaluate` does: evaluate a model folder on a token file or a table of labelled texts. */
#include "linnet/comm/world.h"
#include "linnet/text/records.h"

typedef struct {
    const char *model, *data;
    const char *adapter;     /**< the folder of an adapter of the model, or NULL */
    const char *predictions; /**< file for a line per sample, or NULL */
    bool json;               /**< print the scores as one JSON object, not as a table */
    int64_t batch_size;      /**< samples that run together */
    int64_t threads;         /**< per rank; 0: one per core that the rank may use */
    int64_t rank_timeout;    /**< seconds, see heartbeat_limit() */
    TableOptions table;      /**< how a table is written */
    const char *text_column;
    const char *pair_column;  /**< of a table with second texts; else NULL */
    const char *label_column; /**< NULL: USUAL_LABEL_COLUMN, or with targets a column named like each of them */
    char **label_columns;     /**< [label_column_count] or NULL: a column for each target */
    size_t label_column_count;
    const char *label_separator; /**< as in PrepareOptions */
    char **label_names; /**< [labels] the names that a table has for the model's labels; NULL: the model's own */
    size_t labels;
} EvaluateOptions;

/** Rank 0 prints the scores to standard output and writes the predictions. The rank where an error occurred has printed
 *  it. Collective. */
Status evaluate_file(World *world, const EvaluateOptions *options, Error *error);

#endif
