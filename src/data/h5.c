/* Errors and attributes of HDF5. See h5.h. */
#include "data/h5.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The errno of the failed system call that HDF5's reason names; 0: none. */
static int errno_of(const Reason *reason) {
    const char *code = strstr(reason->text, "errno = ");
    return code ? atoi(code + strlen("errno = ")) : 0;
}

bool h5_is_stale(void) {
    Reason found = {0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &found);
    return errno_of(&found) == ESTALE;
}

Status h5_error(Error *error, Status status, const char *path, const char *what) {
    Reason found = {0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &found);
    const char *reason = found.text;
    const int code = errno_of(&found);
    if (found.starved || (code && file_blame(code) != STATUS_INPUT)) status = STATUS_FAILURE;
    /* After a failed system call HDF5 lists addresses, times and flags; the reason is the part in quotes. */
    const char *start = strstr(reason, "error message = '");
    if (!start) return error_set(error, status, "%s: %s: %s", path, what, *reason ? reason : "HDF5 gives no reason");
    start += strlen("error message = '");
    return error_set(error, status, "%s: %s: %.*s", path, what, (int)strcspn(start, "'"), start);
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
    if (attribute->count >= 1 && attribute->count <= most) return STATUS_OK;
    if (most > 1)
        return error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected 1 to %lld values, got %lld", path, name,
                         (long long)most, (long long)attribute->count);
    return error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected 1 value, got %lld", path, name,
                     (long long)attribute->count);
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
