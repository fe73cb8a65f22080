#ifndef LINNET_REPORT_CARD_TARGETS_H
#define LINNET_REPORT_CARD_TARGETS_H
/** What a model card says of scores with targets (problem_has_targets()). The stream's error flag tells of failures. Not
 *  collective. */
#include "linnet/report/model_card.h"
#include <stdio.h>

/** "It tells which of 5 labels a text has, if any." */
void card_target_kind(FILE *file, const ModelCard *card);
/** The names of metrics in the front matter, a line each, and their values. */
void card_target_metrics(FILE *file, const ModelCard *card);
void card_target_results(FILE *file, const CardEvaluation *of);
/** Rows of the table of scores. */
void card_target_summary(FILE *file, const CardEvaluation *of);
/** The table of the labels or targets, with their scores of an evaluation (NULL: none). */
void card_target_labels(FILE *file, const ModelCard *card, const CardEvaluation *of);

#endif
