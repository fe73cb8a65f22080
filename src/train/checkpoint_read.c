/* Reading optimizer.h5, by every rank for itself. See checkpoint_moments.h. */
#include "train/checkpoint_moments.h"

#include "data/h5.h"
#include "linnet/digest.h"
#include "linnet/file.h"
#include "linnet/memory.h"
#include <stdio.h>
#include <string.h>

/* An open optimizer.h5. */
typedef struct {
    char *path;
    hid_t file;
    int digests; /* found right so far */
    Error *error;
} Reader;

static Status open_reader(Reader *r, const char *folder, Error *error) {
    *r = (Reader){.path = file_join(folder, "optimizer.h5", error), .file = -1, .error = error};
    return r->path == NULL ? error->status : h5_open(&r->file, r->path, error);
}

static void close_reader(Reader *r) {
    if (r->file >= 0) H5Fclose(r->file);
    memory_free(r->path);
}

/* Open an array and learn its size; size[1] is 1 where it has one dimension. */
static hid_t open_array(Reader *r, const char *name, int dimensions, hsize_t size[2]) {
    hid_t array = r->error->status == STATUS_OK ? H5Dopen2(r->file, name, H5P_DEFAULT) : -1;
    size[0] = 0;
    size[1] = 1;
    if (array < 0) {
        h5_error(r->error, STATUS_INPUT, r->path, name);
        return -1;
    }
    hid_t space = H5Dget_space(array);
    if (H5Sget_simple_extent_ndims(space) != dimensions)
        error_set(r->error, STATUS_INPUT, "%s: %s does not have %d dimensions", r->path, name, dimensions);
    else
        H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    return array;
}

/* Read rows first … of an array. */
static void read_rows(Reader *r, hid_t array, hid_t type, size_t first, size_t rows, size_t columns, void *values) {
    if (r->error->status != STATUS_OK || rows == 0) return;
    hsize_t start[2] = {first, 0}, count[2] = {rows, columns};
    hid_t file_space = H5Dget_space(array);
    hid_t memory_space = H5Screate_simple(H5Sget_simple_extent_ndims(file_space), count, NULL);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (H5Dread(array, type, memory_space, file_space, H5P_DEFAULT, values) < 0)
        h5_error(r->error, STATUS_INPUT, r->path, "the moments are damaged");
    H5Sclose(memory_space);
    H5Sclose(file_space);
}

static void read_dense(Reader *r, const Optimizer *o, const char *name, float *mine) {
    hsize_t size[2];
    hid_t array = open_array(r, name, 1, size);
    if (r->error->status == STATUS_OK && size[0] != o->layout->dense)
        error_set(r->error, STATUS_INPUT, "%s: %s has %llu floats, this model has %zu", r->path, name,
                  (unsigned long long)size[0], o->layout->dense);
    for (size_t b = 0, before = 0; b < o->layout->buckets; b++) {
        size_t first, length;
        reduction_owned(o->reduction, b, &first, &length);
        read_rows(r, array, H5T_NATIVE_FLOAT, first, length, 1, mine + before);
        before += length;
    }
    if (array >= 0) H5Dclose(array);
}

/* One moment of a table: read all rows in runs, keep those that this rank owns. */
static void read_table_moment(Reader *r, const Table *table, const char *name, const int32_t *ids, size_t count,
                              float *moment) {
    enum { RUN = 1024 };
    hsize_t size[2];
    hid_t array = open_array(r, name, 2, size);
    float *run = memory_allocate(RUN * table->width, sizeof *run, r->error);
    if (r->error->status == STATUS_OK && (size[0] != count || size[1] != table->width))
        error_set(r->error, STATUS_INPUT, "%s: %s is not %zu rows of %zu", r->path, name, count, table->width);
    for (size_t first = 0; r->error->status == STATUS_OK && first < count; first += RUN) {
        size_t rows = count - first < RUN ? count - first : RUN;
        read_rows(r, array, H5T_NATIVE_FLOAT, first, rows, table->width, run);
        for (size_t i = 0; i < rows; i++)
            if (ids[first + i] % table->world->size == table->world->rank)
                memcpy(moment + table_moment(table, ids[first + i]), run + i * table->width,
                       table->width * sizeof *run);
    }
    memory_free(run);
    if (array >= 0) H5Dclose(array);
}

