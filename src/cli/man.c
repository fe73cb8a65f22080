/* linnet man: manual pages, made from the commands' tables of options and the table of settings. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/usage.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/settings/settings.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Where a page goes, and the commands that it names. */
typedef struct {
    FILE *stream;
    const CommandList *commands;
} Page;

/* A word with roff's characters escaped and Markdown's backquotes left out; returns its columns. */
static size_t put_word(FILE *stream, const char *word, size_t size) {
    size_t columns = 0;
    if (*word == '.' || *word == '\'') columns += (size_t)fprintf(stream, "\\&");
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '`') continue;
        if (word[i] == '\\' || word[i] == '-')
            columns += (size_t)fprintf(stream, word[i] == '-' ? "\\-" : "\\e");
        else
            columns += fputc(word[i], stream) != EOF;
    }
    return columns;
}

/* A text on lines of its own, a sentence or 70 columns on each. */
static void put_text(FILE *stream, const char *text) {
    size_t columns = 0;
    for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
        const size_t size = strcspn(text, " \n");
        if (columns > 0) fputc(columns + size > 70 ? '\n' : ' ', stream);
        columns = (columns + size > 70 ? 0 : columns + 1) + put_word(stream, text, size);
        text += size;
        if (size > 1 && text[-1] == '.' && text[-2] != '.' && *text) {
            fputc('\n', stream);
            columns = 0;
        }
    }
    fputc('\n', stream);
}

static void put_head(FILE *stream, const char *command, const char *what) {
    fprintf(stream, ".TH LINNET");
    if (*command) fputc('-', stream);
    for (const char *at = command; *at; at++) fputc(toupper((unsigned char)*at), stream);
    fprintf(stream, " 1 " LINNET_RELEASED " \"linnet " LINNET_VERSION "\"\n.SH NAME\nlinnet%s%s \\- ",
            *command ? "-" : "", command);
    put_text(stream, what);
}

/* An item of a list: its name in bold, its value in italics, what it means. */
static void put_item(FILE *stream, const char *dashes, const char *name, const char *value, const char *help,
                     const char *note) {
    fprintf(stream, ".TP\n.B ");
    if (*value) fprintf(stream, "\\fB");
    for (const char *at = dashes; *at; at++) fputs("\\-", stream);
    for (const char *at = name; *at; at++) fprintf(stream, *at == '-' ? "\\-" : "%c", *at);
    if (*value) fprintf(stream, "\\fR \\fI%s\\fR", value);
    fputc('\n', stream);
    char text[1024];
    snprintf(text, sizeof text, "%s%s", help, note);
    put_text(stream, text);
}

static void put_options(FILE *stream, const CommandLine *line) {
    fputs(".SH OPTIONS\n", stream);
    for (size_t i = 0; i < line->count; i++) {
        const Option *option = &line->options[i];
        char value[OPTION_VALUE_TEXT];
        const char *help = option_help(option, value);
        if (option->kind == OPTION_GROUP) {
            const char *heading = *option->name ? option->name : "others";
            if (i + 1 < line->count) fprintf(stream, ".SS %s\n", heading);
            continue;
        }
        put_item(stream, "--", option->name, value, help,
                 option->required         ? option_repeats(option) ? " (required, may be repeated)" : " (required)"
                 : option_repeats(option) ? " (may be repeated)"
                                          : "");
    }
    fputs(".SS every command\n", stream);
    if (line->settings) put_item(stream, "--", "KEY", "VALUE", "a setting, see SETTINGS", "");
    put_item(stream, "--", "quiet", "", HELP_QUIET, "");
    put_item(stream, "--", "help", "", HELP_HELP, "");
}

static void put_settings(FILE *stream) {
    fputs(".SH SETTINGS\nMembers of the configuration file, or options (\\-\\-learning_rate 3e\\-5).\n", stream);
    SettingInfo info;
    for (size_t i = 0; settings_info(i, &info); i++) {
        char note[256] = "";
        size_t used = 0;
        for (size_t k = 0; info.choices && info.choices[k] && used < 128; k++)
            used += (size_t)snprintf(note + used, sizeof note - used, "%s%s", k ? ", " : ". One of ", info.choices[k]);
        snprintf(note + used, sizeof note - used, info.fallback ? " (default %s)" : " (required)", info.fallback);
        put_item(stream, "", info.key, "", info.help, note);
    }
}

static void put_end(FILE *stream) {
    fputs(".SH EXIT STATUS\n", stream);
    put_item(stream, "", "0", "", "done", "");
    put_item(stream, "", "1", "", "wrong use or wrong input; one line on standard error says what would be right", "");
    put_item(stream, "", "2", "", "failure of the machine, a library or another rank", "");
    put_item(stream, "", "75", "", "stopped by a signal after saving: run again to continue", "");
}

static void put_example(FILE *stream, const char *example) {
    fputs(".SH EXAMPLE\n.nf\n", stream);
    put_text(stream, example);
    fputs(".fi\n", stream);
}

static const char *help_of(const CommandList *commands, const char *name) {
    for (size_t i = 0; i < commands->count; i++)
        if (strcmp(commands->items[i].name, name) == 0) return commands->items[i].help;
    return "";
}

static void put_command(void *context, const CommandLine *line) {
    const Page *page = context;
    char name[32], example[256];
    command_name(line, name, sizeof name);
    help_example(line, example, sizeof example);
    put_head(page->stream, name, help_of(page->commands, name));
    fputs(".SH SYNOPSIS\n", page->stream);
    put_text(page->stream, line->synopsis);
    fputs(".SH DESCRIPTION\n", page->stream);
    put_text(page->stream, line->summary);
    put_options(page->stream, line);
    if (line->settings) put_settings(page->stream);
    put_end(page->stream);
    put_example(page->stream, example);
    fputs(".SH SEE ALSO\n.BR linnet (1)\n", page->stream);
}

