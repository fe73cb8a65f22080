/* The files of a setting that may have names. */
#include "linnet/settings/named_files.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <string.h>

void eval_prefix(const NamedFile *file, char text[EVAL_PREFIX_TEXT]) {
    snprintf(text, EVAL_PREFIX_TEXT, "eval_%s%s", file->name ? file->name : "", file->name ? "_" : "");
}

const NamedFile *named_files_of_metric(const NamedFiles *files, const char **metric) {
    const NamedFile *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->files[i].name;
        const size_t length = name ? strlen(name) : 0;
        if (!name) return &files->files[i];
        if (length <= longest || strncmp(name, *metric, length) != 0 || (*metric)[length] != '_') continue;
        found = &files->files[i];
        longest = length;
    }
    if (found) *metric += longest + 1;
    return found;
}

void named_files_free(NamedFiles *files) {
    for (size_t i = 0; i < files->count; i++) {
        memory_free(files->files[i].name);
        memory_free(files->files[i].path);
    }
    memory_free(files->files);
    *files = (NamedFiles){0};
}
