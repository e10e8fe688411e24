#include "array_view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Elements of each row that a transposing copy takes at a time: a line of cache of the copy, and as
 * many streams of the array as the processor follows. */
#define TILE_ELEMENTS 16

/* ---- which part ---- */

/* What a slice makes of an axis of `length`: PySlice_AdjustIndices() of CPython. */
static void adjust(const struct array_slice *slice, int64_t length, int64_t *ret_start,
                   uint64_t *ret_count)
{
    bool back = slice->step < 0;
    int64_t lowest = back ? -1 : 0, highest = back ? length - 1 : length;
    int64_t ends[2] = {back ? highest : lowest, back ? lowest : highest};
    const int64_t given[2] = {slice->start, slice->stop};
    const bool has[2] = {slice->has_start, slice->has_stop};
    for (size_t i = 0; i < 2; i++) {
        if (!has[i])
            continue;
        int64_t at = given[i];
        if (at < 0)
            at = at + length < lowest ? lowest : at + length;
        ends[i] = at > highest ? highest : at;
    }
    int64_t span = back ? ends[0] - ends[1] : ends[1] - ends[0];
    uint64_t step = back ? 0 - (uint64_t)slice->step : (uint64_t)slice->step;
    *ret_start = ends[0];
    *ret_count = span > 0 ? ((uint64_t)span - 1) / step + 1 : 0;
}

/* An axis of the array that the view keeps. */
static void add_axis(struct array_view *view, unsigned *kept, unsigned axis, uint64_t count,
                     int64_t start, int64_t step, int64_t stride)
{
    /* Of one element or none, only its place matters. */
    int64_t along = count > 1 ? step * stride : 0;
    if (*kept == 0) {
        view->rows = count;
        view->row_stride = along;
        view->row_axis = axis;
        view->row_from = (uint64_t)start;
        view->row_step = step;
    } else {
        view->dims[*kept - 1] = count;
        view->inner_strides[*kept - 1] = along;
    }
    (*kept)++;
}

/* Axes of one element go, and neighbours are one axis where the slower goes on where the faster
 * ends. */
static void join_axes(struct array_view *view)
{
    unsigned kept = 0;
    view->elements = 1;
    for (unsigned d = 0; d < view->rank; d++) {
        uint64_t dim = view->dims[d];
        int64_t stride = view->inner_strides[d];
        view->elements *= dim;
        if (dim == 1)
            continue;
        bool goes_on = kept > 0 && dim > 0 && view->inner_strides[kept - 1] % (int64_t)dim == 0 &&
                       view->inner_strides[kept - 1] / (int64_t)dim == stride;
        if (goes_on) {
            view->inner_dims[kept - 1] *= dim;
            view->inner_strides[kept - 1] = stride;
        } else {
            view->inner_dims[kept] = dim;
            view->inner_strides[kept++] = stride;
        }
    }
    view->inner_rank = (uint8_t)kept;
}

static void array_strides(const struct npy_shape *shape, int64_t strides[NPY_RANK_MAX])
{
    int64_t stride = (int64_t)dtype_size(shape->dtype);
    for (unsigned i = 0; i < shape->rank; i++) {
        unsigned d = shape->fortran_order ? i : shape->rank - 1 - i;
        strides[d] = stride;
        /* An array that is as long as a file does not overflow; an empty one is not looked at. */
        if (__builtin_mul_overflow(stride, (int64_t)shape->dims[d], &stride))
            stride = 0;
    }
}

