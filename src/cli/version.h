#ifndef LINNET_CLI_VERSION_H
#define LINNET_CLI_VERSION_H
/** Print the versions of linnet, of the libraries it runs with (not those it was compiled against), and the CPU's
 *  kernels, one a line, to standard output. May be called without MPI. Not collective. */
void version_print(void);

#endif
