#include "npy_header.h"

#include "checked.h"
#include "little_endian.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Magic, two bytes of version, and the length of the text that follows: two bytes in version 1,
 * four later. */
#define NPY_MAGIC            "\x93NUMPY"
#define NPY_MAGIC_BYTES      6
#define NPY_PREFIX_BYTES     10
#define NPY_PREFIX_BYTES_V2  12
#define NPY_TEXT_BYTES_WRITE (NPY_HEADER_BYTES - NPY_PREFIX_BYTES)

static const char npy_shape_key[] = "'shape': (";

/* ---- writing ---- */

/* The text being composed, and whether all of it fitted. */
struct npy_text {
    char *bytes;
    size_t capacity_bytes;
    size_t used_bytes;
};

__attribute__((format(printf, 2, 3))) static bool npy_text_add(struct npy_text *text,
                                                               const char *format, ...)
{
    size_t room = text->capacity_bytes - text->used_bytes;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->bytes + text->used_bytes, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room)
        return false;
    text->used_bytes += (size_t)length;
    return true;
}

/* ---- dtypes ---- */

const char *npy_descr(const struct npy_shape *shape, char buffer[NPY_DESCR_BYTES])
{
    const char *plain = shape->boolean ? "|b1" : dtype_descr(shape->dtype);
    snprintf(buffer, NPY_DESCR_BYTES, "%s", plain);
    if (shape->big_endian && dtype_size(shape->dtype) > 1)
        buffer[0] = '>';
    return buffer;
}

/* "float32" to "f4"; what is no such name stays as it is. */
static const char *npy_dtype_brief(const char *name, char buffer[3])
{
    static const char *const kinds[] = {"float", "int", "uint"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(name, kinds[i], length) != 0)
            continue;
        const char *bits = name + length;
        int digit = strcmp(bits, "8") == 0    ? '1'
                    : strcmp(bits, "16") == 0 ? '2'
                    : strcmp(bits, "32") == 0 ? '4'
                    : strcmp(bits, "64") == 0 ? '8'
                                              : 0;
        if (digit == 0)
            return name;
        buffer[0] = kinds[i][0];
        buffer[1] = (char)digit;
        buffer[2] = '\0';
        return buffer;
    }
    return name;
}

bool npy_dtype_parse(const char *name, struct npy_shape *shape)
{
    char brief[3];
    bool is_ordered = name[0] != '\0' && strchr("<>=|", name[0]) != NULL;
    const char *kind = is_ordered ? name + 1 : npy_dtype_brief(name, brief);
    bool boolean = strcmp(kind, "b1") == 0 || strcmp(kind, "?") == 0 ||
                   (!is_ordered && strcmp(kind, "bool") == 0);
    enum dtype dtype = boolean ? DTYPE_U1 : DTYPE_NONE;
    if (!boolean && strlen(kind) == 2)
        dtype = dtype_from_chars(kind[0], kind[1]);
    if (dtype == DTYPE_NONE || (name[0] == '|' && dtype_size(dtype) > 1))
        return false;
    shape->dtype = dtype;
    shape->boolean = boolean;
    shape->big_endian = name[0] == '>' && dtype_size(dtype) > 1;
    return true;
}

/* ---- writing the text ---- */

