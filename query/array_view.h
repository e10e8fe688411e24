/* array_view.h - a part of an array by NumPy's rules of slices, seen as rows of elements.
 *
 * A view has strides in bytes, which may be negative, so any order of elements is one way to look
 * at them. Its first axis is rows; what is left of the others is the elements of a row, numbered
 * through in C order. Nothing is copied before array_view_gather(). */
#ifndef INGEST_ARRAY_VIEW_H
#define INGEST_ARRAY_VIEW_H

#include "error_text.h"
#include "npy_header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum array_slice_kind {
    SLICE_RANGE, /* start:stop:step */
    SLICE_INDEX, /* one number: the axis goes */
    SLICE_REST   /* "...": whole axes, as many as are not named */
};

struct array_slice {
    enum array_slice_kind kind;
    bool has_start, has_stop;
    int64_t start, stop; /* negative: from the end */
    int64_t step;        /* not 0 */
};

/* One for each axis, and "...". */
#define ARRAY_SLICES_MAX (NPY_RANK_MAX + 1)

/* Parses "1000:2000,:,::-2,5" or "...,0". False for what NumPy would not take, or too many. */
bool array_slices_parse(const char *text, struct array_slice ret_slices[ARRAY_SLICES_MAX],
                        size_t *ret_count);

struct array_view {
    size_t element_bytes;
    bool swapped;   /* its elements are big-endian */
    bool is_scalar; /* nothing is left but one element: one row of it */
    int64_t first;  /* bytes from the array's first element to the view's */
    uint64_t rows;
    int64_t row_stride;
    uint8_t rank; /* of a row: 0 = a scalar */
    uint64_t dims[NPY_RANK_MAX];
    uint64_t elements; /* of a row */
    /* The rows are positions row_from + i x row_step on this axis of the array. */
    unsigned row_axis;
    uint64_t row_from;
    int64_t row_step;
    /* The axes of a row, put together where they lie side by side; the last one varies fastest. */
    uint8_t inner_rank;
    uint64_t inner_dims[NPY_RANK_MAX];
    int64_t inner_strides[NPY_RANK_MAX];
};

/* -EINVAL: more slices than axes, or a number that its axis does not have; `error` says which. */
int array_view_make(const struct npy_shape *shape, const struct array_slice *slices,
                    size_t slices_count, struct array_view *ret_view, struct error_text *error);

/* True where one element of neighbouring rows lies closer together than neighbouring elements of
 * one row: then many rows at a time are gathered faster than few. */
bool array_view_is_transposed(const struct array_view *view);

/* Copies elements [element, element + width) of rows [row, row + count) to `ret_values`, count x
 * width, in the machine's byte order. `data` is the array's first element; ret_values is aligned
 * for its elements. */
void array_view_gather(const struct array_view *view, const void *data, uint64_t row, size_t count,
                       uint64_t element, size_t width, void *ret_values);

/* The same for the elements of a list of flat numbers. */
void array_view_pick(const struct array_view *view, const void *data, uint64_t row, size_t count,
                     const uint64_t *elements, size_t elements_count, void *ret_values);

#endif
