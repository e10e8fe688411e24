/* Batches whose bytes are written here by hand, from the layout in docs/protocol.md, and what is
 * made of them. */
#include "batch.h"
#include "cmocka_tests.h"
#include "crc32.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Two blocks: "a/b" of two f4, regular from 1,000 ns, one each 5,000,000 ps; then "cde" of two
 * samples of shape (2,) as i2 at 7 and 9 ns. */
static const uint8_t golden[] = {
    0x93,
    'I',
    'B',
    1,
    0x35,
    0xe2,
    0x62,
    0x12,
    0x98,
    0,
    0,
    0,
    2,
    0,
    1,
    0,
    0xef,
    0xcd,
    0xab,
    0x89,
    0x67,
    0x45,
    0x23,
    0x01,
    5,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    /* block 1: header, name, values */
    0x30,
    0,
    0,
    0,
    3,
    0,
    'f',
    '4',
    2,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0xe8,
    0x03,
    0,
    0,
    0,
    0,
    0,
    0,
    0x40,
    0x4b,
    0x4c,
    0,
    0,
    0,
    0,
    0,
    'a',
    '/',
    'b',
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0xc0,
    0x3f,
    0,
    0,
    0,
    0xc0,
    /* block 2: header, dims, name, times, values */
    0x48,
    0,
    0,
    0,
    3,
    0,
    'i',
    '2',
    2,
    0,
    0,
    0,
    2,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    'c',
    'd',
    'e',
    0,
    0,
    0,
    0,
    0,
    7,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    9,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    0,
    2,
    0,
    0xff,
    0xff,
    0xfe,
    0xff,
};

static const float two_floats[2] = {1.5f, -2.0f};
static const int64_t two_times[2] = {7, 9};
static const int16_t four_shorts[4] = {1, 2, -1, -2};

static void golden_blocks(struct wire_block blocks[2])
{
    blocks[0] = (struct wire_block){.name = "a/b",
                                    .name_bytes = 3,
                                    .dtype = DTYPE_F4,
                                    .count = 2,
                                    .clock = WIRE_CLOCK_REGULAR,
                                    .t0_ns = 1000,
                                    .period_ps = 5000000,
                                    .values = two_floats,
                                    .values_bytes = sizeof two_floats};
    blocks[1] = (struct wire_block){.name = "cde",
                                    .name_bytes = 3,
                                    .dtype = DTYPE_I2,
                                    .count = 2,
                                    .rank = 1,
                                    .dims = {2},
                                    .clock = WIRE_CLOCK_EXPLICIT,
                                    .times_ns = two_times,
                                    .values = four_shorts,
                                    .values_bytes = sizeof four_shorts};
}

