/* Requests of libzmq's about who may connect: only a whole one of CURVE in our domain is a
 * question, and the answer carries the key as the connection's user. */
#include "cmocka_tests.h"
#include "zap.h"

#include <string.h>

static const uint8_t key[CURVE_KEY_BYTES] = {
    0x54, 0xFC, 0xBA, 0x24, 0xE9, 0x32, 0x49, 0x96, 0x93, 0x16, 0xFB, 0x61, 0x7C, 0x87, 0x2B, 0xB0,
    0xC1, 0xD1, 0xFF, 0x14, 0x80, 0x04, 0x27, 0xC5, 0x94, 0xCB, 0xFA, 0xCF, 0x1B, 0xC2, 0xD6, 0x52};
static const char key_text[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

#define TEXT(string)                                                                               \
    {                                                                                              \
        .bytes = (string), .byte_count = sizeof(string) - 1                                        \
    }

static void good_request(struct zap_part parts[ZAP_REQUEST_PARTS])
{
    const struct zap_part good[ZAP_REQUEST_PARTS] = {TEXT("1.0"),      TEXT("17"), TEXT(ZAP_DOMAIN),
                                                     TEXT("10.0.0.9"), TEXT("id"), TEXT("CURVE"),
                                                     {key, sizeof key}};
    memcpy(parts, good, sizeof good);
}

static void test_good(void **state)
{
    (void)state;
    struct zap_part parts[ZAP_REQUEST_PARTS];
    struct zap_request request;
    good_request(parts);
    assert_true(zap_request_read(parts, ZAP_REQUEST_PARTS, &request));
    assert_string_equal(request.key, key_text);
    assert_string_equal(request.address, "10.0.0.9");
    assert_ptr_equal(request.id.bytes, parts[1].bytes);
}

static void test_every_part_counts(void **state)
{
    (void)state;
    static const struct zap_part bad[ZAP_REQUEST_PARTS][3] = {
        [0] = {TEXT("2.0"), TEXT("1.0 "), TEXT("")},
        [2] = {TEXT(""), TEXT("ingest"), TEXT("ingestd2")},
        [5] = {TEXT("NULL"), TEXT("PLAIN"), TEXT("curve")},
        [6] = {TEXT(""), {key, sizeof key - 1}, TEXT("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")},
    };
    struct zap_part parts[ZAP_REQUEST_PARTS + 1];
    struct zap_request request;
    for (size_t part = 0; part < ZAP_REQUEST_PARTS; part++)
        for (size_t i = 0; i < 3 && bad[part][i].bytes != NULL; i++) {
            good_request(parts);
            parts[part] = bad[part][i];
            assert_false(zap_request_read(parts, ZAP_REQUEST_PARTS, &request));
            assert_string_equal(request.key, "");
        }
    good_request(parts);
    parts[ZAP_REQUEST_PARTS] = parts[0];
    for (size_t count = 0; count <= ZAP_REQUEST_PARTS + 1; count++)
        assert_int_equal(zap_request_read(parts, count, &request), count == ZAP_REQUEST_PARTS);
    assert_false(zap_request_read(parts, 1, &request));
    assert_int_equal(request.id.byte_count, 0);
}

static void expect_text(const struct zap_part *part, const char *text)
{
    assert_int_equal(part->byte_count, strlen(text));
    assert_memory_equal(part->bytes, text, strlen(text));
}

static void test_answers(void **state)
{
    (void)state;
    static const char *const codes[] = {
        [ZAP_ADMIT] = "200", [ZAP_TRY_LATER] = "300", [ZAP_REFUSE] = "400", [ZAP_ERROR] = "500"};
    struct zap_part parts[ZAP_REQUEST_PARTS];
    struct zap_part answer[ZAP_ANSWER_PARTS];
    struct zap_request request;
    good_request(parts);
    assert_true(zap_request_read(parts, ZAP_REQUEST_PARTS, &request));
    for (int code = ZAP_ADMIT; code <= ZAP_ERROR; code++) {
        zap_answer_make(&request, (enum zap_code)code, answer);
        expect_text(&answer[0], "1.0");
        expect_text(&answer[1], "17");
        expect_text(&answer[2], codes[code]);
        expect_text(&answer[4], code == ZAP_ADMIT ? key_text : "");
        expect_text(&answer[5], "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_every_part_counts),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
