/* Token files: their bytes, and files that HDF5 itself wrote with any content. */
#include "data/h5.h"
#include "fuzz/readers.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOADED = 32 };

/** Open, verify, measure and load, the last also where the file did not verify. */
static void read_tokens(const char *path) {
    Dataset *dataset = NULL;
    Samples samples = {0};
    Error error = {0}, verifying = {0}, measuring = {0}, loading = {0};
    int64_t indices[LOADED];
    if (!dataset_open(&dataset, path, &error)) {
        const DatasetInfo *info = dataset_info(dataset);
        const int64_t count = info->samples < LOADED ? info->samples : LOADED;
        int32_t lengths[LOADED];
        for (int64_t i = 0; i < count; i++) indices[i] = info->samples - 1 - i;
        dataset_verify(dataset, 0, info->samples, &verifying);
        if (!dataset_lengths(dataset, indices, count, lengths, &measuring))
            for (int64_t i = 0; i < count; i++) fuzz_check(lengths[i] >= 1 && lengths[i] <= info->longest);
        if (!dataset_load(dataset, indices, count, &samples, &loading))
            for (int64_t i = 0; i < count; i++) {
                fuzz_check(samples.labels ? samples.labels[i] < info->labels : samples.targets != NULL);
                for (int64_t k = 0; samples.targets && k < info->labels; k++)
                    fuzz_check(isfinite(samples.targets[i * info->labels + k]));
                for (int64_t k = samples.starts[i]; k < samples.starts[i + 1]; k++)
                    fuzz_check(samples.ids[k] >= 0 && samples.ids[k] < info->vocabulary);
            }
    }
    samples_free(&samples);
    dataset_close(dataset);
    fuzz_check_error(&error);
    fuzz_check_error(&verifying);
    fuzz_check_error(&measuring);
    fuzz_check_error(&loading);
}

void feed_tokens(const uint8_t *bytes, size_t size) {
    read_tokens(fuzz_file("tokens.h5", bytes, size));
}

// --- Files that HDF5 wrote ---
/** Bytes that say what to build; zeros when they are used up. */
typedef struct {
    const uint8_t *bytes;
    size_t size;
} Plan;

static unsigned next(Plan *plan, unsigned below) {
    if (plan->size == 0) return 0;
    plan->size--;
    return *plan->bytes++ % below;
}

static hid_t next_type(Plan *plan) {
    const hid_t kinds[] = {H5T_STD_U16LE, H5T_STD_I64LE, H5T_STD_U8LE, H5T_IEEE_F32LE, H5T_STD_I32LE, H5T_IEEE_F64LE,
                           H5T_STD_I64BE, H5T_STD_B16LE, H5T_C_S1,     H5T_C_S1,       H5T_STD_U32LE};
    const unsigned kind = next(plan, sizeof kinds / sizeof *kinds);
    const hid_t type = H5Tcopy(kinds[kind]);
    if (kind == 8) H5Tset_size(type, H5T_VARIABLE);
    if (kind == 9) H5Tset_size(type, 1 + next(plan, 80));
    return type;
}

static hid_t next_space(Plan *plan, int *rank, hsize_t size[3]) {
    static const hsize_t sizes[] = {3, 4, 8, 1, 0, 2, 100, 65536, (hsize_t)1 << 33, (hsize_t)1 << 61};
    *rank = (int)next(plan, 5);
    for (int i = 0; i < *rank && i < 3; i++) size[i] = sizes[next(plan, sizeof sizes / sizeof *sizes)];
    if (*rank == 4) return H5Screate(H5S_NULL);
    return *rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(*rank, size, NULL);
}

static bool is_small(hid_t space) {
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    return count >= 0 && count <= 1000;
}

