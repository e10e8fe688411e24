/* Batches that are wrong: one refusal after another, cut at each length, and damaged at each bit.
 * The frames lie at the end of memory of just their length, so that a sanitizer sees a read behind
 * them. */
#include "batch.h"
#include "cmocka_tests.h"
#include "little_endian.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_1 32 /* offset of the first block */
#define BLOCK_2 (BLOCK_1 + 64)
#define BLOCK_3 (BLOCK_2 + 48)
#define FRAME   (BLOCK_3 + 48)

static const double values[2] = {1.0, 2.0};
static const int64_t times[2] = {10, 20};

/* Three blocks without a checksum: explicit, the same times, regular. */
static void frame_make(uint8_t frame[FRAME])
{
    struct wire_encoder encoder;
    struct wire_block block = {.name = "abc",
                               .name_bytes = 3,
                               .dtype = DTYPE_F4,
                               .count = 2,
                               .clock = WIRE_CLOCK_EXPLICIT,
                               .times_ns = times,
                               .values = values,
                               .values_bytes = 8};
    uint8_t bytes[FRAME + 64];
    wire_encode_begin(&encoder, bytes, sizeof bytes);
    assert_int_equal(wire_encode_block(&encoder, &block), 0);
    assert_int_equal(encoder.used_bytes, BLOCK_2);
    block.clock = WIRE_CLOCK_PREVIOUS;
    assert_int_equal(wire_encode_block(&encoder, &block), 0);
    assert_int_equal(encoder.used_bytes, BLOCK_3);
    block.clock = WIRE_CLOCK_REGULAR;
    block.period_ps = 1000;
    assert_int_equal(wire_encode_block(&encoder, &block), 0);
    assert_int_equal(wire_encode_finish(&encoder, 7, 9, 0, false), FRAME);
    memcpy(frame, bytes, FRAME);
}

/* Opens and, if that goes well, reads all blocks; codes[0] is that of opening. */
static void codes_of(const uint8_t *frame, size_t length, enum wire_code codes[4],
                     struct wire_batch *ret_batch)
{
    struct wire_block block;
    const char *reason = NULL;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, frame, length);
    for (int i = 0; i < 4; i++)
        codes[i] = WIRE_CODE_END;
    codes[0] = wire_batch_open(copy, length, ret_batch, &reason);
    if (codes[0] != WIRE_OK)
        assert_non_null(reason);
    for (int i = 0; codes[0] == WIRE_OK && i < ret_batch->block_count && i < 3; i++) {
        reason = NULL;
        codes[1 + i] = wire_batch_next(ret_batch, &block, &reason);
        if (block.name != NULL)
            assert_in_range((uintptr_t)block.name + block.name_bytes, (uintptr_t)copy,
                            (uintptr_t)copy + length);
        if (codes[1 + i] != WIRE_OK)
            assert_non_null(reason);
        else
            for (size_t at = 0; at < block.values_bytes; at++)
                assert_in_range(((const uint8_t *)block.values)[at], 0, 255);
    }
    free(copy);
}

struct refusal {
    size_t offset;  /* where */
    size_t bytes;   /* how many */
    uint64_t value; /* what to put there */
    enum wire_code open;
    enum wire_code block[3];
};

#define ALL_OK                                                                                     \
    WIRE_OK,                                                                                       \
    {                                                                                              \
        WIRE_OK, WIRE_OK, WIRE_OK                                                                  \
    }
#define NOT_OPEN(code)                                                                             \
    code,                                                                                          \
    {                                                                                              \
        WIRE_CODE_END, WIRE_CODE_END, WIRE_CODE_END                                                \
    }
#define FIRST(code)                                                                                \
    WIRE_OK,                                                                                       \
    {                                                                                              \
        code, WIRE_OK, WIRE_OK                                                                     \
    }
#define FIRST_AND_SECOND(code)                                                                     \
    WIRE_OK,                                                                                       \
    {                                                                                              \
        code, WIRE_MALFORMED, WIRE_OK                                                              \
    }
#define SECOND(code)                                                                               \
    WIRE_OK,                                                                                       \
    {                                                                                              \
        WIRE_OK, code, WIRE_OK                                                                     \
    }
#define THIRD(code)                                                                                \
    WIRE_OK,                                                                                       \
    {                                                                                              \
        WIRE_OK, WIRE_OK, code                                                                     \
    }