int array_view_make(const struct npy_shape *shape, const struct array_slice *slices,
                    size_t slices_count, struct array_view *ret_view, struct error_text *error)
{
    static const struct array_slice whole = {.kind = SLICE_RANGE, .step = 1};
    struct array_view view = {.element_bytes = dtype_size(shape->dtype),
                              .swapped = shape->big_endian};
    int64_t strides[NPY_RANK_MAX];
    size_t named = 0, at = 0, rest;
    unsigned kept = 0;
    for (size_t i = 0; i < slices_count; i++)
        named += slices[i].kind != SLICE_REST ? 1 : 0;
    if (named > shape->rank)
        return error_set(error, -EINVAL, "%zu slices for an array of %u axes", named,
                         (unsigned)shape->rank);
    array_strides(shape, strides);
    rest = shape->rank - named;
    for (unsigned d = 0; d < shape->rank; d++) {
        const struct array_slice *slice = &whole;
        if (at < slices_count && slices[at].kind == SLICE_REST && rest == 0)
            at++;
        if (at < slices_count && slices[at].kind == SLICE_REST)
            rest--;
        else if (at < slices_count)
            slice = &slices[at++];
        int64_t length = (int64_t)shape->dims[d], start = slice->start;
        uint64_t count = 1;
        if (slice->kind == SLICE_INDEX) {
            if (start >= length || start < -length)
                return error_set(error, -EINVAL,
                                 "axis %u has %" PRId64 " elements, and %" PRId64
                                 " is none of them",
                                 d, length, start);
            start += start < 0 ? length : 0;
        } else {
            adjust(slice, length, &start, &count);
            add_axis(&view, &kept, d, count, start, slice->step, strides[d]);
        }
        if (count > 0)
            view.first += start * strides[d];
    }
    view.is_scalar = kept == 0;
    if (kept == 0)
        add_axis(&view, &kept, 0, 1, 0, 1, 0);
    view.rank = (uint8_t)(kept - 1);
    join_axes(&view);
    *ret_view = view;
    return 0;
}

/* ---- copies ---- */

#define COPY_EACH(bytes)                                                                           \
    for (size_t i = 0; i < count; i++)                                                             \
        memcpy(to + i * (bytes), from + (int64_t)i * stride, bytes);                               \
    break

static void copy_strided(size_t element_bytes, const char *from, int64_t stride, size_t count,
                         char *to)
{
    if (stride == (int64_t)element_bytes) {
        memcpy(to, from, count * element_bytes);
        return;
    }
    switch (element_bytes) {
    case 1:
        COPY_EACH(1);
    case 2:
        COPY_EACH(2);
    case 4:
        COPY_EACH(4);
    default:
        COPY_EACH(8);
    }
}

/* Where a walk along the elements of a row stands. */
struct walk {
    uint64_t at[NPY_RANK_MAX];
    int64_t offset; /* bytes from the row's first element */
};

static void walk_to(const struct array_view *view, uint64_t element, struct walk *walk)
{
    *walk = (struct walk){0};
    for (unsigned d = view->inner_rank; d-- > 0;) {
        walk->at[d] = element % view->inner_dims[d];
        element /= view->inner_dims[d];
        walk->offset += (int64_t)walk->at[d] * view->inner_strides[d];
    }
}

/* `steps` along the last axis, no further than its end, where the next row of it begins. */
static void walk_on(const struct array_view *view, uint64_t steps, struct walk *walk)
{
    for (unsigned d = view->inner_rank; d-- > 0; steps = 1) {
        walk->at[d] += steps;
        walk->offset += (int64_t)steps * view->inner_strides[d];
        if (walk->at[d] < view->inner_dims[d])
            return;
        walk->offset -= (int64_t)walk->at[d] * view->inner_strides[d];
        walk->at[d] = 0;
    }
}

static void copy_row(const struct array_view *view, const char *row, uint64_t element, size_t width,
                     char *to)
{
    unsigned last = view->inner_rank - 1U;
    struct walk walk;
    walk_to(view, element, &walk);
    while (width > 0) {
        uint64_t left = view->inner_dims[last] - walk.at[last];
        size_t count = left < width ? (size_t)left : width;
        copy_strided(view->element_bytes, row + walk.offset, view->inner_strides[last], count, to);
        walk_on(view, count, &walk);
        to += count * view->element_bytes;
        width -= count;
    }
}

