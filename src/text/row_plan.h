#ifndef LINNET_TEXT_ROW_PLAN_H
#define LINNET_TEXT_ROW_PLAN_H
/** Which rows of a table become samples of which token file, and how often: for a split and a balance of classes, which
 *  need to know all rows before the first is written. Not collective. */
#include "linnet/text/preparation.h"
#include "text/duplicates.h"

typedef struct {
    int64_t count;    /**< rows that were added */
    TextList texts;   /**< of them, for a split */
    uint16_t *labels; /**< [count] of labels_room */
    int64_t labels_room;
    uint8_t *evaluation; /**< [count] 1: for the evaluation file */
    uint32_t *copies;    /**< [count] how often the row is written */
} RowPlan;

/** Whether the options need a plan. */
bool row_plan_needed(const PrepareOptions *options);

/** Add the next row: its texts [count], one or two, and its class. */
Status row_plan_add(RowPlan *plan, const PrepareOptions *options, const Field *texts, int count, int32_t label,
                    Error *error);

/** All rows have been added: decide. Fills the counts of the summary. */
Status row_plan_make(RowPlan *plan, const PrepareOptions *options, PrepareSummary *summary, Error *error);
void row_plan_free(RowPlan *plan);

#endif
