#ifndef LINNET_TEXT_PREPARATION_H
#define LINNET_TEXT_PREPARATION_H
/** From a table of texts to a token file (linnet/data/dataset.h): what a Trainer user does with
 *  `Dataset.map(tokenize)`.
 *
 *  The table is streamed, so memory does not grow with it. Only a subset's samples are kept in memory, because they
 *  are written in another order than they are read; and the texts of a table that is split, to find duplicates, with
 *  about 100 bytes more for each. The token file is replaced at once when it is complete. Not
 *  collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include "linnet/text/records.h"
#include <stddef.h>
#include <stdint.h>

/** What --class-balance does with classes of different sizes, in a training file. */
typedef enum {
    BALANCE_NONE,
    BALANCE_UNDERSAMPLE, /**< keep as many samples of each class as the smallest has */
    BALANCE_OVERSAMPLE   /**< write samples of smaller classes several times, up to the largest one's number */
} ClassBalance;

#define PREPARE_NEAR_DUPLICATES 0.8

#define PREPARE_MAX_LENGTH 1024 /**< tokens: GPT-2's positions */

/** The column of labels where none is named. */
#define USUAL_LABEL_COLUMN "sentiment"

typedef struct {
    char *const *inputs; /**< [input_count] the tables, or "-": standard input; see linnet/text/table_paths.h */
    size_t input_count;
    TableOptions table;       /**< how they are written; see linnet/text/records.h */
    const char *output;       /**< the token file */
    const char *tokenizer;    /**< a folder, see linnet/tokenizer/tokenizer_spec.h */
    const char *text_column;  /**< column of the texts */
    const char *pair_column;  /**< column of second texts; NULL: a sample is one text */
    Problem problem;          /**< what the labels are */
    const char *label_column; /**< column of the labels, or of lists of them with multi label */
    char *const
        *label_columns; /**< [labels] in its place a column for each target: 0 or 1 with multi label, numbers with
                                      regression. Both NULL: the token file has no labels */
    const char *label_separator; /**< between the labels of a list that is not JSON; NULL: a comma */
    char *const *label_names;    /**< [labels] the classes or targets 0, 1, … */
    size_t labels;
    int32_t max_length; /**< longer samples are truncated to this many tokens; 0: to the tokenizer's model_max_length,
                             or to PREPARE_MAX_LENGTH where it has none */
    int32_t pack;       /**< for a language model: samples of so many tokens each, from joined texts (without labels,
                             second texts, max_length, subset and split); 0: a sample each text */
    int32_t positions;  /**< of the model that the samples are for, which also limits their length; 0: not known */
    int64_t subset;     /**< 0: all rows in the table's order; n: the first n of shuffle(subset_seed), in that order */
    uint64_t subset_seed;
    double split;            /**< share of the samples that go to `output`; the others go to `eval_output`. 0: all do */
    const char *eval_output; /**< the token file for evaluation; NULL without a split */
    bool stratify;           /**< the split has that share of each class */
    double near_duplicates;  /**< Jaccard similarity from which texts stay on one side of a split, 0.5 to 1; 1: equal
                                  texts only */
    uint64_t split_seed;     /**< of the split and of the balance */
    ClassBalance class_balance; /**< of `output`; never of `eval_output` */
} PrepareOptions;

/** What was written to a token file. */
typedef struct {
    int64_t samples, tokens;
    int64_t per_label[DATASET_LABELS_MAX];  /**< samples of each class, or to which each label applies */
    TargetRange ranges[DATASET_LABELS_MAX]; /**< of each target, with regression */
} PreparePart;

typedef struct {
    int64_t rows;           /**< of all tables */
    int64_t files;          /**< the tables */
    int32_t max_length;     /**< that samples were truncated to, in tokens */
    int32_t longest;        /**< longest sample, in tokens */
    int64_t truncated;      /**< samples that were truncated */
    int64_t empty;          /**< samples without text: one end-of-text token each */
    int64_t dropped;        /**< by pack: tokens behind the last complete sample */
    int64_t null;           /**< those of them whose text is JSON's null */
    int64_t replaced;       /**< U+FFFD in place of bytes that are not in the table's encoding */
    PreparePart training;   /**< `output` */
    PreparePart evaluation; /**< `eval_output` */
    int64_t texts;          /**< that were split */
    int64_t equal;          /**< of them, those that equal an earlier one */
    int64_t near;           /**< of them, further ones in an earlier one's group */
    int64_t largest_group;  /**< samples that stay together */
    int64_t left_out;       /**< samples that undersampling left out */
    int64_t repeated;       /**< samples written again by oversampling */
} PrepareSummary;

/** Make the token file of the rows of all tables, in the order in which they are named. STATUS_INPUT, naming file, line
 *  and column where possible: what linnet/text/records.h and linnet/tokenizer/tokenizer.h refuse (also pairs), an unknown
 *  label or a target that is none (docs/reference/formats.md has the rules), empty or repeated label names, a table
 *  without rows, or with fewer tokens than a sample to be packed, tables with different columns, a subset larger than the
 *  table, a table that changes while it is read, an output that is an input; what split.h and class_balance.h in src/text
 *  refuse, and their options for samples that do not have one label each. */
Status prepare(const PrepareOptions *options, PrepareSummary *summary, Error *error);

#endif
