/* Every length is checked against the frame before it is used: wire_batch_open() walks the chain of
 * blocks once, so that afterwards a block's own length is known to lie within the frame, and
 * wire_batch_next() checks the sections against that. Sizes are summed in 64 bits, where lengths of
 * 32 bits cannot overflow. */
#include "batch.h"

#include "crc32.h"
#include "little_endian.h"
#include "wire_layout.h"

#include <string.h>

static enum wire_code refuse(enum wire_code code, const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return code;
}

bool wire_is_batch(const void *frame, size_t frame_bytes)
{
    return frame_bytes >= sizeof wire_batch_magic &&
           memcmp(frame, wire_batch_magic, sizeof wire_batch_magic) == 0;
}

/* As many whole fields of the header as the frame has; the others are 0. */
static void header_read(const uint8_t *bytes, size_t frame_bytes,
                        struct wire_batch_header *ret_header)
{
    memset(ret_header, 0, sizeof *ret_header);
    memcpy(ret_header, bytes, frame_bytes < sizeof *ret_header ? frame_bytes : sizeof *ret_header);
    if (frame_bytes < offsetof(struct wire_batch_header, frame_bytes))
        ret_header->crc32 = 0;
    if (frame_bytes < offsetof(struct wire_batch_header, sequence))
        ret_header->session = 0;
    if (frame_bytes < sizeof *ret_header)
        ret_header->sequence = 0;
}

static bool checksum_fits(const struct wire_batch_header *header, const uint8_t *bytes,
                          size_t frame_bytes)
{
    const size_t covered_from = offsetof(struct wire_batch_header, frame_bytes);
    if (header->crc32 == 0)
        return true;
    return crc32_update(0, bytes + covered_from, frame_bytes - covered_from) == header->crc32;
}

/* True when the blocks follow each other to exactly the end. */
static bool chain_fits(const uint8_t *next, const uint8_t *end, unsigned block_count)
{
    for (; block_count > 0; block_count--) {
        size_t left = (size_t)(end - next);
        if (left < sizeof(struct wire_block_header))
            return false;
        uint32_t block_bytes = le_load_u32(next);
        if (block_bytes < sizeof(struct wire_block_header) || block_bytes % 8 != 0 ||
            block_bytes > left)
            return false;
        next += block_bytes;
    }
    return next == end;
}

static enum wire_code open_hello(struct wire_batch *batch, const char **ret_reason)
{
    size_t name_bytes = (size_t)(batch->end - batch->next);
    if (name_bytes > WIRE_PEER_NAME_MAX)
        return refuse(WIRE_MALFORMED, "the name in the HELLO is longer than 64 bytes", ret_reason);
    /* A sender may have padded its name as everything else is padded. */
    while (name_bytes > 0 && batch->next[name_bytes - 1] == 0)
        name_bytes--;
    batch->peer_name = (const char *)batch->next;
    batch->peer_name_bytes = (uint16_t)name_bytes;
    return WIRE_OK;
}

enum wire_code wire_batch_open(const void *frame, size_t frame_bytes, struct wire_batch *ret_batch,
                               const char **ret_reason)
{
    memset(ret_batch, 0, sizeof *ret_batch);
    if (!wire_is_batch(frame, frame_bytes))
        return refuse(WIRE_MALFORMED, "the frame does not begin as a batch", ret_reason);

    const uint8_t *bytes = frame;
    struct wire_batch_header header;
    header_read(bytes, frame_bytes, &header);
    if (frame_bytes > sizeof header.magic && header.version != WIRE_VERSION)
        return refuse(WIRE_VERSION_UNKNOWN, "the version of the batch is not known", ret_reason);
    if (!checksum_fits(&header, bytes, frame_bytes))
        return refuse(WIRE_CHECKSUM, "the checksum does not fit the frame", ret_reason);

    ret_batch->session = header.session;
    ret_batch->sequence = header.sequence;
    ret_batch->block_count = header.block_count;
    if (frame_bytes < sizeof header)
        return refuse(WIRE_MALFORMED, "the frame is shorter than a header", ret_reason);
    if ((header.flags & ~WIRE_FLAG_WAIT) != 0)
        return refuse(WIRE_VERSION_UNKNOWN, "the batch has a flag that is not known", ret_reason);
    if (header.frame_bytes != frame_bytes)
        return refuse(WIRE_MALFORMED, "the header gives another length than the frame has",
                      ret_reason);

    ret_batch->wait = (header.flags & WIRE_FLAG_WAIT) != 0;
    ret_batch->next = bytes + sizeof header;
    ret_batch->end = bytes + frame_bytes;
    if (header.block_count == 0)
        return open_hello(ret_batch, ret_reason);
    if (!chain_fits(ret_batch->next, ret_batch->end, header.block_count))
        return refuse(WIRE_MALFORMED, "the lengths of the blocks do not add up to the frame",
                      ret_reason);
    if (header.session != 0 && header.sequence == 0)
        return refuse(WIRE_MALFORMED, "a batch of a session needs a sequence number", ret_reason);

    ret_batch->blocks_left = header.block_count;
    return WIRE_OK;
}

/* Where a block's times come from, as far as that can be told without its values: a later block may
 * refer to them even when this one is refused for its dtype. `times` is where they would lie,
 * `left` the bytes from there on. */
