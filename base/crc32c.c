#include "crc32c.h"

#include "crc32_internal.h"

#include <pthread.h>

#define CRC32C_POLYNOMIAL UINT32_C(0x82F63B78)

static struct crc32_tables tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    crc32_tables_make(&tables, CRC32C_POLYNOMIAL);
}

uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t length)
{
    pthread_once(&tables_once, make_tables);
    return ~crc32_by_tables(&tables, ~crc, bytes, length);
}