int npy_header_write(const struct npy_shape *shape, unsigned rows_width,
                     char ret_bytes[NPY_HEADER_BYTES])
{
    if (shape->rank > NPY_RANK_MAX || dtype_size(shape->dtype) == 0)
        return -EINVAL;
    if (rows_width > 0 && shape->rank == 0)
        return -EINVAL;

    char bytes[NPY_HEADER_BYTES];
    memcpy(bytes, NPY_MAGIC, NPY_MAGIC_BYTES);
    bytes[6] = 1;
    bytes[7] = 0;
    le_store_u16(bytes + 8, NPY_TEXT_BYTES_WRITE);

    struct npy_text text = {bytes + NPY_PREFIX_BYTES, NPY_TEXT_BYTES_WRITE, 0};
    char descr[NPY_DESCR_BYTES];
    bool fits =
        npy_text_add(&text, "{'descr': '%s', 'fortran_order': %s, %s", npy_descr(shape, descr),
                     shape->fortran_order ? "True" : "False", npy_shape_key);
    for (unsigned d = 0; d < shape->rank; d++) {
        size_t before = text.used_bytes;
        int width = d == 0 && rows_width < NPY_TEXT_BYTES_WRITE ? (int)rows_width : 0;
        fits = fits && npy_text_add(&text, "%*" PRIu64, width, shape->dims[d]);
        if (d == 0 && rows_width > 0 && text.used_bytes - before != rows_width)
            return -EINVAL;
        /* As NumPy writes tuples: (5,) but (5, 3). */
        const char *after = d + 1 < shape->rank ? ", " : shape->rank == 1 ? "," : "";
        fits = fits && npy_text_add(&text, "%s", after);
    }
    fits = fits && npy_text_add(&text, "), }");
    if (!fits)
        return -EINVAL;

    memset(text.bytes + text.used_bytes, ' ', text.capacity_bytes - text.used_bytes);
    bytes[NPY_HEADER_BYTES - 1] = '\n';
    memcpy(ret_bytes, bytes, NPY_HEADER_BYTES);
    return 0;
}

/* ---- parsing: the one kind of Python literal that a header is ---- */

struct npy_cursor {
    const char *at;
    const char *end;
};

static void npy_skip_blanks(struct npy_cursor *cursor)
{
    /* Headers are padded with thousands of them. */
    static const char blanks[64] = "                                "
                                   "                                ";
    while ((size_t)(cursor->end - cursor->at) >= sizeof blanks &&
           memcmp(cursor->at, blanks, sizeof blanks) == 0)
        cursor->at += sizeof blanks;
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' ||
            *cursor->at == '\r' || *cursor->at == '\f'))
        cursor->at++;
}

/* Steps over one character, and the blanks before it, if it is the next one. */
static bool npy_take(struct npy_cursor *cursor, char character)
{
    npy_skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != character)
        return false;
    cursor->at++;
    return true;
}

/* Steps over a word that is not part of a longer one. */
static bool npy_take_word(struct npy_cursor *cursor, const char *word)
{
    size_t length = strlen(word);
    npy_skip_blanks(cursor);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
        return false;
    const char *next = cursor->at + length;
    if (next < cursor->end && ((*next >= 'a' && *next <= 'z') || (*next >= 'A' && *next <= 'Z') ||
                               (*next >= '0' && *next <= '9') || *next == '_'))
        return false;
    cursor->at = next;
    return true;
}

/* A quoted string without escapes. */
static bool npy_take_string(struct npy_cursor *cursor, const char **ret_text, size_t *ret_length)
{
    char quote = '\'';
    if (!npy_take(cursor, quote)) {
        quote = '"';
        if (!npy_take(cursor, quote))
            return false;
    }
    const char *begin = cursor->at;
    for (const char *c = begin; c < cursor->end; c++) {
        if (*c == quote) {
            *ret_text = begin;
            *ret_length = (size_t)(c - begin);
            cursor->at = c + 1;
            return true;
        }
        if (*c == '\\' || *c == '\n' || *c == '\0')
            return false;
    }
    return false;
}

/* A decimal number without sign; "007" is no number in Python. A trailing L is what Python 2 wrote.
 */
static bool npy_take_number(struct npy_cursor *cursor, uint64_t *ret_value)
{
    npy_skip_blanks(cursor);
    const char *begin = cursor->at;
    uint64_t value = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (!checked_multiply_u64(value, 10, &value) ||
            !checked_add_u64(value, (uint64_t)(*cursor->at - '0'), &value))
            return false;
        cursor->at++;
    }
    size_t digits = (size_t)(cursor->at - begin);
    if (digits == 0 || (digits > 1 && *begin == '0') || value > INT64_MAX)
        return false;
    if (cursor->at < cursor->end && *cursor->at == 'L')
        cursor->at++;
    *ret_value = value;
    return true;
}

