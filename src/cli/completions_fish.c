/* The completions for fish: a line an option. */
#include "cli/completions.h"
#include "cli/help.h"
#include <stdio.h>
#include <string.h>

static const char IN_QUOTES[] = "\\";

static void put_condition(const char *command) {
    printf("complete -c linnet -n '__fish_seen_subcommand_from %s'", command);
}

static void put_value(ValueKind kind, const char *choices) {
    static const char *const ARGUMENTS[] = {[VALUE_NONE] = " -x",
                                            [VALUE_FILE] = " -r -F",
                                            [VALUE_FOLDER] = " -x -a '(__fish_complete_directories)'",
                                            [VALUE_SETTING] = " -x -a '(__linnet_settings)'",
                                            [VALUE_COMMAND] = " -x -a \"$__linnet_commands\"",
                                            [VALUE_CHOICES] = "",
                                            [VALUE_SHELL] = " -x -a 'bash zsh fish'"};
    if (kind == VALUE_CHOICES)
        printf(" -x -a '%s'", choices);
    else
        fputs(ARGUMENTS[kind], stdout);
}

static void put_help(const char *help) {
    printf(" -d '");
    put_quoted(help, IN_QUOTES);
    printf("'\n");
}

static void put_settings(const char *command) {
    SettingInfo info;
    char choices[CHOICES_TEXT];
    for (size_t i = 0; settings_info(i, &info); i++) {
        put_condition(command);
        printf(" -l %s", info.key);
        const ValueKind kind = setting_kind(&info, choices);
        put_value(kind, choices);
        put_help(info.help);
    }
}

static void put_command(void *context, const CommandLine *line) {
    (void)context;
    char name[32], choices[CHOICES_TEXT] = "";
    command_name(line, name, sizeof name);
    for (size_t i = 0; i < line->count; i++) {
        const Option *option = &line->options[i];
        char value[OPTION_VALUE_TEXT];
        const char *help = option_help(option, value);
        if (option->kind == OPTION_GROUP) continue;
        put_condition(name);
        printf(" -l %s", option->name);
        if (option->kind != OPTION_FLAG) put_value(value_kind(value, choices), choices);
        put_help(help);
    }
    if (line->settings) put_settings(name);
    put_condition(name);
    printf(" -l quiet -d '" HELP_QUIET "'\n");
    put_condition(name);
    printf(" -l help -d '" HELP_HELP "'\n");
    const ValueKind kind = line->operands ? value_kind(line->operands, choices) : VALUE_NONE;
    if (kind == VALUE_NONE) return;
    put_condition(name);
    if (kind == VALUE_FILE)
        printf(" -F");
    else
        put_value(kind, choices);
    putchar('\n');
}

/* KEY= and, where the values are words, KEY=VALUE. */
static void put_setting_function(void) {
    SettingInfo info;
    char choices[CHOICES_TEXT];
    printf("function __linnet_settings\n");
    for (size_t i = 0; settings_info(i, &info); i++) {
        printf("    echo %s=\n", info.key);
        if (setting_kind(&info, choices) == VALUE_CHOICES) printf("    printf '%s=%%s\\n' %s\n", info.key, choices);
    }
    printf("end\n\n");
}

void completions_fish(const CommandList *commands) {
    printf("# Completions of linnet for fish, made by `linnet completions fish` from the program's tables.\n");
    put_setting_function();
    printf("set -g __linnet_commands '");
    for (size_t i = 0; i < commands->count; i++) printf("%s%s", i ? " " : "", commands->items[i].name);
    printf("'\ncomplete -c linnet -f\n");
    for (size_t i = 0; i < commands->count; i++) {
        printf("complete -c linnet -n __fish_use_subcommand -a %s", commands->items[i].name);
        put_help(commands->items[i].help);
    }
    printf("complete -c linnet -n __fish_use_subcommand -l version -d 'versions of linnet and its libraries'\n"
           "complete -c linnet -n __fish_use_subcommand -l help -d 'list the commands'\n");
    for (size_t i = 0; i < commands->count; i++) options_show_table(commands->items[i].run, put_command, NULL);
}
