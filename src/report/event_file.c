/* A file that follows the log history of a run. */
#include "linnet/report/event_file.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct EventFile {
    EventFilePlan plan; /* path and start are the file's own */
    int file;           /* −1: not open */
    bool begun;         /* it has its start */
    off_t length;       /* bytes that are complete */
    const cJSON *taken; /* the last event of the history that the file holds or passes over; NULL: none */
};

static Status write_failed(const EventFile *file, Error *error) {
    return error_set(error, STATUS_FAILURE, "%s: cannot write: %s", file->plan.path, strerror(errno));
}

/* Whether the open file is still the one at the path: somebody may have moved or removed the folder. */
static bool is_in_place(const EventFile *file) {
    struct stat opened, named;
    return file->file >= 0 && fstat(file->file, &opened) == 0 && stat(file->plan.path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Start a new, empty file. */
static Status open_empty(EventFile *file, Error *error) {
    if (file->file >= 0) close(file->file);
    file->taken = NULL;
    file->begun = file->plan.start_size == 0;
    file->length = 0;
    file->file = open(file->plan.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
    return file->file < 0 ? write_failed(file, error) : STATUS_OK;
}

/* Append bytes. An incomplete piece is removed again. */
static Status write_piece(EventFile *file, const char *bytes, size_t size, Error *error) {
    size_t done = 0;
    while (done < size) {
        ssize_t count = pwrite(file->file, bytes + done, size - done, file->length + (off_t)done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        done += (size_t)count;
    }
    if (done == size) {
        file->length += (off_t)size;
        return STATUS_OK;
    }
    write_failed(file, error);
    if (ftruncate(file->file, file->length))
        error_set(error, STATUS_FAILURE, "%s: cannot remove an incomplete line", file->plan.path);
    return error->status;
}

static Status write_event(EventFile *file, const cJSON *event, Error *error) {
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    bool printed = stream && file->plan.print(stream, event, file->plan.context) && !ferror(stream);
    printed = stream && fclose(stream) == 0 && printed;
    if (printed)
        write_piece(file, bytes, size, error);
    else
        error_set(error, STATUS_FAILURE, "%s: out of memory for an event", file->plan.path);
    free(bytes);
    return error->status;
}

static bool is_before(const cJSON *event, int64_t step) {
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(event, "step");
    return cJSON_IsNumber(of) && of->valuedouble < (double)step;
}

static const cJSON *next_event(const EventFile *file) {
    return file->taken ? file->taken->next : file->plan.events->child;
}

Status event_file_catch_up(EventFile *file, Error *error) {
    if (!is_in_place(file) && open_empty(file, error)) return error->status;
    if (!file->begun && write_piece(file, file->plan.start, file->plan.start_size, error)) return error->status;
    file->begun = true;
    for (const cJSON *event = next_event(file); event; event = event->next) {
        if (!is_before(event, file->plan.first_step) && write_event(file, event, error)) break;
        file->taken = event;
    }
    return error->status;
}

bool event_file_is_behind(const EventFile *file) {
    return !file->begun || next_event(file);
}

Status event_file_append(EventFile *file, const void *bytes, size_t size, Error *error) {
    if (event_file_catch_up(file, error)) return error->status;
    return write_piece(file, bytes, size, error);
}

Status event_file_open(EventFile **file, const EventFilePlan *plan, Error *error) {
    *file = NULL;
    EventFile *opened = memory_allocate(1, sizeof *opened, error);
    if (!opened) {
        cJSON_Delete(plan->context);
        return error->status;
    }
    char *start = plan->start_size > 0 ? memory_allocate(plan->start_size, 1, error) : NULL;
    if (start) memcpy(start, plan->start, plan->start_size);
    opened->plan = *plan;
    opened->plan.start = start;
    opened->plan.path = memory_text(plan->path, error);
    opened->file = -1;
    if (!error->status && !open_empty(opened, error) && !event_file_catch_up(opened, error)) {
        *file = opened;
        opened = NULL;
    }
    event_file_close(opened);
    return error->status;
}

void event_file_close(EventFile *file) {
    if (!file) return;
    if (file->file >= 0) close(file->file);
    memory_free((char *)file->plan.path);
    memory_free((char *)file->plan.start);
    cJSON_Delete(file->plan.context);
    memory_free(file);
}
