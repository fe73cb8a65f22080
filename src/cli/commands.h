#ifndef LINNET_CLI_COMMANDS_H
#define LINNET_CLI_COMMANDS_H
#include <stdbool.h>

/** The program's commands: each takes the arguments after its name and returns the program's exit code. A command that
 *  fails has printed one line. train, evaluate and plan --measure start MPI and are collective over MPI_COMM_WORLD; the
 *  others do not use MPI. */
int command_prepare(int argc, char **argv);
int command_init(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_train(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_report(int argc, char **argv);
int command_inspect(int argc, char **argv);

/** Whether this process is alone, as a command that does not use MPI must be. If a launcher started several, each is to
 *  end with *code; the first prints an error at once, which ends the others, else they do: launcher_speaks(). Not
 *  collective: known from the environment. */
bool command_is_alone(const char *command, int *code);

/** Print to standard output, a line each: the versions of linnet and of the libraries that it runs with (not those that
 *  it was compiled with), and the CPU kernels in use. May be called before MPI_Init(). Not collective. */
void version_print(void);
#endif
