#include "npy_input.h"

#include "checked.h"
#include "clock_ns.h"
#include "little_endian.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_BYTES 6
#define DIMS_MAX    (WIRE_RANK_MAX + 1)

/* The header is a Python literal: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }. */
struct cursor {
    const char *next;
    const char *end;
};

struct npy_fields {
    char descr[16];
    bool has_descr, has_order, has_shape;
    bool is_fortran;
    unsigned dim_count;
    uint64_t dims[DIMS_MAX];
};

int npy_data_offset(const uint8_t *prefix, size_t *ret_offset, struct error_text *error)
{
    static const uint8_t magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (memcmp(prefix, magic, sizeof magic) != 0)
        return error_set(error, -EBADMSG, "not a .npy file (raw numbers want --dtype, CSV --csv)");
    uint8_t version = prefix[MAGIC_BYTES];
    size_t offset;
    if (version == 1)
        offset = 10 + (size_t)le_load_u16(prefix + 8);
    else if (version == 2 || version == 3)
        offset = 12 + (size_t)le_load_u32(prefix + 8);
    else
        return error_set(error, -EBADMSG, ".npy version %u is not known", version);
    if (offset > NPY_HEADER_BYTES_MAX || offset < NPY_PREFIX_BYTES)
        return error_set(error, -EBADMSG, "the .npy header is damaged: its length is %zu", offset);
    *ret_offset = offset;
    return 0;
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->next < cursor->end && isspace((unsigned char)*cursor->next))
        cursor->next++;
}