static const struct refusal refusals[] = {
    {0, 1, 0x93, ALL_OK},
    {0, 1, 'm', NOT_OPEN(WIRE_MALFORMED)},
    {1, 1, 'J', NOT_OPEN(WIRE_MALFORMED)},
    {2, 1, 'R', NOT_OPEN(WIRE_MALFORMED)},
    {3, 1, 0, NOT_OPEN(WIRE_VERSION_UNKNOWN)},
    {3, 1, 2, NOT_OPEN(WIRE_VERSION_UNKNOWN)},
    {4, 4, 1, NOT_OPEN(WIRE_CHECKSUM)},
    {8, 4, FRAME - 8, NOT_OPEN(WIRE_MALFORMED)},
    {8, 4, FRAME + 8, NOT_OPEN(WIRE_MALFORMED)},
    {8, 4, 0, NOT_OPEN(WIRE_MALFORMED)},
    {12, 2, 0, NOT_OPEN(WIRE_MALFORMED)}, /* a HELLO with a name of more than 64 bytes */
    {12, 2, 2, NOT_OPEN(WIRE_MALFORMED)},
    {12, 2, 4, NOT_OPEN(WIRE_MALFORMED)},
    {14, 2, 1, ALL_OK},
    {14, 2, 2, NOT_OPEN(WIRE_VERSION_UNKNOWN)},
    {14, 2, 0x8001, NOT_OPEN(WIRE_VERSION_UNKNOWN)},
    {24, 8, 0, NOT_OPEN(WIRE_MALFORMED)},
    /* lengths of blocks */
    {BLOCK_1, 4, 0, NOT_OPEN(WIRE_MALFORMED)},
    {BLOCK_1, 4, 24, NOT_OPEN(WIRE_MALFORMED)},
    {BLOCK_1, 4, 63, NOT_OPEN(WIRE_MALFORMED)},
    {BLOCK_1, 4, 0xfffffff8, NOT_OPEN(WIRE_MALFORMED)},
    {BLOCK_3, 4, 56, NOT_OPEN(WIRE_MALFORMED)},
    {BLOCK_3, 4, 40, NOT_OPEN(WIRE_MALFORMED)},
    /* names: what is no good name is the store's to judge, as long as it lies in the block */
    {BLOCK_1 + 4, 2, 0, FIRST(WIRE_MALFORMED)},
    {BLOCK_1 + 4, 2, 8, ALL_OK},
    {BLOCK_1 + 4, 2, 9, FIRST(WIRE_MALFORMED)},
    {BLOCK_1 + 4, 2, 0xffff, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_3 + 4, 2, 16, THIRD(WIRE_MALFORMED)},
    /* dtypes: the times stay good for the block behind */
    {BLOCK_1 + 6, 2, '4' << 8 | 'x', FIRST(WIRE_TYPE_MISMATCH)},
    {BLOCK_1 + 6, 2, 0, FIRST(WIRE_TYPE_MISMATCH)},
    {BLOCK_1 + 6, 2, '4' << 8 | 'i', ALL_OK},
    {BLOCK_1 + 6, 2, '8' << 8 | 'f', FIRST(WIRE_MALFORMED)},
    {BLOCK_1 + 6, 2, '2' << 8 | 'i', ALL_OK}, /* 4 bytes of values, padded to 8 */
    /* counts */
    {BLOCK_1 + 8, 4, 0, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 8, 4, 1, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 8, 4, 0xffffffff, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_2 + 8, 4, 1, SECOND(WIRE_MALFORMED)},
    {BLOCK_3 + 8, 4, 1, ALL_OK}, /* 4 bytes of values, padded to 8 */
    {BLOCK_3 + 8, 4, 3, THIRD(WIRE_MALFORMED)},
    {BLOCK_3 + 8, 4, 0, THIRD(WIRE_MALFORMED)},
    /* clocks */
    {BLOCK_1 + 12, 1, 0, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 12, 1, 1, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 12, 1, 3, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 12, 1, 4, FIRST_AND_SECOND(WIRE_VERSION_UNKNOWN)},
    {BLOCK_3 + 12, 1, 255, THIRD(WIRE_VERSION_UNKNOWN)},
    {BLOCK_3 + 12, 1, 3, ALL_OK},
    /* ranks and dims: with one dim the name and the times move by eight bytes */
    {BLOCK_1 + 13, 1, 5, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_1 + 13, 1, 255, FIRST_AND_SECOND(WIRE_MALFORMED)},
    {BLOCK_3 + 13, 1, 1, THIRD(WIRE_MALFORMED)},
    /* flags */
    {BLOCK_1 + 14, 2, 1, FIRST_AND_SECOND(WIRE_VERSION_UNKNOWN)},
    {BLOCK_3 + 14, 2, 0x8000, THIRD(WIRE_VERSION_UNKNOWN)},
    /* times */
    {BLOCK_3 + 24, 8, 0, THIRD(WIRE_MALFORMED)},
    {BLOCK_3 + 24, 8, UINT64_MAX, THIRD(WIRE_MALFORMED)},
    {BLOCK_3 + 16, 8, UINT64_C(1) << 63, ALL_OK}, /* stamped on arrival */
    {BLOCK_1 + 16, 8, 77, ALL_OK},                /* not a regular block's: ignored */
    {BLOCK_1 + 24, 8, 77, ALL_OK},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        uint8_t frame[FRAME];
        enum wire_code codes[4];
        struct wire_batch batch;
        frame_make(frame);
        memcpy(frame + refusal->offset, &refusal->value, refusal->bytes);
        codes_of(frame, sizeof frame, codes, &batch);
        if (codes[0] != refusal->open ||
            memcmp(codes + 1, refusal->block, sizeof refusal->block) != 0)
            fail_msg("value %llx at %zu: codes %d, %d %d %d", (unsigned long long)refusal->value,
                     refusal->offset, (int)codes[0], (int)codes[1], (int)codes[2], (int)codes[3]);
        bool unbelieved = codes[0] == WIRE_CHECKSUM || refusal->offset <= 3;
        if (unbelieved && codes[0] != WIRE_OK) {
            assert_int_equal(batch.session, 0);
            assert_int_equal(batch.sequence, 0);
        } else {
            assert_int_equal(batch.session, 7);
            assert_int_equal(batch.sequence, refusal->offset == 24 ? 0 : 9);
        }
    }
}

