/* Rows that are classified by one call. See row_chunk.h. */
#include "predict/row_chunk.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

Status row_chunk_create(RowChunk *chunk, OutputFormat format, const AnswerColumns *answers, Error *error) {
    *chunk = (RowChunk){.format = format, .answers = answers};
    chunk->text_ends = memory_allocate(CHUNK_ROWS, sizeof *chunk->text_ends, error);
    chunk->row_ends = memory_allocate(CHUNK_ROWS, sizeof *chunk->row_ends, error);
    chunk->cell_ends = memory_allocate(CHUNK_ROWS, sizeof *chunk->cell_ends, error);
    chunk->lines = memory_allocate(CHUNK_ROWS, sizeof *chunk->lines, error);
    chunk->views = memory_allocate(CHUNK_ROWS, sizeof *chunk->views, error);
    chunk->best = memory_allocate(CHUNK_ROWS, sizeof *chunk->best, error);
    chunk->probabilities = memory_allocate(CHUNK_ROWS * (size_t)answers->labels, sizeof *chunk->probabilities, error);
    chunk->cells = open_memstream(&chunk->cells_text, &chunk->cells_size);
    if (!chunk->cells) error_set(error, STATUS_FAILURE, "could not allocate memory for rows of a table");
    return error->status;
}

void row_chunk_destroy(RowChunk *chunk) {
    if (chunk->cells) fclose(chunk->cells);
    free(chunk->cells_text); /* of open_memstream() */
    samples_free(&chunk->samples);
    memory_free(chunk->texts);
    memory_free(chunk->text_ends);
    memory_free(chunk->row_ends);
    memory_free(chunk->cell_ends);
    memory_free(chunk->lines);
    memory_free(chunk->views);
    memory_free(chunk->best);
    memory_free(chunk->probabilities);
}

static Status end_cells(RowChunk *chunk, Error *error) {
    if (fflush(chunk->cells) == 0 && !ferror(chunk->cells)) return STATUS_OK;
    return error_set(error, STATUS_FAILURE, "could not allocate memory for %zu rows of a table", chunk->count);
}

void row_chunk_clear(RowChunk *chunk) {
    chunk->count = chunk->texts_size = 0;
    rewind(chunk->cells);
}

/* Copy a text of the current row, which the next row replaces. */
static Status copy_text(RowChunk *chunk, const Field *text, Error *error) {
    const size_t wanted = chunk->texts_size + text->size;
    if (wanted > chunk->texts_room) {
        char *larger = memory_resize(chunk->texts, chunk->texts_size, 2 * wanted, 1, error);
        if (!larger) return error->status;
        chunk->texts = larger;
        chunk->texts_room = 2 * wanted;
    }
    if (text->size > 0) memcpy(chunk->texts + chunk->texts_size, text->text, text->size);
    chunk->texts_size = wanted;
    return STATUS_OK;
}

/* Copy the current row's texts. */
static Status add_texts(RowChunk *chunk, const TableRows *rows, Error *error) {
    const Field text = table_rows_text(rows), *pair = table_rows_pair(rows);
    if (copy_text(chunk, &text, error)) return error->status;
    chunk->text_ends[chunk->count] = chunk->texts_size;
    chunk->pairs = pair != NULL;
    if (pair && copy_text(chunk, pair, error)) return error->status;
    chunk->row_ends[chunk->count] = chunk->texts_size;
    chunk->lines[chunk->count] = text.line;
    return STATUS_OK;
}

Status row_chunk_fill(RowChunk *chunk, TableRows *rows, size_t bytes, Error *error) {
    bool more = true;
    size_t cells = 0;
    while (chunk->count < CHUNK_ROWS && chunk->texts_size < bytes && cells < bytes) {
        if (table_rows_next(rows, &more, error) || !more) break;
        if (add_texts(chunk, rows, error)) break;
        table_rows_write(rows, chunk->cells);
        cells = (size_t)ftello(chunk->cells);
        chunk->cell_ends[chunk->count++] = cells;
    }
    return error->status ? error->status : end_cells(chunk, error);
}

Status row_chunk_load(RowChunk *chunk, Dataset *dataset, const int64_t *indices, int64_t count, Error *error) {
    row_chunk_clear(chunk);
    samples_free(&chunk->samples);
    chunk->samples = (Samples){0};
    if (dataset_load(dataset, indices, count, &chunk->samples, error)) return error->status;
    for (; chunk->count < (size_t)count; chunk->count++) {
        const int64_t row = chunk->samples.rows[chunk->count];
        fprintf(chunk->cells, chunk->format == OUTPUT_JSON ? "{\"row\":%" PRId64 : "%" PRId64, row);
        chunk->cell_ends[chunk->count] = (size_t)ftello(chunk->cells);
    }
    return end_cells(chunk, error);
}

static Status classify_texts(RowChunk *chunk, Predictor *predictor, const char *name, const PredictWatch *watch,
                             Error *error) {
    size_t start = 0, failed = 0;
    Error reason = {0};
    for (size_t i = 0; i < chunk->count; start = chunk->row_ends[i++]) {
        const size_t middle = chunk->text_ends[i];
        chunk->views[i] = (PredictText){.text = chunk->texts + start, .size = middle - start};
        if (chunk->pairs) chunk->views[i].pair = chunk->texts + middle;
        if (chunk->pairs) chunk->views[i].pair_size = chunk->row_ends[i] - middle;
    }
    if (!predictor_classify_all(predictor, chunk->views, chunk->count, chunk->best, chunk->probabilities, watch,
                                &failed, &reason))
        return STATUS_OK;
    if (failed == chunk->count) {
        *error = reason;
        return error->status;
    }
    return error_set(error, reason.status, "%s:%" PRId64 ": %s", name, chunk->lines[failed], reason.message);
}

Status row_chunk_classify(RowChunk *chunk, Predictor *predictor, const char *name, const PredictWatch *watch,
                          Error *error) {
    if (chunk->samples.count > 0)
        predictor_classify_samples(predictor, &chunk->samples, chunk->best, chunk->probabilities, watch, error);
    else
        classify_texts(chunk, predictor, name, watch, error);
    if (error->status) return error->status;
    for (size_t i = 0; i < chunk->count; i++) chunk->overflows += chunk->best[i] < 0;
    return STATUS_OK;
}

void row_chunk_write(const RowChunk *chunk, size_t first, size_t end, FILE *file) {
    size_t start = first > 0 ? chunk->cell_ends[first - 1] : 0;
    for (size_t i = first; i < end; start = chunk->cell_ends[i++]) {
        fwrite(chunk->cells_text + start, 1, chunk->cell_ends[i] - start, file);
        output_answer(file, chunk->format, chunk->answers, chunk->best[i],
                      chunk->probabilities + i * (size_t)chunk->answers->labels);
    }
}
