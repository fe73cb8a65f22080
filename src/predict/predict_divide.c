/* The parts of the input, found by all ranks together. See predict_job.h. */
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/signals.h"
#include "predict/predict_job.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, SAMPLES_MAX = 4096, SCAN_INTEGERS = sizeof(DivisionScan) / sizeof(int64_t) };
_Static_assert(sizeof(DivisionScan) % sizeof(int64_t) == 0, "scans are exchanged as integers");

Status predict_agree(const PredictJob *job, Error *error) {
    return job->world ? world_agree(job->world, error, true) : error->status;
}

void predict_sum(const PredictJob *job, int64_t *values, size_t count) {
    if (job->world) world_sum_integers(job->world, values, count);
}

Status predict_check_signals(Error *error) {
    if (signals_pending()) error_set(error, STATUS_STOPPED, "stopped by a signal before the first row was classified");
    return error->status;
}

/* Show how many rows or bytes of its share rank 0 has read. */
static void begin_progress(const PredictJob *job, const char *unit, int64_t total) {
    if (job->rank == 0) progress_begin("read", unit, total);
}
static void end_progress(const PredictJob *job) {
    if (job->rank == 0) progress_end();
}

static Status allocate_parts(PredictJob *job, int64_t count, Error *error) {
    job->count = count;
    job->parts = memory_allocate((size_t)count, sizeof *job->parts, error);
    job->done = memory_allocate((size_t)count, sizeof *job->done, error);
    return error->status;
}

/* --- By bytes --- */

/* A digest's 64 hexadecimal digits as integers. */
static void digest_integers(const char text[DIGEST_TEXT], int64_t integers[DIVISION_DIGEST]) {
    for (int i = 0; i < DIVISION_DIGEST; i++) {
        char digits[17] = "";
        memcpy(digits, text + 16 * i, 16);
        integers[i] = (int64_t)strtoull(digits, NULL, 16);
    }
}

