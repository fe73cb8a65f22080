#ifndef LINNET_CLI_COMMANDS_H
#define LINNET_CLI_COMMANDS_H
/** The program's commands: each takes the arguments after its name and returns the program's exit code. A command that
 *  fails has printed one line. train, evaluate and plan --measure start MPI and are collective over MPI_COMM_WORLD; the
 *  others do not use MPI. */
int command_prepare(int argc, char **argv);
int command_init(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_train(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_inspect(int argc, char **argv);

/** Print to standard output, a line each: the versions of linnet and of the libraries that it runs with (not those that
 *  it was compiled with), and the CPU kernels in use. May be called before MPI_Init(). Not collective. */
void version_print(void);
#endif
