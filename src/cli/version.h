#ifndef LINNET_CLI_VERSION_H
#define LINNET_CLI_VERSION_H
/** Print to standard output, a line each: the versions of linnet and of the libraries that it runs with (not those that
 *  it was compiled with), and the CPU kernels in use. May be called before MPI_Init(). Not collective. */
void version_print(void);

#endif
