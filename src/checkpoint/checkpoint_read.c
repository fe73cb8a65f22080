/* Reading optimizer.h5, by every rank for itself. See checkpoint_moments.h. */
#include "checkpoint/checkpoint_moments.h"

#include "data/h5_array.h"
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
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
    int64_t version;
    if (r->path == NULL || h5_open(&r->file, r->path, error)) return error->status;
    return h5_get_int(r->file, "format_version", MOMENTS_VERSION, MOMENTS_VERSION, &version, r->path, error);
}

static void close_reader(Reader *r) {
    if (r->file >= 0) H5Fclose(r->file);
    memory_free(r->path);
}

/* The two kinds of arrays that there are. */
static H5ArrayKind floats(const char *name, int dimensions) {
    return (H5ArrayKind){name, H5T_FLOAT, sizeof(float), false, dimensions};
}
static H5ArrayKind row_ids(const char *name) {
    return (H5ArrayKind){name, H5T_INTEGER, sizeof(int32_t), true, 1};
}

/* Open an array, unless something is wrong already. */
static H5Array open_array(Reader *r, H5ArrayKind kind) {
    H5Array array = {.array = -1};
    if (r->error->status == STATUS_OK) h5_array_open(&array, r->file, &kind, r->path, r->error);
    return array;
}

static void read_dense(Reader *r, const Optimizer *o, const char *name, float *mine) {
    H5Array array = open_array(r, floats(name, 1));
    if (r->error->status == STATUS_OK && array.size[0] != o->layout->dense)
        error_set(r->error, STATUS_INPUT, "%s: %s has %llu floats, this model has %zu", r->path, name,
                  (unsigned long long)array.size[0], o->layout->dense);
    for (size_t b = 0, before = 0; b < o->layout->buckets; b++) {
        size_t first, length;
        reduction_owned(o->reduction, b, &first, &length);
        h5_array_read(&array, H5T_NATIVE_FLOAT, first, length, mine + before, name, r->path, r->error);
        before += length;
    }
    h5_array_close(&array);
}

/* One moment of a table: read all rows in runs, keep those that this rank owns. */
static void read_table_moment(Reader *r, const SparseEmbedding *table, const char *name, const int32_t *ids,
                              size_t count, float *moment) {
    enum { RUN = 1024 };
    H5Array array = open_array(r, floats(name, 2));
    float *run = memory_allocate(RUN * table->width, sizeof *run, r->error);
    if (r->error->status == STATUS_OK && (array.size[0] != count || array.size[1] != table->width))
        error_set(r->error, STATUS_INPUT, "%s: %s is not %zu rows of %zu", r->path, name, count, table->width);
    for (size_t first = 0; r->error->status == STATUS_OK && first < count; first += RUN) {
        size_t rows = count - first < RUN ? count - first : RUN;
        h5_array_read(&array, H5T_NATIVE_FLOAT, first, rows, run, name, r->path, r->error);
        for (size_t i = 0; i < rows; i++)
            if (ids[first + i] % table->world->size == table->world->rank)
                memcpy(moment + sparse_embedding_moment(table, ids[first + i]), run + i * table->width,
                       table->width * sizeof *run);
    }
    memory_free(run);
    h5_array_close(&array);
}