/* Scan bytes [from, to) of the file. `block` has DIVISION_BEFORE bytes more than BLOCK. */
static Status scan_part(const PredictJob *job, int file, const Division *division, int64_t from, int64_t to,
                        char *block, DivisionScan *scan, Error *error) {
    Digest *digest = NULL;
    char text[DIGEST_TEXT];
    if (digest_create(&digest, error)) return error->status;
    division_begin(division, scan);
    char *bytes = block + DIVISION_BEFORE;
    memset(block, 0, DIVISION_BEFORE);
    if (from > 0 && pread(file, block, DIVISION_BEFORE, (off_t)from - DIVISION_BEFORE) < 0) errno = 0; /* told below */
    for (int64_t at = from; at < to && !error->status;) {
        const ssize_t got = pread(file, bytes, (size_t)int64_min(to - at, BLOCK), (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error_set(error, file_blame(errno), "%s: cannot read: %s", job->input, strerror(errno));
        if (got == 0) error_set(error, STATUS_INPUT, "%s: the file changed while it was read", job->input);
        if (got <= 0) break;
        digest_add(digest, bytes, (size_t)got);
        division_scan(division, scan, bytes, (size_t)got, at - from);
        at += got;
        memmove(block, block + got, DIVISION_BEFORE);
    }
    digest_finish(digest, text);
    digest_destroy(digest);
    digest_integers(text, scan->digest);
    return error->status;
}

/* Each rank scans a run of the parts. */
static Status scan_parts(const PredictJob *job, const Division *division, int64_t length, int64_t size,
                         DivisionScan *scans, Error *error) {
    int64_t first, count;
    int file;
    even_part(job->count, job->ranks, job->rank, &first, &count);
    char *block = memory_allocate(BLOCK + DIVISION_BEFORE, 1, error);
    if (block && !file_open(job->input, &file, error)) {
        begin_progress(job, "bytes", int64_min(count * length, size));
        for (int64_t k = first; k < first + count && !predict_check_signals(error); k++) {
            scan_part(job, file, division, k * length, int64_min((k + 1) * length, size), block, &scans[k], error);
            progress_set((k + 1 - first) * length, NULL);
        }
        end_progress(job);
        close(file);
    }
    memory_free(block);
    return error->status;
}

/* The input's digest: that of the digests of its parts. */
static Status join_digests(PredictJob *job, const DivisionScan *scans, Error *error) {
    Digest *digest = NULL;
    if (digest_create(&digest, error)) return error->status;
    for (int64_t k = 0; k < job->count; k++) digest_add(digest, scans[k].digest, sizeof scans[k].digest);
    digest_finish(digest, job->digest);
    digest_destroy(digest);
    return STATUS_OK;
}

static Status divide_bytes(PredictJob *job, const Division *division, int64_t size, Error *error) {
    const int64_t length = division_part_bytes(size), count = int64_max(int64_divide_up(size, length), 1);
    DivisionScan *scans = memory_allocate((size_t)count, sizeof *scans, error);
    DivisionPart *parts = memory_allocate((size_t)count, sizeof *parts, error);
    allocate_parts(job, count, error);
    if (!error->status) scan_parts(job, division, length, size, scans, error);
    if (!predict_agree(job, error)) {
        predict_sum(job, (int64_t *)scans, (size_t)count * SCAN_INTEGERS);
        division_combine(scans, count, length, size, parts);
        for (int64_t k = 0; k < count; k++) job->parts[k].bytes = parts[k];
        join_digests(job, scans, error);
    }
    memory_free(scans);
    memory_free(parts);
    return predict_agree(job, error);
}

/* --- By rows --- */

static Status add_part(PredictJob *job, int64_t *room, int64_t first, Error *error) {
    if (job->count == *room) {
        const int64_t larger = *room > 0 ? 2 * *room : 64;
        TablePart *parts =
            memory_resize(job->parts, (size_t)job->count * sizeof *parts, (size_t)larger, sizeof *parts, error);
        if (!parts) return error->status;
        job->parts = parts;
        *room = larger;
    }
    job->parts[job->count++] = (TablePart){.first = first};
    return STATUS_OK;
}

/* Read the complete table and start a part wherever the one before has as many bytes as a part of a file of this size. */
static Status read_parts(PredictJob *job, int64_t size, Error *error) {
    const size_t length = (size_t)division_part_bytes(int64_max(size, 0));
    int64_t room = 0, row = 0;
    size_t bytes = length;
    TableSource about;
    if (table_rows_part(job->rows, NULL, error)) return error->status;
    for (bool more; !table_rows_next(job->rows, &more, error) && more; row++) {
        if (bytes >= length) {
            if (add_part(job, &room, row, error) || predict_check_signals(error)) return error->status;
            progress_set(row, NULL);
            bytes = 0;
        }
        bytes += table_rows_bytes(job->rows);
        job->parts[job->count - 1].rows++;
    }
    if (error->status || table_rows_source(job->rows, &about, error)) return error->status;
    memcpy(job->digest, about.digest, sizeof about.digest);
    return STATUS_OK;
}

/* Rank 0 finds the parts and tells the others. */
static Status divide_rows(PredictJob *job, int64_t size, Error *error) {
    begin_progress(job, "rows", 0);
    if (job->rank == 0) read_parts(job, size, error);
    end_progress(job);
    if (predict_agree(job, error)) return error->status;
    TablePart *found = job->parts;
    if (job->world) world_broadcast(job->world, &job->count, sizeof job->count);
    if (!allocate_parts(job, job->count, error) && found) memcpy(job->parts, found, (size_t)job->count * sizeof *found);
    memory_free(found);
    if (predict_agree(job, error)) return error->status;
    if (job->world) {
        world_broadcast(job->world, job->parts, (size_t)job->count * sizeof *job->parts);
        world_broadcast(job->world, job->digest, sizeof job->digest);
    }
    return STATUS_OK;
}

/* --- By samples --- */

/* What tells a token file from another one; reading all of a large one takes long. */
static Status identify_samples(PredictJob *job, const DatasetInfo *info, Error *error) {
    Digest *digest = NULL;
    struct stat about;
    if (stat(job->input, &about)) return file_fail(error, job->input, "open");
    const int64_t facts[] = {info->samples,          info->tokens,         info->source_size,
                             (int64_t)about.st_size, about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
    if (digest_create(&digest, error)) return error->status;
    digest_add(digest, facts, sizeof facts);
    digest_add(digest, info->source_digest, strlen(info->source_digest));
    digest_finish(digest, job->digest);
    digest_destroy(digest);
    return STATUS_OK;
}

static Status divide_samples(PredictJob *job, const DatasetInfo *info, Error *error) {
    const int64_t length = int64_max(int64_min(int64_divide_up(info->samples, 64), SAMPLES_MAX), 16);
    const int64_t count = int64_divide_up(info->samples, length);
    if (!allocate_parts(job, count, error)) identify_samples(job, info, error);
    for (int64_t k = 0; k < count && !error->status; k++)
        job->parts[k] = (TablePart){.first = k * length, .rows = int64_min(length, info->samples - k * length)};
    return predict_agree(job, error);
}

Status predict_divide(PredictJob *job, Error *error) {
    int64_t size;
    if (table_rows_dataset(job->rows)) return divide_samples(job, dataset_info(table_rows_dataset(job->rows)), error);
    const Division division = table_rows_division(job->rows, &size);
    return division.kind == DIVISION_NONE ? divide_rows(job, size, error) : divide_bytes(job, &division, size, error);
}

/* --- Checking --- */

/* Count the rows of a part, which the readers check. */
static Status count_rows(PredictJob *job, int64_t part, int64_t *rows, Error *error) {
    const DivisionPart *bytes = &job->parts[part].bytes;
    if (bytes->start == bytes->end) return STATUS_OK;
    if (table_rows_part(job->rows, &job->parts[part], error)) return error->status;
    for (bool more; !table_rows_next(job->rows, &more, error) && more;) ++*rows;
    return error->status;
}

/* The lowest failing rank has the first error of the file, since ranks take parts in their order. */
Status predict_check_rows(PredictJob *job, Error *error) {
    int64_t first, count, size;
    const bool divided = !table_rows_dataset(job->rows) && table_rows_division(job->rows, &size).kind != DIVISION_NONE;
    if (!divided) return predict_agree(job, error);
    int64_t *rows = memory_allocate((size_t)job->count, sizeof *rows, error);
    even_part(job->count, job->ranks, job->rank, &first, &count);
    begin_progress(job, "parts", count);
    for (int64_t k = first; rows && k < first + count && !predict_check_signals(error); k++) {
        count_rows(job, k, &rows[k], error);
        progress_set(k + 1 - first, NULL);
    }
    end_progress(job);
    if (!predict_agree(job, error)) {
        predict_sum(job, rows, (size_t)job->count);
        for (int64_t k = 0; k < job->count; k++) job->parts[k].rows = rows[k];
    }
    memory_free(rows);
    return error->status;
}