static enum wire_code times_read(const struct wire_batch *batch,
                                 const struct wire_block_header *header, const uint8_t *times,
                                 uint64_t left, struct wire_times_source *ret_times,
                                 const char **ret_reason)
{
    struct wire_times_source source = {
        .known = true, .clock = (enum wire_clock)header->clock, .count = header->count};
    if (header->count == 0)
        return refuse(WIRE_MALFORMED, "the block has no samples", ret_reason);
    switch (source.clock) {
    case WIRE_CLOCK_ARRIVAL:
        if (header->count != 1)
            return refuse(WIRE_MALFORMED, "only one sample can be stamped on arrival", ret_reason);
        break;
    case WIRE_CLOCK_REGULAR:
        if (header->period_ps < 1)
            return refuse(WIRE_MALFORMED, "the period is not positive", ret_reason);
        source.t0_ns = header->t0_ns;
        source.period_ps = header->period_ps;
        break;
    case WIRE_CLOCK_EXPLICIT:
        if (header->count * sizeof(int64_t) > left)
            return refuse(WIRE_MALFORMED, "the times do not lie within the block", ret_reason);
        source.times_ns = times;
        break;
    case WIRE_CLOCK_PREVIOUS:
        if (!batch->previous.known || batch->previous.count != header->count)
            return refuse(WIRE_MALFORMED, "there are no times of a block before to take",
                          ret_reason);
        source = batch->previous;
        break;
    }
    *ret_times = source;
    return WIRE_OK;
}

/* Dims, dtype and the length of the values, which end the block. `offset` is where the values
 * begin. */
static enum wire_code values_read(const struct wire_block_header *header, const uint8_t *bytes,
                                  uint64_t offset, struct wire_block *block,
                                  const char **ret_reason)
{
    for (unsigned i = 0; i < header->rank; i++)
        block->dims[i] = le_load_u32(bytes + sizeof *header + i * sizeof(uint32_t));
    block->dtype = dtype_from_chars((char)header->dtype[0], (char)header->dtype[1]);
    if (block->dtype == DTYPE_NONE)
        return refuse(WIRE_TYPE_MISMATCH, "the dtype is none of f4 f8 i1 i2 i4 i8 u1 u2 u4 u8",
                      ret_reason);
    uint64_t values_bytes;
    if (!wire_values_bytes(header->count, block->dims, header->rank, dtype_size(block->dtype),
                           &values_bytes))
        return refuse(WIRE_MALFORMED, "the sample shape has a dimension of 0 or is too large",
                      ret_reason);
    if (offset + wire_padded(values_bytes) != header->block_bytes)
        return refuse(WIRE_MALFORMED, "the sections do not add up to the block", ret_reason);
    block->values = bytes + offset;
    block->values_bytes = (size_t)values_bytes;
    return WIRE_OK;
}

/* Field by field: for one memset() of that size compilers take an instruction that costs as much as
 * all the rest. */
static inline void block_clear(struct wire_block *block)
{
    block->name = NULL;
    block->times_ns = NULL;
    block->values = NULL;
    block->values_bytes = 0;
    block->t0_ns = 0;
    block->period_ps = 0;
    block->count = 0;
    for (unsigned i = 0; i < WIRE_RANK_MAX; i++)
        block->dims[i] = 0;
    block->name_bytes = 0;
    block->rank = 0;
    block->dtype = DTYPE_NONE;
    block->clock = WIRE_CLOCK_ARRIVAL;
    block->explicit_series = false;
    block->stamp_on_arrival = false;
}

enum wire_code wire_batch_next(struct wire_batch *batch, struct wire_block *ret_block,
                               const char **ret_reason)
{
    block_clear(ret_block);
    if (batch->blocks_left == 0)
        return refuse(WIRE_MALFORMED, "the batch has no more blocks", ret_reason);

    const uint8_t *bytes = batch->next;
    struct wire_block_header header;
    memcpy(&header, bytes, sizeof header);
    batch->next += header.block_bytes;
    batch->blocks_left--;
    struct wire_times_source times = {.known = false};
    enum wire_code code;

    const uint64_t name_offset = wire_name_offset(header.rank);
    const uint64_t times_offset = name_offset + wire_padded(header.name_bytes);
    const bool name_fits = name_offset + header.name_bytes <= header.block_bytes;
    if (name_fits) {
        ret_block->name = (const char *)bytes + name_offset;
        ret_block->name_bytes = header.name_bytes;
    }
    if (header.flags != 0) {
        code = refuse(WIRE_VERSION_UNKNOWN, "the block has a flag that is not known", ret_reason);
        goto out;
    }
    if (header.clock > WIRE_CLOCK_PREVIOUS) {
        code = refuse(WIRE_VERSION_UNKNOWN, "the block's clock is not known", ret_reason);
        goto out;
    }
    /* Blocks and sections are multiples of 8 bytes: where the name fits, so does its padding. */
    if (header.rank > WIRE_RANK_MAX || !name_fits) {
        code = refuse(WIRE_MALFORMED,
                      header.rank > WIRE_RANK_MAX ? "the sample shape has more than 4 dimensions"
                                                  : "the name does not lie within the block",
                      ret_reason);
        goto out;
    }
    code = times_read(batch, &header, bytes + times_offset, header.block_bytes - times_offset,
                      &times, ret_reason);
    if (code != WIRE_OK)
        goto out;

    ret_block->clock = times.clock;
    ret_block->t0_ns = times.t0_ns;
    ret_block->period_ps = times.period_ps;
    ret_block->times_ns = times.times_ns;
    ret_block->count = header.count;
    ret_block->rank = header.rank;
    ret_block->explicit_series = header.clock != WIRE_CLOCK_REGULAR;
    const uint64_t times_bytes =
        header.clock == WIRE_CLOCK_EXPLICIT ? header.count * sizeof(int64_t) : 0;
    code = values_read(&header, bytes, times_offset + times_bytes, ret_block, ret_reason);
out:
    batch->previous = times;
    return code;
}
