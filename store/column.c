#include "column.h"

#include "file_system.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

/* Blocks are allocated in pieces that double with the file, so that slow series
 * take little and fast ones ask seldom. */
#define ALLOCATE_BYTES_MIN (UINT64_C(16) << 10)
#define ALLOCATE_BYTES_MAX (UINT64_C(4) << 20)
#define ALLOCATE_BLOCKS    16
/* From here on a block is written by a system call. */
#ifndef COLUMN_WRITE_BYTES_MIN
#define COLUMN_WRITE_BYTES_MIN (UINT64_C(8) << 10)
#endif
/* After so many of them, one that comes to a new piece of the file fills it with zeros in the same
 * call: the kernel makes one large page of it, where blocks by themselves take several small ones.
 * Whatever is stored to a large page later dirties all of it, so that only columns that go on like
 * this have them. */
#define PAD_WRITES_MIN  4
#define PAD_PIECE_BYTES (UINT64_C(32) << 10)
/* Pages are faulted in some blocks ahead; no more than this, since a page made
 * ready is a page to be written out. */
#define READY_BLOCKS    6
#define READY_BYTES_MAX (UINT64_C(512) << 10)
/* From here on fresh blocks are filled by writing. */
#define FILL_BYTES_MIN (UINT64_C(64) << 10)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

int column_create(struct column_place place, const struct npy_shape *shape, bool grows,
                  bool preallocate)
{
    char header[NPY_HEADER_BYTES];
    uint64_t elements;
    uint64_t bytes;
    int result = npy_header_write(shape, grows ? COLUMN_GROW_WIDTH : 0, header);
    if (result < 0)
        return result;
    if (!npy_shape_bytes(shape, &elements, &bytes) || bytes > INT64_MAX - NPY_HEADER_BYTES)
        return -EFBIG;

    int fd = fs_create_at(place.folder, place.path);
    if (fd < 0)
        return fd;
    result = fs_write_at(fd, header, sizeof header, 0);
    if (result == 0 && preallocate) {
        result = fs_allocate(fd, 0, NPY_HEADER_BYTES + bytes);
        /* Where blocks cannot be promised, the file is sparse and each page is
         * asked for before its use. */
        if (result == -EOPNOTSUPP)
            result = 0;
    }
    if (result == 0)
        result = fs_extend(fd, NPY_HEADER_BYTES + bytes);
    fs_close(fd);
    if (result < 0)
        (void)fs_remove_at(place.folder, place.path);
    return result;
}

int column_check(int fd, const struct npy_shape *expected, bool extend, uint64_t *ret_row_count)
{
    char header[NPY_HEADER_BYTES];
    size_t read_bytes;
    struct npy_shape shape;
    int result = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    if (result < 0)
        return result;
    result = npy_header_parse(header, read_bytes, &shape);
    if (result == -ENODATA || result == -ENOTSUP)
        return -EBADMSG;
    if (result < 0)
        return result;

    bool same = shape.dtype == expected->dtype && shape.rank == expected->rank &&
                !shape.fortran_order && shape.header_bytes == NPY_HEADER_BYTES;
    for (unsigned d = 1; same && d < shape.rank; d++)
        same = shape.dims[d] == expected->dims[d];
    uint64_t elements;
    uint64_t bytes;
    if (!same || shape.dims[0] == 0 || !npy_shape_bytes(&shape, &elements, &bytes) ||
        bytes > INT64_MAX - NPY_HEADER_BYTES)
        return -EBADMSG;

    struct fs_status status = {0};
    result = extend ? fs_extend(fd, NPY_HEADER_BYTES + bytes) : fs_stat(fd, &status);
    if (result == 0 && !extend && status.size_bytes < NPY_HEADER_BYTES + bytes)
        result = -EBADMSG;
    if (result == 0)
        *ret_row_count = shape.dims[0];
    return result;
}

