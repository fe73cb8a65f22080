/* Writing optimizer.h5. See checkpoint_moments.h; reading is in checkpoint_read.c. */
#include "checkpoint/checkpoint_moments.h"
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char *const ROWS[MOMENTS_PARTS] = {NULL, "token_rows", "position_rows"};
static const char *const ARRAYS[MOMENTS_PARTS][2] = {
    {"exp_avg", "exp_avg_sq"}, {"token_exp_avg", "token_exp_avg_sq"}, {"position_exp_avg", "position_exp_avg_sq"}};

/* Rows of a chunk: a MiB or a little more. */
static hsize_t chunk_rows(const MomentsShape *shape, MomentsPart part) {
    hsize_t most = part == MOMENTS_DENSE ? MOMENTS_CHUNK : MOMENTS_CHUNK / shape->width[part] + 1;
    hsize_t rows = shape->length[part] < most ? shape->length[part] : most;
    return rows > 0 ? rows : 1;
}

/* Create a data set with checksums (Fletcher's, checked by HDF5 at every read). */
static hid_t create_array(const MomentsFile *file, const char *name, hid_t type, int dimensions, MomentsPart part,
                          Error *error) {
    if (error->status != STATUS_OK) return -1;
    hsize_t size[2] = {file->shape->length[part], file->shape->width[part]};
    hsize_t chunk[2] = {file->chunk[part], file->shape->width[part]};
    hid_t space = H5Screate_simple(dimensions, size, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(create, dimensions, chunk);
    H5Pset_fletcher32(create);
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_INCR);
    hid_t array = H5Dcreate2(file->file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    if (array < 0) h5_error(error, STATUS_FAILURE, file->path, name);
    H5Pclose(create);
    H5Sclose(space);
    return array;
}

/* Write rows first … of an array of some dimensions from memory. */
static void write_rows(const MomentsFile *file, hid_t array, hid_t type, size_t first, size_t rows, size_t columns,
                       const void *values, Error *error) {
    if (error->status != STATUS_OK || rows == 0) return;
    hsize_t start[2] = {first, 0}, count[2] = {rows, columns};
    hid_t file_space = H5Dget_space(array);
    hid_t memory_space = H5Screate_simple(H5Sget_simple_extent_ndims(file_space), count, NULL);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (H5Dwrite(array, type, memory_space, file_space, H5P_DEFAULT, values) < 0)
        h5_error(error, STATUS_FAILURE, file->path, "the moments cannot be written");
    H5Sclose(memory_space);
    H5Sclose(file_space);
}

/* Finish an array's digest. HDF5's own checksums are of sums that do not tell a word of zeros from one of ones. */
static void write_array_digest(const MomentsFile *file, hid_t array, Digest *digest, Error *error) {
    char text[DIGEST_TEXT];
    if (error->status != STATUS_OK) return;
    digest_finish(digest, text);
    if (!h5_put_text(array, MOMENTS_ARRAY_DIGEST, text))
        h5_error(error, STATUS_FAILURE, file->path, "a digest cannot be written");
}

/* A table's list of rows, at once. */
static void write_row_ids(const MomentsFile *file, MomentsPart part, Error *error) {
    const size_t length = file->shape->length[part];
    Digest *digest = NULL;
    hid_t rows = create_array(file, ROWS[part], H5T_STD_I32LE, 1, part, error);
    write_rows(file, rows, H5T_NATIVE_INT32, 0, length, 1, file->shape->ids[part], error);
    if (error->status == STATUS_OK && digest_create(&digest, error) == STATUS_OK) {
        digest_add(digest, file->shape->ids[part], length * sizeof(int32_t));
        write_array_digest(file, rows, digest, error);
    }
    digest_destroy(digest);
    if (rows >= 0 && H5Dclose(rows) < 0) h5_error(error, STATUS_FAILURE, file->path, ROWS[part]);
}

/* The digest of every file that already lies in the folder, as an attribute of its name. */
static void write_digests(const MomentsFile *file, const char *folder, Error *error) {
    DIR *entries = opendir(folder);
    if (entries == NULL) error_set(error, STATUS_FAILURE, "%s cannot be listed", folder);
    for (struct dirent *entry; error->status == STATUS_OK && (entry = readdir(entries)) != NULL;) {
        char digest[DIGEST_TEXT], name[300];
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "optimizer.h5") == 0) continue;
        char *path = file_join(folder, entry->d_name, error);
        snprintf(name, sizeof name, MOMENTS_DIGEST "%s", entry->d_name);
        if (path != NULL && digest_file(path, digest, error) == STATUS_OK) {
            h5_enter();
            if (!h5_put_text(file->file, name, digest))
                h5_error(error, STATUS_FAILURE, file->path, "a digest cannot be written");
            h5_leave();
        }
        memory_free(path);
    }
    if (entries != NULL) closedir(entries);
}

