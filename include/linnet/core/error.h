#ifndef LINNET_CORE_ERROR_H
#define LINNET_CORE_ERROR_H
/** How a function says that it failed.
 *
 *  A function that can fail returns a Status and fills the caller's Error. The first error wins: setting an Error
 *  that already holds one changes nothing. An Error belongs to the caller, owns no memory, and is ready after
 *  `Error error = {0};`.
 *
 *   Error error = {0};
 *   if (dataset_open(&data, path, &error)) return error.status; */
#include <stddef.h>

/** The values are the program's exit codes. */
typedef enum {
    STATUS_OK = 0,
    STATUS_INPUT = 1,   /**< bad use or bad input: the user can mend it */
    STATUS_FAILURE = 2, /**< the machine, a library or another rank failed while running */
    STATUS_STOPPED = 75 /**< stopped by a signal after saving: run again to go on */
} Status;

typedef struct {
    Status status;      /**< STATUS_OK while nothing is wrong */
    char message[1024]; /**< one line: what was wrong, where, and what would be right */
    const char *file;   /**< source position that found it; static text */
    int line;
    int rank; /**< that met it, once world_agree() has had all agree on it */
} Error;

/** Fill *error unless it already holds an error; returns the status that *error then holds. Not collective. */
#define error_set(error, status, ...) error_set_at((error), (status), __FILE__, __LINE__, __VA_ARGS__)

/** The function behind error_set(); the text is cut at sizeof message. Control characters in it become spaces. */
Status error_set_at(Error *error, Status status, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
