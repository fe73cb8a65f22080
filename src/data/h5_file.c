/* Opening and creating HDF5 files. See h5.h. */
#include "data/h5.h"
#include "linnet/core/file.h"
#include "linnet/core/file_copies.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/file_source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* HDF5 reads this variable when it is first used, and obeys it before what access_without_locks() says: where a site has
 * set it to TRUE, files of a file system without locks could not be opened. Nobody needs locks here: files that others
 * may read are never written to. */
__attribute__((constructor)) static void lock_no_files(void) {
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
}

/* After a failed close (a full disk) HDF5 keeps the file in its list and crashes on it when the program exits. linnet
 * closes all its files, so HDF5 has nothing to do then. The call works only before HDF5's first use. */
__attribute__((constructor)) static void close_nothing_at_exit(void) {
    H5dont_atexit();
}

/* Access without locks, which NFS and Lustre often do not have. Also turns off the printing of HDF5's error stack
 * (each thread has its own switch, so this is done where a thread first uses HDF5) and the loading of plugins: a file
 * may name filters that HDF5 would look for on the disk. */
static hid_t access_without_locks(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0) H5Pset_file_locking(access, false, true);
    return access;
}

/* A superblock as linnet writes it (HDF5 File Format Specification 3.0, II.A.): version 3, offsets and lengths of 8
 * bytes. */
typedef struct {
    unsigned char signature[8], version, offset_bytes, length_bytes, flags;
    uint64_t base, extension, end, root;
    uint32_t checksum;
} __attribute__((packed)) Superblock;

/* Say what a file is that is no HDF5 file; a table, the usual one, with the command that makes a token file of it. */
static Status refuse_other(const char *path, Error *error) {
    const FileKind kind = file_kind_of(path);
    const char *name = strrchr(path, '/'), *dot = strchr(name ? name : path, '.');
    if (kind != FILE_KIND_OTHER && kind != FILE_KIND_GZIP && kind != FILE_KIND_UTF16)
        return file_kind_refuse_table(path, kind, error);
    return error_set(error, STATUS_INPUT,
                     "%s: not an HDF5 file; a table becomes one by: linnet prepare --input %s --output %.*s.h5 "
                     "--tokenizer MODEL_FOLDER",
                     path, path, dot ? (int)(dot - path) : (int)strlen(path), path);
}

/* Check the file's start before HDF5 reads it. Structures of formats before HDF5 1.10 have no checksums, and HDF5 can
 * crash on damage in them: they are refused, here those of the file and its root group. */
static Status check_start(const char *path, int file, const struct stat *about, Error *error) {
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    Superblock start = {0};
    char mark[4];
    if (pread(file, &start, sizeof start, 0) < 0)
        return error_set(error, file_blame(errno), "%s: cannot read: %s", path, strerror(errno));
    if (memcmp(start.signature, signature, sizeof start.signature) != 0) return refuse_other(path, error);
    if (start.version < 2 || start.version > 3)
        return error_set(
            error, STATUS_INPUT,
            "%s: expected HDF5's format of version 1.10 or later, which has checksums (h5py: libver=\"v110\")", path);
    if (start.end > (uint64_t)about->st_size)
        return error_set(error, STATUS_INPUT, "%s: damaged or cut short: expected %llu bytes, got %lld", path,
                         (unsigned long long)start.end, (long long)about->st_size);
    if (start.offset_bytes != 8 || start.length_bytes != 8 || start.base != 0 || start.extension != UINT64_MAX ||
        start.root > start.end || pread(file, mark, sizeof mark, (off_t)start.root) != sizeof mark ||
        memcmp(mark, "OHDR", sizeof mark) != 0)
        return error_set(error, STATUS_INPUT, "%s: damaged or cut short: not as linnet writes it", path);
    return STATUS_OK;
}

/* --- A copy in memory --- */

/* HDF5 asks by these functions for memory to hold a file that is in memory already, and for copying it there. */
static void *give_image(size_t size, H5FD_file_image_op_t operation, void *context) {
    const H5Source *source = context;
    (void)operation;
    return size <= source->size ? source->bytes : NULL;
}

