#include "mapped_array.h"

#include "checked.h"
#include "file_system.h"
#include "sigbus.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A version 1.0 header is at most that long; whoever writes a longer one describes fields. */
#define HEADER_BYTES_MAX (65535 + 10)

struct mapped_array {
    struct npy_shape shape;
    enum mapped_mode mode;
    char *path; /* for messages, and for the folder of a new file */
    int fd;
    uint64_t end_bytes;  /* of the array, in the file */
    uint64_t file_bytes; /* when it was opened */
    void *mapping;       /* NULL when there are no elements */
    size_t mapping_bytes;
    size_t into_page_bytes; /* from the mapping to the first element */
    int guard;
    bool is_named; /* a new file's name is on the disk, or it is no new file */
};

/* ---- what it is ---- */

/* "f4 (3, 4), C order", for messages. */
#define SHAPE_TEXT_BYTES 256
static const char *shape_text(const struct npy_shape *shape, char buffer[SHAPE_TEXT_BYTES])
{
    char descr[NPY_DESCR_BYTES];
    size_t used = (size_t)snprintf(buffer, SHAPE_TEXT_BYTES, "%s (", npy_descr(shape, descr));
    for (unsigned d = 0; d < shape->rank; d++)
        used += (size_t)snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s%" PRIu64,
                                 d == 0 ? "" : ", ", shape->dims[d]);
    snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s)%s", shape->rank == 1 ? "," : "",
             shape->fortran_order ? ", Fortran order" : "");
    return buffer;
}

/* Both orders are one where at most one dimension is longer than 1. */
static bool order_matters(const struct npy_shape *shape)
{
    unsigned longer = 0;
    for (unsigned d = 0; d < shape->rank; d++)
        longer += shape->dims[d] > 1 ? 1 : 0;
    return longer > 1;
}

static int check_wanted(const char *path, const struct npy_shape *there,
                        const struct npy_shape *wanted, struct error_text *error)
{
    bool same = there->dtype == wanted->dtype && there->big_endian == wanted->big_endian &&
                there->rank == wanted->rank;
    for (unsigned d = 0; same && d < there->rank; d++)
        same = there->dims[d] == wanted->dims[d];
    if (same && (there->fortran_order == wanted->fortran_order || !order_matters(there)))
        return 0;
    char is[SHAPE_TEXT_BYTES], was_wanted[SHAPE_TEXT_BYTES];
    return error_set(error, -EPROTOTYPE, "%s: its header says %s, not %s", path,
                     shape_text(there, is), shape_text(wanted, was_wanted));
}

/* Where the array ends in its file. */
static int measure(const char *path, const struct npy_shape *shape, uint64_t *ret_end_bytes,
                   struct error_text *error)
{
    uint64_t elements, bytes, end_bytes;
    if (shape->rank > NPY_RANK_MAX || dtype_size(shape->dtype) == 0)
        return error_set(error, -EINVAL, "%s: an array has a dtype and at most %d dimensions", path,
                         NPY_RANK_MAX);
    if (!npy_shape_bytes(shape, &elements, &bytes) ||
        !checked_add_u64(bytes, shape->header_bytes, &end_bytes) || end_bytes > INT64_MAX) {
        char text[SHAPE_TEXT_BYTES];
        return error_set(error, -EINVAL, "%s: no file is as long as %s", path,
                         shape_text(shape, text));
    }
    *ret_end_bytes = end_bytes;
    return 0;
}

