/* crc32c.h - CRC-32C (Castagnoli, reflected 0x82F63B78; RFC 3720, appendix B.4), the checksum of
 * the journal's records. crc32c("123456789") is 0xE3069283. */
#ifndef INGEST_CRC32C_H
#define INGEST_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: begin with 0, as crc32_update() does. Tables, 16 bytes a step, about 2
 * GB/s: the journal is small beside what it journals. Any thread. */
uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t length);

#endif