#define COPY_TILE(bytes)                                                                           \
    for (size_t i = 0; i < count; i++) {                                                           \
        for (size_t j = 0; j < tile; j++)                                                          \
            memcpy(to + (i * width + done + j) * (bytes), from + offsets[j], bytes);               \
        from += view->row_stride;                                                                  \
    }                                                                                              \
    break

static void copy_transposed(const struct array_view *view, const char *rows, size_t count,
                            uint64_t element, size_t width, char *to)
{
    struct walk walk;
    walk_to(view, element, &walk);
    for (size_t done = 0, tile; done < width; done += tile) {
        int64_t offsets[TILE_ELEMENTS];
        const char *from = rows;
        tile = width - done < TILE_ELEMENTS ? width - done : TILE_ELEMENTS;
        for (size_t j = 0; j < tile; j++) {
            offsets[j] = walk.offset;
            walk_on(view, 1, &walk);
        }
        switch (view->element_bytes) {
        case 1:
            COPY_TILE(1);
        case 2:
            COPY_TILE(2);
        case 4:
            COPY_TILE(4);
        default:
            COPY_TILE(8);
        }
    }
}

static void swap_bytes(size_t element_bytes, void *values, size_t count)
{
    uint16_t *halves = values;
    uint32_t *words = values;
    uint64_t *doubles = values;
    for (size_t i = 0; i < count && element_bytes == 2; i++)
        halves[i] = __builtin_bswap16(halves[i]);
    for (size_t i = 0; i < count && element_bytes == 4; i++)
        words[i] = __builtin_bswap32(words[i]);
    for (size_t i = 0; i < count && element_bytes == 8; i++)
        doubles[i] = __builtin_bswap64(doubles[i]);
}

static uint64_t distance(int64_t stride)
{
    return stride < 0 ? 0 - (uint64_t)stride : (uint64_t)stride;
}

bool array_view_is_transposed(const struct array_view *view)
{
    return view->inner_rank > 0 && view->rows > 1 &&
           distance(view->row_stride) < distance(view->inner_strides[view->inner_rank - 1U]);
}

void array_view_gather(const struct array_view *view, const void *data, uint64_t row, size_t count,
                       uint64_t element, size_t width, void *ret_values)
{
    char *to = ret_values;
    size_t size = view->element_bytes;
    if (count == 0 || width == 0)
        return;
    const char *from = (const char *)data + view->first + (int64_t)row * view->row_stride;
    if (view->inner_rank == 0) {
        copy_strided(size, from, view->row_stride, count, to);
    } else if (view->inner_rank == 1 && view->inner_strides[0] == (int64_t)size &&
               width == view->elements && view->row_stride == (int64_t)(width * size)) {
        memcpy(to, from, count * width * size);
    } else if (count > 1 && array_view_is_transposed(view)) {
        copy_transposed(view, from, count, element, width, to);
    } else {
        for (size_t i = 0; i < count; i++)
            copy_row(view, from + (int64_t)i * view->row_stride, element, width,
                     to + i * width * size);
    }
    if (view->swapped)
        swap_bytes(size, ret_values, count * width);
}

void array_view_pick(const struct array_view *view, const void *data, uint64_t row, size_t count,
                     const uint64_t *elements, size_t elements_count, void *ret_values)
{
    const char *from = (const char *)data + view->first + (int64_t)row * view->row_stride;
    size_t size = view->element_bytes;
    char *to = ret_values;
    for (size_t e = 0; e < elements_count && count > 0; e++) {
        struct walk walk;
        walk_to(view, elements[e], &walk);
        for (size_t i = 0; i < count; i++)
            memcpy(to + (i * elements_count + e) * size,
                   from + (int64_t)i * view->row_stride + walk.offset, size);
    }
    if (view->swapped)
        swap_bytes(size, ret_values, count * elements_count);
}
