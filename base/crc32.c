/* The portable kernel is "slicing by 16": sixteen tables, of which table k holds the checksum of a
 * byte followed by k zero bytes, so that sixteen look-ups that do not wait for each other replace
 * sixteen that do (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance
 * CRC Generation", 2008). */
#include "crc32.h"

#include "crc32_internal.h"
#include "little_endian.h"

#include <pthread.h>
#include <stdatomic.h>

#define CRC32_POLYNOMIAL UINT32_C(0xEDB88320)

static struct crc32_tables zlib_tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

void crc32_tables_make(struct crc32_tables *ret_tables, uint32_t polynomial)
{
    uint32_t(*tables)[256] = ret_tables->slices;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int bit = 0; bit < 8; bit++)
            state = (state >> 1) ^ (polynomial & (0u - (state & 1)));
        tables[0][byte] = state;
    }
    for (int slice = 1; slice < CRC32_SLICES; slice++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
}

static inline uint32_t slices_of_word(const uint32_t tables[CRC32_SLICES][256], uint32_t word,
                                      int first_slice)
{
    return tables[first_slice][word & 0xff] ^ tables[first_slice - 1][(word >> 8) & 0xff] ^
           tables[first_slice - 2][(word >> 16) & 0xff] ^ tables[first_slice - 3][word >> 24];
}

uint32_t crc32_by_tables(const struct crc32_tables *from, uint32_t state, const uint8_t *bytes,
                         size_t length)
{
    const uint32_t(*tables)[256] = from->slices;
    while (length >= CRC32_SLICES) {
        state = slices_of_word(tables, le_load_u32(bytes) ^ state, 15) ^
                slices_of_word(tables, le_load_u32(bytes + 4), 11) ^
                slices_of_word(tables, le_load_u32(bytes + 8), 7) ^
                slices_of_word(tables, le_load_u32(bytes + 12), 3);
        bytes += CRC32_SLICES;
        length -= CRC32_SLICES;
    }
    while (length-- > 0)
        state = (state >> 8) ^ tables[0][(state ^ *bytes++) & 0xff];
    return state;
}

static void make_zlib_tables(void)
{
    crc32_tables_make(&zlib_tables, CRC32_POLYNOMIAL);
}

uint32_t crc32_kernel_tables(uint32_t state, const uint8_t *bytes, size_t length)
{
    pthread_once(&tables_once, make_zlib_tables);
    return crc32_by_tables(&zlib_tables, state, bytes, length);
}

static crc32_kernel crc32_kernel_choose;

/* The chosen kernel; before the first call, the function that chooses. Two threads may choose at
 * once: they choose the same. */
static _Atomic(crc32_kernel *) chosen_kernel = crc32_kernel_choose;

static uint32_t crc32_kernel_choose(uint32_t state, const uint8_t *bytes, size_t length)
{
    crc32_kernel *kernel = crc32_kernel_of_processor();
    if (kernel == NULL)
        kernel = crc32_kernel_tables;
    atomic_store_explicit(&chosen_kernel, kernel, memory_order_relaxed);
    return kernel(state, bytes, length);
}

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length)
{
    crc32_kernel *kernel = atomic_load_explicit(&chosen_kernel, memory_order_relaxed);
    return ~kernel(~crc, bytes, length);
}

uint32_t crc32_update_portable(uint32_t crc, const void *bytes, size_t length)
{
    return ~crc32_kernel_tables(~crc, bytes, length);
}
