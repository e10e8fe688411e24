#include "batch.h"

#include "crc32.h"
#include "little_endian.h"
#include "wire_layout.h"

#include <errno.h>
#include <string.h>

static const size_t crc_covers_from = offsetof(struct wire_batch_header, frame_bytes);

void wire_encode_begin(struct wire_encoder *encoder, void *bytes, size_t capacity_bytes)
{
    assert(capacity_bytes >= sizeof(struct wire_batch_header));
    *encoder = (struct wire_encoder){.bytes = bytes,
                                     .capacity_bytes = capacity_bytes,
                                     .used_bytes = sizeof(struct wire_batch_header)};
}

static bool times_are_sound(const struct wire_block *block)
{
    if (block->count == 0 || block->stamp_on_arrival)
        return false;
    switch (block->clock) {
    case WIRE_CLOCK_ARRIVAL:
        return block->count == 1;
    case WIRE_CLOCK_REGULAR:
        return block->period_ps >= 1;
    case WIRE_CLOCK_EXPLICIT:
        return block->times_ns != NULL;
    case WIRE_CLOCK_PREVIOUS:
        return true;
    }
    return false;
}

size_t wire_block_bytes(const struct wire_block *block)
{
    uint64_t values_bytes;
    if (block->name_bytes == 0 || block->name_bytes > WIRE_NAME_BYTES_MAX ||
        block->rank > WIRE_RANK_MAX || dtype_size(block->dtype) == 0 || !times_are_sound(block) ||
        !wire_values_bytes(block->count, block->dims, block->rank, dtype_size(block->dtype),
                           &values_bytes) ||
        values_bytes != block->values_bytes)
        return 0;

    uint64_t bytes =
        wire_name_offset(block->rank) + wire_padded(block->name_bytes) + wire_padded(values_bytes);
    if (block->clock == WIRE_CLOCK_EXPLICIT)
        bytes += block->count * sizeof(int64_t);
    return bytes <= UINT32_MAX ? (size_t)bytes : 0;
}

/* Copies a section, fills its padding with zeros, and returns where the next one begins. */
static uint8_t *put_section(uint8_t *to, const void *section, size_t bytes)
{
    static const uint8_t zeros[8];
    if (bytes > 0)
        memcpy(to, section, bytes);
    size_t padding = (size_t)wire_padded(bytes) - bytes;
    memcpy(to + bytes, zeros, padding);
    return to + bytes + padding;
}

int wire_encode_block(struct wire_encoder *encoder, const struct wire_block *block)
{
    const size_t bytes = wire_block_bytes(block);
    const bool previous = block->clock == WIRE_CLOCK_PREVIOUS;
    if (bytes == 0 || (previous && block->count != encoder->last_count))
        return -EINVAL;
    if (encoder->block_count == WIRE_BLOCKS_MAX)
        return -E2BIG;
    if (bytes > encoder->capacity_bytes - encoder->used_bytes ||
        bytes > UINT32_MAX - encoder->used_bytes)
        return -ENOSPC;

    const bool regular = block->clock == WIRE_CLOCK_REGULAR;
    const char *dtype = dtype_name(block->dtype);
    struct wire_block_header header = {
        .block_bytes = (uint32_t)bytes,
        .name_bytes = block->name_bytes,
        .dtype = {(uint8_t)dtype[0], (uint8_t)dtype[1]},
        .count = block->count,
        .clock = (uint8_t)block->clock,
        .rank = block->rank,
        .t0_ns = regular ? block->t0_ns : 0,
        .period_ps = regular ? block->period_ps : 0,
    };
    uint8_t *to = encoder->bytes + encoder->used_bytes;
    to = put_section(to, &header, sizeof header);
    to = put_section(to, block->dims, block->rank * sizeof block->dims[0]);
    to = put_section(to, block->name, block->name_bytes);
    if (block->clock == WIRE_CLOCK_EXPLICIT)
        to = put_section(to, block->times_ns, block->count * sizeof(int64_t));
    to = put_section(to, block->values, block->values_bytes);
    assert(to == encoder->bytes + encoder->used_bytes + bytes);

    encoder->used_bytes += bytes;
    encoder->block_count++;
    encoder->last_count = block->count;
    return 0;
}

static void put_checksum(uint8_t *frame, size_t frame_bytes)
{
    le_store_u32(frame + offsetof(struct wire_batch_header, crc32),
                 crc32_update(0, frame + crc_covers_from, frame_bytes - crc_covers_from));
}

size_t wire_encode_finish(struct wire_encoder *encoder, uint64_t session, uint64_t sequence,
                          uint16_t flags, bool with_crc)
{
    struct wire_batch_header header = {
        .version = WIRE_VERSION,
        .frame_bytes = (uint32_t)encoder->used_bytes,
        .block_count = encoder->block_count,
        .flags = flags,
        .session = session,
        .sequence = sequence,
    };
    memcpy(header.magic, wire_batch_magic, sizeof header.magic);
    memcpy(encoder->bytes, &header, sizeof header);
    if (with_crc)
        put_checksum(encoder->bytes, encoder->used_bytes);
    return encoder->used_bytes;
}

void wire_frame_restamp(void *frame, size_t frame_bytes, uint64_t session, uint64_t sequence)
{
    uint8_t *bytes = frame;
    assert(frame_bytes >= sizeof(struct wire_batch_header));
    le_store_u64(bytes + offsetof(struct wire_batch_header, session), session);
    le_store_u64(bytes + offsetof(struct wire_batch_header, sequence), sequence);
    if (le_load_u32(bytes + offsetof(struct wire_batch_header, crc32)) != 0)
        put_checksum(bytes, frame_bytes);
}

size_t wire_encode_hello(void *bytes, uint64_t session, uint64_t sequence, const char *peer_name)
{
    struct wire_encoder encoder;
    size_t name_bytes = strnlen(peer_name, WIRE_PEER_NAME_MAX);
    wire_encode_begin(&encoder, bytes, sizeof(struct wire_batch_header) + WIRE_PEER_NAME_MAX);
    memcpy(encoder.bytes + encoder.used_bytes, peer_name, name_bytes);
    encoder.used_bytes += name_bytes;
    return wire_encode_finish(&encoder, session, sequence, 0, true);
}