static void read_table(Reader *r, Table *table, const char *name) {
    char text[64];
    hsize_t size[2];
    snprintf(text, sizeof text, "%s_rows", name);
    hid_t array = open_array(r, text, 1, size);
    size_t count = (size_t)size[0];
    if (r->error->status == STATUS_OK && count > table->rows)
        error_set(r->error, STATUS_INPUT, "%s: %s names more rows than the table has", r->path, text);
    int32_t *ids = r->error->status == STATUS_OK ? memory_allocate(count, sizeof *ids, r->error) : NULL;
    read_rows(r, array, H5T_NATIVE_INT32, 0, count, 1, ids);
    if (array >= 0) H5Dclose(array);
    for (size_t i = 0; r->error->status == STATUS_OK && i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= table->rows)
            error_set(r->error, STATUS_INPUT, "%s: %s names row %d of a table of %zu", r->path, text, ids[i],
                      table->rows);
    if (r->error->status == STATUS_OK) table_restore(table, ids, count);
    for (int which = 0; which < 2; which++) {
        snprintf(text, sizeof text, "%s_%s", name, which == 0 ? "exp_avg" : "exp_avg_sq");
        if (r->error->status == STATUS_OK)
            read_table_moment(r, table, text, ids, count, which == 0 ? table->m : table->v);
    }
    memory_free(ids);
}

Status checkpoint_read_optimizer(const World *world, const char *folder, Optimizer *o, Error *error) {
    Reader r;
    if (open_reader(&r, folder, error) == STATUS_OK) {
        read_dense(&r, o, "exp_avg", o->m);
        read_dense(&r, o, "exp_avg_sq", o->v);
        read_table(&r, &o->token, "token");
        read_table(&r, &o->position, "position");
    }
    close_reader(&r);
    return world_agree(world, error, true);
}

/* One attribute: if it is a file's digest, prove it. */
static herr_t check_digest(hid_t file, const char *name, const H5A_info_t *attribute, void *context) {
    Reader *r = context;
    (void)attribute;
    if (strncmp(name, MOMENTS_DIGEST, sizeof MOMENTS_DIGEST - 1) != 0) return 0;
    char expected[DIGEST_TEXT], found[DIGEST_TEXT];
    if (h5_get_text(file, name, expected, sizeof expected, r->path, r->error)) return 1;
    size_t folder = strlen(r->path) - strlen("optimizer.h5");
    char *path = memory_allocate(folder + strlen(name), 1, r->error);
    if (path == NULL) return 1;
    strcat(memcpy(path, r->path, folder), name + sizeof MOMENTS_DIGEST - 1);
    if (digest_file(path, found, r->error) == STATUS_OK && strcmp(found, expected) != 0)
        error_set(r->error, STATUS_INPUT,
                  "%s is not what this checkpoint was written with (SHA-256 %.12s…, not %.12s…)", path, found,
                  expected);
    memory_free(path);
    r->digests++;
    return r->error->status != STATUS_OK;
}

/* Read an array to its end, so that HDF5 checks its checksums; returns its rows. */
static int64_t prove_array(Reader *r, const char *name, int dimensions) {
    hsize_t size[2];
    hid_t array = open_array(r, name, dimensions, size);
    size_t columns = (size_t)size[1], run = MOMENTS_CHUNK / (columns > 0 ? columns : 1) + 1;
    float *values = r->error->status == STATUS_OK ? memory_allocate(run * columns, sizeof *values, r->error) : NULL;
    hid_t type = array >= 0 ? H5Dget_type(array) : -1;
    for (size_t first = 0; r->error->status == STATUS_OK && first < size[0]; first += run)
        read_rows(r, array, type, first, size[0] - first < run ? (size_t)size[0] - first : run, columns, values);
    if (type >= 0) H5Tclose(type);
    memory_free(values);
    if (array >= 0) H5Dclose(array);
    return (int64_t)size[0];
}

Status moments_verify(const char *folder, CheckpointInfo *info, Error *error) {
    Reader r;
    if (open_reader(&r, folder, error) == STATUS_OK) {
        hsize_t next = 0;
        H5Aiterate2(r.file, H5_INDEX_NAME, H5_ITER_INC, &next, check_digest, &r);
        info->files = r.digests;
        if (info->files < 1) error_set(error, STATUS_INPUT, "%s holds no digests", r.path);
        info->dense = prove_array(&r, "exp_avg", 1);
        if (prove_array(&r, "exp_avg_sq", 1) != info->dense)
            error_set(error, STATUS_INPUT, "%s: exp_avg and exp_avg_sq differ in size", r.path);
        info->token_rows = prove_array(&r, "token_rows", 1);
        info->position_rows = prove_array(&r, "position_rows", 1);
        static const char *const tables[] = {"token_exp_avg", "token_exp_avg_sq", "position_exp_avg",
                                             "position_exp_avg_sq"};
        for (size_t i = 0; i < 4; i++)
            if (prove_array(&r, tables[i], 2) != (i < 2 ? info->token_rows : info->position_rows))
                error_set(error, STATUS_INPUT, "%s: %s has another number of rows than its list", r.path, tables[i]);
    }
    close_reader(&r);
    return error->status;
}