/* As many rows as the file has. */
static int resolve_rest(struct mapped_array *array, struct error_text *error)
{
    struct npy_shape *shape = &array->shape;
    uint64_t elements, row_bytes;
    if (shape->rank == 0 || shape->dims[0] != MAPPED_ARRAY_REST)
        return 0;
    shape->dims[0] = 1;
    if (shape->rank > NPY_RANK_MAX || !npy_shape_bytes(shape, &elements, &row_bytes) ||
        row_bytes == 0)
        return error_set(error, -EINVAL, "%s: rows without elements cannot be counted",
                         array->path);
    if (array->file_bytes < shape->header_bytes)
        return error_set(error, -ENODATA,
                         "%s has %" PRIu64 " bytes, and its array would begin at %" PRIu64,
                         array->path, array->file_bytes, shape->header_bytes);
    uint64_t bytes = array->file_bytes - shape->header_bytes;
    if (bytes % row_bytes != 0) {
        char descr[NPY_DESCR_BYTES];
        return error_set(error, -ENODATA,
                         "%s: the %" PRIu64 " bytes from %" PRIu64
                         " on are no whole number of rows of %" PRIu64 " bytes (%s)",
                         array->path, bytes, shape->header_bytes, row_bytes,
                         npy_descr(shape, descr));
    }
    shape->dims[0] = bytes / row_bytes;
    return 0;
}

/* ---- files ---- */

static int open_file(struct mapped_array *array, struct error_text *error)
{
    struct fs_status status;
    array->fd = array->mode == MAPPED_READ_WRITE ? fs_open_write_at(FS_HERE, array->path)
                                                 : fs_open_read_at(FS_HERE, array->path);
    int result = array->fd < 0 ? array->fd : fs_stat(array->fd, &status);
    if (result < 0 && result != -EBADMSG)
        return error_set_errno(error, result, "cannot open %s", array->path);
    if (result < 0 || !status.is_file)
        return error_set(error, -EINVAL, "%s is not a regular file: it cannot be mapped",
                         array->path);
    array->file_bytes = status.size_bytes;
    array->is_named = true;
    return 0;
}

static int read_header(struct mapped_array *array, struct error_text *error)
{
    char *bytes = malloc(HEADER_BYTES_MAX);
    size_t read_bytes = 0;
    if (bytes == NULL)
        return error_set_errno(error, -ENOMEM, "%s", array->path);
    /* Nearly every header is short; more is read only where it says so. */
    int result = fs_read_at(array->fd, bytes, NPY_HEADER_BYTES, 0, &read_bytes);
    if (result == 0)
        result = npy_header_parse_any(bytes, read_bytes, &array->shape);
    if (result == -ENODATA && read_bytes == NPY_HEADER_BYTES) {
        result = fs_read_at(array->fd, bytes, HEADER_BYTES_MAX, 0, &read_bytes);
        if (result == 0)
            result = npy_header_parse_any(bytes, read_bytes, &array->shape);
        if (result == -ENODATA && read_bytes == HEADER_BYTES_MAX)
            result = -ENOTSUP;
    }
    free(bytes);
    switch (result) {
    case 0:
        return 0;
    case -EBADMSG:
        return error_set(error, result, "%s is no .npy file, or its header is damaged",
                         array->path);
    case -ENODATA:
        return error_set(error, result, "%s ends within its .npy header", array->path);
    case -ENOTSUP:
        return error_set(
            error, result,
            "%s: its elements are none of f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 and bool, or "
            "it has more than %d dimensions; convert it with NumPy's astype or reshape",
            array->path, NPY_RANK_MAX);
    default:
        return error_set_errno(error, result, "cannot read %s", array->path);
    }
}

static int check_length(const struct mapped_array *array, struct error_text *error)
{
    char text[SHAPE_TEXT_BYTES];
    if (array->file_bytes >= array->end_bytes)
        return 0;
    return error_set(error, -ENODATA,
                     "%s has %" PRIu64 " bytes, and %s from byte %" PRIu64 " on takes %" PRIu64,
                     array->path, array->file_bytes, shape_text(&array->shape, text),
                     (uint64_t)array->shape.header_bytes, array->end_bytes);
}

/* A new file with all its blocks, so that a full disk is an error now and no signal later. */
static int fill_new_file(struct mapped_array *array, bool has_header)
{
    int result = 0;
    if (array->end_bytes > 0) {
        result = fs_allocate(array->fd, 0, array->end_bytes);
        if (result == -EOPNOTSUPP)
            result = fs_extend(array->fd, array->end_bytes);
    }
    if (result == 0 && has_header) {
        char header[NPY_HEADER_BYTES];
        result = npy_header_write(&array->shape, 0, header);
        if (result == 0)
            result = fs_write_at(array->fd, header, sizeof header, 0);
    }
    return result;
}

