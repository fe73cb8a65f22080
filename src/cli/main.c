/* The program: run the command that the first argument names; its status is the exit code. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/usage.h"
#include "linnet/core/cpus.h"
#include "linnet/core/file.h"
#include "linnet/core/launcher.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include "linnet/core/nearest.h"
#include "linnet/core/signals.h"
#include "linnet/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run_completions(int argc, char **argv);
static int run_man(int argc, char **argv);

static const CommandRow COMMANDS[] = {
    {"prepare", command_prepare, "convert a table of texts (CSV, TSV, JSON or lines) to a token file", false},
    {"init", command_init, "make a new model folder with random weights", false},
    {"init-config", command_init_config, "print a commented configuration to start from", false},
    {"plan", command_plan, "predict memory, network traffic and time of a run", true},
    {"pretrain", command_pretrain, "train a language model; alone, under mpirun or under srun", true},
    {"train", command_train, "fine-tune a model; alone, under mpirun or under srun", true},
    {"evaluate", command_evaluate, "accuracy, macro F1 and loss of a model on a token file", true},
    {"predict", command_predict, "label texts from the arguments, a table or standard input", true},
    {"merge", command_merge, "make a complete model of a model and its LoRA adapter", false},
    {"sweep", command_sweep, "train with many settings and seeds, and compare", false},
    {"report", command_report, "write a page about training runs: curves, scores, texts, settings", false},
    {"inspect", command_inspect, "show and verify a token file, a model folder or a checkpoint", false},
    {"completions", run_completions, "print completions for bash, zsh or fish", false},
    {"man", run_man, "print the manual page of linnet or of a command", false},
};
enum { COMMANDS_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

static const CommandList LIST = {COMMANDS, COMMANDS_COUNT};

static int run_completions(int argc, char **argv) {
    return command_completions(&LIST, argc, argv);
}

static int run_man(int argc, char **argv) {
    return command_man(&LIST, argc, argv);
}

static const CommandRow *find(const char *name) {
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (strcmp(name, COMMANDS[i].name) == 0) return &COMMANDS[i];
    return NULL;
}

static void print_help(FILE *stream) {
    fprintf(stream, "usage: linnet COMMAND [OPTIONS]\n\n"
                    "Fine-tune GPT-2 text classifiers on the CPUs of one machine or of a cluster.\n\n"
                    "commands:\n");
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        char left[32];
        snprintf(left, sizeof left, "  %s", COMMANDS[i].name);
        help_paragraph(stream, left, 14, COMMANDS[i].help);
    }
    fprintf(stream, "\nlinnet COMMAND --help    the options of a command\n"
                    "linnet --version         versions of linnet and its libraries; --json: as JSON\n"
                    "example: linnet train --help\n");
}

/* The command line `linnet FIRST` with the arguments argv [argc]. */
static const char *write_usage(UsageLine *usage, const char *first, int argc, char **argv) {
    snprintf(usage->text, sizeof usage->text, "linnet %s", first);
    for (int i = 0; i < argc; i++)
        if (!usage_add(usage, argv[i])) return "linnet --help";
    return usage->text;
}

/* What is done with a file or folder whose name stands in the place of the command. */
static const char *command_of_path(const char *path) {
    const char *dot = strrchr(path, '.');
    if (!file_exists(path)) return NULL;
    return dot && strcmp(dot, ".json") == 0 ? "train" : "inspect";
}

/* What the user meant by the command line argv [argc]; NULL if it is not near anything. */
static const char *nearest_usage(UsageLine *usage, int argc, char **argv) {
    const char *names[COMMANDS_COUNT + 2], *word = argv[0];
    size_t count = 0;
    for (; count < COMMANDS_COUNT; count++) names[count] = COMMANDS[count].name;
    names[count++] = "--help";
    names[count++] = "--version";
    const char *on_path = command_of_path(word);
    if (on_path) return write_usage(usage, on_path, argc, argv);
    if (strcmp(word, "help") == 0)
        return argc > 1 && find(argv[1]) ? write_usage(usage, argv[1], 1, (char *[]){"--help"}) : "linnet --help";
    const char *near = nearest_name(word, names, count);
    return near ? write_usage(usage, near, argc - 1, argv + 1) : NULL;
}

/* The line ends with the command that would have been right. */
static int refuse_unknown(int argc, char **argv) {
    UsageLine usage;
    if (!launcher_speaks()) return STATUS_INPUT;
    const char *kind = argv[0][0] == '-' ? "option" : "command", *near = nearest_usage(&usage, argc, argv);
    if (near)
        log_error("unknown %s %s: did you mean %s?", kind, argv[0], near);
    else
        log_error("unknown %s %s: linnet --help lists the commands", kind, argv[0]);
    return STATUS_INPUT;
}

/* --version and --help, which a job prints once. */
static int tell(int argc, char **argv) {
    Error error = {0};
    const bool version = strcmp(argv[0], "--version") == 0, json = version && argc == 2 && !strcmp(argv[1], "--json");
    if (launcher_find().rank > 0) return STATUS_OK;
    if (argc > 1 + json) {
        log_error("unexpected argument %s: %s", argv[1], version ? "linnet --version --json" : "linnet --help");
        return STATUS_INPUT;
    }
    if (!version)
        print_help(stdout);
    else if (version_print(json, &error))
        log_error("%s", error.message);
    return (int)error.status;
}

static int dispatch(int argc, char **argv) {
    if (argc < 1) {
        print_help(stderr);
        return STATUS_INPUT;
    }
    const CommandRow *command = find(argv[0]);
    bool all;
    int code;
    if (!command && (strcmp(argv[0], "--version") == 0 || options_help_wanted(1, argv, &all))) return tell(argc, argv);
    if (!command) return refuse_unknown(argc, argv);
    const bool helps = options_help_wanted(argc - 1, argv + 1, &all);
    return helps || command->parallel || command_is_alone(argv[0], &code) ? command->run(argc - 1, argv + 1) : code;
}

/* A program may be started without standard input, output or error; the next file that is opened would take the place
 * of the missing one. What stands there instead fails as a closed file does. */
static void fill_closed_files(void) {
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0) open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Prepare the end of the process, for its launcher; the exit code. */
static int leave(int code) {
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int started = 0, size = 0;
    if (code == STATUS_OK) return code;
    MPI_Initialized(&started);
    MPI_Get_library_version(library, &size);
    launcher_leave(code, started != 0, signals_pending() != 0, library);
    return code;
}

int main(int argc, char **argv) {
    Error error = {0};
    fill_closed_files();
    temporary_catch_signals();
    if (limits_start(&error)) {
        if (launcher_speaks()) log_error("%s", error.message);
        return leave((int)error.status);
    }
    cpus_start();
    int code = dispatch(argc - 1, argv + 1);
    /* If the disk was full, the results are lost: the exit code must not say success. */
    if ((fflush(stdout) || ferror(stdout)) && code == STATUS_OK) {
        log_error("cannot write to standard output: %s", strerror(errno));
        code = STATUS_FAILURE;
    }
    return leave(code);
}
