/* crc32.h - the CRC-32 of zlib, PNG and Ethernet (reflected 0xEDB88320), which every language's
 * standard library has. crc32("123456789") is 0xCBF43926. */
#ifndef INGEST_CRC32_H
#define INGEST_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: begin with 0; crc32_update(crc32_update(0, a), b) is the checksum of a then
 * b, as in zlib. Picks, once, the fastest kernel that this processor has (carry-less multiplication
 * on x86-64, the CRC instructions on arm64, else tables). Any thread. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length);

/* The portable kernel (tables, 16 bytes a step), for tests and for processors without anything
 * better. */
uint32_t crc32_update_portable(uint32_t crc, const void *bytes, size_t length);

#endif
