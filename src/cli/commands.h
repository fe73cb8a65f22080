#ifndef LINNET_CLI_COMMANDS_H
#define LINNET_CLI_COMMANDS_H
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /**< what it does, in a line */
    bool parallel;    /**< may have several processes; `plan` and `predict` say themselves when */
} CommandRow;

/** All commands, in the order of the program's --help. */
typedef struct {
    const CommandRow *items;
    size_t count;
} CommandList;

/** The program's commands: each takes the arguments after its name and returns the program's exit code. A command that
 *  fails has printed one line. init-config, train, pretrain, evaluate and plan --measure start MPI and are collective over
 *  MPI_COMM_WORLD; the others do not use MPI. */
int command_prepare(int argc, char **argv);
int command_init(int argc, char **argv);
int command_init_config(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_train(int argc, char **argv);
int command_pretrain(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_report(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_inspect(int argc, char **argv);
/** These two tell of all commands. */
int command_completions(const CommandList *commands, int argc, char **argv);
int command_man(const CommandList *commands, int argc, char **argv);

/** Whether this process is alone, as a command that does not use MPI must be. If a launcher started several, each is to
 *  end with *code; the first prints an error at once, which ends the others, else they do: launcher_speaks(). Not
 *  collective: known from the environment. */
bool command_is_alone(const char *command, int *code);

/** Print to standard output, a line each, or as the members of one JSON object: the versions of linnet and of the
 *  libraries that it runs with (not those that it was compiled with), the compiler, the CPU kernels in use, the
 *  processor and the number of threads. May be called before MPI_Init(). Not collective. STATUS_FAILURE: out of
 *  memory. */
Status version_print(bool json, Error *error);
#endif
