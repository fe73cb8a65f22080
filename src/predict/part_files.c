/* The folder of finished parts. See part_files.h. */
#include "predict/part_files.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "predict/part_manifest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest.json"
#define INPUT "input"
#define STOP "stop"
#define ROWS ".rows"
#define CLAIM ".claim"
enum { ATTEMPTS = 10, COPY_BLOCK = 1 << 20 };

/* --- The folder --- */

static bool is_part_name(const char *name) {
    const size_t digits = strspn(name, "0123456789");
    return digits >= 6 && (strcmp(name + digits, ROWS) == 0 || strcmp(name + digits, CLAIM) == 0);
}

static bool ends_in_tmp(const char *name) {
    const size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".tmp") == 0;
}

/* Whether a file of this name may be in the folder. */
static bool is_ours(const char *name) {
    static const char *const NAMES[] = {".", "..", MANIFEST, INPUT, STOP, LOCK_NAME};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0) return true;
    return is_part_name(name) || ends_in_tmp(name);
}

/* Call `take` for each name in the folder until it returns an error. */
static Status each_name(const PredictJob *job, Status (*take)(const PredictJob *, const char *, void *, Error *),
                        void *context, Error *error) {
    DIR *folder = opendir(job->folder);
    if (!folder) return file_fail(error, job->folder, "list");
    for (const struct dirent *entry; !error->status && (entry = readdir(folder));)
        take(job, entry->d_name, context, error);
    closedir(folder);
    return error->status;
}

static Status check_name(const PredictJob *job, const char *name, void *unused, Error *error) {
    (void)unused;
    if (is_ours(name)) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s: exists and is not a folder of unfinished predictions (it has %s): remove it, or choose "
                     "another --output",
                     job->folder, name);
}

static bool has(const PredictJob *job, const char *name) {
    return file_is_in(job->folder, name);
}

/* Take the lock of the folder, which a job that ends removes with the folder. */
static Status lock_folder(PredictJob *job, Error *error) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        Error locked = {0};
        if (file_make_folder(job->folder, error) || each_name(job, check_name, NULL, error)) return error->status;
        if (lock_take(&job->lock, job->folder, &locked) == STATUS_INPUT)
            return error_set(error, STATUS_INPUT,
                             "%s: another run of linnet predict writes it: wait for it to end, or choose another "
                             "--output",
                             job->options->output);
        if (locked.status && file_exists(job->folder)) return error_set(error, locked.status, "%s", locked.message);
        if (!locked.status && (has(job, LOCK_NAME) || !job->lock.held)) return STATUS_OK;
        lock_release(&job->lock);
    }
    return error_set(error, STATUS_FAILURE, "%s: cannot lock: other runs remove it again and again", job->folder);
}

Status part_files_begin(PredictJob *job, Error *error) {
    if (lock_folder(job, error)) return error->status;
    job->disposable = !has(job, MANIFEST);
    return STATUS_OK;
}

void part_files_end(PredictJob *job) {
    Error ignored = {0};
    if (job->disposable && job->folder && job->rank == 0) file_remove(job->folder, &ignored);
    lock_release(&job->lock);
}

/* --- Standard input --- */

static Status copy_bytes(int from, FILE *to, const PredictJob *job, Error *error) {
    char *block = memory_allocate(COPY_BLOCK, 1, error);
    for (ssize_t got = 1; block && got != 0 && !error->status;) {
        got = read(from, block, COPY_BLOCK);
        if (got < 0 && errno != EINTR)
            error_set(error, file_blame(errno), "standard input: cannot read: %s", strerror(errno));
        if (got > 0 && !file_write_all(fileno(to), block, (size_t)got)) file_fail(error, job->input, "write");
    }
    memory_free(block);
    return error->status;
}

Status part_files_copy_input(PredictJob *job, Error *error) {
    FILE *copy;
    const char *path = job->options->input;
    const int given = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (given < 0) return error_set(error, STATUS_INPUT, "%s: cannot read: %s", path, strerror(errno));
    if (!file_begin(&copy, job->input, error)) {
        copy_bytes(given, copy, job, error);
        file_end(copy, job->input, error);
    }
    close(given);
    return error->status;
}

/* --- Parts --- */

static char *name_in_folder(const PredictJob *job, int64_t part, const char *ending, Error *error) {
    char name[48];
    snprintf(name, sizeof name, "%06" PRId64 "%s", part, ending);
    return file_join(job->folder, name, error);
}

