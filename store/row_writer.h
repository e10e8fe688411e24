/* row_writer.h - writes rows by their index into a column's file, many small neighbours at once. */
#ifndef INGEST_ROW_WRITER_H
#define INGEST_ROW_WRITER_H

#include <stddef.h>
#include <stdint.h>

#define ROW_WRITER_BYTES (UINT64_C(64) << 10)

struct row_writer {
    int fd;
    uint64_t row_bytes;
    uint64_t ring_rows;
    uint64_t oldest; /* rows below this are not there any more */
    uint64_t next;   /* index behind the last row that waits */
    size_t waiting_bytes;
    char waiting[ROW_WRITER_BYTES];
};

/* `count`: rows in all; of a ring of `ring_rows` those that it has lapped are left out. */
void row_writer_begin(struct row_writer *writer, int fd, uint64_t row_bytes, uint64_t ring_rows,
                      uint64_t count);
int row_writer_add(struct row_writer *writer, uint64_t first, uint64_t rows, const void *bytes);
int row_writer_end(struct row_writer *writer);

#endif