static void put_program(const Page *page) {
    FILE *stream = page->stream;
    put_head(stream, "", "fine-tune GPT-2 text classifiers on CPUs and clusters");
    fputs(".SH SYNOPSIS\nlinnet COMMAND [OPTIONS]\n.SH DESCRIPTION\n", stream);
    put_text(stream, "Fine-tune GPT-2 text classifiers on the CPUs of one machine or of a cluster, with Hugging Face "
                     "Trainer's settings, files and numbers.");
    fputs(".SH COMMANDS\n", stream);
    for (size_t i = 0; i < page->commands->count; i++)
        put_item(stream, "", page->commands->items[i].name, "", page->commands->items[i].help, "");
    fputs(".SH OPTIONS\n", stream);
    put_item(stream, "--", "help", "", "list the commands; behind a command: its options", "");
    put_item(stream, "--", "version", "", "versions of linnet and its libraries; with --json as one JSON object", "");
    put_end(stream);
    put_example(stream, "linnet train run.json");
    fputs(".SH SEE ALSO\n", stream);
    for (size_t i = 0; i < page->commands->count; i++)
        fprintf(stream, ".BR linnet\\-%s (1)%s\n", page->commands->items[i].name,
                i + 1 < page->commands->count ? "," : "");
}

/* The page of a command; NULL: of the program. */
static void put_page(const Page *page, const CommandRow *command) {
    if (command)
        options_show_table(command->run, put_command, (void *)(uintptr_t)page);
    else
        put_program(page);
}

/* All pages, as files in a folder. */
static Status write_pages(const char *folder, const CommandList *commands, Error *error) {
    if (file_make_folder(folder, error)) return error->status;
    for (size_t i = 0; i <= commands->count && !error->status; i++) {
        const CommandRow *command = i > 0 ? &commands->items[i - 1] : NULL;
        char name[64];
        snprintf(name, sizeof name, "linnet%s%s.1", command ? "-" : "", command ? command->name : "");
        char *path = file_join(folder, name, error);
        Page page = {.commands = commands};
        if (path && !file_begin(&page.stream, path, error)) put_page(&page, command);
        if (page.stream) file_end(page.stream, path, error);
        memory_free(path);
    }
    if (!error->status) log_info("%s: %zu manual pages", folder, commands->count + 1);
    return error->status;
}

static void put_markdown(void *context, const CommandLine *line) {
    (void)context;
    char name[32];
    command_name(line, name, sizeof name);
    printf("\n## linnet %s\n\n```text\n", name);
    help_print(line, true);
    printf("```\n");
}

/* docs/reference/commands.md. */
static void print_markdown(const CommandList *commands) {
    printf(
        "# Commands\n\n<!-- Generated: `make docs` writes what `linnet man --markdown` prints. -->\n\n"
        "What `linnet COMMAND --help all` prints. `linnet COMMAND --help` fits a screen of 24 lines and may leave options\n"
        "out. `make install` installs manual pages (`man linnet-train`) and completions for bash, zsh and fish. They are\n"
        "made from the same tables, as are `linnet man` and `linnet completions`. Of the processes that `mpirun` or `srun`\n"
        "starts, one prints the help.\n\n"
        "`linnet --version` prints the versions of linnet, of the MPI that it runs with and the one that it was built with\n"
        "(`mpi.h`), of its libraries, the compiler, the kernels in use, the processor and the number of threads;\n"
        "`linnet --version --json` prints them as one JSON object.\n");
    for (size_t i = 0; i < commands->count; i++) options_show_table(commands->items[i].run, put_markdown, NULL);
}

/* The page of the command that the operand names, or of the program, on standard output. */
static Status print_page(const OptionList *names, const CommandList *commands, Error *error) {
    const Page page = {stdout, commands};
    const CommandRow *command = NULL;
    if (names->count > 1)
        return error_set(error, STATUS_INPUT, "expected one command, got %zu: linnet man %s", names->count,
                         names->items[0]);
    for (size_t i = 0; i < commands->count && names->count; i++)
        if (strcmp(commands->items[i].name, names->items[0]) == 0) command = &commands->items[i];
    if (names->count && !command)
        return error_set(error, STATUS_INPUT, "no command %s: linnet --help lists the commands", names->items[0]);
    put_page(&page, command);
    return STATUS_OK;
}

int command_man(const CommandList *commands, int argc, char **argv) {
    const char *folder = NULL;
    OptionList names = {0};
    bool helped = false, quiet = false, markdown = false;
    Error error = {0};
    const Option table[] = {
        {"output", OPTION_TEXT, &folder, "DIR: write the pages of linnet and of all commands into this folder", false,
         0, 0},
        {"markdown", OPTION_FLAG, &markdown, "print the help of all commands as one page in Markdown", false, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet man [COMMAND | --output DIR | --markdown]",
        .summary = "Print the manual page of linnet or of a command, for man or mandoc.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "COMMAND",
        .example = "linnet man train | man -l -",
    };
    options_parse(&line, argc, argv, &helped, &quiet, &names, &error);
    log_setup(0, 1, quiet);
    if (!error.status && !helped) {
        if (markdown)
            print_markdown(commands);
        else if (folder && names.count == 0)
            write_pages(folder, commands, &error);
        else if (folder)
            error_set(&error, STATUS_INPUT, "--output writes all pages: linnet man --output %s", folder);
        else
            print_page(&names, commands, &error);
    }
    if (error.status) log_error("%s", error.message);
    options_free_list(&names);
    return (int)error.status;
}
