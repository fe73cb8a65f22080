/* HDF5 files and attributes. See h5.h. */
#include "data/h5.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a failed close (a full disk) HDF5 keeps the file in its list and crashes on it when the program exits. linnet
 * closes all its files, so HDF5 has nothing to do then. The call works only before HDF5's first use. */
__attribute__((constructor)) static void close_nothing_at_exit(void) {
    H5dont_atexit();
}

/* --- Errors --- */

typedef struct {
    char text[512];
    bool starved; /**< HDF5 got no memory */
} Reason;

static herr_t keep_first(unsigned position, const H5E_error2_t *entry, void *context) {
    Reason *reason = context;
    if (position > 0) return 0;
    snprintf(reason->text, sizeof reason->text, "%s", entry->desc ? entry->desc : "");
    reason->starved = entry->maj_num == H5E_RESOURCE;
    return 0;
}

Status h5_error(Error *error, Status status, const char *path, const char *what) {
    Reason found = {0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &found);
    const char *reason = found.text;
    const char *code = strstr(reason, "errno = ");
    if (found.starved || (code && file_blame(atoi(code + strlen("errno = "))) != STATUS_INPUT)) status = STATUS_FAILURE;
    /* After a failed system call HDF5 lists addresses, times and flags; the reason is the part in quotes. */
    const char *start = strstr(reason, "error message = '");
    if (!start) return error_set(error, status, "%s: %s: %s", path, what, *reason ? reason : "HDF5 gives no reason");
    start += strlen("error message = '");
    return error_set(error, status, "%s: %s: %.*s", path, what, (int)strcspn(start, "'"), start);
}

/* --- Files --- */

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
static Status check_start(const char *path, int file, Error *error) {
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    Superblock start = {0};
    char mark[4];
    struct stat about;
    const ssize_t count = pread(file, &start, sizeof start, 0);
    if (count < 0 || fstat(file, &about) != 0)
        return error_set(error, file_blame(errno), "%s: cannot read: %s", path, strerror(errno));
    if (memcmp(start.signature, signature, sizeof start.signature) != 0) return refuse_other(path, error);
    if (start.version < 2 || start.version > 3)
        return error_set(
            error, STATUS_INPUT,
            "%s: expected HDF5's format of version 1.10 or later, which has checksums (h5py: libver=\"v110\")", path);
    if (start.end > (uint64_t)about.st_size)
        return error_set(error, STATUS_INPUT, "%s: damaged or cut short: expected %llu bytes, got %lld", path,
                         (unsigned long long)start.end, (long long)about.st_size);
    if (start.offset_bytes != 8 || start.length_bytes != 8 || start.base != 0 || start.extension != UINT64_MAX ||
        start.root > start.end || pread(file, mark, sizeof mark, (off_t)start.root) != sizeof mark ||
        memcmp(mark, "OHDR", sizeof mark) != 0)
        return error_set(error, STATUS_INPUT, "%s: damaged or cut short: not as linnet writes it", path);
    return STATUS_OK;
}

Status h5_open(hid_t *file, const char *path, Error *error) {
    *file = -1;
    int start;
    if (file_open(path, &start, error)) return error->status;
    check_start(path, start, error);
    close(start);
    if (error->status) return error->status;
    const hid_t access = access_without_locks();
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (*file < 0) h5_error(error, STATUS_INPUT, path, "damaged or cut short");
    H5Pclose(access);
    return error->status;
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

/* --- Reading attributes --- */

/* An open attribute with its type and number of elements. */
typedef struct {
    hid_t attribute, type;
    hssize_t count;
} Attribute;

static void close_attribute(Attribute *attribute) {
    if (attribute->type >= 0) H5Tclose(attribute->type);
    if (attribute->attribute >= 0) H5Aclose(attribute->attribute);
}

/* Open an attribute that must be of `class` and hold 1 … most elements. */
static Status open_attribute(Attribute *attribute, hid_t object, const char *name, H5T_class_t class, hssize_t most,
                             const char *path, Error *error) {
    *attribute = (Attribute){.attribute = -1, .type = -1};
    const htri_t there = H5Aexists(object, name);
    if (there < 0) return h5_error(error, STATUS_INPUT, path, "damaged attributes");
    if (there == 0) return error_set(error, STATUS_INPUT, "%s: attribute \"%s\" is missing", path, name);
    attribute->attribute = H5Aopen(object, name, H5P_DEFAULT);
    const hid_t space = H5Aget_space(attribute->attribute);
    attribute->type = H5Aget_type(attribute->attribute);
    const bool known = space >= 0 && attribute->type >= 0;
    if (known) attribute->count = H5Sget_simple_extent_npoints(space);
    if (space >= 0) H5Sclose(space);
    if (!known) return error_set(error, STATUS_INPUT, "%s: attribute \"%s\" is damaged", path, name);
    if (H5Tget_class(attribute->type) != class)
        return error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected %s", path, name,
                         class == H5T_INTEGER ? "an integer" : "text");
    if (attribute->count < 1 || attribute->count > most)
        return error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected %s, got %lld", path, name,
                         most > 1 ? "1 to 255 values" : "1 value", (long long)attribute->count);
    return STATUS_OK;
}

