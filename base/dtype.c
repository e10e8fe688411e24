#include "dtype.h"

#include <string.h>

struct dtype_row {
    const char *name;
    const char *descr;
    size_t size_bytes;
};

static const struct dtype_row dtypes[DTYPE_END] = {
    [DTYPE_NONE] = {"??", "??", 0}, [DTYPE_F4] = {"f4", "<f4", 4}, [DTYPE_F8] = {"f8", "<f8", 8},
    [DTYPE_I1] = {"i1", "|i1", 1},  [DTYPE_I2] = {"i2", "<i2", 2}, [DTYPE_I4] = {"i4", "<i4", 4},
    [DTYPE_I8] = {"i8", "<i8", 8},  [DTYPE_U1] = {"u1", "|u1", 1}, [DTYPE_U2] = {"u2", "<u2", 2},
    [DTYPE_U4] = {"u4", "<u4", 4},  [DTYPE_U8] = {"u8", "<u8", 8},
};

static const struct dtype_row *dtype_row(enum dtype dtype)
{
    return &dtypes[dtype > DTYPE_NONE && dtype < DTYPE_END ? dtype : DTYPE_NONE];
}

enum dtype dtype_from_chars(char kind, char digit)
{
    for (int d = DTYPE_NONE + 1; d < DTYPE_END; d++)
        if (dtypes[d].name[0] == kind && dtypes[d].name[1] == digit)
            return (enum dtype)d;
    return DTYPE_NONE;
}

enum dtype dtype_from_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 2)
        return dtype_from_chars(name[0], name[1]);
    if (length != 3)
        return DTYPE_NONE;
    enum dtype dtype = dtype_from_chars(name[1], name[2]);
    /* One byte has no order, and NumPy reads '<' before it as the same thing. */
    bool order_fits = name[0] == '<' || (name[0] == '|' && dtype_size(dtype) == 1);
    return order_fits ? dtype : DTYPE_NONE;
}

const char *dtype_name(enum dtype dtype)
{
    return dtype_row(dtype)->name;
}

const char *dtype_descr(enum dtype dtype)
{
    return dtype_row(dtype)->descr;
}

size_t dtype_size(enum dtype dtype)
{
    return dtype_row(dtype)->size_bytes;
}

bool dtype_is_float(enum dtype dtype)
{
    return dtype == DTYPE_F4 || dtype == DTYPE_F8;
}

bool dtype_is_signed(enum dtype dtype)
{
    return dtype >= DTYPE_F4 && dtype <= DTYPE_I8;
}
