/* Any bytes as a batch: no read outside of the frame (the sanitizer watches), and what was decoded
 * is encoded to a frame that decodes to the same. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static volatile uint8_t sink;

/* Reads all that a block points at. */
static void touch(const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + from[i]);
    sink = sum;
}

static void require_same(const struct wire_block *a, const struct wire_block *b)
{
    REQUIRE(a->name != NULL && b->name != NULL && a->name_bytes == b->name_bytes);
    REQUIRE(memcmp(a->name, b->name, a->name_bytes) == 0);
    REQUIRE(a->dtype == b->dtype && a->count == b->count && a->rank == b->rank);
    REQUIRE(memcmp(a->dims, b->dims, sizeof a->dims) == 0);
    REQUIRE(a->clock == b->clock && a->t0_ns == b->t0_ns && a->period_ps == b->period_ps);
    REQUIRE(a->explicit_series == b->explicit_series);
    REQUIRE((a->times_ns == NULL) == (b->times_ns == NULL));
    if (a->times_ns != NULL)
        REQUIRE(memcmp(a->times_ns, b->times_ns, a->count * sizeof(int64_t)) == 0);
    REQUIRE(a->values_bytes == b->values_bytes);
    REQUIRE(memcmp(a->values, b->values, a->values_bytes) == 0);
}

/* A frame of this block alone. */
static void round_trip(const struct wire_block *block)
{
    const size_t block_bytes = wire_block_bytes(block);
    const size_t frame_bytes = sizeof(struct wire_batch_header) + block_bytes;
    const bool has_name = block->name_bytes > 0 && block->name_bytes <= WIRE_NAME_BYTES_MAX;
    REQUIRE((block_bytes > 0) == has_name);
    /* A regular clock taken from the block before says that the series is explicit: alone it has no
     * form. */
    if (!has_name || (block->explicit_series && block->clock == WIRE_CLOCK_REGULAR))
        return;

    uint8_t *frame = malloc(frame_bytes);
    struct wire_encoder encoder;
    struct wire_batch batch;
    struct wire_block again;
    const char *reason;
    REQUIRE(frame != NULL);
    wire_encode_begin(&encoder, frame, frame_bytes);
    REQUIRE(wire_encode_block(&encoder, block) == 0);
    REQUIRE(wire_encode_finish(&encoder, 3, 4, WIRE_FLAG_WAIT, true) == frame_bytes);
    wire_frame_restamp(frame, frame_bytes, 5, 6);
    REQUIRE(wire_batch_open(frame, frame_bytes, &batch, &reason) == WIRE_OK);
    REQUIRE(batch.session == 5 && batch.sequence == 6 && batch.wait && batch.block_count == 1);
    REQUIRE(wire_batch_next(&batch, &again, &reason) == WIRE_OK);
    require_same(block, &again);
    free(frame);
}

static void decode(const uint8_t *frame, size_t frame_bytes)
{
    struct wire_batch batch;
    const char *reason = NULL;
    if (wire_batch_open(frame, frame_bytes, &batch, &reason) != WIRE_OK) {
        REQUIRE(reason != NULL);
        return;
    }
    REQUIRE(wire_is_batch(frame, frame_bytes));
    if (batch.block_count == 0)
        touch(batch.peer_name, batch.peer_name_bytes);
    for (uint16_t i = 0; i < batch.block_count; i++) {
        struct wire_block block;
        reason = NULL;
        enum wire_code code = wire_batch_next(&batch, &block, &reason);
        if (block.name != NULL)
            touch(block.name, block.name_bytes);
        if (code != WIRE_OK) {
            REQUIRE(reason != NULL);
            continue;
        }
        if (block.clock == WIRE_CLOCK_EXPLICIT)
            touch(block.times_ns, block.count * sizeof(int64_t));
        touch(block.values, block.values_bytes);
        round_trip(&block);
    }
    REQUIRE(batch.next == batch.end || batch.block_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    decode(data, data_bytes);
    /* Again with the lengths and the checksum put right, which chance hardly does. */
    if (data_bytes >= sizeof(struct wire_batch_header)) {
        uint8_t *frame = malloc(data_bytes);
        REQUIRE(frame != NULL);
        memcpy(frame, data, data_bytes);
        struct wire_batch_header header;
        memcpy(&header, frame, sizeof header);
        memcpy(header.magic, wire_batch_magic, sizeof header.magic);
        header.version = WIRE_VERSION;
        header.crc32 = 0;
        header.frame_bytes = (uint32_t)data_bytes;
        header.flags &= WIRE_FLAG_WAIT;
        memcpy(frame, &header, sizeof header);
        decode(frame, data_bytes);
        free(frame);
    }
    return 0;
}
