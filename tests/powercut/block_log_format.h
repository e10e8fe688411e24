/* block_log_format.h - the log that block_log writes and the crash states are made from. */
#ifndef INGEST_BLOCK_LOG_FORMAT_H
#define INGEST_BLOCK_LOG_FORMAT_H

#include <stdint.h>

enum block_log_kind {
    BLOCK_LOG_WRITE = 1, /* `length` bytes at `offset` of the disk */
    BLOCK_LOG_FLUSH,     /* what was written before it is on the disk for good */
    BLOCK_LOG_MARK       /* `length` bytes that somebody wrote to the file `mark` */
};

/* One entry; its bytes follow, padded to 8. */
struct block_log_entry {
    uint32_t kind;
    uint32_t length;
    uint64_t offset;
};

static inline uint64_t block_log_padded(uint64_t length)
{
    return (length + 7) & ~UINT64_C(7);
}

#endif
