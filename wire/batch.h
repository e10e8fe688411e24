/* batch.h - from the bytes of one frame to a batch and back. No sockets, no allocation, no trust in
 * a length.
 *
 * Decoding keeps pointers into the frame: it must outlive them. Sections are aligned to 8 bytes
 * within the frame, but the frame itself may begin anywhere: read times and values by memcpy. */
#ifndef INGEST_BATCH_H
#define INGEST_BATCH_H

#include "dtype.h"
#include "wire_format.h"

#include <stdbool.h>

/* The header of a batch, and a cursor over its blocks. */
struct wire_batch {
    uint64_t session;
    uint64_t sequence;
    bool wait;             /* answer only when durable */
    uint16_t block_count;  /* 0 = HELLO */
    const char *peer_name; /* of a HELLO: UTF-8, not terminated; may hold any byte: sanitise before
                              showing */
    uint16_t peer_name_bytes;

    /* private */
    const uint8_t *next;
    const uint8_t *end;
    uint16_t blocks_left;
    struct wire_times_source {
        bool known;            /* a block with sound times came before */
        enum wire_clock clock; /* ARRIVAL, REGULAR or EXPLICIT: where those times come from */
        uint32_t count;
        int64_t t0_ns;
        int64_t period_ps;
        const void *times_ns;
    } previous;
};

/* One block. `clock` is where its times come from, never WIRE_CLOCK_PREVIOUS: that is resolved
 * while decoding. */
struct wire_block {
    const char *name;     /* not terminated, not checked against the rules of names */
    const void *times_ns; /* clock EXPLICIT: `count` int64, unaligned; else NULL */
    const void *values;   /* `values_bytes` bytes, unaligned */
    size_t
        values_bytes;  /* count x product of dims x size of the dtype, checked against the frame */
    int64_t t0_ns;     /* clock REGULAR; WIRE_T0_ARRIVAL: the last sample is stamped on arrival */
    int64_t period_ps; /* clock REGULAR: at least 1 */
    uint32_t count;    /* at least 1 */
    uint32_t dims[WIRE_RANK_MAX];
    uint16_t name_bytes;
    uint8_t rank;
    enum dtype dtype;
    enum wire_clock clock;
    bool explicit_series;  /* clocks 0, 2 and 3 make, and want, a series with explicit stamps */
    bool stamp_on_arrival; /* line protocol only: a time of INT64_MIN in times_ns means "now" */
};

/* True when a frame begins with the magic of a batch; else it is line protocol. */
bool wire_is_batch(const void *frame, size_t frame_bytes);

/* Reads the header and checks the checksum, version, flags, lengths and the chain of all block
 * lengths. Returns WIRE_OK, MALFORMED, CHECKSUM or VERSION_UNKNOWN, and then *ret_reason (never
 * NULL on a refusal) is a static sentence. After CHECKSUM or VERSION_UNKNOWN (an unknown version)
 * nothing in the frame is believed: session, sequence and block_count are 0. After any other
 * refusal they are what the header says, as far as it reaches, and no block can be read. */
enum wire_code wire_batch_open(const void *frame, size_t frame_bytes, struct wire_batch *ret_batch,
                               const char **ret_reason);

/* Reads the next block; call it block_count times. Returns WIRE_OK, or MALFORMED, VERSION_UNKNOWN
 * (flag or clock) or TYPE_MISMATCH (a dtype that is none) for this block alone: the next call goes
 * on behind it. The name is set whenever it lies within the block. */
enum wire_code wire_batch_next(struct wire_batch *batch, struct wire_block *ret_block,
                               const char **ret_reason);

/* Encoding: begin, add blocks, finish. Writes into the caller's memory (any alignment, at least the
 * 32 bytes of a header); -ENOSPC when it is full (the batch stays as it was), -EINVAL for a block
 * that no decoder would take or that has no form on the wire (stamp_on_arrival), -E2BIG past 65,535
 * blocks. */
struct wire_encoder {
    uint8_t *bytes;
    size_t capacity_bytes;
    size_t used_bytes;
    uint32_t last_count; /* samples of the last block: what WIRE_CLOCK_PREVIOUS must have too */
    uint16_t block_count;
};

void wire_encode_begin(struct wire_encoder *encoder, void *bytes, size_t capacity_bytes);

/* Adds a block as `block` says; `clock` may be WIRE_CLOCK_PREVIOUS. name, times_ns and values are
 * copied. */
int wire_encode_block(struct wire_encoder *encoder, const struct wire_block *block);

/* Bytes that wire_encode_block() would add, or 0 for a block that it would refuse as such. */
size_t wire_block_bytes(const struct wire_block *block);

/* Fills in the header and, unless `with_crc` is false, the checksum. Returns the frame's length. */
size_t wire_encode_finish(struct wire_encoder *encoder, uint64_t session, uint64_t sequence,
                          uint16_t flags, bool with_crc);

/* Changes session and sequence of a finished frame and its checksum if it has one (for a queue that
 * is resent). */
void wire_frame_restamp(void *frame, size_t frame_bytes, uint64_t session, uint64_t sequence);

/* A HELLO: 32 bytes and the name (cut at 64). Returns the frame's length; `bytes` holds at
 * least 96. */
size_t wire_encode_hello(void *bytes, uint64_t session, uint64_t sequence, const char *peer_name);

#endif
