#ifndef LINNET_CLI_OPTIONS_H
#define LINNET_CLI_OPTIONS_H
/** Command lines from a table: one row an option, from which both the parser and --help are made. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    OPTION_FLAG,   /**< value is a bool *, set to true */
    OPTION_TEXT,   /**< const char **, borrowed from argv */
    OPTION_INT,    /**< int64_t *, within minimum … maximum */
    OPTION_NUMBER, /**< double *, above 0 */
    OPTION_LIST    /**< OptionList *: may be given several times */
} OptionKind;

typedef struct {
    const char **items; /**< borrowed texts; the array is freed by options_free_list() */
    size_t count;
} OptionList;

typedef struct {
    const char *name; /**< without the dashes */
    OptionKind kind;
    void *value;      /**< holds the default before, the value after */
    const char *help; /**< one line: meaning and default */
    bool required;
    int64_t minimum, maximum; /**< for OPTION_INT */
} Option;

typedef struct {
    const char *synopsis; /**< "linnet prepare --input FILE …" */
    const char *summary;  /**< what the command does, a sentence or two */
    const Option *options;
    size_t count;
    const char *operands; /**< name of what may follow the options ("TEXT"), or NULL if nothing may */
} CommandLine;

/** Parse argv [argc], the arguments behind the command's name: `--name value` or `--name=value`; `--` ends the
 *  options. Every command also has --quiet (*quiet) and --help (prints to standard output; *helped is then true
 *  and nothing else is checked). *operands (NULL where none are allowed) gets what is left, in order.
 *
 *  STATUS_INPUT: an unknown option (with the nearest known one), a missing value (one that itself starts with two
 *  dashes must be written --name=value), a value for a flag, a number out of range, a required option not given,
 *  an operand too many. Given twice, an option's last value counts. Also on an error the lists may hold items:
 *  free them. */
Status options_parse(const CommandLine *line, int argc, char **argv, bool *helped, bool *quiet, OptionList *operands,
                     Error *error);
void options_free_list(OptionList *list);

#endif