/* ---- mapping ---- */

static int map(struct mapped_array *array, struct error_text *error)
{
    static const enum fs_access accesses[] = {FS_READ, FS_WRITE, FS_WRITE, FS_COPY};
    uint64_t offset = array->shape.header_bytes;
    array->into_page_bytes = (size_t)(offset & (fs_page_bytes() - 1));
    uint64_t from = offset - array->into_page_bytes;
    if (array->end_bytes == offset)
        return 0;
    if (array->end_bytes - from > PTRDIFF_MAX)
        return error_set(error, -EOVERFLOW, "%s does not fit into this machine's address space",
                         array->path);
    array->mapping_bytes = (size_t)(array->end_bytes - from);
    int result =
        fs_map_part(array->fd, from, array->mapping_bytes, accesses[array->mode], &array->mapping);
    if (result == 0)
        result = sigbus_guard(array->mapping, array->mapping_bytes, &array->guard);
    return result == 0 ? 0 : error_set_errno(error, result, "cannot map %s", array->path);
}

static int create(struct mapped_array *array, bool has_header, struct error_text *error)
{
    char fresh[PATH_MAX];
    int length = snprintf(fresh, sizeof fresh, "%s.new-%ld", array->path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof fresh)
        return error_set_errno(error, -ENAMETOOLONG, "%s", array->path);
    (void)fs_remove_at(FS_HERE, fresh); /* of a process of that number that was killed */
    array->fd = fs_create_at(FS_HERE, fresh);
    if (array->fd < 0)
        return error_set_errno(error, array->fd, "cannot create %s", fresh);
    array->file_bytes = array->end_bytes;
    int result = fill_new_file(array, has_header);
    if (result < 0) {
        result = error_set_errno(error, result, "cannot make %s of %" PRIu64 " bytes", array->path,
                                 array->end_bytes);
    } else {
        result = map(array, error);
        if (result == 0) {
            result = fs_rename_at(FS_HERE, fresh, array->path);
            if (result < 0)
                result = error_set_errno(error, result, "cannot replace %s", array->path);
        }
    }
    if (result < 0)
        (void)fs_remove_at(FS_HERE, fresh);
    return result;
}

/* NULL: out of memory, and `error` says so. */
static struct mapped_array *array_new(const char *path, enum mapped_mode mode,
                                      struct error_text *error)
{
    struct mapped_array *array = calloc(1, sizeof *array);
    char *copy = strdup(path);
    if (array == NULL || copy == NULL) {
        free(array);
        free(copy);
        (void)error_set_errno(error, -ENOMEM, "%s", path);
        return NULL;
    }
    array->mode = mode;
    array->path = copy;
    array->fd = -1;
    array->guard = -1;
    return array;
}

static int open_npy(struct mapped_array *array, const struct npy_shape *wanted,
                    struct error_text *error)
{
    int result;
    if (array->mode == MAPPED_CREATE) {
        if (wanted == NULL)
            return error_set(error, -EINVAL, "%s: no shape for a new array", array->path);
        array->shape = *wanted;
        array->shape.header_bytes = NPY_HEADER_BYTES;
        result = measure(array->path, &array->shape, &array->end_bytes, error);
        return result < 0 ? result : create(array, true, error);
    }
    result = open_file(array, error);
    if (result == 0)
        result = read_header(array, error);
    if (result == 0 && wanted != NULL)
        result = check_wanted(array->path, &array->shape, wanted, error);
    if (result == 0)
        result = measure(array->path, &array->shape, &array->end_bytes, error);
    if (result == 0)
        result = check_length(array, error);
    return result == 0 ? map(array, error) : result;
}

