/* The members of a JSON object as cells. See object_cells.h. */
#include "predict/object_cells.h"
#include "linnet/core/escape.h"
#include "linnet/core/json_scan.h"
#include "linnet/core/memory.h"
#include <inttypes.h>
#include <string.h>

/* What is done with the members of an object. */
typedef struct {
    ObjectCells *cells;
    const AnswerColumns *refused; /* NULL: the members are cells */
    bool adds;                    /* a new member is a new column */
    const char *name;
    int64_t line;
    size_t column; /* of the last key */
    Error *error;
} Reading;

static Status copy_text(ObjectCells *cells, const char *object, size_t size, Error *error) {
    if (size > cells->capacity) {
        char *larger = memory_resize(cells->text, 0, 2 * size, 1, error);
        if (!larger) return error->status;
        cells->text = larger;
        cells->capacity = 2 * size;
    }
    memcpy(cells->text, object, size);
    cells->size = size;
    return STATUS_OK;
}

/* The column of a member: usually the one after the last one. */
static size_t find_column(const ObjectCells *cells, size_t likely, const char *name, size_t size) {
    for (size_t i = 0; i < cells->count; i++) {
        const size_t column = (likely + i) % cells->count;
        const char *known = cells->names[column];
        if (strlen(known) == size && memcmp(known, name, size) == 0) return column;
    }
    return cells->count;
}

static void add_column(ObjectCells *cells, const char *name, size_t size, Error *error) {
    const size_t count = cells->count;
    char **names = memory_resize(cells->names, count * sizeof *names, count + 1, sizeof *names, error);
    if (names) cells->names = names;
    ObjectCell *room = memory_resize(cells->cells, count * sizeof *room, count + 1, sizeof *room, error);
    if (room) cells->cells = room;
    char *copy = memory_allocate(size + 1, 1, error);
    if (error->status) {
        memory_free(copy);
        return;
    }
    memcpy(copy, name, size);
    cells->names[cells->count++] = copy;
}

static void refuse_member(const Reading *reading, const char *member, size_t size, const char *what) {
    Quoted shown;
    error_set(reading->error, STATUS_INPUT, "%s:%" PRId64 ": member %s %s", reading->name, reading->line,
              quoted(member, size, &shown), what);
}

static void take_key(Reading *reading, char *string, size_t size) {
    ObjectCells *cells = reading->cells;
    const size_t length = json_decode(string, size);
    const char *member = string + 1;
    if (reading->refused) {
        if (answer_columns_have(reading->refused, member, length))
            refuse_member(reading, member, length, "has the name of one that predict adds: rename or remove it");
        return;
    }
    const size_t likely = reading->column < cells->count ? reading->column + 1 : 0;
    reading->column = find_column(cells, likely, member, length);
    if (reading->column < cells->count) return;
    if (reading->adds)
        add_column(cells, member, length, reading->error);
    else
        refuse_member(reading, member, length,
                      "is not in the first row, whose members are the columns: write a table of objects (.jsonl)");
}

/* For JsonSeen, with the Reading as `context`. */
static void take_item(void *context, const JsonItem *item) {
    Reading *reading = context;
    if (item->depth != 1 || reading->error->status) return;
    char *text = reading->cells->text + item->at;
    if (item->kind == JSON_KEY) {
        take_key(reading, text, item->size);
    } else if (!reading->refused && reading->column < reading->cells->count) {
        ObjectCell cell = {.at = item->at, .size = item->kind == JSON_NULL ? 0 : item->size};
        if (item->kind == JSON_STRING) {
            cell.size = json_decode(text, item->size);
            cell.at++;
        }
        reading->cells->cells[reading->column] = cell;
    }
}

static Status read_members(Reading *reading, const char *object, size_t size) {
    const JsonScan scan = {
        .name = reading->name, .line = reading->line, .zeros = true, .seen = take_item, .context = reading};
    if (copy_text(reading->cells, object, size, reading->error)) return reading->error->status;
    return json_scan(&scan, reading->cells->text, size, reading->error);
}

Status object_cells_columns(ObjectCells *cells, const char *object, size_t size, const char *name, Error *error) {
    Reading reading = {.cells = cells, .adds = true, .name = name, .line = 1, .error = error};
    return read_members(&reading, object, size);
}

Status object_cells_read(ObjectCells *cells, const char *object, size_t size, const char *name, int64_t line,
                         Error *error) {
    Reading reading = {.cells = cells, .name = name, .line = line, .column = cells->count, .error = error};
    for (size_t i = 0; i < cells->count; i++) cells->cells[i] = (ObjectCell){0};
    return read_members(&reading, object, size);
}

Status object_cells_check(ObjectCells *cells, const char *object, size_t size, const AnswerColumns *answers,
                          const char *name, int64_t line, Error *error) {
    Reading reading = {.cells = cells, .refused = answers, .name = name, .line = line, .error = error};
    return read_members(&reading, object, size);
}

void object_cells_free(ObjectCells *cells) {
    for (size_t i = 0; i < cells->count; i++) memory_free(cells->names[i]);
    memory_free(cells->names);
    memory_free(cells->cells);
    memory_free(cells->text);
}
