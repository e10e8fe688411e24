/* little_endian.h - numbers in bytes of any alignment. Files and frames are little-endian, and so
 * is every machine that this runs on: that is asserted here once, so that mapped words need no
 * swapping. */
#ifndef INGEST_LITTLE_ENDIAN_H
#define INGEST_LITTLE_ENDIAN_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "files and frames are mapped as they are");

#define LE_DEFINE(name, type)                                                                      \
    static inline type le_load_##name(const void *from)                                            \
    {                                                                                              \
        type value;                                                                                \
        memcpy(&value, from, sizeof value);                                                        \
        return value;                                                                              \
    }                                                                                              \
    static inline void le_store_##name(void *to, type value)                                       \
    {                                                                                              \
        memcpy(to, &value, sizeof value);                                                          \
    }

LE_DEFINE(u16, uint16_t)
LE_DEFINE(u32, uint32_t)
LE_DEFINE(u64, uint64_t)
LE_DEFINE(i64, int64_t)

#undef LE_DEFINE

#endif