static bool take(struct cursor *cursor, const char *token)
{
    skip_space(cursor);
    size_t length = strlen(token);
    if ((size_t)(cursor->end - cursor->next) < length || memcmp(cursor->next, token, length) != 0)
        return false;
    cursor->next += length;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(struct cursor *cursor, char *buffer, size_t capacity)
{
    skip_space(cursor);
    if (cursor->next == cursor->end || (*cursor->next != '\'' && *cursor->next != '"'))
        return false;
    char quote = *cursor->next++;
    const char *end = memchr(cursor->next, quote, (size_t)(cursor->end - cursor->next));
    if (end == NULL || (size_t)(end - cursor->next) >= capacity)
        return false;
    size_t length = (size_t)(end - cursor->next);
    memcpy(buffer, cursor->next, length);
    buffer[length] = '\0';
    cursor->next = end + 1;
    return true;
}

static bool take_dim(struct cursor *cursor, uint64_t *ret_dim)
{
    skip_space(cursor);
    const char *begin = cursor->next;
    uint64_t dim = 0;
    while (cursor->next < cursor->end && isdigit((unsigned char)*cursor->next)) {
        if (!checked_multiply_u64(dim, 10, &dim) ||
            !checked_add_u64(dim, (uint64_t)(*cursor->next - '0'), &dim))
            return false;
        cursor->next++;
    }
    (void)take(cursor, "L"); /* as Python 2 wrote it */
    *ret_dim = dim;
    return cursor->next > begin;
}

static bool take_shape(struct cursor *cursor, struct npy_fields *fields)
{
    if (!take(cursor, "("))
        return false;
    while (!take(cursor, ")")) {
        if (fields->dim_count == DIMS_MAX || !take_dim(cursor, &fields->dims[fields->dim_count]))
            return false;
        fields->dim_count++;
        if (!take(cursor, ",")) {
            if (!take(cursor, ")"))
                return false;
            break;
        }
    }
    return true;
}

static int take_fields(struct cursor *cursor, struct npy_fields *fields, struct error_text *error)
{
    if (!take(cursor, "{"))
        return error_set(error, -EBADMSG, "the .npy header is damaged: it is no dictionary");
    while (!take(cursor, "}")) {
        char key[16];
        if (!take_string(cursor, key, sizeof key) || !take(cursor, ":"))
            return error_set(error, -EBADMSG, "the .npy header is damaged: a key");
        if (strcmp(key, "descr") == 0) {
            fields->has_descr = take_string(cursor, fields->descr, sizeof fields->descr);
            if (!fields->has_descr)
                return error_set(error, -EBADMSG,
                                 "a structured array: save one field of it, as array['name']");
        } else if (strcmp(key, "fortran_order") == 0) {
            fields->is_fortran = take(cursor, "True");
            fields->has_order = fields->is_fortran || take(cursor, "False");
        } else if (strcmp(key, "shape") == 0) {
            fields->has_shape = take_shape(cursor, fields);
            if (!fields->has_shape)
                return error_set(error, -EBADMSG,
                                 "the shape is damaged or has more than %d dimensions", DIMS_MAX);
        } else {
            return error_set(error, -EBADMSG, "the .npy header is damaged: key '%s'", key);
        }
        if (!take(cursor, ",") && (cursor->next == cursor->end || *cursor->next != '}'))
            return error_set(error, -EBADMSG, "the .npy header is damaged: a comma is missing");
    }
    if (!fields->has_descr || !fields->has_order || !fields->has_shape)
        return error_set(error, -EBADMSG, "the .npy header is damaged: a key is missing");
    return 0;
}

/* "<M8[ns]": how many nanoseconds one is; 0 for anything else. */
static int64_t datetime_unit_ns(const char *descr)
{
    static const struct {
        const char *descr;
        int64_t unit_ns;
    } units[] = {
        {"<M8[ns]", 1}, {"<M8[us]", NS_PER_US}, {"<M8[ms]", NS_PER_MS}, {"<M8[s]", NS_PER_S}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(descr, units[i].descr) == 0)
            return units[i].unit_ns;
    return 0;
}

static int take_dtype(const char *descr, struct npy_array *array, struct error_text *error)
{
    array->time_unit_ns = datetime_unit_ns(descr);
    if (array->time_unit_ns != 0)
        array->dtype = DTYPE_I8;
    else if (strcmp(descr, "|b1") == 0)
        array->dtype = DTYPE_U1;
    else
        array->dtype = dtype_from_name(descr);
    if (array->dtype != DTYPE_NONE)
        return 0;
    if (descr[0] == '>')
        return error_set(error, -EBADMSG,
                         "dtype '%s' is big-endian: save array.astype('<%s') instead", descr,
                         descr + 1);
    return error_set(error, -EBADMSG,
                     "dtype '%s' cannot be sent: save array.astype('f8'), or another of f4 f8 i1 "
                     "i2 i4 i8 u1 u2 u4 u8",
                     descr);
}

static int take_dims(const struct npy_fields *fields, struct npy_array *array,
                     struct error_text *error)
{
    if (fields->dim_count == 0)
        return error_set(error, -EBADMSG,
                         "a single number (shape ()): save array.reshape(1) instead");
    if (fields->is_fortran && fields->dim_count > 1)
        return error_set(error, -EBADMSG,
                         "the array is in Fortran order: save numpy.ascontiguousarray(array) "
                         "instead");
    array->count = fields->dims[0];
    array->rank = fields->dim_count - 1;
    array->sample_bytes = dtype_size(array->dtype);
    for (unsigned i = 0; i < array->rank; i++) {
        uint64_t dim = fields->dims[i + 1];
        if (dim == 0)
            return error_set(error, -EBADMSG, "a sample has no elements: the shape holds a 0");
        if (dim > UINT32_MAX ||
            !checked_multiply_size(array->sample_bytes, (size_t)dim, &array->sample_bytes))
            return error_set(error, -EBADMSG, "a sample is too large");
        array->dims[i] = (uint32_t)dim;
    }
    return 0;
}

int npy_parse(const uint8_t *header, size_t offset, struct npy_array *ret_array,
              struct error_text *error)
{
    size_t begin = header[MAGIC_BYTES] == 1 ? 10 : 12;
    struct cursor cursor = {.next = (const char *)header + begin,
                            .end = (const char *)header + offset};
    struct npy_fields fields = {.dim_count = 0};
    struct npy_array array = {.data_offset = offset};
    int result = take_fields(&cursor, &fields, error);
    if (result == 0)
        result = take_dtype(fields.descr, &array, error);
    if (result == 0)
        result = take_dims(&fields, &array, error);
    if (result == 0)
        *ret_array = array;
    return result;
}
