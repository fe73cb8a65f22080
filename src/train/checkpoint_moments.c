/* Writing optimizer.h5: every rank's moments, gathered by rank 0. See checkpoint_moments.h; reading is in
 * checkpoint_read.c. */
#include "train/checkpoint_moments.h"

#include "data/h5.h"
#include "linnet/digest.h"
#include "linnet/file.h"
#include "linnet/memory.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { TAG_DENSE = 1, TAG_ROWS = 2 };

/* What rank 0 writes to; elsewhere nothing is open. After a failure writing stops and receiving goes on. */
typedef struct {
    const World *world;
    const char *path;
    hid_t file;
    Error *error;
} Writer;

static bool writing(const Writer *w) {
    return w->world->rank == 0 && w->error->status == STATUS_OK;
}

static void fail(Writer *w, const char *what) {
    h5_error(w->error, STATUS_FAILURE, w->path, what);
}

/* Create a data set with checksums (Fletcher's, checked by HDF5 at every read). */
static hid_t create_array(Writer *w, const char *name, hid_t type, int dimensions, const hsize_t *size) {
    hsize_t chunk[2] = {size[0], dimensions > 1 ? size[1] : 1};
    hsize_t most = dimensions > 1 ? MOMENTS_CHUNK / size[1] + 1 : MOMENTS_CHUNK;
    if (chunk[0] > most) chunk[0] = most;
    if (chunk[0] == 0) chunk[0] = 1;
    hid_t space = H5Screate_simple(dimensions, size, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(create, dimensions, chunk);
    H5Pset_fletcher32(create);
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_INCR);
    hid_t array = H5Dcreate2(w->file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    H5Pclose(create);
    H5Sclose(space);
    if (array < 0) fail(w, name);
    return array;
}

/* Write rows first … of an array from memory; columns 1 for a one-dimensional one. */
static void write_rows(Writer *w, hid_t array, hid_t type, size_t first, size_t rows, size_t columns,
                       const void *values) {
    if (!writing(w) || rows == 0) return;
    hsize_t start[2] = {first, 0}, count[2] = {rows, columns};
    hid_t file_space = H5Dget_space(array);
    int dimensions = H5Sget_simple_extent_ndims(file_space);
    hid_t memory_space = H5Screate_simple(dimensions, count, NULL);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (H5Dwrite(array, type, memory_space, file_space, H5P_DEFAULT, values) < 0)
        fail(w, "the moments cannot be written");
    H5Sclose(memory_space);
    H5Sclose(file_space);
}

/* One dense moment: its parts in order, whoever owns them. */
static void write_dense(Writer *w, Optimizer *o, const char *name, const float *mine) {
    const World *world = w->world;
    size_t largest = o->layout->dense / (size_t)world->size + 2 * PARAMETERS_BLOCK, before = 0;
    float *buffer = world->rank == 0 ? memory_allocate(largest, sizeof *buffer, w->error) : NULL;
    hsize_t size[1] = {o->layout->dense};
    hid_t array = writing(w) ? create_array(w, name, H5T_IEEE_F32LE, 1, size) : -1;
    for (size_t b = 0; b < o->layout->buckets; b++) {
        for (int r = 0; r < world->size; r++) {
            size_t first, length;
            reduction_part_of(o->reduction, b, r, &first, &length);
            const float *part = mine + before;
            if (r == world->rank) before += length;
            if (r != 0 && world->rank == r)
                world_check(world, MPI_Send(part, (int)length, MPI_FLOAT, 0, TAG_DENSE, world->comm), "MPI_Send");
            if (r != 0 && world->rank == 0) {
                if (buffer == NULL)
                    world_abort(world, w->error); /* the senders wait, and there is no room to take it in */
                part = buffer;
                world_check(world,
                            MPI_Recv(buffer, (int)length, MPI_FLOAT, r, TAG_DENSE, world->comm, MPI_STATUS_IGNORE),
                            "MPI_Recv");
            }
            write_rows(w, array, H5T_NATIVE_FLOAT, first, length, 1, part);
        }
    }
    if (array >= 0 && H5Dclose(array) < 0) fail(w, name);
    memory_free(buffer);
}

/* The rows of an owner that were ever touched, by ascending id; returns their number. */
static size_t list_rows(const Table *table, int owner, int32_t *ids) {
    size_t count = 0;
    for (size_t id = (size_t)owner; id < table->rows; id += (size_t)table->world->size)
        if (table->touched[id]) ids[count++] = (int32_t)id;
    return count;
}

/* A table's moment m or v, owner by owner; `rows` is an array for their ids. */
static void write_table_moment(Writer *w, const Table *table, hid_t array, const float *moment, int32_t *ids,
                               float *buffer) {
    const World *world = w->world;
    size_t first = 0, width = table->width;
    for (int owner = 0; owner < world->size; owner++) {
        size_t count = list_rows(table, owner, ids);
        if (owner == world->rank)
            for (size_t i = 0; i < count; i++)
                memcpy(buffer + i * width, moment + table_moment(table, ids[i]), width * sizeof *buffer);
        for (size_t i = 0; i < count && owner != 0;
             i++) { /* a row a message: a count of floats never nears MPI's limit */
            if (world->rank == owner)
                world_check(world, MPI_Send(buffer + i * width, (int)width, MPI_FLOAT, 0, TAG_ROWS, world->comm),
                            "MPI_Send");
            if (world->rank == 0)
                world_check(world,
                            MPI_Recv(buffer + i * width, (int)width, MPI_FLOAT, owner, TAG_ROWS, world->comm,
                                     MPI_STATUS_IGNORE),
                            "MPI_Recv");
        }
        write_rows(w, array, H5T_NATIVE_FLOAT, first, count, width, buffer);
        first += count;
    }
}

static void write_table(Writer *w, const Table *table, const char *name) {
    char text[64];
    size_t share = (table->rows + (size_t)table->world->size - 1) / (size_t)table->world->size, total = 0;
    int32_t *ids = memory_allocate(share, sizeof *ids, w->error);
    float *buffer = memory_allocate(share * table->width, sizeof *buffer, w->error);
    if (ids == NULL || buffer == NULL) world_abort(w->world, w->error);
    for (size_t id = 0; id < table->rows; id++) total += table->touched[id];
    hsize_t size[2] = {total, table->width};
    snprintf(text, sizeof text, "%s_rows", name);
    hid_t rows = writing(w) ? create_array(w, text, H5T_STD_I32LE, 1, size) : -1;
    for (size_t first = 0, owner = 0; owner < (size_t)w->world->size; owner++) {
        size_t count = list_rows(table, (int)owner, ids);
        write_rows(w, rows, H5T_NATIVE_INT32, first, count, 1, ids);
        first += count;
    }
    if (rows >= 0 && H5Dclose(rows) < 0) fail(w, text);
    for (int which = 0; which < 2; which++) {
        snprintf(text, sizeof text, "%s_%s", name, which == 0 ? "exp_avg" : "exp_avg_sq");
        hid_t array = writing(w) ? create_array(w, text, H5T_IEEE_F32LE, 2, size) : -1;
        write_table_moment(w, table, array, which == 0 ? table->m : table->v, ids, buffer);
        if (array >= 0 && H5Dclose(array) < 0) fail(w, text);
    }
    memory_free(ids);
    memory_free(buffer);
}

/* The digest of every file that already lies in the folder, as an attribute of its name. */
static void write_digests(Writer *w, const char *folder) {
    DIR *entries = opendir(folder);
    if (entries == NULL) error_set(w->error, STATUS_FAILURE, "%s cannot be listed", folder);
    for (struct dirent *entry; writing(w) && (entry = readdir(entries)) != NULL;) {
        char digest[DIGEST_TEXT], name[300];
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "optimizer.h5") == 0) continue;
        char *path = file_join(folder, entry->d_name, w->error);
        snprintf(name, sizeof name, MOMENTS_DIGEST "%s", entry->d_name);
        if (path != NULL && digest_file(path, digest, w->error) == STATUS_OK && !h5_put_text(w->file, name, digest))
            fail(w, "a digest cannot be written");
        memory_free(path);
    }
    if (entries != NULL) closedir(entries);
}

static void open_writer(Writer *w, const char *folder, const Optimizer *o) {
    if (!writing(w) || h5_create(&w->file, w->path, w->error)) return;
    if (!h5_put_int(w->file, "format_version", MOMENTS_VERSION) ||
        !h5_put_int(w->file, "dense", (int64_t)o->layout->dense) ||
        !h5_put_int(w->file, "width", (int64_t)o->token.width))
        fail(w, "attributes cannot be written");
    write_digests(w, folder);
}

static void close_writer(Writer *w) {
    if (w->file < 0) return;
    if (H5Fclose(w->file) < 0) fail(w, "the file cannot be closed");
    if (w->error->status == STATUS_OK) file_flush(w->path, w->error);
}

void moments_write(const World *world, const char *folder, Optimizer *o, Error *error) {
    char *path = folder != NULL ? file_join(folder, "optimizer.h5", error) : NULL;
    Writer w = {.world = world, .path = path, .file = -1, .error = error};
    open_writer(&w, folder, o);
    write_dense(&w, o, "exp_avg", o->m);
    write_dense(&w, o, "exp_avg_sq", o->v);
    write_table(&w, &o->token, "token");
    write_table(&w, &o->position, "position");
    close_writer(&w);
    memory_free(path);
}
