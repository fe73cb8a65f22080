/* The completions for zsh, by its function _arguments. */
#include "cli/completions.h"
#include "cli/help.h"
#include <stdio.h>
#include <string.h>

static const char IN_QUOTES[] = "[]:\\";

static void put_value(const char *name, ValueKind kind, const char *choices) {
    static const char *const ACTIONS[] = {[VALUE_NONE] = "",
                                          [VALUE_FILE] = "_files",
                                          [VALUE_FOLDER] = "_files -/",
                                          [VALUE_SETTING] = "_linnet_setting",
                                          [VALUE_COMMAND] = "_linnet_commands",
                                          [VALUE_CHOICES] = "",
                                          [VALUE_SHELL] = "(bash zsh fish)"};
    putchar(':');
    put_quoted(*name ? name : "VALUE", IN_QUOTES);
    printf(kind == VALUE_CHOICES ? ":(%s)" : ":%s", kind == VALUE_CHOICES ? choices : ACTIONS[kind]);
}

static void put_option(const char *name, bool repeated, bool valued, const char *help) {
    printf("    '%s--%s%s[", repeated ? "*" : "", name, valued ? "=" : "");
    put_quoted(help, IN_QUOTES);
    putchar(']');
}

static void put_command(void *context, const CommandLine *line) {
    (void)context;
    char name[32], choices[CHOICES_TEXT] = "";
    command_name(line, name, sizeof name);
    printf("  %s) _arguments -S \\\n", name);
    for (size_t i = 0; i < line->count; i++) {
        const Option *option = &line->options[i];
        char value[OPTION_VALUE_TEXT];
        const char *help = option_help(option, value);
        if (option->kind == OPTION_GROUP) continue;
        put_option(option->name, option_repeats(option), option->kind != OPTION_FLAG, help);
        if (option->kind != OPTION_FLAG) put_value(value, value_kind(value, choices), choices);
        printf("' \\\n");
    }
    if (line->settings) printf("    $settings \\\n");
    put_option("quiet", false, false, HELP_QUIET);
    printf("' \\\n");
    put_option("help", false, false, HELP_HELP);
    printf("'");
    if (line->operands) {
        printf(" \\\n    '*");
        putchar(':');
        put_value(line->operands, value_kind(line->operands, choices), choices);
        printf("'");
    }
    printf(" ;;\n");
}

/* The array of options, and the values of one key for --set. */
static void put_settings(void) {
    SettingInfo info;
    char choices[CHOICES_TEXT];
    printf("_linnet_setting() {\n  if compset -P '*='; then\n    case ${IPREFIX%%=} in\n");
    for (size_t i = 0; settings_info(i, &info); i++) {
        const ValueKind kind = setting_kind(&info, choices);
        if (kind == VALUE_CHOICES) printf("    %s) compadd -- %s ;;\n", info.key, choices);
        if (kind == VALUE_FILE) printf("    %s) _files ;;\n", info.key);
    }
    printf("    esac\n  else\n    compadd -S = --");
    for (size_t i = 0; settings_info(i, &info); i++) printf(" %s", info.key);
    printf("\n  fi\n}\n\n_linnet() {\n  local -a settings\n  settings=(\n");
    for (size_t i = 0; settings_info(i, &info); i++) {
        put_option(info.key, false, true, info.help);
        const ValueKind kind = setting_kind(&info, choices);
        put_value("VALUE", kind, choices);
        printf("'\n");
    }
    printf("  )\n");
}

void completions_zsh(const CommandList *commands) {
    printf(
        "#compdef linnet\n# Completions of linnet for zsh, made by `linnet completions zsh` from the program's tables.\n\n"
        "_linnet_commands() {\n  local -a commands\n  commands=(\n");
    for (size_t i = 0; i < commands->count; i++) {
        printf("    '%s:", commands->items[i].name);
        put_quoted(commands->items[i].help, "\\:");
        printf("'\n");
    }
    printf("  )\n  _describe command commands\n}\n\n");
    put_settings();
    printf("  if (( CURRENT == 2 )); then\n    _linnet_commands\n    compadd -- --help --version\n    return\n  fi\n"
           "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n");
    for (size_t i = 0; i < commands->count; i++) options_show_table(commands->items[i].run, put_command, NULL);
    printf("  esac\n}\n\n"
           "if [ \"$funcstack[1]\" = _linnet ]; then\n  _linnet \"$@\"\nelse\n  compdef _linnet linnet\nfi\n");
}
