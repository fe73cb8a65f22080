/* Parse a command line by the command's table of options. */
#include "cli/options.h"
#include "cli/help.h"
#include "cli/usage.h"
#include "linnet/core/file.h"
#include "linnet/core/launcher.h"
#include "linnet/core/memory.h"
#include "linnet/core/nearest.h"
#include "linnet/settings/settings.h"
#include <assert.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 62 /* `given` has a bit for each, and for --help and --quiet */

/* The state of the parser. */
typedef struct {
    const CommandLine *line;
    int argc;
    char **argv;
    int next;       /**< index of the next argument to read */
    uint64_t given; /**< bit i: options[i] was given */
    bool *quiet;
    OptionList *operands;
} Parser;

/* Who gets a command's table in place of --help: options_show_table(). */
static struct {
    void (*seen)(void *context, const CommandLine *line);
    void *context;
} viewer;

void options_show_table(int (*command)(int argc, char **argv), void (*seen)(void *context, const CommandLine *line),
                        void *context) {
    char help[] = "--help", *argv[] = {help, NULL};
    viewer.seen = seen;
    viewer.context = context;
    command(1, argv);
    viewer.seen = NULL;
}

static void give_help(const CommandLine *line, bool all) {
    if (viewer.seen)
        viewer.seen(viewer.context, line);
    else if (launcher_find().rank <= 0)
        help_print(line, all);
}

bool options_help_wanted(int argc, char **argv, bool *all) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        *all = strcmp(argv[i], "--help=all") == 0 || (i + 1 < argc && strcmp(argv[i + 1], "all") == 0);
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--help=all") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

Status options_add(OptionList *list, const char *item, Error *error) {
    char **items = memory_resize(list->items, list->count * sizeof *items, list->count + 1, sizeof *items, error);
    if (!items) return error->status;
    list->items = items;
    items[list->count] = memory_text(item, error);
    if (items[list->count]) list->count++;
    return error->status;
}

/* The known option or setting that is nearest to a word; NULL if none is near. */
static const char *nearest_option(const CommandLine *line, const char *word) {
    const char *names[OPTIONS_MAX + 2];
    size_t count = 0;
    for (size_t i = 0; i < line->count; i++)
        if (line->options[i].kind != OPTION_GROUP) names[count++] = line->options[i].name;
    names[count++] = "quiet";
    names[count++] = "help";
    const char *near = nearest_name(word, names, count);
    return near || !line->settings ? near : settings_nearest(word);
}

/* The argument that was read last is no option: its name has so many dashes and bytes. */
static Status unknown_option(const Parser *parser, size_t dashes, size_t name_size, Error *error) {
    const char *argument = parser->argv[parser->next - 1], *why = dashes == 1 ? ": options start with two dashes" : "";
    char word[NEAREST_WORD_MAX + 1] = "", right[NEAREST_WORD_MAX + 256];
    UsageLine usage;
    if (name_size < sizeof word) memcpy(word, argument + dashes, name_size);
    const char *near = nearest_option(parser->line, word);
    const int size = (int)(name_size + dashes);
    if (near) {
        snprintf(right, sizeof right, "--%s%.250s", near, argument + size);
        return error_set(error, STATUS_INPUT, "unknown option %.*s%s: did you mean --%s? %s", size, argument, why, near,
                         usage_replacing(&usage, parser->line, parser->argc, parser->argv, parser->next - 1, right));
    }
    if (dashes == 1 && parser->line->operands)
        return error_set(error, STATUS_INPUT,
                         "unknown option %s%s; write -- before an argument that starts with a dash: %s", argument, why,
                         usage_inserting(&usage, parser->line, parser->argc, parser->argv, parser->next - 1, "--"));
    return error_set(error, STATUS_INPUT, "unknown option %.*s%s: %s lists the options", size, argument, why,
                     usage_help(&usage, parser->line));
}

/* strtoll() and strtod() skip blanks; a value that starts with one is a mistake. */
static bool is_number(const char *text, const char *end) {
    return end != text && *end == '\0' && !strchr(" \t\n\v\f\r", text[0]);
}

static Status refuse_value(const Option *option, const char *expected, const char *text, Error *error) {
    return error_set(error, STATUS_INPUT, "--%s: expected %s, got %s", option->name, expected, *text ? text : "''");
}

static Status store_int(const Option *option, const char *text, Error *error) {
    char *end, expected[80];
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (is_number(text, end) && errno != ERANGE && number >= option->minimum && number <= option->maximum) {
        *(int64_t *)option->value = number;
        return STATUS_OK;
    }
    if (option->maximum == INT64_MAX)
        snprintf(expected, sizeof expected, "an integer of at least %" PRId64, option->minimum);
    else
        snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, option->minimum,
                 option->maximum);
    return refuse_value(option, expected, text, error);
}

