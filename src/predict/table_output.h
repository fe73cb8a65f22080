#ifndef LINNET_PREDICT_TABLE_OUTPUT_H
#define LINNET_PREDICT_TABLE_OUTPUT_H
/** Writing a table with predictions: its header, cells and answers. Streams tell of errors by ferror(). */
#include "linnet/core/error.h"
#include "linnet/data/problem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum { OUTPUT_CSV, OUTPUT_TSV, OUTPUT_JSON } OutputFormat;

/** The format of a file by its name: .csv; .tsv or .tab; .jsonl, .ndjson or .json (JSON Lines). STATUS_INPUT for another
 *  name. */
Status output_format(const char *path, OutputFormat *format, Error *error);

/** The columns that predict adds. */
typedef struct {
    Problem problem;
    char *label; /**< "label", with multi label "labels", or predicted_… where the input has that column; NULL
                               with regression */
    char **probabilities; /**< [labels] "probability_NAME", with regression "predicted_NAME" */
    char *const *names;   /**< [labels] of the classes; borrowed */
    int32_t labels;
    double threshold; /**< a label of a lower probability is left out; with multi label all others apply */
} AnswerColumns;

/** Choose the names beside the input's columns [count]. STATUS_INPUT where the input has one of them already, or, for
 *  JSON, one of its own twice. Free also after an error. */
Status answer_columns_choose(AnswerColumns *answers, OutputFormat format, const char *const *columns, size_t count,
                             const char *input, Error *error);
void answer_columns_free(AnswerColumns *answers);
/** Whether a name [size] is one of the added columns'. */
bool answer_columns_have(const AnswerColumns *answers, const char *name, size_t size);

/** A text [size] as a cell of CSV or TSV: in quotes where it holds the separator, a quote or a line end (RFC 4180). */
void output_cell(FILE *file, OutputFormat format, const char *text, size_t size);
void output_separator(FILE *file, OutputFormat format);
/** A text [size] of UTF-8 as a string of JSON. */
void output_string(FILE *file, const char *text, size_t size);

/** The header row of CSV and TSV, with the input's columns [count] before the added ones; nothing for JSON. */
void output_header(FILE *file, OutputFormat format, const AnswerColumns *answers, const char *const *columns,
                   size_t count);

/** The end of a row whose cells have been written, at least one (in JSON with the `{` before them): the label, or none
 *  where best is −1 or its probability below the threshold; with multi label all that apply, with commas between them or
 *  as an array; probabilities [labels], none where not a number; the line
 *  end. */
void output_answer(FILE *file, OutputFormat format, const AnswerColumns *answers, int32_t best,
                   const double *probabilities);

/** The fewest digits that read back as the same float32. */
#define OUTPUT_REAL_TEXT 32
void output_real(double number, char text[OUTPUT_REAL_TEXT]);

/** STATUS_INPUT where `path` holds something that is not a table with these columns. */
Status output_check_replaced(const char *path, OutputFormat format, const AnswerColumns *answers,
                             const char *const *columns, size_t count, Error *error);

#endif
