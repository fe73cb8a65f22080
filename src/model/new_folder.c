/* Making a folder at once. new_folder.h has the contract. */
#include "model/new_folder.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

Status new_folder_check(const char *path, Error *error) {
    if (!file_exists(path)) return STATUS_OK;
    DIR *folder = opendir(path);
    if (!folder) return error_set(error, STATUS_INPUT, "%s: exists and is not a readable folder", path);
    const struct dirent *entry;
    while ((entry = readdir(folder)) && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)) continue;
    if (entry) error_set(error, STATUS_INPUT, "%s: exists and is not empty: linnet does not overwrite a folder", path);
    closedir(folder);
    return error->status;
}

/* The rename replaces only an empty folder. */
static Status put_in_place(const char *temporary, const char *path, Error *error) {
    Error filled = {0};
    if (file_take_place(temporary, path, error) && new_folder_check(path, &filled)) *error = filled;
    return error->status;
}

/* An error names the place that is wanted and not the temporary one. */
static void name_place(Error *error, const char *temporary, const char *path) {
    char rest[sizeof error->message];
    const size_t length = strlen(temporary);
    if (strncmp(error->message, temporary, length) != 0) return;
    snprintf(rest, sizeof rest, "%s", error->message + length);
    snprintf(error->message, sizeof error->message, "%.400s%.600s", path, rest);
}

Status new_folder_write(const char *path, Status (*write)(const char *folder, const void *context, Error *error),
                        const void *context, Error *error) {
    char *output = memory_text(path, error), *temporary = NULL;
    if (!output) return error->status;
    for (size_t length = strlen(output); length > 1 && output[length - 1] == '/';) output[--length] = '\0';
    temporary = temporary_begin(output, error);
    if (!temporary || file_remove(temporary, error) || file_make_folder(temporary, error)) goto cleanup;
    if (write(temporary, context, error) || put_in_place(temporary, output, error)) {
        Error ignored = {0}; /* the first error is the one to report */
        file_remove(temporary, &ignored);
    }
cleanup:
    if (temporary) name_place(error, temporary, output);
    temporary_end(temporary);
    memory_free(output);
    return error->status;
}