static Status store_number(const Option *option, const char *text, Error *error) {
    char *end;
    double number = strtod(text, &end);
    if (!is_number(text, end) || !isfinite(number) || number <= 0.0)
        return refuse_value(option, "a number above 0", text, error);
    *(double *)option->value = number;
    return STATUS_OK;
}

static Status store_value(const Option *option, const char *text, Error *error) {
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->value = true;
        return STATUS_OK;
    case OPTION_TEXT:
        *(const char **)option->value = text;
        return STATUS_OK;
    case OPTION_INT:
        return store_int(option, text, error);
    case OPTION_NUMBER:
        return store_number(option, text, error);
    case OPTION_LIST:
    case OPTION_FILES:
    case OPTION_GROUP:
        break;
    }
    return options_add(option->value, text, error);
}

/* The next argument as the value of an option, which --help calls `placeholder`. */
static Status next_value(Parser *parser, const char *name, const char *placeholder, const char **text, Error *error) {
    const char *next = parser->next < parser->argc ? parser->argv[parser->next] : NULL;
    if (next && strncmp(next, "--", 2) != 0) {
        *text = next;
        parser->next++;
        return STATUS_OK;
    }
    UsageLine usage;
    usage_inserting(&usage, parser->line, parser->argc, parser->argv, parser->next, placeholder);
    if (next)
        return error_set(error, STATUS_INPUT,
                         "--%s needs a value, got the option %s (if that is the value, write --%s=%s): %s", name, next,
                         name, next, usage.text);
    return error_set(error, STATUS_INPUT, "--%s needs a value: %s", name, usage.text);
}

/* The argument that was read last has a value, but is a flag. */
static Status refuse_flag_value(const Parser *parser, const char *name, const char *attached, Error *error) {
    char right[NEAREST_WORD_MAX + 8];
    UsageLine usage;
    snprintf(right, sizeof right, "--%.60s", name);
    return error_set(error, STATUS_INPUT, "--%s takes no value, got %s: %s", name, attached,
                     usage_replacing(&usage, parser->line, parser->argc, parser->argv, parser->next - 1, right));
}

/* The option's value: the text after its `=`, else the next argument. */
static Status take_value(Parser *parser, const Option *option, const char *attached, const char **text, Error *error) {
    char placeholder[OPTION_VALUE_TEXT];
    *text = attached;
    if (option->kind == OPTION_FLAG)
        return attached ? refuse_flag_value(parser, option->name, attached, error) : STATUS_OK;
    option_help(option, placeholder);
    return attached ? STATUS_OK : next_value(parser, option->name, placeholder, text, error);
}

#define KEY_ROOM 64 /* bytes: more than any key has */

/* The key of a setting given as an option, with underscores for dashes, into `key`; *negated: it stands after no_.
 * False where there is no such key. */
static bool find_setting(const char *name, size_t size, char key[KEY_ROOM], bool *flag, bool *negated) {
    if (size >= KEY_ROOM) return false;
    for (size_t i = 0; i < size; i++) key[i] = name[i] == '-' ? '_' : name[i];
    key[size] = '\0';
    *negated = false;
    if (settings_find(key, flag)) return true;
    *negated = strncmp(key, "no_", 3) == 0 && settings_find(key + 3, flag) && *flag;
    if (*negated) memmove(key, key + 3, size - 2);
    return *negated;
}

/* Whether an argument is one more value of a key that has a list: neither an option nor the configuration file. */
static bool is_another_value(const Parser *parser) {
    if (parser->next == parser->argc) return false;
    const char *next = parser->argv[parser->next], *ending = strrchr(next, '.');
    return strncmp(next, "--", 2) != 0 && !(ending && strcmp(ending, ".json") == 0) && !file_exists(next);
}

/* The first value of a key and those that follow it, as HfArgumentParser reads nargs="+": a JSON array, to be freed with
 * cJSON_free(), of two values or more; NULL where there is only one, or without memory. */
static char *take_more_values(Parser *parser, const char *first) {
    if (!is_another_value(parser)) return NULL;
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_CreateString(first));
    while (is_another_value(parser)) cJSON_AddItemToArray(list, cJSON_CreateString(parser->argv[parser->next++]));
    char *text = cJSON_PrintUnformatted(list);
    cJSON_Delete(list);
    return text;
}

/* "--key=value" into the command's list. */
static Status add_setting(Parser *parser, const char *key, const char *value, Error *error) {
    const size_t room = strlen(key) + strlen(value) + sizeof "--=";
    char *text = memory_allocate(room, 1, error);
    if (!text) return error->status;
    snprintf(text, room, "--%s=%s", key, value);
    options_add(parser->line->settings, text, error);
    memory_free(text);
    return error->status;
}

