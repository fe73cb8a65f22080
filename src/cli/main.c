/* The program: run the command that the first argument names; its status is the exit code. */
#include "cli/commands.h"
#include "linnet/core/launcher.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include "linnet/core/nearest.h"
#include "linnet/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
    bool parallel; /**< may have several processes; `plan` says itself when */
} Command;

static const Command COMMANDS[] = {
    {"prepare", command_prepare, "convert a table of texts (CSV, TSV, JSON or lines) to a token file", false},
    {"init", command_init, "make a new model folder with random weights", false},
    {"plan", command_plan, "predict memory, network traffic and time of a run before it is submitted", true},
    {"train", command_train, "fine-tune a model; alone, under mpirun or under srun", true},
    {"evaluate", command_evaluate, "accuracy, macro F1 and loss of a model on a token file", true},
    {"predict", command_predict, "label texts from the arguments, a table or standard input", false},
    {"report", command_report, "write a page about training runs: curves, scores, texts, settings", false},
    {"inspect", command_inspect, "show and verify a token file, a model folder or a checkpoint", false},
};
enum { COMMANDS_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

static void print_help(FILE *stream) {
    fprintf(stream, "usage: linnet COMMAND [OPTIONS]\n\n"
                    "Fine-tune GPT-2 text classifiers on the CPUs of one machine or of a cluster.\n\n"
                    "commands:\n");
    for (size_t i = 0; i < COMMANDS_COUNT; i++) fprintf(stream, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    fprintf(stream, "\nlinnet COMMAND --help   the options of a command\n"
                    "linnet --version        versions of linnet and its libraries, and the CPU kernels in use\n");
}

static int refuse_unknown(const char *word) {
    const char *names[COMMANDS_COUNT + 2];
    size_t count = 0;
    for (; count < COMMANDS_COUNT; count++) names[count] = COMMANDS[count].name;
    names[count++] = "--help";
    names[count++] = "--version";
    if (!launcher_speaks()) return STATUS_INPUT;
    const char *kind = word[0] == '-' ? "option" : "command", *near = nearest_name(word, names, count);
    if (near)
        log_error("unknown %s %s: did you mean %s?", kind, word, near);
    else
        log_error("unknown %s %s: linnet --help lists the commands", kind, word);
    return STATUS_INPUT;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return STATUS_INPUT;
    }
    const char *word = argv[1];
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        int code;
        if (strcmp(word, COMMANDS[i].name) != 0) continue;
        return COMMANDS[i].parallel || command_is_alone(word, &code) ? COMMANDS[i].run(argc - 2, argv + 2) : code;
    }
    if (strcmp(word, "--version") == 0)
        version_print();
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        print_help(stdout);
    else
        return refuse_unknown(word);
    return STATUS_OK;
}

/* A program may be started without standard input, output or error; the next file that is opened would take the place
 * of the missing one. What stands there instead fails as a closed file does. */
static void fill_closed_files(void) {
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0) open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv) {
    Error error = {0};
    fill_closed_files();
    temporary_catch_signals();
    if (limits_start(&error)) {
        if (launcher_speaks()) log_error("%s", error.message);
        return (int)error.status;
    }
    int code = dispatch(argc, argv);
    /* If the disk was full, the results are lost: the exit code must not say success. */
    if ((fflush(stdout) || ferror(stdout)) && code == STATUS_OK) {
        log_error("cannot write to standard output: %s", strerror(errno));
        code = STATUS_FAILURE;
    }
    return code;
}