static void *copy_nothing(void *to, const void *from, size_t size, H5FD_file_image_op_t operation, void *context) {
    (void)from, (void)size, (void)operation, (void)context;
    return to;
}

static void *never_grow(void *bytes, size_t size, H5FD_file_image_op_t operation, void *context) {
    (void)bytes, (void)size, (void)operation, (void)context;
    return NULL;
}

static herr_t free_nothing(void *bytes, H5FD_file_image_op_t operation, void *context) {
    (void)bytes, (void)operation, (void)context;
    return 0;
}

static void *same_context(void *context) {
    return context;
}

static herr_t free_no_context(void *context) {
    (void)context;
    return 0;
}

enum { IMAGE_NAME = 64 };

/* Map the open copy, and let HDF5 read it there. HDF5 wants a name of its own for it, of which there is no file. */
static Status use_image(H5Source *source, char name[IMAGE_NAME], hid_t access, int file, const char *path,
                        Error *error) {
    const struct stat *about = &source->opened;
    void *bytes = mmap(NULL, (size_t)about->st_size, PROT_READ, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED) return file_fail(error, path, "map its copy in memory");
    source->bytes = bytes;
    source->size = (size_t)about->st_size;
    snprintf(name, IMAGE_NAME, "/proc/self/fd/copy-%ju", (uintmax_t)about->st_ino);
    H5FD_file_image_callbacks_t calls = {give_image,   copy_nothing,    never_grow, free_nothing,
                                         same_context, free_no_context, source};
    if (H5Pset_fapl_core(access, 1 << 16, false) < 0 || H5Pset_file_image_callbacks(access, &calls) < 0 ||
        H5Pset_file_image(access, source->bytes, source->size) < 0)
        h5_error(error, STATUS_FAILURE, path, "cannot use its copy in memory");
    return error->status;
}

bool h5_bytes(hid_t file, const H5Source *source, uint64_t address, void *out, size_t size) {
    if (source->bytes) {
        const bool inside = address <= source->size && size <= source->size - address;
        if (inside) memcpy(out, (const char *)source->bytes + address, size);
        return inside;
    }
    int *descriptor = NULL;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&descriptor) < 0 || !descriptor) return false;
    return pread(*descriptor, out, size, (off_t)address) == (ssize_t)size;
}

/* --- Opening and creating --- */

Status h5_open(hid_t *file, H5Source *source, const char *path, Error *error) {
    char place[FILE_COPIES_PLACE], name[IMAGE_NAME];
    FileSource start;
    *file = -1;
    if (file_source_open(&start, path, error)) return error->status;
    *source = (H5Source){.opened = start.about};
    const hid_t access = access_without_locks();
    const bool copied = file_copies_place(path, place) == place;
    if (!check_start(path, start.file, &start.about, error) &&
        !(copied && use_image(source, name, access, start.file, path, error)) &&
        (*file = H5Fopen(copied ? name : path, H5F_ACC_RDONLY, access)) < 0)
        h5_error(error, STATUS_INPUT, path, "damaged or cut short");
    file_source_close(&start);
    H5Pclose(access);
    return error->status;
}

void h5_close(hid_t file, H5Source *source) {
    if (file >= 0) H5Fclose(file);
    if (source->bytes) munmap(source->bytes, source->size);
    *source = (H5Source){0};
}

Status h5_create(hid_t *file, const char *temporary, const char *path, Error *error) {
    *file = -1;
    /* The system's error tells a wrong path (bad input) from a failing disk; HDF5's does not. */
    const int probe = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (probe < 0) return file_fail(error, path, "create");
    close(probe);
    const hid_t access = access_without_locks();
    /* This format has checksums in its structures; HDF5 can crash on damage in the older one. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    /* Without time stamps the same content gives the same bytes. */
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(creation, false);
    const hid_t created = H5Fcreate(temporary, H5F_ACC_TRUNC, creation, access);
    if (created < 0) {
        h5_error(error, STATUS_FAILURE, path, "cannot write");
        unlink(temporary);
    }
    H5Pclose(creation);
    H5Pclose(access);
    *file = created;
    return error->status;
}
