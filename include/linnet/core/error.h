#ifndef LINNET_CORE_ERROR_H
#define LINNET_CORE_ERROR_H
/** How a function reports an error.
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
    STATUS_INPUT = 1,   /**< bad use or bad input, which the user can correct */
    STATUS_FAILURE = 2, /**< the machine, a library or another rank failed while running */
    STATUS_STOPPED = 75 /**< stopped by a signal after saving: run again to continue */
} Status;

typedef struct {
    Status status;      /**< STATUS_OK without an error */
    char message[1024]; /**< one line: what was wrong, where, and what would be right */
    const char *file;   /**< source position that found the error; static text */
    int line;
    int rank; /**< that found it, after world_agree() */
    int code; /**< errno, where file_fail() has set the error; else 0 */
} Error;

/** Fill *error unless it holds an error already; returns the status that *error then has. Not collective. */
#define error_set(error, status, ...) error_set_at((error), (status), __FILE__, __LINE__, __VA_ARGS__)

/** The function of error_set(). The message is truncated to its array; control and invisible characters are escaped
 *  (linnet/core/escape.h). */
Status error_set_at(Error *error, Status status, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** Append a name [size] in quotes to the text `list` [room] that a message shows: `"a", " b", "c"`; "..." stands for
 *  those that have no room. */
void error_list(char *list, size_t room, const char *name, size_t size);

#endif
