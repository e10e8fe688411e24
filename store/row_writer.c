#include "row_writer.h"

#include "column.h"
#include "file_system.h"

#include <string.h>

void row_writer_begin(struct row_writer *writer, int fd, uint64_t row_bytes, uint64_t ring_rows,
                      uint64_t count)
{
    writer->fd = fd;
    writer->row_bytes = row_bytes;
    writer->ring_rows = ring_rows;
    writer->oldest = count > ring_rows ? count - ring_rows : 0;
    writer->next = 0;
    writer->waiting_bytes = 0;
}

/* Writes rows that lie side by side in the file. */
static int write_at(const struct row_writer *writer, uint64_t first, const void *bytes,
                    uint64_t byte_count)
{
    uint64_t slot = first % writer->ring_rows;
    return fs_write_at(writer->fd, bytes, byte_count, column_file_bytes(slot, writer->row_bytes));
}

int row_writer_end(struct row_writer *writer)
{
    if (writer->waiting_bytes == 0)
        return 0;
    uint64_t first = writer->next - writer->waiting_bytes / writer->row_bytes;
    int result = write_at(writer, first, writer->waiting, writer->waiting_bytes);
    writer->waiting_bytes = 0;
    return result;
}

/* Up to the seam of the ring. */
static int add_piece(struct row_writer *writer, uint64_t first, uint64_t rows, const char *bytes)
{
    uint64_t byte_count = rows * writer->row_bytes;
    bool follows =
        writer->waiting_bytes > 0 && first == writer->next && first % writer->ring_rows != 0;
    if (!follows || byte_count > ROW_WRITER_BYTES - writer->waiting_bytes) {
        int result = row_writer_end(writer);
        if (result < 0)
            return result;
    }
    if (byte_count > ROW_WRITER_BYTES)
        return write_at(writer, first, bytes, byte_count);
    memcpy(writer->waiting + writer->waiting_bytes, bytes, byte_count);
    writer->waiting_bytes += byte_count;
    writer->next = first + rows;
    return 0;
}

int row_writer_add(struct row_writer *writer, uint64_t first, uint64_t rows, const void *bytes)
{
    const char *at = bytes;
    int result = 0;
    if (first < writer->oldest) {
        uint64_t skipped = writer->oldest - first < rows ? writer->oldest - first : rows;
        at += skipped * writer->row_bytes;
        first += skipped;
        rows -= skipped;
    }
    while (rows > 0 && result == 0) {
        uint64_t before_seam = writer->ring_rows - first % writer->ring_rows;
        uint64_t piece = rows < before_seam ? rows : before_seam;
        result = add_piece(writer, first, piece, at);
        at += piece * writer->row_bytes;
        first += piece;
        rows -= piece;
    }
    return result;
}