int column_map(struct column_place place, const struct npy_shape *expected, uint64_t row_bytes,
               uint64_t count, struct column *ret_column)
{
    int fd = fs_open_write_at(place.folder, place.path);
    if (fd < 0)
        return fd;
    uint64_t row_count = 0;
    struct fs_status status = {0};
    void *address = NULL;
    int result = column_check(fd, expected, false, &row_count);
    if (result == 0)
        result = fs_stat(fd, &status);
    if (result == 0)
        result = fs_map(fd, column_file_bytes(row_count, row_bytes), FS_WRITE, &address);
    fs_close(fd);
    if (result < 0)
        return result;
    *ret_column = (struct column){
        .rows = (char *)address + NPY_HEADER_BYTES,
        .row_bytes = row_bytes,
        .row_count = row_count,
        .inode = status.inode,
        .ready = count,
        .cleaned_at = count,
        .synced_at = count,
        .kept_fd = -1,
        /* What was written has blocks; so after the first lap all of it has. */
        .allocated_bytes = min_u64(count, row_count) * row_bytes,
    };
    return 0;
}

void column_unmap(struct column *column)
{
    if (column->rows == NULL)
        return;
    assert(!column_is_open(column));
    fs_unmap(column->rows - NPY_HEADER_BYTES,
             column_file_bytes(column->row_count, column->row_bytes));
    column->rows = NULL;
}

/* The end, in bytes, of the piece to allocate so that the rows below slot `end` have blocks, for
 * blocks of so many rows. */
static uint64_t allocate_until(const struct column *column, uint64_t end, uint64_t rows)
{
    uint64_t total_bytes = column->row_count * column->row_bytes;
    uint64_t piece_bytes = max_u64(column->allocated_bytes, ALLOCATE_BYTES_MIN);
    if (rows > 1)
        piece_bytes = max_u64(piece_bytes, rows * column->row_bytes * ALLOCATE_BLOCKS);
    piece_bytes = min_u64(piece_bytes, ALLOCATE_BYTES_MAX);
    uint64_t until = max_u64(end * column->row_bytes, column->allocated_bytes + piece_bytes);
    return min_u64(until, total_bytes);
}

uint64_t column_unallocated_bytes(const struct column *column, uint64_t count, uint64_t rows)
{
    if (column->ready >= count + rows)
        return 0;
    uint64_t slot = count % column->row_count;
    uint64_t end = min_u64(slot + rows, column->row_count);
    if (end * column->row_bytes <= column->allocated_bytes)
        return 0;
    return allocate_until(column, end, rows) - column->allocated_bytes;
}

/* Opens the file that is mapped. Calls on a descriptor would quietly lengthen a file that somebody
 * cut, so that lost rows read as zeros, or write to one that took its place: -EBADMSG. */
static int check_mapped(const struct column *column, int fd)
{
    struct fs_status status;
    int result = fs_stat(fd, &status);
    if (result == 0 &&
        (status.inode != column->inode ||
         status.size_bytes < column_file_bytes(column->row_count, column->row_bytes)))
        result = -EBADMSG;
    if (result == 0 && status.links == 0)
        result = -ENOENT;
    return result;
}

static int open_mapped(const struct column *column, struct column_place place)
{
    int fd = fs_open_write_at(place.folder, place.path);
    if (fd < 0)
        return fd;
    int result = check_mapped(column, fd);
    if (result == 0)
        return fd;
    fs_close(fd);
    return result;
}

static int allocate_open(struct column *column, int fd, uint64_t end, uint64_t rows)
{
    if (end * column->row_bytes <= column->allocated_bytes)
        return 0;
    uint64_t until = allocate_until(column, end, rows);
    int result = fs_allocate(fd, NPY_HEADER_BYTES + column->allocated_bytes,
                             until - column->allocated_bytes);
    /* Near the end of the disk the piece may be too much where the rows
     * themselves are not. */
    if (result == -ENOSPC && until > end * column->row_bytes) {
        until = end * column->row_bytes;
        result = fs_allocate(fd, NPY_HEADER_BYTES + column->allocated_bytes,
                             until - column->allocated_bytes);
    }
    if (result == -EOPNOTSUPP)
        result = 0;
    if (result == 0)
        column->allocated_bytes = until;
    return result;
}

static int allocate(struct column *column, struct column_place place, uint64_t end, uint64_t rows)
{
    if (end * column->row_bytes <= column->allocated_bytes)
        return 0;
    int fd = open_mapped(column, place);
    if (fd < 0)
        return fd;
    int result = allocate_open(column, fd, end, rows);
    fs_close(fd);
    return result;
}