/* The file, its attributes and its arrays, with the lists of rows. */
static void create(MomentsFile *file, Error *error) {
    const MomentsShape *shape = file->shape;
    if (h5_create(&file->file, file->path, error)) return;
    if (!h5_put_int(file->file, "format_version", MOMENTS_VERSION) ||
        !h5_put_int(file->file, "dense", (int64_t)shape->length[MOMENTS_DENSE]) ||
        !h5_put_int(file->file, "width", (int64_t)shape->width[MOMENTS_TOKEN]))
        h5_error(error, STATUS_FAILURE, file->path, "attributes cannot be written");
    for (MomentsPart part = 0; part < MOMENTS_PARTS; part++) {
        file->chunk[part] = chunk_rows(shape, part);
        for (int which = 0; which < 2; which++) {
            file->arrays[part][which] =
                create_array(file, ARRAYS[part][which], H5T_IEEE_F32LE, part == MOMENTS_DENSE ? 1 : 2, part, error);
            if (error->status == STATUS_OK) digest_create(&file->digests[part][which], error);
        }
        if (part != MOMENTS_DENSE) write_row_ids(file, part, error);
    }
}

Status moments_file_create(MomentsFile *file, const char *folder, const MomentsShape *shape, Error *error) {
    *file = (MomentsFile){.file = -1, .arrays = {{-1, -1}, {-1, -1}, {-1, -1}}, .shape = shape};
    file->path = file_join(folder, "optimizer.h5", error);
    if (file->path == NULL) return error->status;
    h5_enter();
    create(file, error);
    h5_leave();
    if (error->status == STATUS_OK) write_digests(file, folder, error);
    return error->status;
}

void moments_file_write(MomentsFile *file, const MomentsRun *run, const float *values, Error *error) {
    size_t width = file->shape->width[run->part], chunk = (size_t)file->chunk[run->part];
    hid_t array = file->arrays[run->part][run->which];
    size_t end = run->first + run->rows;
    for (size_t first = run->first, rows; error->status == STATUS_OK && first < end; first += rows) {
        rows = (first / chunk + 1) * chunk - first; /* to the end of its chunk */
        if (rows > end - first) rows = end - first;
        h5_enter();
        write_rows(file, array, H5T_NATIVE_FLOAT, first, rows, width, values + (first - run->first) * width, error);
        h5_leave();
    }
    if (error->status == STATUS_OK)
        digest_add(file->digests[run->part][run->which], values, run->rows * width * sizeof *values);
}

void moments_file_flush(MomentsFile *file, Error *error) {
    h5_enter();
    for (int part = 0; part < MOMENTS_PARTS; part++)
        for (int which = 0; which < 2; which++)
            write_array_digest(file, file->arrays[part][which], file->digests[part][which], error);
    if (error->status == STATUS_OK && H5Fflush(file->file, H5F_SCOPE_LOCAL) < 0)
        h5_error(error, STATUS_FAILURE, file->path, "the moments cannot be written");
    h5_leave();
}

Status moments_file_close(MomentsFile *file, Error *error) {
    h5_enter();
    for (int part = 0; part < MOMENTS_PARTS; part++)
        for (int which = 0; which < 2; which++) {
            digest_destroy(file->digests[part][which]);
            if (file->arrays[part][which] >= 0 && H5Dclose(file->arrays[part][which]) < 0)
                h5_error(error, STATUS_FAILURE, file->path, ARRAYS[part][which]);
        }
    if (file->file >= 0 && H5Fclose(file->file) < 0)
        h5_error(error, STATUS_FAILURE, file->path, "the file cannot be closed");
    h5_leave();
    if (error->status == STATUS_OK) file_flush(file->path, error);
    memory_free(file->path);
    return error->status;
}
