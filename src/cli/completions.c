/* linnet completions: scripts for shells, made from the commands' tables of options and the table of settings. */
#include "cli/completions.h"
#include "linnet/core/log.h"
#include "linnet/core/nearest.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*print)(const CommandList *commands);
} Shell;
static const Shell SHELLS[] = {{"bash", completions_bash}, {"zsh", completions_zsh}, {"fish", completions_fish}};
enum { SHELLS_COUNT = sizeof SHELLS / sizeof *SHELLS };

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

ValueKind value_kind(const char *value, char choices[CHOICES_TEXT]) {
    if (strchr(value, '|')) {
        size_t i = 0;
        for (; value[i] && i + 1 < CHOICES_TEXT; i++) choices[i] = value[i] == '|' ? ' ' : value[i];
        choices[i] = '\0';
        return VALUE_CHOICES;
    }
    return strcmp(value, "KEY=VALUE") == 0 ? VALUE_SETTING
           : strcmp(value, "COMMAND") == 0 ? VALUE_COMMAND
           : strcmp(value, "SHELL") == 0   ? VALUE_SHELL
           : starts(value, "DIR")          ? VALUE_FOLDER
           : starts(value, "RUN")          ? VALUE_FOLDER
           : starts(value, "FILE")         ? VALUE_FILE
           : starts(value, "PATH")         ? VALUE_FILE
           : starts(value, "CONFIG")       ? VALUE_FILE
                                           : VALUE_NONE;
}

ValueKind setting_kind(const SettingInfo *info, char choices[CHOICES_TEXT]) {
    size_t used = 0;
    snprintf(choices, CHOICES_TEXT, "true false");
    for (size_t i = 0; info->choices && info->choices[i] && used < CHOICES_TEXT; i++)
        used += (size_t)snprintf(choices + used, CHOICES_TEXT - used, "%s%s", i ? " " : "", info->choices[i]);
    return info->flag || info->choices ? VALUE_CHOICES : info->path ? VALUE_FILE : VALUE_NONE;
}

void put_quoted(const char *text, const char *escaped) {
    for (; *text; text++) {
        if (*text == '`') continue;
        if (*text == '\'') {
            fputs("'\\''", stdout);
            continue;
        }
        if (strchr(escaped, *text)) putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
}

static Status print(const OptionList *operands, const CommandList *commands, Error *error) {
    const char *names[SHELLS_COUNT];
    for (size_t i = 0; i < SHELLS_COUNT; i++) names[i] = SHELLS[i].name;
    if (operands->count != 1)
        return error_set(error, STATUS_INPUT, "expected one of bash, zsh and fish, got %zu: linnet completions bash",
                         operands->count);
    for (size_t i = 0; i < SHELLS_COUNT; i++) {
        if (strcmp(operands->items[0], names[i]) != 0) continue;
        SHELLS[i].print(commands);
        return STATUS_OK;
    }
    const char *near = nearest_name(operands->items[0], names, SHELLS_COUNT);
    return error_set(error, STATUS_INPUT, "%s: expected bash, zsh or fish: linnet completions %s", operands->items[0],
                     near ? near : "bash");
}

int command_completions(const CommandList *commands, int argc, char **argv) {
    OptionList operands = {0};
    bool helped = false, quiet = false;
    Error error = {0};
    const CommandLine line = {
        .synopsis = "linnet completions bash|zsh|fish",
        .summary =
            "Print a script that completes commands, options, settings and their values in a shell. make install "
            "puts all three where the shells look for them.",
        .operands = "SHELL",
        .example = "source <(linnet completions bash)",
    };
    options_parse(&line, argc, argv, &helped, &quiet, &operands, &error);
    log_setup(0, 1, quiet);
    if (!error.status && !helped) print(&operands, commands, &error);
    if (error.status) log_error("%s", error.message);
    options_free_list(&operands);
    return (int)error.status;
}
