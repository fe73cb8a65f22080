#ifndef LINNET_TEXT_DIVISION_H
#define LINNET_TEXT_DIVISION_H
/** Dividing a table by bytes into parts that begin where a row does, so that several readers work on one file.
 *
 *  Whether a line end ends a row depends on all that stands before it: a cell in quotes, or a JSON object, may hold line
 *  ends. Part k covers bytes [k × length, (k + 1) × length) of the file. Each is scanned by itself, for every state in
 *  which it may begin (inside quotes, outside, …): the scan tells for each of them in which state the part ends, and
 *  where its first row starts. With the scans of all parts division_combine() then walks through the states from the
 *  first part on. A row belongs to the part in which it starts. Nothing here is collective or can fail.
 *
 *  A scan holds integers only, all zero at first, so that ranks exchange scans by adding them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    DIVISION_NONE,   /**< the table must be read from its start */
    DIVISION_CELLS,  /**< CSV, TSV or lines */
    DIVISION_OBJECTS /**< JSON objects, each of which starts at the start of a line or behind another one on it */
} DivisionKind;

/** How the rows of a table are told apart. */
typedef struct {
    DivisionKind kind;
    char separator[4]; /**< of cells */
    size_t separator_size;
    int quote; /**< a byte, or −1: none */
} Division;

enum { DIVISION_STATES = 5, DIVISION_BEFORE = 3, DIVISION_DIGEST = 4 };

/** What a part holds if it begins in a certain state. */
typedef struct {
    int64_t state; /**< in which it ends */
    int64_t depth; /**< of brackets at its end, relative to its begin; 0 for cells */
    int64_t least; /**< least relative depth at a possible row start */
    int64_t start; /**< 1 + offset in the part of the first such row start; 0: there is none */
    int64_t lines; /**< line ends before it */
} DivisionWay;

typedef struct {
    int64_t lines;                   /**< line ends in the part */
    int64_t digest[DIVISION_DIGEST]; /**< room for the caller: a digest of the part's bytes */
    DivisionWay ways[DIVISION_STATES];
} DivisionScan;

/** A part of the table: complete rows. */
typedef struct {
    int64_t start, end; /**< bytes of the file; equal: no row starts in the part */
    int64_t line;       /**< of `start`, from 1 */
} DivisionPart;

/** Bytes of a part of a file of `size` bytes, a function of the size alone: a small file has 64 parts, so that a few
 *  ranks share it evenly; a large one thousands, each of 4 MiB at most. At least DIVISION_PART_MIN. */
int64_t division_part_bytes(int64_t size);
#define DIVISION_PART_MIN 4096

/** Begin the scan of a part. */
void division_begin(const Division *division, DivisionScan *scan);

/** Scan bytes [size] of a part, which start at `offset` in it. The DIVISION_BEFORE bytes before them must be readable:
 *  those of the file, or zeros before its start. */
void division_scan(const Division *division, DivisionScan *scan, const char *bytes, size_t size, int64_t offset);

/** From the scans of all parts [count], of `length` bytes each, the parts of a file of `size` bytes. The first one
 *  starts at 0. */
void division_combine(const DivisionScan *scans, int64_t count, int64_t length, int64_t size, DivisionPart *parts);

#endif
