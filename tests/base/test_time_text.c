#include "cmocka_tests.h"
#include "random_bits.h"
#include "time_text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000000)

static void zone_set(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void test_absolute_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"2024-05-01T12:00:00Z", 1714564800 * S},
        {"2024-05-01t12:00:00z", 1714564800 * S},
        {"2024-05-01 12:00:00", 1714564800 * S},
        {"2024-05-01 12:00", 1714564800 * S},
        {"2024-05-01T12:00", 1714564800 * S},
        {"2024-05-01T14:00:00+02:00", 1714564800 * S},
        {"2024-05-01T06:30:00-05:30", 1714564800 * S},
        {"2024-05-01T12:00:00-00:00", 1714564800 * S},
        {"2024-05-01T12:00:00.5Z", 1714564800 * S + 500000000},
        {"2024-05-01T12:00:00.000000001Z", 1714564800 * S + 1},
        {"2024-05-01T12:00:00.123456789", 1714564800 * S + 123456789},
        {"2024-05-01T12:00:00.12345678", 1714564800 * S + 123456780},
        {"2024-02-29", 1709164800 * S},
        {"2000-02-29", 951782400 * S},
        {"1969-12-31T23:59:59.999999999Z", -1},
        {"1900-03-01", -2203891200 * S},
        {"2261-12-31T23:59:59.999999999Z", 9214646399 * S + 999999999},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
        {"1677-09-21T00:12:43.145224192Z", INT64_MIN},
        {"@0", 0},
        {"@1714564800", 1714564800 * S},
        {"@-1.5", -1500000000},
        {"@-0.5", -500000000},
        {"@1.000000001", S + 1},
        {"@9223372036.854775807", INT64_MAX},
        {"@-9223372036.854775808", INT64_MIN},
    };
    static const char *const bad[] = {
        "",
        "abc",
        "2024",
        "2024-05",
        "2024-5-1",
        "24-05-01",
        "2024-02-30",
        "2024-02-31",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-00-01",
        "2024-13-01",
        "2024-01-00",
        "2024-01-32",
        "2024-05-01T",
        "2024-05-01T12",
        "2024-05-01X12:00",
        "2024-05-01  12:00",
        "2024-05-01T24:00:00Z",
        "2024-05-01T12:60:00Z",
        "2024-05-01T12:00:60Z",
        "2024-05-01T12:00:00.Z",
        "2024-05-01T12:00:00,5Z",
        "2024-05-01T12:00:00.1234567890Z",
        "2024-05-01T12:00:00 Z",
        "2024-05-01T12:00:00Zx",
        "2024-05-01T12:00:00+2:00",
        "2024-05-01T12:00:00+0200",
        "2024-05-01T12:00:00+24:00",
        "2024-05-01T12:00:00+02:60",
        "2024-05-01T12:00:00+",
        "2024-05-01Z",
        " 2024-05-01",
        "2024-05-01 ",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
        "9999-12-31",
        "0000-01-01",
        "@",
        "@-",
        "@.5",
        "@1.",
        "@+1",
        "@1.0000000001",
        "@9223372036.854775808",
        "@-9223372036.854775809",
        "@99999999999999999999",
        "@1e9",
        "now",
        "today",
        "12:00",
        "-10m",
    };
    zone_set("Europe/Berlin"); /* must not matter */
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ns = 77;
        if (!time_parse_absolute(good[i].text, TIME_ZONE_UTC, &ns) || ns != good[i].ns)
            fail_msg("\"%s\" gave %lld", good[i].text, (long long)ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ns = 77;
        if (time_parse_absolute(bad[i], TIME_ZONE_UTC, &ns))
            fail_msg("\"%s\" was taken as %lld", bad[i], (long long)ns);
        assert_int_equal(ns, 77);
    }
}

static int64_t local(const char *text)
{
    int64_t ns;
    if (!time_parse_absolute(text, TIME_ZONE_LOCAL, &ns))
        fail_msg("\"%s\" was refused", text);
    return ns;
}

static int64_t utc(const char *text)
{
    int64_t ns;
    if (!time_parse_absolute(text, TIME_ZONE_UTC, &ns))
        fail_msg("\"%s\" was refused", text);
    return ns;
}

static void test_local_times(void **state)
{
    (void)state;
    zone_set("Europe/Berlin");
    assert_int_equal(local("2024-01-15 12:00"), utc("2024-01-15 11:00"));
    assert_int_equal(local("2024-07-15 12:00"), utc("2024-07-15 10:00"));
    assert_int_equal(local("2024-07-15 12:00:00Z"), utc("2024-07-15 12:00"));
    /* 02:00 to 03:00 of 31 March is left out: moved forward by an hour. */
    assert_int_equal(local("2024-03-31 01:59:59.5"), utc("2024-03-31 00:59:59.5"));
    assert_int_equal(local("2024-03-31 02:30"), utc("2024-03-31 01:30"));
    assert_int_equal(local("2024-03-31 02:00"), utc("2024-03-31 01:00"));
    assert_int_equal(local("2024-03-31 03:00"), utc("2024-03-31 01:00"));
    /* 02:00 to 03:00 of 27 October is there twice: the first one is meant. */
    assert_int_equal(local("2024-10-27 01:59"), utc("2024-10-26 23:59"));
    assert_int_equal(local("2024-10-27 02:30"), utc("2024-10-27 00:30"));
    assert_int_equal(local("2024-10-27 03:00"), utc("2024-10-27 02:00"));

    zone_set("America/St_Johns");
    assert_int_equal(local("2024-01-15"), utc("2024-01-15 03:30"));
    /* A midnight that is left out. */
    zone_set("America/Sao_Paulo");
    assert_int_equal(local("2018-11-04"), utc("2018-11-04 03:00"));
    zone_set("UTC");
}