int mapped_array_open_npy(const char *path, enum mapped_mode mode, const struct npy_shape *wanted,
                          struct mapped_array **ret_array, struct error_text *error)
{
    struct mapped_array *array = array_new(path, mode, error);
    if (array == NULL)
        return -ENOMEM;
    int result = open_npy(array, wanted, error);
    if (result < 0)
        mapped_array_close(array);
    else
        *ret_array = array;
    return result;
}

static int open_raw(struct mapped_array *array, struct error_text *error)
{
    int result = 0;
    if (array->mode != MAPPED_CREATE) {
        result = open_file(array, error);
        if (result == 0)
            result = resolve_rest(array, error);
    }
    if (result == 0)
        result = measure(array->path, &array->shape, &array->end_bytes, error);
    if (result == 0 && array->mode == MAPPED_CREATE)
        return create(array, false, error);
    if (result == 0)
        result = check_length(array, error);
    return result == 0 ? map(array, error) : result;
}

int mapped_array_open_raw(const char *path, enum mapped_mode mode, const struct npy_shape *shape,
                          struct mapped_array **ret_array, struct error_text *error)
{
    struct mapped_array *array = array_new(path, mode, error);
    if (array == NULL)
        return -ENOMEM;
    array->shape = *shape;
    int result = open_raw(array, error);
    if (result < 0)
        mapped_array_close(array);
    else
        *ret_array = array;
    return result;
}

void mapped_array_close(struct mapped_array *array)
{
    if (array == NULL)
        return;
    sigbus_release(array->guard);
    fs_unmap(array->mapping, array->mapping_bytes);
    fs_close(array->fd);
    free(array->path);
    free(array);
}

/* ---- use ---- */

const struct npy_shape *mapped_array_shape(const struct mapped_array *array)
{
    return &array->shape;
}

void *mapped_array_data(struct mapped_array *array)
{
    return array->mapping != NULL ? (char *)array->mapping + array->into_page_bytes : NULL;
}

uint64_t mapped_array_trailing_bytes(const struct mapped_array *array)
{
    return array->file_bytes - array->end_bytes;
}

int mapped_array_check(const struct mapped_array *array, struct error_text *error)
{
    struct fs_status status;
    int result = fs_stat(array->fd, &status);
    if (result < 0)
        return error_set_errno(error, result, "cannot ask for the length of %s", array->path);
    if (status.size_bytes >= array->end_bytes && !sigbus_fault(array->guard))
        return 0;
    return error_set(error, -EFAULT, "%s was cut, or could not be read, while it was mapped",
                     array->path);
}

/* The folder that holds the new name. */
static int sync_name(struct mapped_array *array)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(array->path, '/');
    size_t length = slash == NULL ? 0 : slash == array->path ? 1 : (size_t)(slash - array->path);
    snprintf(folder, sizeof folder, "%.*s", (int)length, array->path);
    int fd = fs_open_folder_at(FS_HERE, length > 0 ? folder : ".");
    if (fd < 0)
        return fd;
    int result = fs_sync_folder(fd);
    fs_close(fd);
    array->is_named = result == 0;
    return result;
}

int mapped_array_flush(struct mapped_array *array, struct error_text *error)
{
    if (array->mode == MAPPED_READ || array->mode == MAPPED_COPY)
        return 0;
    int result = mapped_array_check(array, error);
    if (result < 0)
        return result;
    if (array->mapping != NULL)
        result = fs_sync_map(array->mapping, array->mapping_bytes);
    /* The length and the header of a new file are not part of the mapping. */
    if (result == 0 && !array->is_named) {
        result = fs_sync_data(array->fd);
        if (result == 0)
            result = sync_name(array);
    }
    return result == 0 ? 0 : error_set_errno(error, result, "cannot flush %s", array->path);
}

void mapped_array_forget(struct mapped_array *array)
{
    /* Of the other modes, pages of our own would be lost. */
    if (array->mode == MAPPED_READ && array->mapping != NULL)
        fs_drop_pages(array->mapping, array->mapping_bytes);
}