/** Elements of any type: from the plan, then zeros. Not of variable texts, whose elements are pointers. */
static void *next_values(Plan *plan, hid_t type, hid_t space) {
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (H5Tis_variable_str(type) > 0 || !is_small(space)) return NULL;
    uint8_t *values = calloc((size_t)count + 1, H5Tget_size(type));
    fuzz_check(values != NULL);
    for (size_t i = 0; i < (size_t)count * H5Tget_size(type) && plan->size > 0; i++)
        values[i] = (uint8_t)next(plan, 256);
    return values;
}

static void build_attribute(Plan *plan, hid_t file, const char *name) {
    hsize_t size[3] = {0};
    int rank = 0;
    H5Adelete(file, name);
    const hid_t type = next_type(plan), space = next_space(plan, &rank, size);
    void *values = next_values(plan, type, space);
    // HDF5 allocates all elements of an attribute at once.
    const hid_t attribute = is_small(space) ? H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    if (attribute >= 0 && values) H5Awrite(attribute, type, values);
    free(values);
    if (attribute >= 0) H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
}

static void build_array(Plan *plan, hid_t file, const char *name) {
    hsize_t size[3] = {0}, chunk[3];
    int rank = 0;
    H5Ldelete(file, name, H5P_DEFAULT);
    const hid_t type = next_type(plan), space = next_space(plan, &rank, size), create = H5Pcreate(H5P_DATASET_CREATE);
    for (int i = 0; i < 3; i++) chunk[i] = size[i] < 16 && size[i] > 0 ? size[i] : (hsize_t)1 << next(plan, 31);
    const unsigned layout = next(plan, 5);
    if (layout == 1) H5Pset_layout(create, H5D_COMPACT);
    if (layout > 1 && rank >= 1 && rank <= 3) H5Pset_chunk(create, rank, chunk);
    if (layout == 3) H5Pset_fletcher32(create);
    if (layout == 4) H5Pset_deflate(create, 1);
    const hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    void *values = next_values(plan, type, space);
    if (array >= 0 && values) H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
    if (array >= 0) H5Dclose(array);
    H5Pclose(create);
    H5Tclose(type);
    H5Sclose(space);
}

/** A link to another file, or a group, in an array's place. */
static void build_other(Plan *plan, hid_t file, const char *name) {
    H5Ldelete(file, name, H5P_DEFAULT);
    if (next(plan, 2))
        H5Lcreate_external("/etc/hostname", name, file, name, H5P_DEFAULT, H5P_DEFAULT);
    else
        H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

/** Up to eight members of a good file replaced by others. */
static void build(Plan *plan, const char *path) {
    static const char *const attributes[] = {"format_version",   "samples",     "tokens",         "vocabulary_size",
                                             "end_of_text",      "max_length",  "longest_sample", "label_names",
                                             "tokenizer_digest", "source_name", "source_digest",  "source_size"};
    static const char *const arrays[] = {"tokens", "offsets", "labels", "rows"};
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    fuzz_check(file >= 0);
    for (int i = 0; i < 8 && plan->size > 0; i++) {
        const unsigned kind = next(plan, 8);
        if (kind < 3)
            build_attribute(plan, file, attributes[next(plan, sizeof attributes / sizeof *attributes)]);
        else if (kind < 7)
            build_array(plan, file, arrays[next(plan, sizeof arrays / sizeof *arrays)]);
        else
            build_other(plan, file, arrays[next(plan, sizeof arrays / sizeof *arrays)]);
    }
    H5Fclose(file);
    H5Pclose(access);
}

static void copy_seed(const char *seed, const char *name) {
    char *bytes = NULL;
    size_t size = 0;
    Error error = {0};
    fuzz_check(file_read(seed, &bytes, &size, &error) == STATUS_OK);
    fuzz_file(name, bytes, size);
    memory_free(bytes);
}

void feed_hdf5(const uint8_t *bytes, size_t size) {
    Plan plan = {bytes, size};
    char path[300];
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    copy_seed("tests/fuzz/seeds/tokens/small.h5", "tokens.h5");
    build(&plan, strcat(strcpy(path, fuzz_folder()), "/tokens.h5"));
    read_tokens(path);
}
