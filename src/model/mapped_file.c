/* Mapped files, and what others do to them. See mapped_file.h. */
#include "model/mapped_file.h"
#include "linnet/core/file.h"
#include "linnet/core/file_copies.h"
#include "linnet/core/file_source.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static MappedFile *mapped;      /* all of them */
static struct sigaction former; /* what SIGBUS did before */
static atomic_flag told = ATOMIC_FLAG_INIT;

static void print(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/* Only functions that a signal's handler may call. */
static void end_by_bus(int number, siginfo_t *about, void *unused) {
    (void)unused;
    const unsigned char *at = about->si_addr;
    for (const MappedFile *file = mapped; file; file = file->next) {
        if (at < file->bytes || at >= file->bytes + file->size) continue;
        while (atomic_flag_test_and_set(&told)) pause(); /* another thread tells it and ends the process */
        print("linnet: error: ");
        print(file->path);
        print(": its bytes cannot be read any more: it was cut while it was in use, or its disk fails\n");
        _exit(STATUS_INPUT);
    }
    sigaction(number, &former, NULL); /* what has failed is done again, and fails */
}

static void note(MappedFile *file) {
    struct sigaction action = {.sa_sigaction = end_by_bus, .sa_flags = SA_SIGINFO}, before;
    file->next = mapped;
    mapped = file;
    if (sigaction(SIGBUS, NULL, &before) || ((before.sa_flags & SA_SIGINFO) && before.sa_sigaction == end_by_bus))
        return;
    former = before;
    sigaction(SIGBUS, &action, NULL);
}

Status mapped_file_open(MappedFile *file, Error *error) {
    char place[FILE_COPIES_PLACE];
    int descriptor;
    file->copied = file_copies_place(file->path, place) == place;
    if (file_open(file->path, &descriptor, error)) return error->status;
    if (fstat(descriptor, &file->opened)) {
        error_set(error, file_blame(errno), "%s: cannot read: %s", file->path, strerror(errno));
    } else if (file->opened.st_size > 0) {
        file->size = (size_t)file->opened.st_size;
        void *bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
        if (bytes == MAP_FAILED) {
            error_set(error, STATUS_FAILURE, "%s: cannot map its %zu bytes: %s", file->path, file->size,
                      strerror(errno));
        } else {
            file->bytes = bytes;
            note(file);
        }
    }
    close(descriptor);
    return error->status;
}

Status mapped_file_check(const MappedFile *file, Error *error) {
    struct stat now;
    const struct stat *then = &file->opened;
    if (file->copied || stat(file->path, &now) || now.st_ino != then->st_ino || now.st_dev != then->st_dev)
        return STATUS_OK;
    if (file_is_unchanged(then, &now)) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s: was written to while it was in use: start again, and replace models by renaming", file->path);
}

void mapped_file_close(MappedFile *file) {
    if (!file->bytes) return;
    for (MappedFile **link = &mapped; *link; link = &(*link)->next)
        if (*link == file) {
            *link = file->next;
            break;
        }
    munmap(file->bytes, file->size);
}