static void test_golden_bytes_are_written(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct wire_block blocks[2];
    struct wire_encoder encoder;
    golden_blocks(blocks);
    /* Memory that was not zero: padding is written, not assumed. */
    memset(bytes, 0xAA, sizeof bytes);
    wire_encode_begin(&encoder, bytes, sizeof bytes);
    assert_int_equal(wire_encode_block(&encoder, &blocks[0]), 0);
    assert_int_equal(wire_encode_block(&encoder, &blocks[1]), 0);
    size_t length =
        wire_encode_finish(&encoder, UINT64_C(0x0123456789abcdef), 5, WIRE_FLAG_WAIT, true);
    assert_int_equal(length, sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
}

static void check_golden(const uint8_t *frame)
{
    struct wire_batch batch;
    struct wire_block block;
    const char *reason = NULL;
    assert_true(wire_is_batch(frame, sizeof golden));
    assert_int_equal(wire_batch_open(frame, sizeof golden, &batch, &reason), WIRE_OK);
    assert_true(batch.session == UINT64_C(0x0123456789abcdef));
    assert_int_equal(batch.sequence, 5);
    assert_true(batch.wait);
    assert_int_equal(batch.block_count, 2);

    assert_int_equal(wire_batch_next(&batch, &block, &reason), WIRE_OK);
    assert_int_equal(block.name_bytes, 3);
    assert_memory_equal(block.name, "a/b", 3);
    assert_int_equal(block.dtype, DTYPE_F4);
    assert_int_equal(block.count, 2);
    assert_int_equal(block.rank, 0);
    assert_int_equal(block.clock, WIRE_CLOCK_REGULAR);
    assert_int_equal(block.t0_ns, 1000);
    assert_int_equal(block.period_ps, 5000000);
    assert_null(block.times_ns);
    assert_int_equal(block.values_bytes, sizeof two_floats);
    assert_memory_equal(block.values, two_floats, sizeof two_floats);
    assert_false(block.explicit_series);
    assert_false(block.stamp_on_arrival);

    assert_int_equal(wire_batch_next(&batch, &block, &reason), WIRE_OK);
    assert_memory_equal(block.name, "cde", 3);
    assert_int_equal(block.dtype, DTYPE_I2);
    assert_int_equal(block.rank, 1);
    assert_int_equal(block.dims[0], 2);
    assert_int_equal(block.clock, WIRE_CLOCK_EXPLICIT);
    assert_memory_equal(block.times_ns, two_times, sizeof two_times);
    assert_int_equal(block.values_bytes, sizeof four_shorts);
    assert_memory_equal(block.values, four_shorts, sizeof four_shorts);
    assert_true(block.explicit_series);

    assert_int_equal(wire_batch_next(&batch, &block, &reason), WIRE_MALFORMED);
}

static void test_golden_bytes_are_read_at_any_alignment(void **state)
{
    (void)state;
    uint8_t memory[sizeof golden + 16];
    for (size_t alignment = 0; alignment < 16; alignment++) {
        memcpy(memory + alignment, golden, sizeof golden);
        check_golden(memory + alignment);
    }
}

static void test_restamp(void **state)
{
    (void)state;
    uint8_t bytes[sizeof golden];
    struct wire_batch batch;
    const char *reason;
    memcpy(bytes, golden, sizeof golden);
    wire_frame_restamp(bytes, sizeof bytes, 77, 88);
    assert_int_equal(wire_batch_open(bytes, sizeof bytes, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.session, 77);
    assert_int_equal(batch.sequence, 88);
    wire_frame_restamp(bytes, sizeof bytes, UINT64_C(0x0123456789abcdef), 5);
    assert_memory_equal(bytes, golden, sizeof golden);
    /* Without a checksum it stays without. */
    memset(bytes + 4, 0, 4);
    wire_frame_restamp(bytes, sizeof bytes, 77, 88);
    assert_memory_equal(bytes + 4, "\0\0\0", 4);
    assert_int_equal(wire_batch_open(bytes, sizeof bytes, &batch, &reason), WIRE_OK);
}

static void test_hello(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x93, 'I', 'B', 1, 0, 0, 0, 0, 0x22, 0,  0, 0,
                                       0,    0,   0,   0, 7, 0, 0, 0, 0,    0,  0, 0,
                                       9,    0,   0,   0, 0, 0, 0, 0, 'g',  'w'};
    uint8_t bytes[96];
    struct wire_batch batch;
    const char *reason;
    assert_int_equal(wire_encode_hello(bytes, 7, 9, "gw"), sizeof expected);
    assert_memory_equal(bytes, expected, 4);
    assert_memory_equal(bytes + 8, expected + 8, sizeof expected - 8);
    assert_int_equal(wire_batch_open(bytes, sizeof expected, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.block_count, 0);
    assert_int_equal(batch.session, 7);
    assert_int_equal(batch.sequence, 9);
    assert_int_equal(batch.peer_name_bytes, 2);
    assert_memory_equal(batch.peer_name, "gw", 2);

    char name[101];
    memset(name, 'n', 100);
    name[100] = '\0';
    assert_int_equal(wire_encode_hello(bytes, 7, 9, name), 96);
    assert_int_equal(wire_batch_open(bytes, 96, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.peer_name_bytes, 64);
    assert_int_equal(wire_encode_hello(bytes, 7, 9, ""), 32);
    assert_int_equal(wire_batch_open(bytes, 32, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.peer_name_bytes, 0);
}

/* A value of each rank and of each clock, there and back. */
static void test_round_trip(void **state)
{
    (void)state;
    static uint8_t memory[4096];
    static const uint8_t values[720];
    static const int64_t times[3] = {INT64_MIN + 1, 0, INT64_MAX};
    static const uint32_t dims[4] = {2, 3, 5, 1};
    for (uint8_t rank = 0; rank <= WIRE_RANK_MAX; rank++) {
        for (int d = DTYPE_NONE + 1; d < DTYPE_END; d++) {
            struct wire_block block = {.name = "x",
                                       .name_bytes = 1,
                                       .dtype = (enum dtype)d,
                                       .count = 3,
                                       .rank = rank,
                                       .clock = WIRE_CLOCK_EXPLICIT,
                                       .times_ns = times,
                                       .values = values,
                                       .values_bytes = 3 * dtype_size((enum dtype)d)};
            for (uint8_t i = 0; i < rank; i++) {
                block.dims[i] = dims[i];
                block.values_bytes *= dims[i];
            }
            struct wire_encoder encoder;
            struct wire_batch batch;
            struct wire_block got;
            const char *reason;
            wire_encode_begin(&encoder, memory, sizeof memory);
            size_t expected = 32 + wire_block_bytes(&block);
            assert_int_equal(wire_encode_block(&encoder, &block), 0);
            size_t length = wire_encode_finish(&encoder, 0, 0, 0, rank % 2 == 0);
            assert_int_equal(length, expected);
            assert_int_equal(length % 8, 0);
            assert_int_equal(wire_batch_open(memory, length, &batch, &reason), WIRE_OK);
            assert_int_equal(wire_batch_next(&batch, &got, &reason), WIRE_OK);
            assert_int_equal(got.dtype, d);
            assert_int_equal(got.rank, rank);
            assert_memory_equal(got.dims, block.dims, sizeof block.dims);
            assert_int_equal(got.values_bytes, block.values_bytes);
            assert_memory_equal(got.times_ns, times, sizeof times);
        }
    }
}

static void test_times_of_the_block_before(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct wire_encoder encoder;
    struct wire_batch batch;
    struct wire_block blocks[2];
    struct wire_block got;
    const char *reason;
    golden_blocks(blocks);
    struct wire_block same = blocks[0];
    same.clock = WIRE_CLOCK_PREVIOUS;

    wire_encode_begin(&encoder, bytes, sizeof bytes);
    assert_int_equal(wire_encode_block(&encoder, &same), -EINVAL);
    assert_int_equal(wire_encode_block(&encoder, &blocks[0]), 0);
    assert_int_equal(wire_encode_block(&encoder, &same), 0);
    assert_int_equal(wire_encode_block(&encoder, &blocks[1]), 0);
    assert_int_equal(wire_encode_block(&encoder, &same), 0);
    assert_int_equal(wire_encode_block(&encoder, &same), 0);
    same.count = 1;
    same.values_bytes = 4;
    assert_int_equal(wire_encode_block(&encoder, &same), -EINVAL);
    size_t length = wire_encode_finish(&encoder, 0, 0, 0, true);

    assert_int_equal(wire_batch_open(bytes, length, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.block_count, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(wire_batch_next(&batch, &got, &reason), WIRE_OK);
        if (i < 2) {
            assert_int_equal(got.clock, WIRE_CLOCK_REGULAR);
            assert_int_equal(got.t0_ns, 1000);
            assert_int_equal(got.period_ps, 5000000);
            assert_null(got.times_ns);
        } else {
            assert_int_equal(got.clock, WIRE_CLOCK_EXPLICIT);
            assert_memory_equal(got.times_ns, two_times, sizeof two_times);
        }
        /* Only a block that is regular itself makes a regular series. */
        assert_int_equal(got.explicit_series, i != 0);
    }
}

static void test_encoder_refuses(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct wire_encoder encoder;
    struct wire_block blocks[2];
    golden_blocks(blocks);
    wire_encode_begin(&encoder, bytes, sizeof bytes);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct wire_block block = blocks[0];                                                       \
        change;                                                                                    \
        assert_int_equal(wire_encode_block(&encoder, &block), -EINVAL);                            \
        assert_int_equal(encoder.used_bytes, 32);                                                  \
        assert_int_equal(encoder.block_count, 0);                                                  \
    } while (0)
    REFUSED(block.name_bytes = 0);
    REFUSED(block.name_bytes = 256);
    REFUSED(block.dtype = DTYPE_NONE);
    REFUSED(block.dtype = DTYPE_END);
    REFUSED(block.count = 0; block.values_bytes = 0);
    REFUSED(block.period_ps = 0);
    REFUSED(block.period_ps = -1);
    REFUSED(block.clock = WIRE_CLOCK_ARRIVAL);
    REFUSED(block.clock = WIRE_CLOCK_EXPLICIT);
    REFUSED(block.clock = (enum wire_clock)4);
    REFUSED(block.rank = 5);
    REFUSED(block.rank = 1);
    REFUSED(block.values_bytes = 7);
    REFUSED(block.stamp_on_arrival = true);
    REFUSED(block.rank = 2; block.dims[0] = 65536; block.dims[1] = 65536);
    REFUSED(block.count = UINT32_MAX; block.rank = 4; memset(block.dims, 0xff, sizeof block.dims));
#undef REFUSED

    /* A full buffer leaves the batch as it was. */
    size_t exact = 32 + wire_block_bytes(&blocks[0]);
    wire_encode_begin(&encoder, bytes, exact + 7);
    assert_int_equal(wire_encode_block(&encoder, &blocks[0]), 0);
    assert_int_equal(wire_encode_block(&encoder, &blocks[0]), -ENOSPC);
    assert_int_equal(encoder.block_count, 1);
    assert_int_equal(wire_encode_finish(&encoder, 0, 0, 0, true), exact);
    wire_encode_begin(&encoder, bytes, exact - 1);
    assert_int_equal(wire_encode_block(&encoder, &blocks[0]), -ENOSPC);
}

static void test_count_of_blocks_is_bounded(void **state)
{
    (void)state;
    static uint8_t bytes[32 + 65536 * 48];
    struct wire_encoder encoder;
    struct wire_batch batch;
    struct wire_block got;
    const char *reason;
    const uint8_t value = 1;
    struct wire_block block = {.name = "n",
                               .name_bytes = 1,
                               .dtype = DTYPE_U1,
                               .count = 1,
                               .clock = WIRE_CLOCK_ARRIVAL,
                               .values = &value,
                               .values_bytes = 1};
    wire_encode_begin(&encoder, bytes, sizeof bytes);
    for (int i = 0; i < WIRE_BLOCKS_MAX; i++)
        assert_int_equal(wire_encode_block(&encoder, &block), 0);
    assert_int_equal(wire_encode_block(&encoder, &block), -E2BIG);
    size_t length = wire_encode_finish(&encoder, 0, 0, 0, true);
    assert_int_equal(wire_batch_open(bytes, length, &batch, &reason), WIRE_OK);
    for (int i = 0; i < WIRE_BLOCKS_MAX; i++)
        assert_int_equal(wire_batch_next(&batch, &got, &reason), WIRE_OK);
    assert_ptr_equal((const uint8_t *)got.values + 8, bytes + length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes_are_written),
        cmocka_unit_test(test_golden_bytes_are_read_at_any_alignment),
        cmocka_unit_test(test_restamp),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_times_of_the_block_before),
        cmocka_unit_test(test_encoder_refuses),
        cmocka_unit_test(test_count_of_blocks_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
