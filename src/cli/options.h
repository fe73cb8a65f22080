#ifndef LINNET_CLI_OPTIONS_H
#define LINNET_CLI_OPTIONS_H
/** Command lines by a table with one row an option, which both the parser and --help use. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    OPTION_FLAG,   /**< value is a bool *, set to true */
    OPTION_TEXT,   /**< const char **, borrowed from argv */
    OPTION_INT,    /**< int64_t *, within minimum … maximum */
    OPTION_NUMBER, /**< double *, above 0 */
    OPTION_LIST    /**< OptionList *: may be repeated */
} OptionKind;

typedef struct {
    char **items; /**< [count] owned copies */
    size_t count;
} OptionList;

typedef struct {
    const char *name; /**< without the dashes */
    OptionKind kind;
    void *value;      /**< holds the default before parsing, the value after it */
    const char *help; /**< one line: "FILE: meaning (default X)", where FILE is how --help names the value */
    bool required;
    int64_t minimum, maximum; /**< for OPTION_INT */
} Option;

typedef struct {
    const char *synopsis; /**< "linnet prepare --input FILE …" */
    const char *summary;  /**< what the command does, a sentence or two */
    const Option *options;
    size_t count;
    const char *operands; /**< name of the arguments that are no options ("TEXT"), or NULL if there are none */
    OptionList *settings; /**< where settings given as options go, or NULL if the command takes none */
} CommandLine;

/** Parse argv [argc], the arguments after the command's name: `--name value` or `--name=value`; `--` ends the
 *  options. Each command also has --quiet (*quiet) and --help (prints to standard output and sets *helped; nothing
 *  else is then checked). *operands (NULL if the command takes none) gets the other arguments, in order.
 *
 *  Where the command takes settings, `--KEY VALUE` and `--KEY=VALUE` add "--KEY=VALUE" to their list, as
 *  HfArgumentParser reads them: dashes may stand for underscores; a key of true or false needs no value, and --no_KEY
 *  is its false.
 *
 *  STATUS_INPUT: an unknown option (the message names the nearest known one), a missing value (a value that starts
 *  with two dashes must be written --name=value), a value for a flag, a number out of range, a missing required
 *  option, an unexpected operand. If an option is repeated, its last value counts. The lists may hold items also after
 *  an error: free them. */
Status options_parse(const CommandLine *line, int argc, char **argv, bool *helped, bool *quiet, OptionList *operands,
                     Error *error);
void options_free_list(OptionList *list);

/** Split a copy of `text` at its commas into *count names, without the white space around them; one block that is freed
 *  with memory_free(). */
char **options_split(const char *text, size_t *count, Error *error);

#endif
