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

#define DTYPE_CHARS(kind, digit) ((unsigned)(kind) << 8 | (unsigned)(digit))

/* A switch, not a search: this is done for every block of every batch. */
enum dtype dtype_from_chars(char kind, char digit)
{
    switch (DTYPE_CHARS((unsigned char)kind, (unsigned char)digit)) {
    case DTYPE_CHARS('f', '4'):
        return DTYPE_F4;
    case DTYPE_CHARS('f', '8'):
        return DTYPE_F8;
    case DTYPE_CHARS('i', '1'):
        return DTYPE_I1;
    case DTYPE_CHARS('i', '2'):
        return DTYPE_I2;
    case DTYPE_CHARS('i', '4'):
        return DTYPE_I4;
    case DTYPE_CHARS('i', '8'):
        return DTYPE_I8;
    case DTYPE_CHARS('u', '1'):
        return DTYPE_U1;
    case DTYPE_CHARS('u', '2'):
        return DTYPE_U2;
    case DTYPE_CHARS('u', '4'):
        return DTYPE_U4;
    case DTYPE_CHARS('u', '8'):
        return DTYPE_U8;
    default:
        return DTYPE_NONE;
    }
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
