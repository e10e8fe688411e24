/* crc32_internal.h - the kernels behind crc32_update(), shared by its files and its tests. A kernel
 * takes and gives the register itself: the checksum with all its bits turned over. */
#ifndef INGEST_CRC32_INTERNAL_H
#define INGEST_CRC32_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t crc32_kernel(uint32_t state, const uint8_t *bytes, size_t length);

/* Sixteen tables of 256 words for any reflected polynomial of 32 bits. */
#define CRC32_SLICES 16
struct crc32_tables {
    uint32_t slices[CRC32_SLICES][256];
};
void crc32_tables_make(struct crc32_tables *ret_tables, uint32_t polynomial);
uint32_t crc32_by_tables(const struct crc32_tables *from, uint32_t state, const uint8_t *bytes,
                         size_t length);

/* Tables of zlib's polynomial, 16 bytes a step; makes the tables when it is first used. */
uint32_t crc32_kernel_tables(uint32_t state, const uint8_t *bytes, size_t length);

/* The fastest kernel of this processor that is not tables, or NULL. */
crc32_kernel *crc32_kernel_of_processor(void);

#endif
