#include "array_rows.h"

#include "mapped_array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After so much was read, the pages are let go. */
#define FORGET_BYTES (UINT64_C(16) << 20)

struct array_rows {
    const struct array_options *options;
    struct mapped_array *values;
    struct mapped_array *stamps; /* NULL without --stamps */
    struct array_view view;
    struct array_view stamps_view;
    struct reader_info info;
    uint64_t touched_bytes; /* since pages were let go */
};

static int array_error(int error, const struct error_text *text)
{
    switch (error) {
    case -EBADMSG:
    case -ENOTSUP:
    case -EPROTOTYPE:
    case -ENODATA:
    case -EFAULT:
        return query_error(EX_DATAERR, "%s", text->text);
    case -EINVAL:
        return query_error(EX_USAGE, "%s", text->text);
    default:
        return query_error(query_exit_code(error), "%s", text->text);
    }
}

/* ---- what is in the file ---- */

/* What the options say must be what the header says. */
static int check_header(const struct array_rows *array)
{
    const struct array_options *options = array->options;
    const struct npy_shape *said = &options->shape, *is = mapped_array_shape(array->values);
    char descr[NPY_DESCR_BYTES];
    if (options->has_dtype && (said->dtype != is->dtype || said->big_endian != is->big_endian ||
                               said->boolean != is->boolean)) {
        char wanted[NPY_DESCR_BYTES];
        return query_error(EX_DATAERR, "%s: its header says dtype %s, and --dtype says %s",
                           options->file, npy_descr(is, descr), npy_descr(said, wanted));
    }
    bool same = said->rank == is->rank;
    for (unsigned d = 0; same && d < is->rank; d++)
        same = said->dims[d] == is->dims[d] || (d == 0 && said->dims[0] == MAPPED_ARRAY_REST);
    if (options->has_shape && !same)
        return query_error(EX_DATAERR, "%s: its header says another shape than --shape",
                           options->file);
    if (options->has_order && is->rank > 1 && said->fortran_order != is->fortran_order)
        return query_error(EX_DATAERR, "%s: its header says %s order, and --order says %s",
                           options->file, is->fortran_order ? "Fortran" : "C",
                           said->fortran_order ? "Fortran" : "C");
    return 0;
}

static int open_raw(struct array_rows *array)
{
    const struct array_options *options = array->options;
    struct error_text error = {""};
    int result =
        mapped_array_open_raw(options->file, MAPPED_READ, &options->shape, &array->values, &error);
    if (result < 0)
        return array_error(result, &error);
    uint64_t more = mapped_array_trailing_bytes(array->values);
    if (more > 0 && !options->partial)
        return query_error(EX_DATAERR,
                           "%s has %" PRIu64 " more bytes than its dtype, shape and offset take; "
                           "if that is meant, give --partial",
                           options->file, more);
    return 0;
}

static int open_values(struct array_rows *array)
{
    const struct array_options *options = array->options;
    struct error_text error = {""};
    if (options->has_offset)
        return open_raw(array);
    int result = mapped_array_open_npy(options->file, MAPPED_READ, NULL, &array->values, &error);
    if (result == -EBADMSG) {
        char magic[6] = "";
        FILE *file = fopen(options->file, "rbe");
        size_t length = file != NULL ? fread(magic, 1, sizeof magic, file) : 0;
        if (file != NULL)
            fclose(file);
        bool is_npy = length == sizeof magic && memcmp(magic, "\x93NUMPY", sizeof magic) == 0;
        if (!is_npy && options->has_dtype)
            return open_raw(array);
        if (!is_npy)
            return query_error(EX_DATAERR,
                               "%s is no .npy file; of a raw file, say what is in it: --dtype f4 "
                               "--shape 5000,5000",
                               options->file);
    }
    if (result == 0 && options->partial)
        return query_error(EX_USAGE,
                           "%s: --partial is of raw files: a .npy file may always go on "
                           "behind its array",
                           options->file);
    return result < 0 ? array_error(result, &error) : check_header(array);
}

/* ---- times ---- */

/* Of a row, in the whole array. */
static int64_t position(const struct array_rows *array, uint64_t row)
{
    return (int64_t)(array->view.row_from + row * (uint64_t)array->view.row_step);
}

static int check_regular(const struct array_rows *array)
{
    int64_t last;
    if (array->view.rows == 0)
        return 0;
    if (__builtin_mul_overflow(position(array, array->view.rows - 1), array->options->period_ns,
                               &last) ||
        __builtin_add_overflow(last, array->options->t0_ns, &last))
        return query_error(EX_USAGE, "%s: with this --period its rows end after the year 2262",
                           array->options->file);
    return 0;
}

static int64_t stamp(const struct array_rows *array, uint64_t row)
{
    int64_t time_ns;
    array_view_gather(&array->stamps_view, mapped_array_data(array->stamps), row, 1, 0, 1,
                      &time_ns);
    return time_ns;
}

/* Times rise, as those of a series do. */
static int check_stamps(const struct array_rows *array)
{
    int64_t before_ns = INT64_MIN;
    for (uint64_t row = 0; row < array->view.rows; row++) {
        int64_t time_ns = stamp(array, row);
        if (row > 0 && time_ns <= before_ns)
            return query_error(EX_DATAERR,
                               "%s: the time of row %" PRId64
                               " is not later than that of the row before it",
                               array->options->stamps, position(array, row));
        before_ns = time_ns;
    }
    mapped_array_forget(array->stamps);
    return 0;
}

