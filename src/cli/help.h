#ifndef LINNET_CLI_HELP_H
#define LINNET_CLI_HELP_H
/** The text of --help, by a command's table of options: lines of at most 80 columns and, unless all options are asked
 *  for, at most 23, so that it and the prompt fit a screen of 24. Options that then have no room are named in one
 *  paragraph: first those of groups, then the last ones of the table that are not required. Not collective. */
#include "cli/options.h"
#include <stdio.h>

#define HELP_COLUMNS 80
#define HELP_LINES 23

/** Print it to standard output; `all`: with every option. */
void help_print(const CommandLine *line, bool all);

/** Print `left`, padded to `indent` columns, and a text behind it, in lines of at most HELP_COLUMNS columns; returns
 *  their number. A stream of NULL only counts. Line feeds in the text are blanks. */
size_t help_paragraph(FILE *stream, const char *left, size_t indent, const char *text);

/** The command's example: its own, or one with its required options. */
void help_example(const CommandLine *line, char *text, size_t size);

/** What --help says of the two options of every command, and of settings. */
#define HELP_QUIET "print only warnings and errors to standard error"
#define HELP_HELP "print this text; --help all: with every option"
#define HELP_SETTINGS "a setting of the table (linnet train --settings), before the file's"

#endif