/* Faults in the rows of the slots [from, end). */
static int populate(const struct column *column, struct column_place place, uint64_t from,
                    uint64_t end)
{
    int result = fs_populate_write(column->rows + from * column->row_bytes,
                                   (end - from) * column->row_bytes);
    if (result == -EINVAL) /* an old kernel: the blocks are there, which is what matters */
        return 0;
    if (result != -EFAULT)
        return result;
    struct fs_status status;
    result = fs_stat_at(place.folder, place.path, &status);
    if (result < 0)
        return result;
    bool is_cut = status.size_bytes < column_file_bytes(column->row_count, column->row_bytes);
    return is_cut ? -EBADMSG : -ENOSPC;
}

/* Zeros the slots [from, end), which were never written to. One write makes large pages in the
 * cache at once, where faulting in fresh blocks takes them one small page at a time: measured on
 * ext4, 0.3 s a GB against 1.9. Only for much at once: whatever is dirtied later in a large page is
 * written out whole. */
static int fill(const struct column *column, struct column_place place, uint64_t from, uint64_t end)
{
    int fd = open_mapped(column, place);
    if (fd < 0)
        return fd;
    int result = fs_write_zeros_at(fd, (end - from) * column->row_bytes,
                                   column_file_bytes(from, column->row_bytes));
    fs_close(fd);
    return result;
}

/* `is_fresh`: no row was ever published in the slots [from, end). */
static int make_slots_ready(struct column *column, struct column_place place, uint64_t from,
                            uint64_t end, uint64_t rows, bool is_fresh)
{
    int result = allocate(column, place, end, rows);
    if (result == 0 && is_fresh && (end - from) * column->row_bytes >= FILL_BYTES_MIN)
        result = fill(column, place, from, end);
    return result < 0 ? result : populate(column, place, from, end);
}

/* Where to stop making ready, when `end` must be: some blocks further, at the
 * end of a page. */
static uint64_t ready_until(const struct column *column, uint64_t end, uint64_t rows)
{
    uint64_t page_bytes = fs_page_bytes();
    uint64_t ahead_bytes = min_u64(rows * column->row_bytes * READY_BLOCKS, READY_BYTES_MAX);
    uint64_t bytes = end * column->row_bytes + (rows > 1 ? ahead_bytes : 0);
    bytes = (bytes + page_bytes - 1) / page_bytes * page_bytes;
    return min_u64(max_u64(bytes / column->row_bytes, end), column->row_count);
}

int column_make_ready(struct column *column, struct column_place place, uint64_t count,
                      uint64_t rows)
{
    uint64_t wanted = count + rows;
    if (column->ready >= wanted)
        return 0;
    column->writes = 0;
    if (column->cleaned_at > 0 && count >= column->cleaned_at + column->row_count) {
        column->ready = count + column->row_count;
        return 0;
    }
    uint64_t from = max_u64(column->ready, count);
    uint64_t slot = from % column->row_count;
    uint64_t end = slot + (wanted - from);
    if (end <= column->row_count) {
        end = ready_until(column, end, rows);
        int result = make_slots_ready(column, place, slot, end, rows, from < column->row_count);
        if (result == 0)
            column->ready = from + (end - slot);
        return result;
    }
    /* Across the seam. */
    int result =
        make_slots_ready(column, place, slot, column->row_count, rows, from < column->row_count);
    if (result < 0)
        return result;
    end = ready_until(column, end - column->row_count, rows);
    result = make_slots_ready(column, place, 0, end, rows, false);
    if (result == 0)
        column->ready = from + (column->row_count - slot) + end;
    return result;
}

bool column_takes_write(const struct column *column, uint64_t count, uint64_t rows)
{
    uint64_t end = count + rows;
    bool is_first_lap = end <= column->row_count;
    return rows * column->row_bytes >= COLUMN_WRITE_BYTES_MIN &&
           (is_first_lap || (end > column->ready && count < column->synced_at + column->row_count));
}

/* Writes a block of the first lap, and zeros to the end of its last piece if it is the first there.
 * Behind it no row was ever published. */