/* A structured dtype is a list of tuples, maybe nested: steps over it without a stack. */
static bool npy_skip_list(struct npy_cursor *cursor)
{
    size_t depth = 0;
    do {
        const char *text;
        size_t length;
        npy_skip_blanks(cursor);
        if (cursor->at == cursor->end)
            return false;
        char c = *cursor->at;
        if (c == '\'' || c == '"') {
            if (!npy_take_string(cursor, &text, &length))
                return false;
            continue;
        }
        cursor->at++;
        if (c == '[' || c == '(')
            depth++;
        else if (c == ']' || c == ')')
            depth--;
        else if (c != ',' && (c < '0' || c > '9'))
            return false;
    } while (depth > 0);
    return true;
}

static int npy_parse_descr(struct npy_cursor *cursor, struct npy_shape *shape,
                           bool *ret_unsupported)
{
    npy_skip_blanks(cursor);
    if (cursor->at < cursor->end && *cursor->at == '[') {
        *ret_unsupported = true;
        return npy_skip_list(cursor) ? 0 : -EBADMSG;
    }
    const char *text;
    size_t length;
    if (!npy_take_string(cursor, &text, &length) || length == 0)
        return -EBADMSG;
    char name[NPY_DESCR_BYTES] = "";
    if (length < sizeof name)
        memcpy(name, text, length);
    *ret_unsupported = !npy_dtype_parse(name, shape);
    return 0;
}

static int npy_parse_tuple(struct npy_cursor *cursor, struct npy_shape *shape,
                           bool *ret_unsupported)
{
    if (!npy_take(cursor, '('))
        return -EBADMSG;
    unsigned rank = 0;
    bool comma = true; /* at the beginning, and after each comma, a number may come */
    while (!npy_take(cursor, ')')) {
        uint64_t dim;
        if (!comma || !npy_take_number(cursor, &dim))
            return -EBADMSG;
        if (rank < NPY_RANK_MAX)
            shape->dims[rank] = dim;
        else
            *ret_unsupported = true;
        rank++;
        comma = npy_take(cursor, ',');
    }
    /* (5) is a number in parentheses, not a tuple. */
    if (rank == 1 && !comma)
        return -EBADMSG;
    shape->rank = (uint8_t)(rank < NPY_RANK_MAX ? rank : NPY_RANK_MAX);
    return 0;
}

static bool npy_string_is(const char *text, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(text, wanted, length) == 0;
}

/* The whole text: each of the three keys once, in any order, and nothing else. */
static int npy_parse_dict(struct npy_cursor *cursor, struct npy_shape *shape)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    unsigned seen = 0;
    bool other_dtype = false;
    bool other_rank = false;

    if (!npy_take(cursor, '{'))
        return -EBADMSG;
    bool comma = true;
    while (!npy_take(cursor, '}')) {
        const char *key;
        size_t length;
        if (!comma || !npy_take_string(cursor, &key, &length) || !npy_take(cursor, ':'))
            return -EBADMSG;
        unsigned which = 0;
        int r = 0;
        if (npy_string_is(key, length, "descr")) {
            which = DESCR;
            r = npy_parse_descr(cursor, shape, &other_dtype);
        } else if (npy_string_is(key, length, "fortran_order")) {
            which = ORDER;
            shape->fortran_order = npy_take_word(cursor, "True");
            r = shape->fortran_order || npy_take_word(cursor, "False") ? 0 : -EBADMSG;
        } else if (npy_string_is(key, length, "shape")) {
            which = SHAPE;
            r = npy_parse_tuple(cursor, shape, &other_rank);
        }
        if (r < 0 || which == 0 || (seen & which) != 0)
            return -EBADMSG;
        seen |= which;
        comma = npy_take(cursor, ',');
    }
    npy_skip_blanks(cursor);
    if (seen != ALL || cursor->at != cursor->end)
        return -EBADMSG;
    return other_dtype || other_rank ? -ENOTSUP : 0;
}

