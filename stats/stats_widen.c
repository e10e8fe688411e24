#include "stats_widen.h"

#include <string.h>

enum stats_kind stats_kind_of(const char dtype[2])
{
    return dtype[0] == 'f' ? STATS_REAL : dtype[0] == 'i' ? STATS_SIGNED : STATS_UNSIGNED;
}

size_t stats_number_bytes(const char dtype[2])
{
    return (size_t)(dtype[1] - '0');
}

/* ret_values[i], or a member of it, = the i-th number of type `type`. */
#define WIDEN(type, wide, to)                                                                      \
    for (size_t i = 0; i < count; i++) {                                                           \
        type number;                                                                               \
        memcpy(&number, (const char *)from + i * stride, sizeof number);                           \
        (to) = (wide)number;                                                                       \
    }                                                                                              \
    break

#define CODE(kind, bytes) ((unsigned)(kind) << 8 | (unsigned)(bytes))

/* The cases of the types of fewer than 64 bits. */
#define WIDEN_NARROW(real, integer_type, integer, natural_type, natural)                           \
    case CODE('f', '4'):                                                                           \
        WIDEN(float, double, real);                                                                \
    case CODE('i', '1'):                                                                           \
        WIDEN(int8_t, integer_type, integer);                                                      \
    case CODE('i', '2'):                                                                           \
        WIDEN(int16_t, integer_type, integer);                                                     \
    case CODE('i', '4'):                                                                           \
        WIDEN(int32_t, integer_type, integer);                                                     \
    case CODE('u', '1'):                                                                           \
        WIDEN(uint8_t, natural_type, natural);                                                     \
    case CODE('u', '2'):                                                                           \
        WIDEN(uint16_t, natural_type, natural);                                                    \
    case CODE('u', '4'):                                                                           \
        WIDEN(uint32_t, natural_type, natural)

void stats_widen(const char dtype[2], const void *from, size_t stride, size_t count,
                 union stats_value *ret_values)
{
    switch (CODE(dtype[0], dtype[1])) {
        WIDEN_NARROW(ret_values[i].real, int64_t, ret_values[i].integer, uint64_t,
                     ret_values[i].natural);
    default: /* as they are */
        WIDEN(uint64_t, uint64_t, ret_values[i].natural);
    }
}

void stats_widen_f8(const char dtype[2], const void *from, size_t stride, size_t count,
                    double *ret_values)
{
    switch (CODE(dtype[0], dtype[1])) {
        WIDEN_NARROW(ret_values[i], double, ret_values[i], double, ret_values[i]);
    case CODE('i', '8'):
        WIDEN(int64_t, double, ret_values[i]);
    case CODE('u', '8'):
        WIDEN(uint64_t, double, ret_values[i]);
    default:
        WIDEN(double, double, ret_values[i]);
    }
}