static void read_table(Reader *r, SparseEmbedding *table, const char *name) {
    char text[64];
    snprintf(text, sizeof text, "%s_rows", name);
    H5Array array = open_array(r, row_ids(text));
    size_t count = (size_t)array.size[0];
    if (r->error->status == STATUS_OK && count > table->rows)
        error_set(r->error, STATUS_INPUT, "%s: %s names more rows than the table has", r->path, text);
    int32_t *ids = r->error->status == STATUS_OK ? memory_allocate(count, sizeof *ids, r->error) : NULL;
    if (ids != NULL) h5_array_read(&array, H5T_NATIVE_INT32, 0, count, ids, text, r->path, r->error);
    h5_array_close(&array);
    for (size_t i = 0; r->error->status == STATUS_OK && i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= table->rows)
            error_set(r->error, STATUS_INPUT, "%s: %s names row %d of a table of %zu", r->path, text, ids[i],
                      table->rows);
    if (r->error->status == STATUS_OK) sparse_embedding_restore(table, ids, count);
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

/* A digest's attribute names a file of this folder, whatever the one who wrote it had in mind. */
static bool is_plain_name(const char *name) {
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* One attribute: if it is a file's digest, prove it. */
static herr_t check_digest(hid_t file, const char *name, const H5A_info_t *attribute, void *context) {
    Reader *r = context;
    (void)attribute;
    if (strncmp(name, MOMENTS_DIGEST, sizeof MOMENTS_DIGEST - 1) != 0) return 0;
    const char *of = name + sizeof MOMENTS_DIGEST - 1;
    char expected[DIGEST_TEXT], found[DIGEST_TEXT];
    if (!is_plain_name(of)) {
        error_set(r->error, STATUS_INPUT, "%s: attribute \"%s\" must name a file of this folder", r->path, name);
        return 1;
    }
    if (h5_get_text(file, name, expected, sizeof expected, r->path, r->error)) return 1;
    size_t folder = strlen(r->path) - strlen("optimizer.h5");
    char *path = memory_allocate(folder + strlen(name), 1, r->error);
    if (path == NULL) return 1;
    strcat(memcpy(path, r->path, folder), of);
    if (digest_file(path, found, r->error) == STATUS_OK && strcmp(found, expected) != 0)
        error_set(r->error, STATUS_INPUT,
                  "%s is not what this checkpoint was written with (SHA-256 %.12s…, not %.12s…)", path, found,
                  expected);
    memory_free(path);
    r->digests++;
    return r->error->status != STATUS_OK;
}

/* Hold what was read of an array against its digest. A checkpoint of an earlier version has none. */
static void check_array_digest(Reader *r, const H5Array *array, const char *name, Digest *digest) {
    char expected[DIGEST_TEXT], found[DIGEST_TEXT];
    if (r->error->status != STATUS_OK || H5Aexists(array->array, MOMENTS_ARRAY_DIGEST) == 0) return;
    if (h5_get_text(array->array, MOMENTS_ARRAY_DIGEST, expected, sizeof expected, r->path, r->error)) return;
    digest_finish(digest, found);
    if (strcmp(found, expected) != 0)
        error_set(r->error, STATUS_INPUT, "%s: dataset \"%s\" is not what was written (SHA-256 %.12s…, not %.12s…)",
                  r->path, name, found, expected);
}

/* Read an array to its end, so that HDF5 checks its checksums, and check its digest; returns its rows. Elements have 4
 * bytes. */
static int64_t prove_array(Reader *r, H5ArrayKind kind) {
    H5Array array = open_array(r, kind);
    const hsize_t rows = array.size[0], columns = array.size[1], run = MOMENTS_CHUNK / (columns > 0 ? columns : 1) + 1;
    hid_t type = kind.class == H5T_FLOAT ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT32;
    Digest *digest = NULL;
    void *values = r->error->status == STATUS_OK ? memory_allocate(run * columns, kind.size, r->error) : NULL;
    if (r->error->status == STATUS_OK) digest_create(&digest, r->error);
    for (hsize_t first = 0, count; r->error->status == STATUS_OK && first < rows; first += count) {
        count = rows - first < run ? rows - first : run;
        if (h5_array_read(&array, type, first, count, values, kind.name, r->path, r->error) == STATUS_OK)
            digest_add(digest, values, count * columns * kind.size);
    }
    check_array_digest(r, &array, kind.name, digest);
    digest_destroy(digest);
    memory_free(values);
    h5_array_close(&array);
    return (int64_t)rows;
}

Status moments_verify(const char *folder, CheckpointInfo *info, Error *error) {
    Reader r;
    if (open_reader(&r, folder, error) == STATUS_OK) {
        hsize_t next = 0;
        if (H5Aiterate2(r.file, H5_INDEX_NAME, H5_ITER_INC, &next, check_digest, &r) < 0)
            h5_error(error, STATUS_INPUT, r.path, "damaged attributes");
        info->files = r.digests;
        if (info->files < 1) error_set(error, STATUS_INPUT, "%s holds no digests", r.path);
        info->dense = prove_array(&r, floats("exp_avg", 1));
        if (prove_array(&r, floats("exp_avg_sq", 1)) != info->dense)
            error_set(error, STATUS_INPUT, "%s: exp_avg and exp_avg_sq differ in size", r.path);
        info->token_rows = prove_array(&r, row_ids("token_rows"));
        info->position_rows = prove_array(&r, row_ids("position_rows"));
        static const char *const tables[] = {"token_exp_avg", "token_exp_avg_sq", "position_exp_avg",
                                             "position_exp_avg_sq"};
        for (size_t i = 0; i < 4; i++)
            if (prove_array(&r, floats(tables[i], 2)) != (i < 2 ? info->token_rows : info->position_rows))
                error_set(error, STATUS_INPUT, "%s: %s has another number of rows than its list", r.path, tables[i]);
    }
    close_reader(&r);
    return error->status;
}
