#include "reader_internal.h"

#include "checked.h"
#include "sigbus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a row, and of the whole file. */
static bool column_sizes(const struct npy_shape *shape, uint64_t *ret_row_bytes,
                         uint64_t *ret_file_bytes)
{
    struct npy_shape row = *shape;
    row.dims[0] = 1;
    uint64_t elements;
    uint64_t row_bytes;
    uint64_t file_bytes;
    if (!npy_shape_bytes(&row, &elements, &row_bytes) ||
        !checked_multiply_u64(row_bytes, shape->dims[0], &file_bytes) ||
        !checked_add_u64(file_bytes, NPY_HEADER_BYTES, &file_bytes) || file_bytes > SIZE_MAX ||
        file_bytes > INT64_MAX)
        return false;
    *ret_row_bytes = row_bytes;
    *ret_file_bytes = file_bytes;
    return true;
}

static bool column_form_fits(const struct npy_shape *shape, const struct reader_column_form *form)
{
    if (shape->dtype != form->dtype || shape->rank != form->rank || shape->fortran_order ||
        shape->header_bytes != NPY_HEADER_BYTES)
        return false;
    for (unsigned d = 0; d < form->rank; d++)
        if (shape->dims[d] != form->dims[d] && !(d == 0 && form->dims[0] == 0))
            return false;
    return true;
}

/* The shape that a header speaks of, if it is the one that the column must have. */
static int column_judge(const char *path, const char *header, size_t header_bytes,
                        const struct reader_column_form *form, struct npy_shape *ret_shape,
                        struct error_text *error)
{
    struct npy_shape shape;
    int r = npy_header_parse(header, header_bytes, &shape);
    if (r == -ENODATA && header_bytes < NPY_HEADER_BYTES)
        return error_set(error, r, "%s: the file ends within its header", path);
    if (r < 0)
        return error_set(error, -EBADMSG, "%s: the header is damaged", path);
    if (!column_form_fits(&shape, form))
        return error_set(error, -EBADMSG, "%s: the header does not agree with %s", path,
                         SERIES_HEAD_FILE);
    *ret_shape = shape;
    return 0;
}

/* Reads the header of an open file and maps what it promises. `column` has a path; its other fields
 * are set on success. */
static int column_map(struct reader_column *column, const struct reader_column_form *form,
                      struct error_text *error)
{
    struct fs_status status;
    /* Asked before it is opened, since opening a pipe would wait for somebody to write into it. */
    int r = fs_stat_at(FS_HERE, column->path, &status);
    if (r < 0)
        return error_set_errno(error, r, "%s", column->path);
    if (!status.is_file)
        return error_set(error, -EBADMSG, "%s: not a regular file", column->path);

    int fd = fs_open_read_at(FS_HERE, column->path);
    if (fd < 0)
        return error_set_errno(error, fd, "%s", column->path);
    char header[NPY_HEADER_BYTES];
    size_t read_bytes = 0;
    r = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    if (r == 0) /* after the header: a growing file is extended first */
        r = fs_stat(fd, &status);
    if (r < 0) {
        error_set_errno(error, r, "%s", column->path);
        goto done;
    }

    struct npy_shape shape = {0};
    uint64_t row_bytes;
    uint64_t file_bytes;
    r = column_judge(column->path, header, read_bytes, form, &shape, error);
    if (r < 0)
        goto done;
    if (!column_sizes(&shape, &row_bytes, &file_bytes)) {
        r = error_set(error, -EBADMSG, "%s: the header's shape is larger than a file",
                      column->path);
        goto done;
    }
    if (status.size_bytes < file_bytes) {
        r = error_set(error, -ENODATA, "%s: %" PRIu64 " bytes long, and its header says %" PRIu64,
                      column->path, status.size_bytes, file_bytes);
        goto done;
    }

    void *mapping = NULL;
    int guard = -1;
    r = fs_map(fd, (size_t)file_bytes, FS_READ, &mapping);
    if (r == 0) {
        r = sigbus_guard(mapping, (size_t)file_bytes, &guard);
        if (r < 0)
            fs_unmap(mapping, (size_t)file_bytes);
    }
    if (r < 0) {
        error_set_errno(error, r, "%s: cannot be mapped", column->path);
        goto done;
    }
    column->shape = shape;
    column->row_bytes = row_bytes;
    column->rows = shape.dims[0];
    column->mapping = mapping;
    column->mapping_bytes = (size_t)file_bytes;
    column->guard = guard;
    column->inode = status.inode;
    column->device = status.device;

done:
    fs_close(fd);
    return r;
}

static void column_unmap(struct reader_column *column)
{
    if (column->mapping == NULL)
        return;
    sigbus_release(column->guard);
    fs_unmap(column->mapping, column->mapping_bytes);
    column->mapping = NULL;
}

int reader_column_open(struct reader_column *column, const char *folder, const char *file,
                       const struct reader_column_form *form, struct error_text *error)
{
    *column = (struct reader_column){.file = file, .guard = -1};
    if (asprintf(&column->path, "%s/%s", folder, file) < 0) {
        column->path = NULL;
        return error_set_errno(error, -ENOMEM, "%s", file);
    }
    int r = column_map(column, form, error);
    if (r < 0)
        reader_column_close(column);
    return r;
}

void reader_column_close(struct reader_column *column)
{
    column_unmap(column);
    free(column->path);
    column->path = NULL;
}

int reader_column_check(const struct reader_column *column)
{
    struct fs_status status;
    int r = fs_stat_at(FS_HERE, column->path, &status);
    if (r == -ENOENT || r == -ENOTDIR)
        return -ESTALE;
    if (r < 0)
        return r;
    if (status.inode != column->inode || status.device != column->device)
        return -ESTALE;
    return status.size_bytes < column->mapping_bytes || sigbus_fault(column->guard) ? -ENODATA : 0;
}

bool reader_column_is_lost(const struct reader_column *column)
{
    return sigbus_fault(column->guard) || reader_column_check(column) == -ENODATA;
}

int reader_column_grow(struct reader_column *column, uint64_t rows_min, bool *ret_lost)
{
    struct reader_column_form form = {.dtype = column->shape.dtype, .rank = column->shape.rank};
    memcpy(form.dims, column->shape.dims, sizeof form.dims);
    form.dims[0] = 0;

    struct reader_column grown = {.file = column->file, .path = column->path, .guard = -1};
    int r = column_map(&grown, &form, NULL);
    if (r == -ENOENT || r == -ENOTDIR)
        return -ESTALE;
    if (r < 0)
        return r;
    if (grown.inode != column->inode || grown.device != column->device)
        r = -ESTALE;
    else if (grown.rows < rows_min || grown.rows < column->rows)
        r = -EBADMSG;
    if (r < 0) {
        column_unmap(&grown);
        return r;
    }
    *ret_lost = *ret_lost || sigbus_fault(column->guard);
    column_unmap(column);
    *column = grown;
    return 0;
}
