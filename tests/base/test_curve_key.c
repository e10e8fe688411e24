/* Z85 against ZeroMQ's own vectors, there and back, and what is not a key. */
#include "cmocka_tests.h"
#include "curve_key.h"

#include <string.h>

/* RFC 32's test vector, four times: 8 bytes are 10 characters. */
static void test_rfc_vector(void **state)
{
    (void)state;
    static const uint8_t bytes[8] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    uint8_t key[CURVE_KEY_BYTES];
    char text[CURVE_KEY_TEXT_BYTES + 1];
    for (size_t i = 0; i < 4; i++)
        memcpy(key + i * sizeof bytes, bytes, sizeof bytes);
    curve_key_encode(key, text);
    assert_string_equal(text, "HelloWorldHelloWorldHelloWorldHelloWorld");
    uint8_t again[CURVE_KEY_BYTES];
    assert_true(curve_key_decode(text, strlen(text), again));
    assert_memory_equal(again, key, sizeof key);
}

/* RFC 26's server key. */
static void test_rfc_key(void **state)
{
    (void)state;
    static const char text[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    static const uint8_t expected[CURVE_KEY_BYTES] = {
        0x54, 0xFC, 0xBA, 0x24, 0xE9, 0x32, 0x49, 0x96, 0x93, 0x16, 0xFB,
        0x61, 0x7C, 0x87, 0x2B, 0xB0, 0xC1, 0xD1, 0xFF, 0x14, 0x80, 0x04,
        0x27, 0xC5, 0x94, 0xCB, 0xFA, 0xCF, 0x1B, 0xC2, 0xD6, 0x52};
    uint8_t key[CURVE_KEY_BYTES];
    assert_true(curve_key_decode(text, CURVE_KEY_TEXT_BYTES, key));
    assert_memory_equal(key, expected, sizeof key);
}

static void test_random_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t key[CURVE_KEY_BYTES];
        uint8_t again[CURVE_KEY_BYTES] = {0};
        char text[CURVE_KEY_TEXT_BYTES + 1];
        for (size_t at = 0; at < sizeof key; at++)
            key[at] = (uint8_t)(i * 2654435761u >> (at % 24)) ^ (uint8_t)(at * i);
        curve_key_encode(key, text);
        assert_int_equal(strlen(text), CURVE_KEY_TEXT_BYTES);
        assert_true(curve_key_decode(text, CURVE_KEY_TEXT_BYTES, again));
        assert_memory_equal(again, key, sizeof key);
    }
}

static void test_what_is_no_key(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "HelloWorldHelloWorldHelloWorldHelloWorl",
        "HelloWorldHelloWorldHelloWorldHelloWorldH",
        "HelloWorldHelloWorldHelloWorldHelloWorl_",
        "HelloWorldHelloWorldHello World HelloWor",
        "HelloWorldHelloWorldHelloWorldHelloWor\"d",
        "HelloWorldHelloWorldHelloWorldHelloWor\x80\x80",
        "#####HelloWorldHelloWorldHelloWorldHello", /* 85^5 - 1: more than 32 bits */
        "%nSc1HelloWorldHelloWorldHelloWorldHello", /* 2^32 */
    };
    uint8_t key[CURVE_KEY_BYTES] = {7};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(curve_key_decode(bad[i], strlen(bad[i]), key));
    assert_int_equal(key[0], 7);
    assert_true(
        curve_key_decode("%nSc0HelloWorldHelloWorldHelloWorldHello", 40, key)); /* 2^32 - 1 */
    assert_int_equal(key[0], 0xFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_vector),
        cmocka_unit_test(test_rfc_key),
        cmocka_unit_test(test_random_keys),
        cmocka_unit_test(test_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
