#ifndef LINNET_SETTINGS_NAMED_FILES_H
#define LINNET_SETTINGS_NAMED_FILES_H
/** The files of a setting that takes one path, or an object {"name": "path", ...} as Trainer takes a dict of data sets.
 *  Not collective. */
#include <stddef.h>

enum { NAMED_FILES_MAX = 32, NAMED_FILE_NAME_MAX = 40 /* bytes */ };

typedef struct {
    char *name; /**< letters, digits, "_", "-" and "."; NULL: the only file, given by its path alone */
    char *path;
} NamedFile;

/** Owned by the Settings. */
typedef struct {
    NamedFile *files; /**< [count] in the order of the object */
    size_t count;     /**< 0: not given */
} NamedFiles;

/** What the names of a file's scores begin with: "eval_", or "eval_NAME_". */
enum { EVAL_PREFIX_TEXT = 64 };
void eval_prefix(const NamedFile *file, char text[EVAL_PREFIX_TEXT]);

/** The file that a metric, "accuracy" or "NAME_accuracy", is of; *metric becomes its name without that of the file. NULL:
 *  none has this name. Of two names that fit, such as "a" and "a_b", the longer one counts. */
const NamedFile *named_files_of_metric(const NamedFiles *files, const char **metric);

void named_files_free(NamedFiles *files);

#endif