static void test_name_is_given_with_a_refusal(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct wire_batch batch;
    struct wire_block block;
    const char *reason;
    frame_make(frame);
    frame[BLOCK_1 + 6] = 'x';
    assert_int_equal(wire_batch_open(frame, sizeof frame, &batch, &reason), WIRE_OK);
    assert_int_equal(wire_batch_next(&batch, &block, &reason), WIRE_TYPE_MISMATCH);
    assert_int_equal(block.name_bytes, 3);
    assert_memory_equal(block.name, "abc", 3);
}

/* Times that were refused are nobody's, also when the block behind fits their claimed count. */
static void test_times_that_are_not_there_are_not_taken(void **state)
{
    (void)state;
    uint8_t frame[32 + 2 * 48];
    struct wire_encoder encoder;
    struct wire_batch batch;
    struct wire_block got;
    const char *reason;
    struct wire_block block = {.name = "a",
                               .name_bytes = 1,
                               .dtype = DTYPE_U1,
                               .count = 1,
                               .clock = WIRE_CLOCK_ARRIVAL,
                               .values = values,
                               .values_bytes = 1};
    wire_encode_begin(&encoder, frame, sizeof frame);
    assert_int_equal(wire_encode_block(&encoder, &block), 0);
    assert_int_equal(wire_encode_block(&encoder, &block), 0);
    wire_encode_finish(&encoder, 0, 0, 0, false);
    frame[32 + 8] = 8;
    frame[32 + 12] = WIRE_CLOCK_EXPLICIT;
    frame[80 + 8] = 8;
    frame[80 + 12] = WIRE_CLOCK_PREVIOUS;
    assert_int_equal(wire_batch_open(frame, sizeof frame, &batch, &reason), WIRE_OK);
    assert_int_equal(wire_batch_next(&batch, &got, &reason), WIRE_MALFORMED);
    assert_int_equal(wire_batch_next(&batch, &got, &reason), WIRE_MALFORMED);
}

/* Lengths that add up to the frame, but are no multiples of 8. */
static void test_blocks_are_aligned(void **state)
{
    (void)state;
    uint8_t frame[32 + 36 + 44] = {0x93, 'I', 'B', 1};
    struct wire_batch batch;
    const char *reason;
    le_store_u32(frame + 8, sizeof frame);
    le_store_u16(frame + 12, 2);
    le_store_u32(frame + 32, 36);
    le_store_u32(frame + 32 + 36, 44);
    assert_int_equal(wire_batch_open(frame, sizeof frame, &batch, &reason), WIRE_MALFORMED);
    le_store_u32(frame + 32, 40);
    le_store_u32(frame + 32 + 40, 40);
    assert_int_equal(wire_batch_open(frame, sizeof frame, &batch, &reason), WIRE_OK);
}