static int write_block(struct column *column, int fd, uint64_t count, uint64_t rows,
                       const void *from)
{
    uint64_t from_bytes = column_file_bytes(count, column->row_bytes);
    uint64_t end_bytes = column_file_bytes(count + rows, column->row_bytes);
    uint64_t pad_bytes = 0;
    if (column->writes >= PAD_WRITES_MIN && end_bytes > column->padded_bytes) {
        uint64_t piece_end = (end_bytes + PAD_PIECE_BYTES - 1) / PAD_PIECE_BYTES * PAD_PIECE_BYTES;
        uint64_t has_blocks = NPY_HEADER_BYTES + column->allocated_bytes;
        column->padded_bytes = max_u64(min_u64(piece_end, has_blocks), end_bytes);
        pad_bytes = column->padded_bytes - end_bytes;
    }
    return fs_write_padded_at(fd, from, end_bytes - from_bytes, pad_bytes, from_bytes);
}

/* Writes a block over the oldest rows, in two pieces across the seam. */
static int write_over(const struct column *column, int fd, uint64_t count, uint64_t rows,
                      const void *from)
{
    uint64_t slot = count % column->row_count;
    uint64_t before_seam = min_u64(rows, column->row_count - slot);
    uint64_t bytes = before_seam * column->row_bytes;
    int result = fs_write_at(fd, from, bytes, column_file_bytes(slot, column->row_bytes));
    if (result == 0 && before_seam < rows)
        result = fs_write_at(fd, (const char *)from + bytes,
                             (rows - before_seam) * column->row_bytes, NPY_HEADER_BYTES);
    return result;
}

int column_write(struct column *column, struct column_place place, uint64_t count, uint64_t rows,
                 const void *from, bool keep_open)
{
    uint64_t end = count + rows;
    bool is_first_lap = end <= column->row_count;
    int fd = column->kept_fd;
    int result = 0;
    if (fd >= 0) {
        result = check_mapped(column, fd);
    } else {
        fd = open_mapped(column, place);
        if (fd < 0)
            return fd;
        if (keep_open)
            column->kept_fd = fd;
    }
    if (result == 0)
        result = allocate_open(column, fd, is_first_lap ? end : column->row_count, rows);
    if (result == 0)
        result = is_first_lap ? write_block(column, fd, count, rows, from)
                              : write_over(column, fd, count, rows, from);
    if (fd != column->kept_fd)
        fs_close(fd);
    if (result < 0)
        return result;
    column->writes++;
    /* Not in the writer's mapping: the next lap has to fault the pages in. */
    column->cleaned_at = end;
    return 0;
}

void column_close(struct column *column)
{
    fs_close(column->kept_fd);
    column->kept_fd = -1;
}

void column_pages_cleaned(struct column *column, uint64_t count)
{
    column->synced_at = count;
    if (count < column->row_count)
        return;
    column->ready = count;
    column->cleaned_at = count;
}

int column_grow_file(struct column *column, struct column_place place, uint64_t row_count)
{
    if (column->row_count >= row_count) /* done before the other column failed */
        return 0;
    uint64_t bytes = column_file_bytes(row_count, column->row_bytes);
    int fd = open_mapped(column, place);
    if (fd < 0)
        return fd;
    void *address = NULL;
    int result = fs_extend(fd, bytes);
    /* The new shape must not reach the disk before the length that it speaks of. */
    if (result == 0 && fs_sync_data(fd) < 0)
        result = -EIO;
    if (result == 0)
        result = fs_map(fd, bytes, FS_WRITE, &address);
    fs_close(fd);
    if (result < 0)
        return result;
    /* The shape is still the old one: a mapping may be longer than the rows that
     * are counted. */
    fs_unmap(column->rows - NPY_HEADER_BYTES,
             column_file_bytes(column->row_count, column->row_bytes));
    column->rows = (char *)address + NPY_HEADER_BYTES;
    column->row_count = row_count;
    return 0;
}

int column_grow_shape(struct column *column, uint64_t row_count)
{
    char *header = column->rows - NPY_HEADER_BYTES;
    struct npy_shape shape;
    int result = npy_header_parse(header, NPY_HEADER_BYTES, &shape);
    if (result < 0)
        return result;
    uint64_t now = shape.dims[0];
    while (now < row_count) {
        uint64_t next = npy_grow_rows(now + 1);
        size_t offset;
        char byte;
        result = npy_grow_patch(header, now, next, &offset, &byte);
        if (result < 0)
            return result;
        /* Release: whoever sees the new shape sees a file of that length. */
        atomic_store_explicit((_Atomic char *)&header[offset], byte, memory_order_release);
        now = next;
    }
    return 0;
}
