#include "value_convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TWO_TO_63 9223372036854775808.0

/* Any element without loss: a float as it is, an integer as sign and magnitude would need, so as
 * one of the two. */
struct number {
    enum { NUMBER_FLOAT, NUMBER_SIGNED, NUMBER_UNSIGNED } kind;
    double f;
    int64_t i;
    uint64_t u;
};

#define LOAD_CASE(DTYPE, type, make)                                                               \
    case DTYPE: {                                                                                  \
        type value;                                                                                \
        memcpy(&value, (const char *)from + index * sizeof value, sizeof value);                   \
        return make(value);                                                                        \
    }

static struct number number_of_float(double value)
{
    return (struct number){.kind = NUMBER_FLOAT, .f = value};
}

static struct number number_of_signed(int64_t value)
{
    return (struct number){.kind = NUMBER_SIGNED, .i = value};
}

static struct number number_of_unsigned(uint64_t value)
{
    return (struct number){.kind = NUMBER_UNSIGNED, .u = value};
}

static struct number load(enum dtype dtype, const void *from, size_t index)
{
    switch (dtype) {
    case DTYPE_F4: {
        float value;
        memcpy(&value, (const char *)from + index * sizeof value, sizeof value);
        return number_of_float((double)value);
    }
        LOAD_CASE(DTYPE_F8, double, number_of_float)
        LOAD_CASE(DTYPE_I1, int8_t, number_of_signed)
        LOAD_CASE(DTYPE_I2, int16_t, number_of_signed)
        LOAD_CASE(DTYPE_I4, int32_t, number_of_signed)
        LOAD_CASE(DTYPE_I8, int64_t, number_of_signed)
        LOAD_CASE(DTYPE_U1, uint8_t, number_of_unsigned)
        LOAD_CASE(DTYPE_U2, uint16_t, number_of_unsigned)
        LOAD_CASE(DTYPE_U4, uint32_t, number_of_unsigned)
        LOAD_CASE(DTYPE_U8, uint64_t, number_of_unsigned)
    case DTYPE_NONE:
    case DTYPE_END:
        break;
    }
    return (struct number){.kind = NUMBER_UNSIGNED};
}

static double to_double(struct number number)
{
    switch (number.kind) {
    case NUMBER_FLOAT:
        return number.f;
    case NUMBER_SIGNED:
        return (double)number.i;
    case NUMBER_UNSIGNED:
        break;
    }
    return (double)number.u;
}

/* The 64-bit integer that it is, as the bits of one with or without a sign. */
static bool to_integer(struct number number, int64_t *ret_signed, uint64_t *ret_unsigned,
                       bool *ret_is_negative)
{
    switch (number.kind) {
    case NUMBER_FLOAT:
        if (!(number.f >= -TWO_TO_63 && number.f < 2 * TWO_TO_63) || number.f != trunc(number.f))
            return false;
        *ret_is_negative = number.f < 0;
        *ret_signed = *ret_is_negative ? (int64_t)number.f : 0;
        *ret_unsigned = *ret_is_negative ? 0 : (uint64_t)number.f;
        return true;
    case NUMBER_SIGNED:
        *ret_is_negative = number.i < 0;
        *ret_signed = number.i;
        *ret_unsigned = *ret_is_negative ? 0 : (uint64_t)number.i;
        return true;
    case NUMBER_UNSIGNED:
        break;
    }
    *ret_is_negative = false;
    *ret_unsigned = number.u;
    return true;
}

#define STORE_SIGNED(DTYPE, type, min, max)                                                        \
    case DTYPE: {                                                                                  \
        if (is_negative ? i < (min) : u > (uint64_t)(max))                                         \
            return false;                                                                          \
        type value = is_negative ? (type)i : (type)u;                                              \
        memcpy((char *)to + index * sizeof value, &value, sizeof value);                           \
        return true;                                                                               \
    }

#define STORE_UNSIGNED(DTYPE, type, max)                                                           \
    case DTYPE: {                                                                                  \
        if (is_negative || u > (max))                                                              \
            return false;                                                                          \
        type value = (type)u;                                                                      \
        memcpy((char *)to + index * sizeof value, &value, sizeof value);                           \
        return true;                                                                               \
    }

static bool store(enum dtype dtype, void *to, size_t index, struct number number)
{
    if (dtype == DTYPE_F8) {
        double value = to_double(number);
        memcpy((char *)to + index * sizeof value, &value, sizeof value);
        return true;
    }
    if (dtype == DTYPE_F4) {
        float value = (float)to_double(number);
        memcpy((char *)to + index * sizeof value, &value, sizeof value);
        return true;
    }
    int64_t i = 0;
    uint64_t u = 0;
    bool is_negative = false;
    if (!to_integer(number, &i, &u, &is_negative))
        return false;
    switch (dtype) {
        STORE_SIGNED(DTYPE_I1, int8_t, INT8_MIN, INT8_MAX)
        STORE_SIGNED(DTYPE_I2, int16_t, INT16_MIN, INT16_MAX)
        STORE_SIGNED(DTYPE_I4, int32_t, INT32_MIN, INT32_MAX)
        STORE_SIGNED(DTYPE_I8, int64_t, INT64_MIN, INT64_MAX)
        STORE_UNSIGNED(DTYPE_U1, uint8_t, UINT8_MAX)
        STORE_UNSIGNED(DTYPE_U2, uint16_t, UINT16_MAX)
        STORE_UNSIGNED(DTYPE_U4, uint32_t, UINT32_MAX)
        STORE_UNSIGNED(DTYPE_U8, uint64_t, UINT64_MAX)
    default:
        return false;
    }
}

size_t value_convert(enum dtype from_dtype, const void *from, enum dtype to_dtype, void *to,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!store(to_dtype, to, i, load(from_dtype, from, i)))
            return i;
    return count;
}

const char *value_text(enum dtype dtype, const void *values, size_t index, char *buffer,
                       size_t buffer_bytes)
{
    struct number number = load(dtype, values, index);
    if (number.kind == NUMBER_FLOAT)
        snprintf(buffer, buffer_bytes, "%.17g", number.f);
    else if (number.kind == NUMBER_SIGNED)
        snprintf(buffer, buffer_bytes, "%" PRId64, number.i);
    else
        snprintf(buffer, buffer_bytes, "%" PRIu64, number.u);
    return buffer;
}