int npy_header_parse_any(const char *bytes, size_t length_bytes, struct npy_shape *ret_shape)
{
    size_t magic_bytes = length_bytes < NPY_MAGIC_BYTES ? length_bytes : NPY_MAGIC_BYTES;
    if (memcmp(bytes, NPY_MAGIC, magic_bytes) != 0)
        return -EBADMSG;
    if (length_bytes < NPY_PREFIX_BYTES)
        return -ENODATA;
    unsigned char major = (unsigned char)bytes[6];
    if (major < 1 || major > 3 || bytes[7] != 0)
        return -EBADMSG;

    size_t prefix_bytes = NPY_PREFIX_BYTES;
    size_t text_bytes = le_load_u16(bytes + 8);
    if (major > 1) {
        prefix_bytes = NPY_PREFIX_BYTES_V2;
        if (length_bytes < prefix_bytes)
            return -ENODATA;
        text_bytes = le_load_u32(bytes + 8);
    }
    if (text_bytes > length_bytes - prefix_bytes)
        return -ENODATA;

    struct npy_shape shape = {.header_bytes = prefix_bytes + text_bytes};
    struct npy_cursor cursor = {bytes + prefix_bytes, bytes + prefix_bytes + text_bytes};
    int r = npy_parse_dict(&cursor, &shape);
    if (r < 0)
        return r;
    *ret_shape = shape;
    return 0;
}

int npy_header_parse(const char *bytes, size_t length_bytes, struct npy_shape *ret_shape)
{
    struct npy_shape shape;
    int r = npy_header_parse_any(bytes, length_bytes, &shape);
    if (r < 0)
        return r;
    if (shape.big_endian || shape.boolean)
        return -ENOTSUP;
    *ret_shape = shape;
    return 0;
}

bool npy_shape_bytes(const struct npy_shape *shape, uint64_t *ret_elements, uint64_t *ret_bytes)
{
    uint64_t elements = 1;
    uint64_t bytes = dtype_size(shape->dtype);
    for (unsigned d = 0; d < shape->rank && d < NPY_RANK_MAX; d++)
        if (!checked_multiply_u64(elements, shape->dims[d], &elements))
            return false;
    if (!checked_multiply_u64(elements, bytes, &bytes))
        return false;
    *ret_elements = elements;
    *ret_bytes = bytes;
    return true;
}

/* ---- growing in place ---- */

uint64_t npy_grow_rows(uint64_t rows)
{
    static const uint64_t steps[] = {1, 2, 4, 8};
    /* 8 x 10^18 - 1 is the last member that NumPy's signed shapes hold. */
    for (uint64_t power = 1; power <= UINT64_C(1000000000000000000); power *= 10) {
        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
            uint64_t member = steps[s] * power - 1;
            if (member >= 9 && member >= rows)
                return member;
        }
    }
    return 0;
}

int npy_grow_patch(const char header[NPY_HEADER_BYTES], uint64_t rows_now, uint64_t rows_next,
                   size_t *ret_offset, char *ret_byte)
{
    if (rows_now < 9 || npy_grow_rows(rows_now) != rows_now ||
        npy_grow_rows(rows_now + 1) != rows_next)
        return -EINVAL;

    const char *open = memmem(header, NPY_HEADER_BYTES, npy_shape_key, sizeof npy_shape_key - 1);
    if (open == NULL)
        return -EINVAL;
    const char *begin = open + sizeof npy_shape_key - 1;
    const char *comma = memchr(begin, ',', NPY_HEADER_BYTES - (size_t)(begin - header));
    if (comma == NULL)
        return -EINVAL;

    char now[24];
    char next[24];
    int width = (int)sizeof now - 1;
    snprintf(now, sizeof now, "%*" PRIu64, width, rows_now);
    snprintf(next, sizeof next, "%*" PRIu64, width, rows_next);
    size_t field =
        (size_t)(comma - begin) < (size_t)width ? (size_t)(comma - begin) : (size_t)width;
    if (memcmp(comma - field, now + width - field, field) != 0)
        return -EINVAL;
    for (size_t back = 1; back <= (size_t)width; back++) {
        if (now[(size_t)width - back] == next[(size_t)width - back])
            continue;
        /* The field must reach to the byte that changes. */
        if (back > field)
            return -EINVAL;
        *ret_offset = (size_t)(comma - header) - back;
        *ret_byte = next[(size_t)width - back];
        return 0;
    }
    return -EINVAL;
}
