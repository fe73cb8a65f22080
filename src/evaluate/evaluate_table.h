#ifndef LINNET_EVALUATE_TABLE_H
#define LINNET_EVALUATE_TABLE_H
/** A table of labelled texts in the place of a token file. */
#include "linnet/data/dataset.h"
#include "linnet/evaluate/evaluate_file.h"

/** Whether the data are a table: neither a token file, nor called like one (.h5, .hdf5). Collective. */
bool evaluate_is_table(const World *world, const EvaluateOptions *options);

/** Prepare the table with the model's tokenizer, up to its positions, and open the result. On each node one rank writes
 *  it to a temporary file, which is removed as soon as the node's ranks have opened it. The labels are the model's,
 *  unless the options name others in the same order. STATUS_INPUT: what prepare() refuses, other labels than the model
 *  has, standard input for ranks on several nodes. Warns of truncated texts. Collective. */
Status evaluate_open_table(const World *world, Dataset **dataset, const EvaluateOptions *options, Error *error);
#endif
