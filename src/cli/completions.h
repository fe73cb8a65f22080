#ifndef LINNET_CLI_COMPLETIONS_H
#define LINNET_CLI_COMPLETIONS_H
/* Completions for shells, on standard output. Private to the completions*.c files. */
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/settings/settings.h"

void completions_bash(const CommandList *commands);
void completions_zsh(const CommandList *commands);
void completions_fish(const CommandList *commands);

/* What completes a value. */
typedef enum {
    VALUE_NONE,
    VALUE_FILE,
    VALUE_FOLDER,
    VALUE_CHOICES,
    VALUE_SETTING,
    VALUE_COMMAND,
    VALUE_SHELL
} ValueKind;

#define CHOICES_TEXT 256

/* By how --help names the value: FILE.h5, DIR, a|b|c (choices: "a b c"), KEY=VALUE. */
ValueKind value_kind(const char *value, char choices[CHOICES_TEXT]);

/* The same for a setting. */
ValueKind setting_kind(const SettingInfo *info, char choices[CHOICES_TEXT]);

/* Print a text inside single quotes of a shell, without Markdown's backquotes; a backslash stands before each character
 * of `escaped`. */
void put_quoted(const char *text, const char *escaped);

#endif
