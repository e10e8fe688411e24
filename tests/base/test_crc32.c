/* The fast kernel of this processor against the tables, and both against vectors that others
 * published. */
#include "cmocka_tests.h"
#include "crc32.h"
#include "crc32_internal.h"
#include "crc32c.h"
#include "random_bits.h"

#include <string.h>

#define LENGTH_MAX   1100
#define ALIGNMENTS   16
#define BUFFER_BYTES (LENGTH_MAX + ALIGNMENTS)

static uint8_t buffer[BUFFER_BYTES];
static uint64_t seed = 1;

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (uint8_t)random_bits(&seed);
    return 0;
}

/* Bit by bit, straight from the definition. */
static uint32_t crc32_by_bits(const uint8_t *bytes, size_t length)
{
    uint32_t state = ~UINT32_C(0);
    for (size_t i = 0; i < length; i++) {
        state ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            state = (state & 1) != 0 ? state >> 1 ^ UINT32_C(0xEDB88320) : state >> 1;
    }
    return ~state;
}

static void test_published_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t crc;
    } vectors[] = {
        {"", 0},
        {"a", 0xE8B7BE43},
        {"123456789", 0xCBF43926},
        {"The quick brown fox jumps over the lazy dog", 0x414FA339},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         0x7CA94A72},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t length = strlen(vectors[i].text);
        assert_int_equal(crc32_update(0, vectors[i].text, length), vectors[i].crc);
        assert_int_equal(crc32_update_portable(0, vectors[i].text, length), vectors[i].crc);
    }
    static const uint8_t zeros[1024];
    assert_int_equal(crc32_update(0, zeros, sizeof zeros), 0xEFB5AF2E);
}

/* RFC 3720, appendix B.4, and the usual check value. */
static void test_castagnoli_vectors(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c_update(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_update(0, bytes, sizeof bytes), 0x8A9136AA);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c_update(0, bytes, sizeof bytes), 0x62A8AB43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c_update(0, bytes, sizeof bytes), 0x46DD794E);
    assert_int_equal(crc32c_update(crc32c_update(0, bytes, 13), bytes + 13, 19), 0x46DD794E);
}

static void test_every_length_and_alignment(void **state)
{
    (void)state;
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        assert_int_equal(crc32_update_portable(0, buffer, length), crc32_by_bits(buffer, length));
        for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++) {
            const uint8_t *from = buffer + alignment;
            uint32_t start = (uint32_t)random_bits(&seed);
            assert_int_equal(crc32_update(start, from, length),
                             crc32_update_portable(start, from, length));
        }
    }
}

static void test_splits_continue(void **state)
{
    (void)state;
    const uint32_t whole = crc32_by_bits(buffer, sizeof buffer);
    for (int round = 0; round < 2000; round++) {
        uint32_t fast = 0;
        uint32_t portable = 0;
        for (size_t at = 0; at < sizeof buffer;) {
            size_t piece = (size_t)random_bits(&seed) % 400;
            if (piece > sizeof buffer - at)
                piece = sizeof buffer - at;
            fast = crc32_update(fast, buffer + at, piece);
            portable = crc32_update_portable(portable, buffer + at, piece);
            at += piece;
        }
        assert_int_equal(fast, whole);
        assert_int_equal(portable, whole);
    }
}

/* A processor that has the instructions must be given the kernel that uses them. */
static void test_fast_kernel_is_chosen(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
        skip();
    assert_non_null(crc32_kernel_of_processor());
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_castagnoli_vectors),
        cmocka_unit_test(test_every_length_and_alignment),
        cmocka_unit_test(test_splits_continue),
        cmocka_unit_test(test_fast_kernel_is_chosen),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