static int open_stamps(struct array_rows *array)
{
    const char *path = array->options->stamps;
    struct error_text error = {""};
    int result = mapped_array_open_npy(path, MAPPED_READ, NULL, &array->stamps, &error);
    if (result < 0)
        return array_error(result, &error);
    const struct npy_shape *shape = mapped_array_shape(array->stamps);
    uint64_t rows = mapped_array_shape(array->values)->dims[0];
    if (shape->dtype != DTYPE_I8 || shape->rank != 1)
        return query_error(EX_DATAERR, "%s: times are one axis of int64 nanoseconds", path);
    if (shape->dims[0] != rows)
        return query_error(EX_DATAERR, "%s has %" PRIu64 " times for %" PRIu64 " rows of %s", path,
                           shape->dims[0], rows, array->options->file);
    struct array_slice whole = {.kind = SLICE_RANGE, .step = 1};
    if (array_view_make(shape, &whole, 1, &array->stamps_view, NULL) < 0)
        return QUERY_FAILED;
    /* The same rows as those of the values. */
    array->stamps_view.rows = array->view.rows;
    array->stamps_view.first += (int64_t)array->view.row_from * (int64_t)sizeof(int64_t);
    array->stamps_view.row_stride = array->view.row_step * (int64_t)sizeof(int64_t);
    return check_stamps(array);
}

static int open_times(struct array_rows *array)
{
    const struct array_options *options = array->options;
    if (!options->has_times)
        return 0;
    if (array->view.is_scalar || array->view.row_axis != 0)
        return query_error(EX_USAGE, "times are those of axis 0, of which --slice leaves one row; "
                                     "slice it 5:6 to keep the axis");
    if (array->view.row_step < 0)
        return query_error(EX_USAGE, "--slice: with a negative step along axis 0 its times would "
                                     "run backwards");
    return options->stamps != NULL ? open_stamps(array) : check_regular(array);
}

/* ---- opening ---- */

static int open_view(struct array_rows *array)
{
    const struct array_options *options = array->options;
    const struct npy_shape *shape = mapped_array_shape(array->values);
    struct error_text error = {""};
    if (array_view_make(shape, options->slices, options->slices_count, &array->view, &error) < 0)
        return query_error(EX_USAGE, "%s: --slice: %s", options->file, error.text);
    array->info = (struct reader_info){
        .name = options->file,
        .type = {.dtype = shape->dtype,
                 .clock = options->stamps != NULL ? SERIES_EXPLICIT : SERIES_REGULAR,
                 .rank = array->view.rank > 0 ? 1 : 0},
        .elements = array->view.elements,
        .sample_bytes = array->view.elements * array->view.element_bytes,
    };
    return 0;
}

int array_rows_open(const struct query_options *options, struct array_rows **ret_array)
{
    struct array_rows *array = calloc(1, sizeof *array);
    if (array == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    array->options = &options->array;
    int code = open_values(array);
    if (code == 0)
        code = open_view(array);
    if (code == 0)
        code = open_times(array);
    if (code != 0)
        array_rows_close(array);
    else
        *ret_array = array;
    return code;
}

void array_rows_close(struct array_rows *array)
{
    if (array == NULL)
        return;
    mapped_array_close(array->values);
    mapped_array_close(array->stamps);
    free(array);
}

const struct reader_info *array_rows_info(const struct array_rows *array)
{
    return &array->info;
}

const struct array_view *array_rows_view(const struct array_rows *array)
{
    return &array->view;
}

/* ---- reading ---- */

int64_t array_rows_time_ns(const struct array_rows *array, uint64_t row)
{
    if (array->stamps != NULL)
        return stamp(array, row);
    if (!array->options->has_times)
        return (int64_t)row;
    return array->options->t0_ns + position(array, row) * array->options->period_ns;
}

uint64_t array_rows_find_time(const struct array_rows *array, int64_t time_ns)
{
    uint64_t low = 0, high = array->view.rows;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (array_rows_time_ns(array, middle) < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Pages that were touched would count as ours, up to the whole array. */
static void forget(struct array_rows *array, uint64_t bytes)
{
    array->touched_bytes += bytes;
    if (array->touched_bytes < FORGET_BYTES)
        return;
    array->touched_bytes = 0;
    mapped_array_forget(array->values);
    if (array->stamps != NULL)
        mapped_array_forget(array->stamps);
}

int array_rows_copy(struct array_rows *array, uint64_t row, size_t count, uint64_t element,
                    size_t width, const uint64_t *elements, void *values, int64_t *times_ns)
{
    const struct array_view *view = &array->view;
    const void *data = mapped_array_data(array->values);
    struct error_text error = {""};
    if (elements != NULL)
        array_view_pick(view, data, row, count, elements, width, values);
    else
        array_view_gather(view, data, row, count, element, width, values);
    for (size_t i = 0; times_ns != NULL && i < count; i++)
        times_ns[i] = array_rows_time_ns(array, row + i);
    int result = mapped_array_check(array->values, &error);
    if (result == 0 && array->stamps != NULL)
        result = mapped_array_check(array->stamps, &error);
    if (result < 0)
        return array_error(result, &error);
    forget(array, (uint64_t)count * width * view->element_bytes);
    return 0;
}
