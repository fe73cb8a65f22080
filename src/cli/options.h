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
    OPTION_LIST,   /**< OptionList *: may be repeated */
    OPTION_FILES, /**< OptionList *: likewise, and takes all arguments up to the next option, as shells expand patterns;
                    *   only where the command has no operands */
    OPTION_GROUP /**< no option: --help may only name the options after this row, whose heading is `name`; "" ends them */
} OptionKind;

typedef struct {
    char **items; /**< [count] owned copies */
    size_t count;
} OptionList;

typedef struct {
    const char *name; /**< without the dashes */
    OptionKind kind;
    void *value; /**< holds the default before parsing, the value after it */
    const char
        *help; /**< one line: "FILE: meaning (default X)", where FILE is how --help names the value; FILE, DIR and
                       *   a|b|c also say how the value is completed */
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
    const char *example;  /**< a command that works, for the end of --help; NULL: one with the required options */
} CommandLine;

#define OPTION_VALUE_TEXT 64

/** How --help names an option's value: "FILE.h5", "N"; "" for a flag. Returns its help behind that name. */
const char *option_help(const Option *option, char value[OPTION_VALUE_TEXT]);

static inline bool option_repeats(const Option *option) {
    return option->kind == OPTION_LIST || option->kind == OPTION_FILES;
}

/** The name of the command, the second word of its synopsis, into name [size]. */
void command_name(const CommandLine *line, char *name, size_t size);

/** Parse argv [argc], the arguments after the command's name: `--name value` or `--name=value`; `--` ends the
 *  options. Each command also has --quiet (*quiet) and --help (prints to standard output, in a job only on its first
 *  process, and sets *helped; nothing else is then checked). *operands (NULL if the command takes none) gets the other arguments, in order.
 *
 *  Where the command takes settings, `--KEY VALUE` and `--KEY=VALUE` add "--KEY=VALUE" to their list, as
 *  HfArgumentParser reads them: dashes may stand for underscores; a key of true or false needs no value, and --no_KEY
 *  is its false.
 *
 *  STATUS_INPUT: an unknown option (the message names the nearest known one), a missing value (a value that starts
 *  with two dashes must be written --name=value), a value for a flag, a number out of range, a missing required
 *  option, an unexpected operand; the message ends with the command line that would be right. If an option is repeated, its last value counts. The lists may hold items also after
 *  an error: free them. */
Status options_parse(const CommandLine *line, int argc, char **argv, bool *helped, bool *quiet, OptionList *operands,
                     Error *error);
/** Append a copy of `item`. STATUS_FAILURE: out of memory. */
Status options_add(OptionList *list, const char *item, Error *error);
void options_free_list(OptionList *list);

/** Whether argv [argc] asks for --help, which counts anywhere before `--`; *all: for `--help all`. */
bool options_help_wanted(int argc, char **argv, bool *all);

/** Give the table of a command, a function as in commands.h, to `seen`: the command is called with --help, which then
 *  prints nothing. The table is valid only during the call. */
void options_show_table(int (*command)(int argc, char **argv), void (*seen)(void *context, const CommandLine *line),
                        void *context);

/** Split a copy of `text` at its commas into *count names, without the white space around them; one block that is freed
 *  with memory_free(). */
char **options_split(const char *text, size_t *count, Error *error);

#endif