/* Add a setting to the command's list. A truth value is the next argument only if that reads as one. */
static Status parse_setting(Parser *parser, const char *key, bool flag, bool negated, const char *attached,
                            Error *error) {
    const char *value = negated ? "false" : attached ? attached : "true";
    bool truth, next = parser->next < parser->argc && settings_truth(parser->argv[parser->next], &truth);
    if (negated && attached) {
        char name[KEY_ROOM + 3];
        snprintf(name, sizeof name, "no_%s", key);
        return refuse_flag_value(parser, name, attached, error);
    }
    if (flag && !negated && !attached && next) value = parser->argv[parser->next++];
    if (!flag && !attached && next_value(parser, key, "VALUE", &value, error)) return error->status;
    char *several = !attached && settings_takes_several(key) ? take_more_values(parser, value) : NULL;
    add_setting(parser, key, several ? several : value, error);
    cJSON_free(several);
    return error->status;
}

static Status parse_option(Parser *parser, const char *argument, Error *error) {
    const char *equals = strchr(argument, '=');
    size_t name_size = equals ? (size_t)(equals - argument) - 2 : strlen(argument) - 2;
    const Option quiet_option = {.name = "quiet", .kind = OPTION_FLAG, .value = parser->quiet};
    const Option *option = NULL;
    if (name_size == strlen("quiet") && strncmp(argument + 2, "quiet", name_size) == 0) option = &quiet_option;
    for (size_t i = 0; i < parser->line->count && !option; i++) {
        const Option *row = &parser->line->options[i];
        if (row->kind == OPTION_GROUP || strlen(row->name) != name_size ||
            strncmp(argument + 2, row->name, name_size) != 0)
            continue;
        option = row;
        parser->given |= UINT64_C(1) << i;
    }
    const char *text, *attached = equals ? equals + 1 : NULL;
    char key[KEY_ROOM];
    bool flag, negated;
    if (!option && parser->line->settings && find_setting(argument + 2, name_size, key, &flag, &negated))
        return parse_setting(parser, key, flag, negated, attached, error);
    if (!option) return unknown_option(parser, 2, name_size, error);
    if (take_value(parser, option, attached, &text, error) || store_value(option, text, error)) return error->status;
    while (option->kind == OPTION_FILES && !attached && parser->next < parser->argc && !error->status &&
           (parser->argv[parser->next][0] != '-' || !parser->argv[parser->next][1]))
        options_add(option->value, parser->argv[parser->next++], error);
    return error->status;
}

static Status parse_operand(Parser *parser, const char *argument, Error *error) {
    if (!parser->line->operands)
        return error_set(error, STATUS_INPUT, "unexpected argument %s: the command takes only options: %s", argument,
                         usage_complete(&(UsageLine){0}, parser->line, parser->argc, parser->argv));
    return options_add(parser->operands, argument, error);
}

static Status parse_argument(Parser *parser, bool only_operands, Error *error) {
    const char *argument = parser->argv[parser->next++];
    if (only_operands || argument[0] != '-' || argument[1] == '\0') return parse_operand(parser, argument, error);
    if (argument[1] == '-') return parse_option(parser, argument, error);
    return unknown_option(parser, 1, strcspn(argument + 1, "="), error);
}

Status options_parse(const CommandLine *line, int argc, char **argv, bool *helped, bool *quiet, OptionList *operands,
                     Error *error) {
    assert(line->count <= OPTIONS_MAX);
    bool all;
    *helped = options_help_wanted(argc, argv, &all);
    if (*helped) {
        give_help(line, all);
        return STATUS_OK;
    }
    Parser parser = {.line = line, .argc = argc, .argv = argv, .quiet = quiet, .operands = operands};
    bool only_operands = false;
    while (parser.next < argc) {
        if (!only_operands && strcmp(argv[parser.next], "--") == 0) {
            only_operands = true;
            parser.next++;
        } else if (parse_argument(&parser, only_operands, error))
            return error->status;
    }
    for (size_t i = 0; i < line->count; i++)
        if (line->options[i].required && !(parser.given >> i & 1))
            return error_set(error, STATUS_INPUT, "--%s is required: %s", line->options[i].name,
                             usage_complete(&(UsageLine){0}, line, argc, argv));
    return STATUS_OK;
}

void options_free_list(OptionList *list) {
    for (size_t i = 0; i < list->count; i++) memory_free(list->items[i]);
    memory_free(list->items);
    *list = (OptionList){0};
}

char **options_split(const char *text, size_t *count, Error *error) {
    size_t size = strlen(text) + 1;
    char **names = memory_allocate(size, sizeof *names + 1, error); /* for each byte a name and its copy */
    if (!names) return NULL;
    *count = 0;
    for (char *name = memcpy(names + size, text, size); name;) {
        char *comma = strchr(name, ','), *end = comma ? comma : strchr(name, '\0');
        while (end > name && isspace((unsigned char)end[-1])) end--;
        while (name < end && isspace((unsigned char)*name)) name++;
        *end = '\0';
        names[(*count)++] = name;
        name = comma ? comma + 1 : NULL;
    }
    return names;
}