Status h5_get_int(hid_t object, const char *name, int64_t low, int64_t high, int64_t *value, const char *path,
                  Error *error) {
    Attribute attribute;
    int64_t found = 0;
    if (open_attribute(&attribute, object, name, H5T_INTEGER, 1, path, error)) goto cleanup;
    if (H5Aread(attribute.attribute, H5T_NATIVE_INT64, &found) < 0)
        error_set(error, STATUS_INPUT, "%s: attribute \"%s\": cannot read", path, name);
    else if (found < low || found > high)
        error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected %lld to %lld, got %lld", path, name,
                  (long long)low, (long long)high, (long long)found);
    else
        *value = found;
cleanup:
    close_attribute(&attribute);
    return error->status;
}

/* Set *text to a copy of raw [size]; false where that is not a valid text. */
static bool copy_text(char **text, const char *raw, size_t size, Error *error) {
    if (size < 1 || size > H5_TEXT_MAX || utf8_valid_length(raw, size) != size) return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)raw[i] < 0x20 || raw[i] == 0x7f) return false;
    *text = memory_allocate(size + 1, 1, error);
    if (*text) memcpy(*text, raw, size);
    return *text;
}

static bool read_fixed(const Attribute *attribute, char **texts, Error *error) {
    const size_t count = (size_t)attribute->count, width = H5Tget_size(attribute->type);
    if (width < 1 || width > H5_TEXT_MAX + 1) return false;
    char *raw = memory_allocate(count, width, error);
    bool good = raw && H5Aread(attribute->attribute, attribute->type, raw) >= 0;
    for (size_t i = 0; good && i < count; i++) {
        const char *text = raw + i * width;
        size_t size = strnlen(text, width);
        if (H5Tget_strpad(attribute->type) == H5T_STR_SPACEPAD)
            while (size > 0 && text[size - 1] == ' ') size--;
        good = copy_text(&texts[i], text, size, error);
    }
    memory_free(raw);
    return good;
}

Status h5_get_texts(hid_t object, const char *name, int32_t most, char ***texts, int32_t *count, const char *path,
                    Error *error) {
    Attribute attribute;
    char **list = NULL;
    if (open_attribute(&attribute, object, name, H5T_STRING, most, path, error)) goto cleanup;
    list = memory_allocate((size_t)attribute.count, sizeof *list, error);
    if (!list) goto cleanup;
    /* Texts of variable length are stored in a heap without checksums, and HDF5 crashes on some damage to it. */
    if (H5Tis_variable_str(attribute.type) == 0 && read_fixed(&attribute, list, error)) {
        *texts = list;
        *count = (int32_t)attribute.count;
        list = NULL;
    } else {
        error_set(
            error, STATUS_INPUT,
            "%s: attribute \"%s\": expected UTF-8 texts of fixed length, of 1 to %d bytes without control characters",
            path, name, H5_TEXT_MAX);
    }
cleanup:
    if (list) h5_free_texts(list, (int32_t)attribute.count);
    close_attribute(&attribute);
    return error->status;
}

Status h5_get_text(hid_t object, const char *name, char *text, size_t size, const char *path, Error *error) {
    char **texts = NULL;
    int32_t count = 0;
    if (h5_get_texts(object, name, 1, &texts, &count, path, error)) return error->status;
    if (strlen(texts[0]) < size)
        snprintf(text, size, "%s", texts[0]);
    else
        error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected at most %zu bytes, got %zu", path, name,
                  size - 1, strlen(texts[0]));
    h5_free_texts(texts, count);
    return error->status;
}

void h5_free_texts(char **texts, int32_t count) {
    for (int32_t i = 0; texts && i < count; i++) memory_free(texts[i]);
    memory_free(texts);
}

/* --- Writing attributes --- */

static bool put(hid_t object, const char *name, hid_t stored, hid_t held, hid_t space, const void *values) {
    const hid_t attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good = attribute >= 0 && H5Awrite(attribute, held, values) >= 0;
    if (attribute >= 0) H5Aclose(attribute);
    if (space >= 0) H5Sclose(space);
    return good;
}

bool h5_put_int(hid_t object, const char *name, int64_t value) {
    return put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, H5Screate(H5S_SCALAR), &value);
}

/* Texts one after the other, each `width` bytes wide, because those of variable length are in a heap without
 * checksums. */
static bool put_fixed(hid_t object, const char *name, const char *texts, size_t width, hid_t space) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, width);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const bool good = put(object, name, type, type, space, texts);
    H5Tclose(type);
    return good;
}

bool h5_put_text(hid_t object, const char *name, const char *text) {
    return put_fixed(object, name, text, strlen(text), H5Screate(H5S_SCALAR));
}

bool h5_put_texts(hid_t object, const char *name, char *const *texts, int32_t count) {
    Error ignored = {0}; /* the caller sees a failed write */
    size_t width = 1;
    for (int32_t i = 0; i < count; i++)
        if (strlen(texts[i]) > width) width = strlen(texts[i]);
    char *block = memory_allocate((size_t)count, width, &ignored);
    if (!block) return false;
    for (int32_t i = 0; i < count; i++) memcpy(block + (size_t)i * width, texts[i], strlen(texts[i]));
    const hsize_t extent = (hsize_t)count;
    const bool good = put_fixed(object, name, block, width, H5Screate_simple(1, &extent, NULL));
    memory_free(block);
    return good;
}
