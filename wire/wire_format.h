/* wire_format.h - the bytes of a batch and of a reply, version 1. Mirrors docs/protocol.md: change
 * both. Everything is little-endian and every section is aligned to 8 bytes within its frame. */
#ifndef INGEST_WIRE_FORMAT_H
#define INGEST_WIRE_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION        1
#define WIRE_RANK_MAX       4
#define WIRE_NAME_BYTES_MAX 255
#define WIRE_BLOCKS_MAX     65535
#define WIRE_PEER_NAME_MAX  64 /* bytes of a gateway's name in a HELLO */

static const uint8_t wire_batch_magic[3] = {0x93, 'I', 'B'};
static const uint8_t wire_reply_magic[3] = {0x93, 'I', 'R'};

/* Flags of a batch. */
#define WIRE_FLAG_WAIT 0x0001u /* answer this batch only when it is durable */

/* How a block tells the times of its samples. */
enum wire_clock {
    WIRE_CLOCK_ARRIVAL = 0,  /* one sample, stamped on arrival */
    WIRE_CLOCK_REGULAR = 1,  /* from t0_ns, one each period_ps */
    WIRE_CLOCK_EXPLICIT = 2, /* one stamp a sample, in the block */
    WIRE_CLOCK_PREVIOUS = 3  /* the times of the block before it in this batch */
};

/* t0_ns of a regular block whose sender has no clock: its last sample is stamped on arrival. */
#define WIRE_T0_ARRIVAL INT64_MIN

struct wire_batch_header {
    uint8_t magic[3];
    uint8_t version;
    uint32_t crc32;       /* of bytes 8 to the end; 0 = none */
    uint32_t frame_bytes; /* of the whole frame */
    uint16_t block_count; /* 0 = HELLO */
    uint16_t flags;
    uint64_t session;  /* 0 = none */
    uint64_t sequence; /* in the session, from 1 */
};
static_assert(sizeof(struct wire_batch_header) == 32, "batch header");
static_assert(offsetof(struct wire_batch_header, version) == 3, "batch header");
static_assert(offsetof(struct wire_batch_header, crc32) == 4, "batch header");
static_assert(offsetof(struct wire_batch_header, frame_bytes) == 8, "batch header");
static_assert(offsetof(struct wire_batch_header, block_count) == 12, "batch header");
static_assert(offsetof(struct wire_batch_header, flags) == 14, "batch header");
static_assert(offsetof(struct wire_batch_header, session) == 16, "batch header");
static_assert(offsetof(struct wire_batch_header, sequence) == 24, "batch header");

/* Followed by: u32 dims[rank] | name | i64 times[count] (explicit only) | values in C order; each
 * padded to 8. */
struct wire_block_header {
    uint32_t block_bytes; /* header and padding included; a multiple of 8 */
    uint16_t name_bytes;
    uint8_t dtype[2]; /* "f4" */
    uint32_t count;   /* samples */
    uint8_t clock;    /* enum wire_clock */
    uint8_t rank;
    uint16_t flags; /* 0 */
    int64_t t0_ns;
    int64_t period_ps;
};
static_assert(sizeof(struct wire_block_header) == 32, "block header");
static_assert(offsetof(struct wire_block_header, name_bytes) == 4, "block header");
static_assert(offsetof(struct wire_block_header, dtype) == 6, "block header");
static_assert(offsetof(struct wire_block_header, count) == 8, "block header");
static_assert(offsetof(struct wire_block_header, clock) == 12, "block header");
static_assert(offsetof(struct wire_block_header, rank) == 13, "block header");
static_assert(offsetof(struct wire_block_header, flags) == 14, "block header");
static_assert(offsetof(struct wire_block_header, t0_ns) == 16, "block header");
static_assert(offsetof(struct wire_block_header, period_ps) == 24, "block header");

/* Followed by `text_bytes` bytes of UTF-8. */
struct wire_reply_header {
    uint8_t magic[3];
    uint8_t version;
    uint16_t code; /* enum wire_code */
    uint16_t text_bytes;
    uint64_t session;
    uint64_t sequence; /* the batch that this is about; 0 = cumulative only */
    uint64_t stored;   /* every batch up to here was applied or refused for good */
    uint64_t durable;  /* every batch up to here survives power loss, or was refused for good */
    uint32_t credit_batches;  /* batches that may be sent and not yet stored */
    uint32_t frame_bytes_max; /* largest frame accepted */
    uint64_t late_samples;    /* samples dropped as late in this session */
    uint32_t refused_blocks;  /* in this batch */
    uint32_t credit_kib;      /* as credit_batches, in KiB */
};
static_assert(sizeof(struct wire_reply_header) == 64, "reply header");
static_assert(offsetof(struct wire_reply_header, code) == 4, "reply header");
static_assert(offsetof(struct wire_reply_header, text_bytes) == 6, "reply header");
static_assert(offsetof(struct wire_reply_header, session) == 8, "reply header");
static_assert(offsetof(struct wire_reply_header, sequence) == 16, "reply header");
static_assert(offsetof(struct wire_reply_header, stored) == 24, "reply header");
static_assert(offsetof(struct wire_reply_header, durable) == 32, "reply header");
static_assert(offsetof(struct wire_reply_header, credit_batches) == 40, "reply header");
static_assert(offsetof(struct wire_reply_header, frame_bytes_max) == 44, "reply header");
static_assert(offsetof(struct wire_reply_header, late_samples) == 48, "reply header");
static_assert(offsetof(struct wire_reply_header, refused_blocks) == 56, "reply header");
static_assert(offsetof(struct wire_reply_header, credit_kib) == 60, "reply header");

/* Codes of a reply. All but CHECKSUM, GAP, STORE_FULL and BUSY are permanent: the sequence is
 * consumed. */
enum wire_code {
    WIRE_OK = 0,
    WIRE_MALFORMED = 1,
    WIRE_CHECKSUM = 2,
    WIRE_VERSION_UNKNOWN = 3,
    WIRE_TOO_LARGE = 4,
    WIRE_BAD_NAME = 5,
    WIRE_TYPE_MISMATCH = 6,
    WIRE_TIME_ORDER = 7,
    WIRE_TIME_FUTURE = 8,
    WIRE_NOT_AUTHORISED = 9,
    WIRE_GAP = 10,
    WIRE_STORE_FULL = 11,
    WIRE_BUSY = 12,
    WIRE_NO_ROOM = 13,
    WIRE_CODE_END
};

#endif
