#ifndef LINNET_CLI_USAGE_H
#define LINNET_CLI_USAGE_H
/** Command lines that would be right, for the end of an error: the user's own with the mistake corrected, quoted for the
 *  shell. Required options that are missing are added with the names of their values. Where that has no room, the line
 *  is `linnet COMMAND --help`. All return line->text. Not collective. */
#include "cli/options.h"

typedef struct {
    char text[400];
} UsageLine;

/** `linnet COMMAND --help`. */
const char *usage_help(UsageLine *usage, const CommandLine *line);
/** argv [argc] with `word` in place of argument `at`. */
const char *usage_replacing(UsageLine *usage, const CommandLine *line, int argc, char **argv, int at, const char *word);
/** argv [argc] with `word` before argument `at`. */
const char *usage_inserting(UsageLine *usage, const CommandLine *line, int argc, char **argv, int at, const char *word);
/** argv [argc] with its missing required options, whose values are the operands where these can be meant: a folder for
 *  a DIR. Operands of a command that takes none are left out otherwise. */
const char *usage_complete(UsageLine *usage, const CommandLine *line, int argc, char **argv);

/** Append a word, after a blank unless it is the first; false, and nothing appended, where it has no room. */
bool usage_add(UsageLine *usage, const char *word);

#endif
