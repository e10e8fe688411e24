#include "cmocka_tests.h"
#include "reply.h"

#include <errno.h>
#include <string.h>

static const uint8_t golden[] = {
    0x93, 'I', 'R', 1, 6, 0, 5, 0, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 2, 0,
    0,    0,   0,   0, 0, 0, 3, 0, 0,    0,    0,    0,    0,    0,    4,    0,    0, 0,
    0,    0,   0,   0, 5, 0, 0, 0, 0,    0,    0x40, 0,    6,    0,    0,    0,    0, 0,
    0,    0,   7,   0, 0, 0, 8, 0, 0,    0,    'w',  'h',  0xc3, 0xbf, '!'};

static const struct wire_reply golden_reply = {.code = WIRE_TYPE_MISMATCH,
                                               .session = UINT64_C(0x0123456789abcdef),
                                               .sequence = 2,
                                               .stored = 3,
                                               .durable = 4,
                                               .credit_batches = 5,
                                               .frame_bytes_max = 4u << 20,
                                               .late_samples = 6,
                                               .refused_blocks = 7,
                                               .credit_kib = 8,
                                               .text = "wh\xc3\xbf!",
                                               .text_bytes = 5};

static void test_golden_bytes_are_written(void **state)
{
    (void)state;
    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    assert_int_equal(wire_reply_encode(&golden_reply, bytes), sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
}

static void test_golden_bytes_are_read(void **state)
{
    (void)state;
    struct wire_reply reply;
    assert_int_equal(wire_reply_decode(golden, sizeof golden, &reply), 0);
    assert_int_equal(reply.code, golden_reply.code);
    assert_true(reply.session == golden_reply.session);
    assert_int_equal(reply.sequence, 2);
    assert_int_equal(reply.stored, 3);
    assert_int_equal(reply.durable, 4);
    assert_int_equal(reply.credit_batches, 5);
    assert_int_equal(reply.frame_bytes_max, 4u << 20);
    assert_int_equal(reply.late_samples, 6);
    assert_int_equal(reply.refused_blocks, 7);
    assert_int_equal(reply.credit_kib, 8);
    assert_int_equal(reply.text_bytes, 5);
    assert_memory_equal(reply.text, golden_reply.text, 5);
}

static void test_every_other_length_and_magic_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[sizeof golden + 1];
    struct wire_reply reply;
    memcpy(bytes, golden, sizeof golden);
    bytes[sizeof golden] = 0;
    for (size_t length = 0; length <= sizeof bytes; length++)
        if (length != sizeof golden)
            assert_int_equal(wire_reply_decode(bytes, length, &reply), -EBADMSG);
    for (size_t i = 0; i < 3; i++) {
        bytes[i] ^= 1;
        assert_int_equal(wire_reply_decode(bytes, sizeof golden, &reply), -EBADMSG);
        bytes[i] ^= 1;
    }
    bytes[3] = 2;
    assert_int_equal(wire_reply_decode(bytes, sizeof golden, &reply), -EPROTONOSUPPORT);
    bytes[3] = 1;
    /* A code of a later daemon is passed on. */
    bytes[4] = 200;
    assert_int_equal(wire_reply_decode(bytes, sizeof golden, &reply), 0);
    assert_int_equal(reply.code, 200);
}

static void expect_text(const char *text, size_t text_bytes, const char *expected)
{
    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    struct wire_reply reply = {.text = text, .text_bytes = (uint16_t)text_bytes};
    struct wire_reply got;
    size_t length = wire_reply_encode(&reply, bytes);
    assert_int_equal(wire_reply_decode(bytes, length, &got), 0);
    assert_int_equal(got.text_bytes, strlen(expected));
    assert_memory_equal(got.text, expected, strlen(expected));
}

static void test_text_is_cut_between_characters(void **state)
{
    (void)state;
    char text[600];
    char expected[401];
    static const char euro[3] = {'\xe2', '\x82', '\xac'};
    memset(text, 'x', sizeof text);
    memset(expected, 'x', 400);
    expected[400] = '\0';
    expect_text(text, 400, expected);
    expect_text(text, 401, expected);
    expect_text(text, 600, expected);
    /* A character of three bytes that begins at 398 does not fit. */
    memcpy(text + 398, euro, sizeof euro);
    expected[398] = '\0';
    expect_text(text, 600, expected);
    memcpy(text + 397, euro, sizeof euro);
    memcpy(expected + 397, euro, sizeof euro);
    text[400] = 'x';
    expect_text(text, 600, expected);
}

/* The reason may quote a name that a peer sent. */
static void test_text_is_always_utf8(void **state)
{
    (void)state;
    expect_text("a\xff"
                "b",
                3, "a?b");
    expect_text("a\xc3", 2, "a?");
    expect_text("\xc0\x80", 2, "??");
    expect_text("\xed\xa0\x80", 3, "???");
    expect_text("\xf4\x90\x80\x80", 4, "????");
    expect_text("\xe0\x9f\xbf", 3, "???");
    expect_text("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 8, "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
    expect_text("a\0b\n\x1b\x7f", 6, "a?b???");
    expect_text("", 0, "");
}

static void test_codes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "OK",       "MALFORMED",     "CHECKSUM",   "VERSION",     "TOO_LARGE",
        "BAD_NAME", "TYPE_MISMATCH", "TIME_ORDER", "TIME_FUTURE", "NOT_AUTHORISED",
        "GAP",      "STORE_FULL",    "BUSY",       "NO_ROOM"};
    assert_int_equal(sizeof names / sizeof names[0], WIRE_CODE_END);
    for (unsigned code = 0; code < WIRE_CODE_END; code++) {
        assert_string_equal(wire_code_name(code), names[code]);
        assert_int_equal(wire_code_is_permanent(code), code != 2 && (code < 10 || code > 12));
    }
    assert_string_equal(wire_code_name(14), "UNKNOWN");
    assert_string_equal(wire_code_name(65535), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes_are_written),
        cmocka_unit_test(test_golden_bytes_are_read),
        cmocka_unit_test(test_every_other_length_and_magic_is_refused),
        cmocka_unit_test(test_text_is_cut_between_characters),
        cmocka_unit_test(test_text_is_always_utf8),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