/* Every quarter of an hour of two years, there and back. */
static void test_local_times_agree_with_localtime(void **state)
{
    (void)state;
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "Asia/Kolkata"};
    for (size_t zone = 0; zone < COUNT(zones); zone++) {
        zone_set(zones[zone]);
        for (time_t when = 1672531200; when < 1735689600; when += 900) {
            struct tm fields;
            char text[64];
            localtime_r(&when, &fields);
            strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &fields);
            int64_t ns = local(text);
            time_t got = (time_t)(ns / S);
            struct tm again;
            localtime_r(&got, &again);
            /* The same moment, or the earlier of two with the same name. */
            assert_true(got <= when && when - got <= 3600);
            assert_int_equal(again.tm_hour, fields.tm_hour);
            assert_int_equal(again.tm_min, fields.tm_min);
            assert_int_equal(again.tm_mday, fields.tm_mday);
        }
    }
    zone_set("UTC");
}

static void test_relative_times(void **state)
{
    (void)state;
    const int64_t now = utc("2024-05-01T22:30:15.25Z");
    static const struct {
        const char *text;
        enum time_zone zone;
        const char *expected;
    } good[] = {
        {"now", TIME_ZONE_UTC, "2024-05-01T22:30:15.25Z"},
        {"today", TIME_ZONE_UTC, "2024-05-01"},
        {"yesterday", TIME_ZONE_UTC, "2024-04-30"},
        {"08:15", TIME_ZONE_UTC, "2024-05-01 08:15"},
        {"08:15:30", TIME_ZONE_UTC, "2024-05-01 08:15:30"},
        {"23:59:59.125", TIME_ZONE_UTC, "2024-05-01 23:59:59.125"},
        {"-10m", TIME_ZONE_UTC, "2024-05-01T22:20:15.25Z"},
        {"+1h", TIME_ZONE_UTC, "2024-05-01T23:30:15.25Z"},
        {"-0", TIME_ZONE_UTC, "2024-05-01T22:30:15.25Z"},
        {"2024-01-01", TIME_ZONE_UTC, "2024-01-01"},
        {"@12", TIME_ZONE_UTC, "1970-01-01 00:00:12"},
        /* In Berlin it is already the second of May. */
        {"today", TIME_ZONE_LOCAL, "2024-05-01 22:00"},
        {"yesterday", TIME_ZONE_LOCAL, "2024-04-30 22:00"},
        {"08:15", TIME_ZONE_LOCAL, "2024-05-02 06:15"},
    };
    static const char *const bad[] = {"",       "Now",    "tomorrow", "8:15", "24:00",      "08:60",
                                      "08:15x", "08:15Z", "-",        "-10",  "+",          "--10m",
                                      "-10m5s", "now-1h", "-300000d", "10m",  "today 08:00"};
    zone_set("Europe/Berlin");
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ns = 77;
        if (!time_parse(good[i].text, good[i].zone, now, &ns) || ns != utc(good[i].expected))
            fail_msg("\"%s\" gave %lld", good[i].text, (long long)ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ns = 77;
        if (time_parse(bad[i], TIME_ZONE_UTC, now, &ns))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(ns, 77);
    }
    /* Days of 23 and 25 hours. */
    int64_t ns;
    assert_true(time_parse("yesterday", TIME_ZONE_LOCAL, utc("2024-04-01 12:00"), &ns));
    assert_int_equal(ns, utc("2024-03-30 23:00"));
    assert_true(time_parse("yesterday", TIME_ZONE_LOCAL, utc("2024-10-28 12:00"), &ns));
    assert_int_equal(ns, utc("2024-10-26 22:00"));
    /* Before 1970 days begin below their number, too. */
    assert_true(time_parse("today", TIME_ZONE_UTC, -1, &ns));
    assert_int_equal(ns, utc("1969-12-31"));
    zone_set("UTC");
}

static void test_format_and_back(void **state)
{
    (void)state;
    char buffer[TIME_TEXT_BYTES];
    assert_string_equal(time_format_iso(0, buffer), "1970-01-01T00:00:00.000000000Z");
    assert_string_equal(time_format_iso(-1, buffer), "1969-12-31T23:59:59.999999999Z");
    assert_string_equal(time_format_iso(INT64_MAX, buffer), "2262-04-11T23:47:16.854775807Z");
    assert_string_equal(time_format_iso(INT64_MIN, buffer), "1677-09-21T00:12:43.145224192Z");
    uint64_t seed = 1;
    for (int round = 0; round < 100000; round++) {
        uint64_t bits = random_bits(&seed);
        int64_t back;
        time_format_iso((int64_t)bits, buffer);
        assert_int_equal(strlen(buffer), 30);
        assert_true(time_parse_absolute(buffer, TIME_ZONE_LOCAL, &back));
        assert_int_equal(back, (int64_t)bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absolute_times),
        cmocka_unit_test(test_local_times),
        cmocka_unit_test(test_local_times_agree_with_localtime),
        cmocka_unit_test(test_relative_times),
        cmocka_unit_test(test_format_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
