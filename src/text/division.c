/* Where rows start in a part of a table. See division.h. */
#include "linnet/text/division.h"
#include "linnet/core/integers.h"
#include <string.h>

/* What a byte does. */
typedef enum { BYTE_OTHER, BYTE_LINE_END, BYTE_QUOTE, BYTE_SEPARATOR, BYTE_BACKSLASH, BYTE_OPEN, BYTE_CLOSE } ByteClass;
enum { CLASSES = BYTE_CLOSE + 1 };

/* The states of cells, as csv.c reads them. After a closing quote anything but a separator or a line end is an error,
 * which the reader of the row tells; here it is plain text. */
enum { ROW_START, CELL_START, PLAIN, QUOTED, QUOTE_IN_QUOTED };
static const unsigned char CELLS[DIVISION_STATES][CLASSES] = {
    [ROW_START] = {PLAIN, ROW_START, QUOTED, CELL_START, PLAIN, PLAIN, PLAIN},
    [CELL_START] = {PLAIN, ROW_START, QUOTED, CELL_START, PLAIN, PLAIN, PLAIN},
    [PLAIN] = {PLAIN, ROW_START, PLAIN, CELL_START, PLAIN, PLAIN, PLAIN},
    [QUOTED] = {QUOTED, QUOTED, QUOTE_IN_QUOTED, QUOTED, QUOTED, QUOTED, QUOTED},
    [QUOTE_IN_QUOTED] = {PLAIN, ROW_START, QUOTED, CELL_START, PLAIN, PLAIN, PLAIN},
};

/* The states of JSON. A string cannot hold a line end, so that one ends it: the reader of the row tells the error. */
enum { LINE_START, OUTSIDE, STRING, ESCAPED };
static const unsigned char OBJECTS[DIVISION_STATES][CLASSES] = {
    [LINE_START] = {OUTSIDE, LINE_START, STRING, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE},
    [OUTSIDE] = {OUTSIDE, LINE_START, STRING, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE},
    [STRING] = {STRING, LINE_START, OUTSIDE, STRING, ESCAPED, STRING, STRING},
    [ESCAPED] = {STRING, LINE_START, STRING, STRING, STRING, STRING, STRING},
    [4] = {OUTSIDE, LINE_START, STRING, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE}, /* no state; as OUTSIDE */
};
/* A row can start in this state of either kind. */
_Static_assert((int)ROW_START == (int)LINE_START, "one test serves both");

int64_t division_part_bytes(int64_t size) {
    const int64_t small = int64_min(int64_divide_up(size, 64), INT64_C(64) << 10);
    const int64_t large = int64_min(int64_divide_up(size, 4096), INT64_C(4) << 20);
    return int64_max(int64_max(small, large), DIVISION_PART_MIN);
}

/* The classes of all bytes. Of a separator of several bytes the last one is marked, and the others are compared when it
 * is met. */
static void classify_bytes(const Division *division, unsigned char classes[256]) {
    memset(classes, BYTE_OTHER, 256);
    if (division->kind == DIVISION_OBJECTS) {
        classes['"'] = BYTE_QUOTE;
        classes['\\'] = BYTE_BACKSLASH;
        classes['{'] = classes['['] = BYTE_OPEN;
        classes['}'] = classes[']'] = BYTE_CLOSE;
    } else {
        if (division->separator_size > 0)
            classes[(unsigned char)division->separator[division->separator_size - 1]] = BYTE_SEPARATOR;
        if (division->quote >= 0) classes[division->quote] = BYTE_QUOTE;
    }
    classes['\n'] = BYTE_LINE_END;
}

/* A row can start at this offset. */
static void note_start(DivisionWay *way, int64_t offset, int64_t lines) {
    if (way->start > 0 && way->depth >= way->least) return;
    way->start = offset + 1;
    way->least = way->depth;
    way->lines = lines;
}

void division_begin(const Division *division, DivisionScan *scan) {
    (void)division;
    *scan = (DivisionScan){0};
    for (int i = 0; i < DIVISION_STATES; i++) scan->ways[i].state = i;
    note_start(&scan->ways[ROW_START], 0, 0);
}

void division_scan(const Division *division, DivisionScan *scan, const char *bytes, size_t size, int64_t offset) {
    unsigned char classes[256];
    const bool objects = division->kind == DIVISION_OBJECTS;
    const unsigned char(*next)[CLASSES] = objects ? OBJECTS : CELLS;
    const size_t rest = division->separator_size > 0 ? division->separator_size - 1 : 0;
    classify_bytes(division, classes);
    bool passed = false; /* the byte before was one that changes no state but for the first in a run of them */
    for (size_t i = 0; i < size; i++) {
        unsigned char class = classes[(unsigned char)bytes[i]];
        if (class == BYTE_SEPARATOR && memcmp(bytes + i - rest, division->separator, rest) != 0) class = BYTE_OTHER;
        if (class == BYTE_OTHER && passed) continue;
        passed = class == BYTE_OTHER;
        scan->lines += class == BYTE_LINE_END;
        for (int w = 0; w < DIVISION_STATES; w++) {
            DivisionWay *way = &scan->ways[w];
            if (objects && way->state < STRING) way->depth += (class == BYTE_OPEN) - (class == BYTE_CLOSE);
            way->state = next[way->state][class];
            if (class == BYTE_LINE_END && way->state == ROW_START)
                note_start(way, offset + (int64_t)i + 1, scan->lines);
        }
    }
}

void division_combine(const DivisionScan *scans, int64_t count, int64_t length, int64_t size, DivisionPart *parts) {
    int64_t state = ROW_START, depth = 0, line = 1;
    for (int64_t k = 0; k < count; k++) {
        const DivisionWay *way = &scans[k].ways[state];
        /* A start at the end of the part is the first one of the next part. */
        const bool some = way->start > 0 && way->least + depth <= 0 && way->start - 1 < length;
        parts[k] = (DivisionPart){.start = some ? k * length + way->start - 1 : -1, .line = line + way->lines};
        line += scans[k].lines;
        depth = int64_max(depth + way->depth, 0);
        state = way->state;
    }
    for (int64_t k = count - 1; k >= 0; k--) {
        parts[k].end = k == count - 1 ? size : parts[k + 1].start;
        if (parts[k].start < 0) parts[k].start = parts[k].end;
    }
    if (count > 0) parts[0].start = 0;
}
