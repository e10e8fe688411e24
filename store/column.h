/* column.h - one .npy file of a series as its writer has it: created, checked,
 * mapped, made ready ahead of use, grown.
 *
 *          | 0                         ready          row_count
 *   header | rows that can be stored to | not yet     |
 *
 * A growing file ends at row_count, which moves.
 *
 * "Ready" means that the blocks are allocated and the pages are there and
 * writable, so that a store can neither fault for want of space nor for a file
 * that was cut: both are error codes of column_make_ready(). */
#ifndef INGEST_COLUMN_H
#define INGEST_COLUMN_H

#include "npy_header.h"

#include <stdbool.h>
#include <stdint.h>

/* Characters of the number of rows in the header of a growing file. */
#define COLUMN_GROW_WIDTH 20

struct column {
    char *rows; /* the first row in the mapping; NULL = not mapped */
    uint64_t row_bytes;
    uint64_t row_count;       /* in the shape */
    uint64_t inode;           /* of the file that is mapped */
    uint64_t ready;           /* rows below this index can be stored to: an index, not a slot */
    uint64_t allocated_bytes; /* of rows, from the first on, known to have blocks */
    uint64_t cleaned_at;      /* index from which on pages may have to be faulted in again */
    uint64_t synced_at;       /* index at the last sync's begin */
    uint64_t padded_bytes;    /* of the file: its pages up to here were made by column_write() */
    uint32_t writes;          /* of column_write() since the last column_make_ready() */
    int kept_fd;              /* open for column_write(), -1 = none; of a column that is mapped */
};

/* Where the file is, relative to a folder's descriptor. */
struct column_place {
    int folder;
    const char *path;
};

/* Bytes of the whole file. The caller knows that it does not overflow. */
static inline uint64_t column_file_bytes(uint64_t row_count, uint64_t row_bytes)
{
    return NPY_HEADER_BYTES + row_count * row_bytes;
}

/* Creates the file with its full length, sparse or (preallocate) with all its
 * blocks. -EEXIST and others from the system; then no file is left. */
int column_create(struct column_place place, const struct npy_shape *shape, bool grows,
                  bool preallocate);

/* Compares the header of an open file with the shape that it should have, but for the number of
 * rows, which it gives. -EBADMSG: not that shape, or the file is shorter than its header says. A
 * power cut may leave it so: recovery, which knows what must be there, then has it extended. */
int column_check(int fd, const struct npy_shape *expected, bool extend, uint64_t *ret_row_count);

/* Opens, checks and maps the file. Rows from `count` on are not ready. -EBADMSG
 * as column_check(). */
int column_map(struct column_place place, const struct npy_shape *expected, uint64_t row_bytes,
               uint64_t count, struct column *ret_column);
void column_unmap(struct column *column); /* not mapped: nothing; its file is not open */

/* Bytes that column_make_ready() or column_write() would have to allocate. */
uint64_t column_unallocated_bytes(const struct column *column, uint64_t count, uint64_t rows);

/* Makes the rows of the indexes [count, count + rows) ready, and some more
 * ahead of use. rows <= row_count; a column that grows has them in its shape.
 * -ENOSPC; -EBADMSG: another program cut the file; others from the system. */
int column_make_ready(struct column *column, struct column_place place, uint64_t count,
                      uint64_t rows);

/* True where column_write() is the cheaper way: many bytes at once, to slots that no row was ever
 * published in, or whose pages were write-protected by the last sync: a fault costs more than to
 * write 4 KiB. Not where a ring laps for the second time since then: from the third time on it then
 * finds all pages ready. */
bool column_takes_write(const struct column *column, uint64_t count, uint64_t rows);

/* Writes the rows of the indexes [count, count + rows), which column_takes_write(), by a system
 * call, over the oldest rows where a ring has wrapped (the frontier is raised before): readers see
 * them through their mappings at once, and the writer's own is not touched. `keep_open`: the file
 * may stay open for the next one. Errors as column_make_ready(). */
int column_write(struct column *column, struct column_place place, uint64_t count, uint64_t rows,
                 const void *from, bool keep_open);

static inline bool column_is_open(const struct column *column)
{
    return column->rows != NULL && column->kept_fd >= 0;
}

void column_close(struct column *column); /* column_is_open() */

/* A sync of the file begins: its pages will be write-protected, so a ring faults them in again,
 * once, as it comes to them. A ring that laps between two syncs then finds all of them ready, and
 * looks no more until the next. */
void column_pages_cleaned(struct column *column, uint64_t count);

/* A growth is two steps, so that two columns can grow together: first extend
 * and sync the file and map it anew (the old mapping stays in use on failure),
 * then change the shape in its header. */
int column_grow_file(struct column *column, struct column_place place, uint64_t row_count);
/* The bytes of the header's text change one at a time, each to the next member
 * of the family of npy_grow_rows(). */
int column_grow_shape(struct column *column, uint64_t row_count);

#endif
