/* The text of --help. See help.h. */
#include "cli/help.h"
#include "cli/usage.h"
#include <ctype.h>
#include <string.h>

#define ROWS_MAX 66
#define LEFT_MAX 26 /* columns of the options' names; a longer one has a line of its own */

const char *option_help(const Option *option, char value[OPTION_VALUE_TEXT]) {
    const size_t size = strcspn(option->help, " ");
    *value = '\0';
    if (option->kind == OPTION_GROUP) return option->help;
    if (size > 1 && size <= OPTION_VALUE_TEXT && option->help[size - 1] == ':' &&
        (isupper((unsigned char)*option->help) || memchr(option->help, '|', size))) {
        memcpy(value, option->help, size - 1);
        value[size - 1] = '\0';
        return option->help + size + (option->help[size] == ' ');
    }
    if (option->kind != OPTION_FLAG)
        strcpy(value, option->kind == OPTION_INT || option->kind == OPTION_NUMBER ? "N" : "VALUE");
    return option->help;
}

void command_name(const CommandLine *line, char *name, size_t size) {
    const char *word = line->synopsis + strcspn(line->synopsis, " ");
    word += *word == ' ';
    snprintf(name, size, "%.*s", (int)strcspn(word, " "), word);
}

void help_example(const CommandLine *line, char *text, size_t size) {
    UsageLine usage;
    char operand[64];
    snprintf(operand, sizeof operand, " %s", line->operands ? line->operands : "");
    const bool needed = operand[1] && strstr(line->synopsis, operand); /* not behind a bracket */
    snprintf(text, size, "%s%s", line->example ? line->example : usage_complete(&usage, line, 0, NULL),
             needed && !line->example ? operand : "");
}

/* Columns of a UTF-8 text: its characters. */
static size_t columns(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void pad(FILE *stream, size_t count) {
    for (size_t i = 0; stream && i < count; i++) fputc(' ', stream);
}

size_t help_paragraph(FILE *stream, const char *left, size_t indent, const char *text) {
    size_t lines = 1, at = columns(left, strlen(left));
    if (stream) fputs(left, stream);
    if (at > indent || (at == indent && indent > 0 && left[strlen(left) - 1] != ' ')) {
        if (stream) fputc('\n', stream);
        lines++;
        at = 0;
    }
    pad(stream, indent - at);
    at = indent;
    for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
        const size_t size = strcspn(text, " \n"), wide = columns(text, size);
        if (at > indent && at + 1 + wide > HELP_COLUMNS) {
            if (stream) fputc('\n', stream);
            pad(stream, indent);
            lines++;
            at = indent;
        } else if (at > indent) {
            pad(stream, 1);
            at++;
        }
        if (stream) fwrite(text, 1, size, stream);
        at += wide;
        text += size;
    }
    if (stream) fputc('\n', stream);
    return lines;
}

/* A line of the list of options. */
typedef struct {
    char left[48 + OPTION_VALUE_TEXT], text[256];
    const char *name;
    bool required, grouped, hidden;
} Row;

typedef struct {
    Row rows[ROWS_MAX];
    size_t count;
    bool some_hidden;
} Rows;

static void add_row(Rows *rows, const char *name, const char *value, const char *help, const char *note,
                    bool required) {
    if (rows->count == ROWS_MAX) return;
    Row *row = &rows->rows[rows->count++];
    *row = (Row){.name = name, .required = required};
    snprintf(row->left, sizeof row->left, "  --%.30s%s%s", name, *value ? " " : "", value);
    snprintf(row->text, sizeof row->text, "%s%s", help, note);
}

static void make_rows(Rows *rows, const CommandLine *line) {
    bool grouped = false;
    rows->count = 0;
    for (size_t i = 0; i < line->count; i++) {
        const Option *option = &line->options[i];
        char value[OPTION_VALUE_TEXT];
        const char *help = option_help(option, value);
        if (option->kind == OPTION_GROUP) {
            grouped = *option->name != '\0';
            continue;
        }
        const char *note = option->required ? option_repeats(option) ? " (required, may be repeated)" : " (required)"
                           : option_repeats(option) ? " (may be repeated)"
                                                    : "";
        add_row(rows, option->name, value, help, note, option->required);
        rows->rows[rows->count - 1].grouped = grouped;
    }
    if (line->settings) add_row(rows, "KEY", "VALUE", HELP_SETTINGS, "", true);
    add_row(rows, "quiet", "", HELP_QUIET, "", true);
    add_row(rows, "help", "", HELP_HELP, "", true);
}

/* Print the rows that are shown and the names of the others, or only count the lines. */
static size_t put_rows(FILE *stream, const Rows *rows, const CommandLine *line) {
    size_t lines = 0, indent = 0, used = 0;
    char name[32], rest[1024] = "";
    for (size_t i = 0; i < rows->count; i++) {
        const size_t size = strlen(rows->rows[i].left) + 2;
        if (!rows->rows[i].hidden && size > indent && size <= LEFT_MAX) indent = size;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const Row *row = &rows->rows[i];
        if (!row->hidden)
            lines += help_paragraph(stream, row->left, indent, row->text);
        else if (used < sizeof rest)
            used += (size_t)snprintf(rest + used, sizeof rest - used, "--%s ", row->name);
    }
    if (!rows->some_hidden || used >= sizeof rest) return lines;
    command_name(line, name, sizeof name);
    snprintf(rest + used, sizeof rest - used, "(see linnet %s --help all)", name);
    return lines + help_paragraph(stream, "  also: ", strlen("  also: "), rest);
}

/* All of the help, or only its number of lines. */
static size_t put(FILE *stream, const CommandLine *line, const Rows *rows) {
    char example[256];
    size_t lines = help_paragraph(stream, "usage: ", strlen("usage: "), line->synopsis) + 3;
    help_example(line, example, sizeof example);
    if (stream) fputc('\n', stream);
    lines += help_paragraph(stream, "", 0, line->summary);
    if (stream) fputs("\noptions:\n", stream);
    lines += put_rows(stream, rows, line) + 1;
    if (stream) fputc('\n', stream);
    return lines + help_paragraph(stream, "example: ", strlen("example: "), example);
}

void help_print(const CommandLine *line, bool all) {
    Rows rows = {.count = 0};
    make_rows(&rows, line);
    if (!all && put(NULL, line, &rows) > HELP_LINES)
        for (size_t i = 0; i < rows.count; i++) rows.some_hidden |= rows.rows[i].hidden = rows.rows[i].grouped;
    for (size_t i = rows.count; !all && i-- > 0 && put(NULL, line, &rows) > HELP_LINES;)
        if (!rows.rows[i].required) rows.some_hidden = rows.rows[i].hidden = true;
    put(stdout, line, &rows);
}
