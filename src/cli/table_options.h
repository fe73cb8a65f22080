#ifndef LINNET_CLI_TABLE_OPTIONS_H
#define LINNET_CLI_TABLE_OPTIONS_H
/** The options that say how a table is written, for the commands that read one. */
#include "linnet/text/records.h"

#define TEXT_COLUMN_HELP "NAME: column of the texts, or its number from 0 (default text)"

#define TEXT_PAIR_COLUMN_HELP "NAME: column of a second text, which follows the first in each sample"

/** Rows of a table of options (cli/options.h) that fill the TableOptions `table`. */
#define TABLE_OPTIONS(table)                                                                                           \
    {"how the table is written", OPTION_GROUP, NULL, "", false, 0, 0},                                                 \
        {"format", OPTION_TEXT, &(table).format, "csv|tsv|json|lines: (default: by the file's name)", false, 0, 0},    \
        {"no-header",                                                                                                  \
         OPTION_FLAG,                                                                                                  \
         &(table).no_header,                                                                                           \
         "the first row is data; columns have numbers, from 0",                                                        \
         false,                                                                                                        \
         0,                                                                                                            \
         0},                                                                                                           \
        {"separator",                                                                                                  \
         OPTION_TEXT,                                                                                                  \
         &(table).separator,                                                                                           \
         "CHAR: between fields, or tab (default , or a tab)",                                                          \
         false,                                                                                                        \
         0,                                                                                                            \
         0},                                                                                                           \
        {"quote", OPTION_TEXT, &(table).quote, "CHAR: around fields, or none (default \")", false, 0, 0},              \
        {"field", OPTION_TEXT, &(table).field, "NAME: the member of a JSON object that holds the rows", false, 0, 0},  \
        {"encoding", OPTION_TEXT, &(table).encoding, "NAME: as iconv or Python call it (default utf-8)", false, 0, 0}, \
        {"encoding-errors",                                                                                            \
         OPTION_TEXT,                                                                                                  \
         &(table).encoding_errors,                                                                                     \
         "strict|replace: refuse them, or replace by U+FFFD (default strict)",                                         \
         false,                                                                                                        \
         0,                                                                                                            \
         0},                                                                                                           \
    {                                                                                                                  \
        "", OPTION_GROUP, NULL, "", false, 0, 0                                                                        \
    }

#endif
