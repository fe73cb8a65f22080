/* Command lines that would be right. See usage.h. */
#include "cli/usage.h"
#include "linnet/core/file.h"
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

/* The words behind `linnet COMMAND`. */
typedef struct {
    const char *items[WORDS_MAX];
    size_t count;
    char room[1024]; /**< words that are made here */
    size_t used;
    bool full; /**< one had no room */
} Words;

static void add(Words *words, const char *word) {
    if (words->count < WORDS_MAX)
        words->items[words->count++] = word;
    else
        words->full = true;
}

/* Add a copy of a word. */
static void add_copy(Words *words, const char *before, const char *word) {
    char *copy = words->room + words->used;
    const size_t left = sizeof words->room - words->used, size = (size_t)snprintf(copy, left, "%s%s", before, word) + 1;
    if (size > left)
        words->full = true;
    else
        add(words, copy);
    words->used += size > left ? 0 : size;
}

/* Bytes that the shell takes as they are; a word with others stands in single quotes. */
static bool is_plain(const char *word) {
    static const char SAFE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%^";
    return *word && word[strspn(word, SAFE)] == '\0';
}

bool usage_add(UsageLine *usage, const char *word) {
    char *const start = usage->text + strlen(usage->text), *const end = usage->text + sizeof usage->text - 8,
                *out = start;
    const bool plain = is_plain(word);
    if (out != usage->text) *out++ = ' ';
    if (!plain) *out++ = '\'';
    for (; *word && out < end; word++) {
        if (*word == '\'') out = mempcpy(out, "'\\'", 3);
        *out++ = *word;
    }
    if (!plain) *out++ = '\'';
    *out = '\0';
    if (!*word && out < end) return true;
    *start = '\0';
    return false;
}

const char *usage_help(UsageLine *usage, const CommandLine *line) {
    char name[32];
    command_name(line, name, sizeof name);
    snprintf(usage->text, sizeof usage->text, "linnet %s --help", name);
    return usage->text;
}

/* The option that a word names. */
static const Option *find(const CommandLine *line, const char *word) {
    const size_t size = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
    for (size_t i = 0; i < line->count && size > 0; i++)
        if (strlen(line->options[i].name) == size && strncmp(word + 2, line->options[i].name, size) == 0)
            return &line->options[i];
    return NULL;
}

static bool is_given(const CommandLine *line, const Words *words, const Option *option) {
    for (size_t i = 0; i < words->count && strcmp(words->items[i], "--") != 0; i++)
        if (find(line, words->items[i]) == option) return true;
    return false;
}

/* Add the operand as the value of the first missing option that it can be meant for: a folder for a DIR, a file for a
 * FILE, or `any`; false if there is none. */
static bool add_as_value(const CommandLine *line, Words *words, const char *operand, bool any) {
    const char *const kind = file_is_folder(operand) ? "DIR" : "FILE";
    for (size_t i = 0; i < line->count; i++) {
        char value[OPTION_VALUE_TEXT];
        const Option *option = &line->options[i];
        if (!option->required || is_given(line, words, option)) continue;
        option_help(option, value);
        if (!any && (!file_exists(operand) || strncmp(value, kind, strlen(kind)) != 0)) continue;
        add_copy(words, "--", option->name);
        add(words, operand);
        return true;
    }
    return false;
}

/* The required options that are missing, with the names of their values. */
static void add_missing(const CommandLine *line, const Words *words, Words *missing) {
    for (size_t i = 0; i < line->count; i++) {
        char value[OPTION_VALUE_TEXT];
        if (!line->options[i].required || is_given(line, words, &line->options[i])) continue;
        option_help(&line->options[i], value);
        add_copy(missing, "--", line->options[i].name);
        add_copy(missing, "", value);
    }
}

static bool write_words(UsageLine *usage, const Words *words, size_t first, size_t end) {
    bool fits = !words->full;
    for (size_t i = first; i < end && fits; i++) fits = usage_add(usage, words->items[i]);
    return fits;
}

/* All as text; the missing options stand before the words from `operands` on, and before `--`. */
static const char *write(UsageLine *usage, const CommandLine *line, const Words *words, size_t operands) {
    char name[32];
    Words missing = {.count = 0};
    add_missing(line, words, &missing);
    for (size_t i = 0; i < operands; i++)
        if (strcmp(words->items[i], "--") == 0) operands = i;
    command_name(line, name, sizeof name);
    snprintf(usage->text, sizeof usage->text, "linnet %s", name);
    const bool fits = write_words(usage, words, 0, operands) && write_words(usage, &missing, 0, missing.count) &&
                      write_words(usage, words, operands, words->count);
    return fits ? usage->text : usage_help(usage, line);
}

const char *usage_replacing(UsageLine *usage, const CommandLine *line, int argc, char **argv, int at,
                            const char *word) {
    Words words = {.count = 0};
    for (int i = 0; i < argc; i++) add(&words, i == at ? word : argv[i]);
    return write(usage, line, &words, words.count);
}

const char *usage_inserting(UsageLine *usage, const CommandLine *line, int argc, char **argv, int at,
                            const char *word) {
    Words words = {.count = 0};
    for (int i = 0; i <= argc; i++) {
        if (i == at) add(&words, word);
        if (i < argc) add(&words, argv[i]);
    }
    return write(usage, line, &words, words.count);
}

/* Whether the argument's value is the next one. */
static bool takes_next(const CommandLine *line, const char *argument) {
    const Option *option = strchr(argument, '=') ? NULL : find(line, argument);
    return option && option->kind != OPTION_FLAG;
}

const char *usage_complete(UsageLine *usage, const CommandLine *line, int argc, char **argv) {
    Words words = {.count = 0}, operands = {.count = 0};
    for (int i = 0; i < argc; i++) {
        const bool option = strncmp(argv[i], "--", 2) == 0 && argv[i][2];
        add(option ? &words : &operands, argv[i]);
        if (option && i + 1 < argc && takes_next(line, argv[i])) add(&words, argv[++i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < operands.count; i++)
        if (!add_as_value(line, &words, operands.items[i], false)) operands.items[kept++] = operands.items[i];
    operands.count = kept;
    for (size_t i = kept = 0; i < operands.count; i++)
        if (line->operands || !add_as_value(line, &words, operands.items[i], true))
            operands.items[kept++] = operands.items[i];
    for (size_t i = 0; i < kept && line->operands; i++) add(&words, operands.items[i]);
    words.full |= operands.full;
    return write(usage, line, &words, words.count - (line->operands ? kept : 0));
}
