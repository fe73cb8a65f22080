#ifndef LINNET_PREDICT_OBJECT_CELLS_H
#define LINNET_PREDICT_OBJECT_CELLS_H
/** The members of a JSON object as cells. */
#include "predict/table_output.h"

typedef struct {
    size_t at, size; /**< of the value in `text`; a string decoded */
} ObjectCell;

/** Zeros at first. */
typedef struct {
    char *text; /**< [size] the object, changed where strings were decoded */
    size_t size, capacity;
    char **names; /**< [count] of the columns */
    ObjectCell *cells;
    size_t count;
} ObjectCells;

/** Take the names of the members of an object, which is valid JSON, as columns. `name`: the table, for errors. */
Status object_cells_columns(ObjectCells *cells, const char *object, size_t size, const char *name, Error *error);

/** Read an object's cells; those of members that it does not have are empty, as null's. STATUS_INPUT, naming the table
 *  and this line, for a member that is no column. A nested array or object stays as it is written. */
Status object_cells_read(ObjectCells *cells, const char *object, size_t size, const char *name, int64_t line,
                         Error *error);

/** Check that no member of an object has the name of an added column. */
Status object_cells_check(ObjectCells *cells, const char *object, size_t size, const AnswerColumns *answers,
                          const char *name, int64_t line, Error *error);

void object_cells_free(ObjectCells *cells);

#endif
