#include "gateway_internal.h"

#include "checked.h"
#include "clock_ns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The lengths in a frame are 32-bit. */
#define FRAME_BYTES_MAX UINT32_MAX
/* Two samples of one series never share a nanosecond. */
#define PERIOD_PS_MIN 1000

int gateway_wait_for_room(struct ingest_gateway *gateway, size_t length, int64_t deadline_ns)
{
    for (;;) {
        gateway_advance(gateway);
        if (gateway->frame_bytes_max > 0 && length > gateway->frame_bytes_max)
            return -EMSGSIZE;
        int result = gateway_room(gateway, length);
        if (result != -EAGAIN)
            return result;
        if (clock_monotonic_ns() >= deadline_ns)
            return -EAGAIN;
        gateway_wait(gateway, deadline_ns);
    }
}

static int frame_length(gateway_block_source source, void *context, size_t block_count,
                        size_t *ret_length)
{
    size_t length = sizeof(struct wire_batch_header);
    for (size_t i = 0; i < block_count; i++) {
        struct wire_block block;
        int result = source(context, i, &block);
        if (result < 0)
            return result;
        size_t block_bytes = wire_block_bytes(&block);
        if (block_bytes == 0)
            return -EINVAL;
        if (!checked_add_size(length, block_bytes, &length) || length > FRAME_BYTES_MAX)
            return -EMSGSIZE;
    }
    *ret_length = length;
    return 0;
}

static int encode(struct ingest_gateway *gateway, gateway_block_source source, void *context,
                  size_t block_count, uint8_t *frame, size_t length)
{
    struct wire_encoder encoder;
    wire_encode_begin(&encoder, frame, length);
    for (size_t i = 0; i < block_count; i++) {
        struct wire_block block;
        int result = source(context, i, &block);
        if (result == 0)
            result = wire_encode_block(&encoder, &block);
        if (result < 0)
            return result;
    }
    size_t encoded =
        wire_encode_finish(&encoder, gateway->options.session, gateway_next(gateway), 0, true);
    assert(encoded == length);
    return 0;
}

int gateway_push_blocks(struct ingest_gateway *gateway, gateway_block_source source, void *context,
                        size_t block_count, int timeout_ms, uint64_t *ret_sequence)
{
    if (block_count == 0 || block_count > WIRE_BLOCKS_MAX)
        return -EINVAL;
    size_t length = 0;
    int result = frame_length(source, context, block_count, &length);
    if (result == 0)
        result = gateway_wait_for_room(gateway, length, gateway_deadline(timeout_ms));
    if (result < 0)
        return result;

    uint8_t *frame = malloc(length);
    if (frame == NULL)
        return -ENOMEM;
    result = encode(gateway, source, context, block_count, frame, length);
    if (result < 0) {
        free(frame);
        return result;
    }
    uint64_t sequence = gateway_next(gateway);
    result = gateway_take_frame(gateway, frame, length, NULL);
    if (result < 0)
        return result;
    gateway_advance(gateway);
    if (ret_sequence != NULL)
        *ret_sequence = sequence;
    return 0;
}

static int block_to_wire(const struct ingest_block *block, struct wire_block *ret_block)
{
    if (block->name == NULL || block->dtype == NULL || block->values == NULL || block->count == 0 ||
        block->rank > WIRE_RANK_MAX)
        return -EINVAL;
    size_t name_bytes = strnlen(block->name, WIRE_NAME_BYTES_MAX + 1);
    enum dtype dtype = dtype_from_name(block->dtype);
    if (name_bytes == 0 || name_bytes > WIRE_NAME_BYTES_MAX || dtype == DTYPE_NONE)
        return -EINVAL;

    struct wire_block wire = {
        .name = block->name,
        .name_bytes = (uint16_t)name_bytes,
        .values = block->values,
        .count = block->count,
        .rank = (uint8_t)block->rank,
        .dtype = dtype,
        .values_bytes = dtype_size(dtype),
    };
    for (unsigned i = 0; i < block->rank; i++) {
        wire.dims[i] = block->dims[i];
        if (!checked_multiply_size(wire.values_bytes, block->dims[i], &wire.values_bytes))
            return -EMSGSIZE;
    }
    if (!checked_multiply_size(wire.values_bytes, block->count, &wire.values_bytes))
        return -EMSGSIZE;

    switch (block->clock) {
    case INGEST_ARRIVAL:
        wire.clock = WIRE_CLOCK_ARRIVAL;
        break;
    case INGEST_REGULAR:
        if (block->period_ps < PERIOD_PS_MIN)
            return -EINVAL;
        wire.clock = WIRE_CLOCK_REGULAR;
        wire.t0_ns = block->t0_ns;
        wire.period_ps = block->period_ps;
        break;
    case INGEST_EXPLICIT:
        if (block->times_ns == NULL)
            return -EINVAL;
        wire.clock = WIRE_CLOCK_EXPLICIT;
        wire.times_ns = block->times_ns;
        break;
    case INGEST_PREVIOUS:
        wire.clock = WIRE_CLOCK_PREVIOUS;
        break;
    default:
        return -EINVAL;
    }
    *ret_block = wire;
    return 0;
}

struct block_list {
    const struct ingest_block *blocks;
};

static int block_at(void *context, size_t index, struct wire_block *ret_block)
{
    const struct ingest_block *blocks = ((const struct block_list *)context)->blocks;
    /* The first block has none before it whose times it could share. */
    if (index == 0 && blocks[0].clock == INGEST_PREVIOUS)
        return -EINVAL;
    if (blocks[index].clock == INGEST_ARRIVAL && blocks[index].count != 1)
        return -EINVAL;
    return block_to_wire(&blocks[index], ret_block);
}

int ingest_gateway_push(struct ingest_gateway *gateway, const struct ingest_block *blocks,
                        size_t block_count, int timeout_ms, uint64_t *ret_sequence)
{
    struct block_list list = {.blocks = blocks};
    return gateway_push_blocks(gateway, block_at, &list, block_count, timeout_ms, ret_sequence);
}