char *part_files_path(const PredictJob *job, int64_t part, Error *error) {
    return name_in_folder(job, part, ROWS, error);
}

bool part_files_claim(const PredictJob *job, int64_t part, Error *error) {
    char *path = name_in_folder(job, part, CLAIM, error);
    if (!path) return false;
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno != EEXIST) file_fail(error, path, "create");
    if (file >= 0) close(file);
    memory_free(path);
    return file >= 0;
}

typedef struct {
    bool *taken, *done;
} Marks;

static Status mark_name(const PredictJob *job, const char *name, void *context, Error *error) {
    const Marks *marks = context;
    if (!is_part_name(name)) return STATUS_OK;
    const int64_t part = strtoll(name, NULL, 10);
    const bool done = strstr(name, ROWS) != NULL;
    if (part >= job->count) return error->status;
    if (marks->taken) marks->taken[part] = true;
    if (marks->done && done) marks->done[part] = true;
    return STATUS_OK;
}

Status part_files_list(const PredictJob *job, bool *taken, bool *done, Error *error) {
    return each_name(job, mark_name, &(Marks){taken, done}, error);
}

/* Remove a file of the folder, unless it is another one than `context`, an ending, says. */
static Status remove_name(const PredictJob *job, const char *name, void *context, Error *error) {
    const char *ending = context;
    if (!is_part_name(name) && strcmp(name, STOP) != 0) return STATUS_OK;
    if (ending && is_part_name(name) && !strstr(name, ending)) return STATUS_OK;
    char *path = file_join(job->folder, name, error);
    if (path) file_remove(path, error);
    memory_free(path);
    return error->status;
}

Status part_files_clear_claims(const PredictJob *job, Error *error) {
    return each_name(job, remove_name, CLAIM, error);
}

Status part_files_restart(PredictJob *job, Error *error) {
    char *path = file_join(job->folder, MANIFEST, error);
    if (!path || each_name(job, remove_name, NULL, error) || part_manifest_write(job, path, error)) goto cleanup;
    job->disposable = false;
cleanup:
    memory_free(path);
    return error->status;
}

Status part_files_resume(PredictJob *job, bool *resumed, Error *error) {
    *resumed = false;
    if (!has(job, MANIFEST)) return STATUS_OK;
    char *path = file_join(job->folder, MANIFEST, error);
    if (path && !part_manifest_read(job, path, resumed, error) && *resumed)
        part_files_list(job, NULL, job->done, error);
    memory_free(path);
    return error->status;
}

/* --- Stopping --- */

void part_files_ask_stop(const PredictJob *job) {
    Error ignored = {0};
    char *path = file_join(job->folder, STOP, &ignored);
    const int file = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (file >= 0) close(file);
    memory_free(path);
}

bool part_files_stop_asked(const PredictJob *job) {
    return has(job, STOP);
}

/* --- The end --- */

/* Append a part to the output: inside the file system where it can do that, else by way of memory. */
static Status append_part(const PredictJob *job, int64_t part, FILE *output, char *block, Error *error) {
    int file;
    char *path = part_files_path(job, part, error);
    if (!path || file_open(path, &file, error)) {
        memory_free(path);
        return error->status;
    }
    while (copy_file_range(file, NULL, fileno(output), NULL, (size_t)1 << 30, 0) > 0) continue;
    /* What it has not copied. Some file systems copy nothing, and say that it is the end. */
    for (ssize_t got = 1; got != 0 && !error->status;) {
        got = read(file, block, COPY_BLOCK);
        if (got < 0 && errno != EINTR) file_fail(error, path, "read");
        if (got > 0 && !file_write_all(fileno(output), block, (size_t)got))
            file_fail(error, job->options->output, "write");
    }
    close(file);
    memory_free(path);
    return error->status;
}

Status part_files_join(PredictJob *job, Error *error) {
    FILE *output;
    const char *const *columns;
    const size_t count = table_rows_columns(job->rows, &columns);
    char *block = memory_allocate(COPY_BLOCK, 1, error);
    if (!block || file_begin(&output, job->options->output, error)) goto cleanup;
    output_header(output, job->format, &job->answers, columns, count);
    if (fflush(output)) file_fail(error, job->options->output, "write");
    for (int64_t part = 0; part < job->count && !error->status; part++)
        if (job->parts[part].rows > 0) append_part(job, part, output, block, error);
    if (!file_end(output, job->options->output, error)) job->disposable = true; /* the folder has served */
cleanup:
    memory_free(block);
    return error->status;
}