static void test_sample_shapes(void **state)
{
    (void)state;
    static const struct {
        uint32_t dims[4];
        uint8_t rank;
        enum wire_code code;
    } shapes[] = {
        {{2}, 1, WIRE_OK},
        {{1, 2}, 2, WIRE_OK},
        {{1, 1, 1, 2}, 4, WIRE_OK},
        {{0}, 1, WIRE_MALFORMED},
        {{2, 0}, 2, WIRE_MALFORMED},
        {{0, UINT32_MAX}, 2, WIRE_MALFORMED},
        {{3}, 1, WIRE_MALFORMED},
        /* Products that would come out right modulo 2^32 or 2^64. */
        {{0x80000001u, 2}, 2, WIRE_MALFORMED},
        {{0x80000000u, 0x80000000u, 4, 1}, 4, WIRE_MALFORMED},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, 4, WIRE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        uint8_t frame[128];
        struct wire_encoder encoder;
        struct wire_batch batch;
        struct wire_block got;
        const char *reason;
        struct wire_block block = {.name = "a",
                                   .name_bytes = 1,
                                   .dtype = DTYPE_F4,
                                   .count = 1,
                                   .rank = shapes[i].rank,
                                   .dims = {1, 1, 1, 1},
                                   .clock = WIRE_CLOCK_ARRIVAL,
                                   .values = values,
                                   .values_bytes = 8};
        block.dims[shapes[i].rank - 1] = 2;
        wire_encode_begin(&encoder, frame, sizeof frame);
        assert_int_equal(wire_encode_block(&encoder, &block), 0);
        size_t length = wire_encode_finish(&encoder, 0, 0, 0, false);
        memcpy(frame + 64, shapes[i].dims, shapes[i].rank * sizeof(uint32_t));
        assert_int_equal(wire_batch_open(frame, length, &batch, &reason), WIRE_OK);
        assert_int_equal(wire_batch_next(&batch, &got, &reason), shapes[i].code);
    }
}

/* Cut at each length, with the header's length as it was and as it would have to be. */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t length = 0; length < FRAME; length++) {
        for (int honest = 0; honest < 2; honest++) {
            uint8_t frame[FRAME];
            enum wire_code codes[4];
            struct wire_batch batch;
            frame_make(frame);
            if (honest)
                le_store_u32(frame + 8, (uint32_t)length);
            codes_of(frame, length, codes, &batch);
            assert_int_equal(codes[0], WIRE_MALFORMED);
            assert_int_equal(batch.session, length >= 24 ? 7 : 0);
            assert_int_equal(batch.sequence, length >= 32 ? 9 : 0);
        }
    }
}

/* With a checksum no damaged bit goes unseen, but for those of the checksum's own field when it
 * becomes 0. */
static void test_every_bit_with_a_checksum(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    enum wire_code codes[4];
    struct wire_batch batch;
    frame_make(frame);
    frame[4] = 1;
    wire_frame_restamp(frame, sizeof frame, 7, 9);
    codes_of(frame, sizeof frame, codes, &batch);
    assert_int_equal(codes[0], WIRE_OK);
    for (size_t bit = 0; bit < 8 * sizeof frame; bit++) {
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        codes_of(frame, sizeof frame, codes, &batch);
        enum wire_code expected = bit < 24   ? WIRE_MALFORMED
                                  : bit < 32 ? WIRE_VERSION_UNKNOWN
                                             : WIRE_CHECKSUM;
        assert_int_equal(codes[0], expected);
        assert_int_equal(batch.session, 0);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Without one, a damaged bit may change what is read but never reads outside; a sanitizer watches.
 */
static void test_every_byte_without_a_checksum(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < FRAME; offset++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t frame[FRAME];
            enum wire_code codes[4];
            struct wire_batch batch;
            frame_make(frame);
            frame[offset] = (uint8_t)value;
            codes_of(frame, sizeof frame, codes, &batch);
            assert_true(codes[0] <= WIRE_VERSION_UNKNOWN);
        }
    }
}

static void test_hello_names(void **state)
{
    (void)state;
    uint8_t frame[32 + 65] = {0x93, 'I', 'B', 1};
    struct wire_batch batch;
    const char *reason;
    memset(frame + 32, 'n', 65);
    for (uint32_t name_bytes = 0; name_bytes <= 65; name_bytes++) {
        le_store_u32(frame + 8, 32 + name_bytes);
        enum wire_code code = wire_batch_open(frame, 32 + name_bytes, &batch, &reason);
        assert_int_equal(code, name_bytes <= 64 ? WIRE_OK : WIRE_MALFORMED);
        if (code == WIRE_OK)
            assert_int_equal(batch.peer_name_bytes, name_bytes);
    }
    /* Padded with zeros, as sections are. */
    memset(frame + 32 + 3, 0, 5);
    le_store_u32(frame + 8, 40);
    assert_int_equal(wire_batch_open(frame, 40, &batch, &reason), WIRE_OK);
    assert_int_equal(batch.peer_name_bytes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_name_is_given_with_a_refusal),
        cmocka_unit_test(test_times_that_are_not_there_are_not_taken),
        cmocka_unit_test(test_blocks_are_aligned),
        cmocka_unit_test(test_sample_shapes),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_bit_with_a_checksum),
        cmocka_unit_test(test_every_byte_without_a_checksum),
        cmocka_unit_test(test_hello_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
