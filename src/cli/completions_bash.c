/* The completions for bash. bash cuts words at each `=`: the value in --format=csv is a word of its own. */
#include "cli/completions.h"
#include <stdio.h>
#include <string.h>

static const char HEAD[] =
    "# Completions of linnet for bash, made by `linnet completions bash` from the program's tables.\n"
    "_linnet_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$2\")\n"
    "}\n\n";

/* $1: what completes the value: a word of ValueKind's or the values themselves; $2: what is typed so far. */
static const char VALUES[] = "_linnet_value() {\n"
                             "    case $1 in\n"
                             "    @none) ;;\n"
                             "    @file) _linnet_files -f \"$2\" ;;\n"
                             "    @dir) _linnet_files -d \"$2\" ;;\n"
                             "    @setting)\n"
                             "        compopt -o nospace 2>/dev/null\n"
                             "        mapfile -t COMPREPLY < <(compgen -S = -W \"$_linnet_keys\" -- \"$2\")\n"
                             "        ;;\n"
                             "    *) mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\") ;;\n"
                             "    esac\n"
                             "}\n\n";

static const char TAIL[] =
    "_linnet() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} before='' command=${COMP_WORDS[1]}\n"
    "    local options='' operands=@none value='' settings=''\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _linnet_value \"$_linnet_commands --help --version\" \"$current\"\n"
    "        return\n"
    "    fi\n"
    "    if [ \"$current\" = = ]; then\n"
    "        current=\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    elif [ \"$option\" = = ]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "        before=${COMP_WORDS[COMP_CWORD - 3]}\n"
    "    fi\n"
    "    _linnet_command \"$command\" \"$option\"\n"
    "    if [ \"$before\" = --set ]; then\n"
    "        _linnet_setting \"$option\"\n"
    "    elif [ -n \"$settings\" ] && [ -z \"$value\" ] && [[ $option = --* ]]; then\n"
    "        option=${option#--}\n"
    "        _linnet_setting \"${option//-/_}\"\n"
    "        [[ $current = -* ]] && value=\n"
    "    fi\n"
    "    if [ -n \"$value\" ]; then\n"
    "        _linnet_value \"$value\" \"$current\"\n"
    "    elif [[ $current = -* ]]; then\n"
    "        [ -n \"$settings\" ] && options+=\" ${_linnet_keys// / --}\"\n"
    "        _linnet_value \"$options --quiet --help\" \"$current\"\n"
    "    else\n"
    "        _linnet_value \"$operands\" \"$current\"\n"
    "    fi\n"
    "}\n\n"
    "complete -F _linnet linnet\n";

static void put_value(ValueKind kind, const char *choices) {
    static const char *const NAMES[] = {
        [VALUE_NONE] = "@none",         [VALUE_FILE] = "@file", [VALUE_FOLDER] = "@dir",
        [VALUE_SETTING] = "@setting",   [VALUE_CHOICES] = "",   [VALUE_COMMAND] = "$_linnet_commands",
        [VALUE_SHELL] = "bash zsh fish"};
    printf("\"%s\"", kind == VALUE_CHOICES ? choices : NAMES[kind]);
}

static void put_command(void *context, const CommandLine *line) {
    (void)context;
    char name[32], choices[CHOICES_TEXT];
    command_name(line, name, sizeof name);
    printf("    %s)\n        options=\"", name);
    for (size_t i = 0; i < line->count; i++)
        if (line->options[i].kind != OPTION_GROUP) printf("--%s ", line->options[i].name);
    printf("\"\n        operands=");
    put_value(line->operands ? value_kind(line->operands, choices) : VALUE_NONE, choices);
    printf("\n");
    if (line->settings) printf("        settings=yes\n");
    printf("        case $2 in\n");
    for (size_t i = 0; i < line->count; i++) {
        const Option *option = &line->options[i];
        char value[OPTION_VALUE_TEXT];
        if (option->kind == OPTION_FLAG || option->kind == OPTION_GROUP) continue;
        option_help(option, value);
        printf("        --%s) value=", option->name);
        put_value(value_kind(value, choices), choices);
        printf(" ;;\n");
    }
    printf("        esac\n        ;;\n");
}

static void put_settings(void) {
    SettingInfo info;
    char choices[CHOICES_TEXT];
    printf("_linnet_keys=\"");
    for (size_t i = 0; settings_info(i, &info); i++) printf(" %s", info.key);
    printf("\"\n\n_linnet_setting() {\n    case $1 in\n");
    for (size_t i = 0; settings_info(i, &info); i++) {
        printf("    %s) value=", info.key);
        put_value(setting_kind(&info, choices), choices);
        printf(" ;;\n");
    }
    printf("    esac\n}\n\n");
}

void completions_bash(const CommandList *commands) {
    printf("%s_linnet_commands=\"", HEAD);
    for (size_t i = 0; i < commands->count; i++) printf("%s%s", i ? " " : "", commands->items[i].name);
    printf("\"\n");
    put_settings();
    fputs(VALUES, stdout);
    printf("_linnet_command() {\n    case $1 in\n");
    for (size_t i = 0; i < commands->count; i++) options_show_table(commands->items[i].run, put_command, NULL);
    printf("    esac\n}\n\n%s", TAIL);
}
