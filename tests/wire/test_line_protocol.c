/* Line protocol by tables: what series and samples a text becomes, and which lines are refused. */
#include "clock_ns.h"
#include "cmocka_tests.h"
#include "line_protocol.h"
#include "line_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct line_protocol *parser;
static struct line_protocol_result result;

static int parser_make(void **state)
{
    (void)state;
    return line_protocol_new(&parser);
}

static int parser_free(void **state)
{
    (void)state;
    line_protocol_free(parser);
    return 0;
}

/* The text lies at the end of its memory, so that a sanitizer sees a read behind it. */
static void parse_bytes(const char *text, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    memset(&result, 0x55, sizeof result);
    assert_int_equal(line_protocol_parse(parser, copy, length, &result), 0);
    free(copy);
}

static void parse(const char *text)
{
    parse_bytes(text, strlen(text));
}

/* All that was understood, as text: "name dtype time=value time=value\n" for each block; '*' is a
 * time on arrival. */
static const char *blocks_as_text(void)
{
    static char text[65536];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < result.block_count; i++) {
        struct wire_block block;
        line_protocol_block(parser, i, &block);
        assert_int_equal(block.clock, WIRE_CLOCK_EXPLICIT);
        assert_true(block.explicit_series && block.stamp_on_arrival);
        assert_int_equal(block.rank, 0);
        assert_int_equal(block.values_bytes, block.count * dtype_size(block.dtype));
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s %s", (int)block.name_bytes,
                                 block.name, dtype_name(block.dtype));
        for (size_t k = 0; k < block.count; k++) {
            int64_t time_ns;
            uint64_t bits = 0;
            double real;
            char stamp[32] = "*";
            size_t size = dtype_size(block.dtype);
            memcpy(&time_ns, (const char *)block.times_ns + 8 * k, 8);
            memcpy(&bits, (const char *)block.values + size * k, size);
            memcpy(&real, &bits, 8);
            if (time_ns != INT64_MIN)
                snprintf(stamp, sizeof stamp, "%lld", (long long)time_ns);
            used += (size_t)snprintf(text + used, sizeof text - used, " %s=", stamp);
            if (block.dtype == DTYPE_F8)
                used += (size_t)snprintf(text + used, sizeof text - used, "%.17g", real);
            else if (block.dtype == DTYPE_I8)
                used += (size_t)snprintf(text + used, sizeof text - used, "%lld", (long long)bits);
            else
                used += (size_t)snprintf(text + used, sizeof text - used, "%llu",
                                         (unsigned long long)bits);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "\n");
        assert_true(used < sizeof text);
    }
    return text;
}

static void test_good_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *blocks;
    } rows[] = {
        {"", ""},
        {"\n\r\n  \n# a comment\n#", ""},
        {"m f=1.5 17", "m/f f8 17=1.5\n"},
        {"m f=1.5 17\n", "m/f f8 17=1.5\n"},
        {"m f=1.5 17\r\n", "m/f f8 17=1.5\n"},
        {"m f=1.5 17\r", "m/f f8 17=1.5\n"},
        {"m f=1.5\r\nm f=2", "m/f f8 *=1.5 *=2\n"},
        {"  m   f=1.5   17  ", "m/f f8 17=1.5\n"},
        {"m f=1.5 -17", "m/f f8 -17=1.5\n"},
        {"m f=1 9223372036854775807", "m/f f8 9223372036854775807=1\n"},
        {"m f=1 -9223372036854775807", "m/f f8 -9223372036854775807=1\n"},
        {"weather,location=us,season=1 temperature=82,humidity=7i,ok=t,n=3u 5",
         "weather/location=us/season=1/temperature f8 5=82\nweather/location=us/season=1/humidity "
         "i8 5=7\n"
         "weather/location=us/season=1/ok u1 5=1\nweather/location=us/season=1/n u8 5=3\n"},
        /* tags are sorted by their keys, as bytes */
        {"m,zone=1,a=2,Z=3,ab=4 f=1 1", "m/Z=3/a=2/ab=4/zone=1/f f8 1=1\n"},
        {"m,b=1,a=2 f=1 1\nm,a=2,b=1 f=2 2", "m/a=2/b=1/f f8 1=1 2=2\n"},
        /* lines of a series come together, in their order */
        {"a f=1 1\nb f=2 2\na f=3 3\nb f=4 4", "a/f f8 1=1 3=3\nb/f f8 2=2 4=4\n"},
        {"a x=t 1\na x=F 2\na x=True 3\na x=FALSE 4\na x=TRUE 5\na x=false 6\na x=f 7\na x=true 8\n"
         "a x=T 9\na x=False 10",
         "a/x u1 1=1 2=0 3=1 4=0 5=1 6=0 7=0 8=1 9=1 10=0\n"},
        /* escapes, and bytes that a name may not hold */
        {"wea\\ ther,loc\\,ation=us\\ west f\\=g=1 1",
         "wea%20ther/loc%2Cation=us%20west/f=g f8 1=1\n"},
        {"a\\b f=1 1", "a%5Cb/f f8 1=1\n"},
        {"a\\\\b f=1 1", "a%5C%5Cb/f f8 1=1\n"},
        {"a/b,c/d=e/f g/h=1 1", "a%2Fb/c%2Fd=e%2Ff/g%2Fh f8 1=1\n"},
        {"m\xc3\xa9 f=1 1", "m%C3%A9/f f8 1=1\n"},
        {"m=n f=1 1", "m=n/f f8 1=1\n"},
        {"m\"n f\"g=1 1", "m%22n/f%22g f8 1=1\n"},
        {"m\tn f=1 1", "m%09n/f f8 1=1\n"},
        {"a%b@c:d+e~f f=1 1", "a%b@c:d+e~f/f f8 1=1\n"},
        /* segments that no name may have */
        {".m,-t=v ~f=1 1", "%2Em/%2Dt=v/%7Ef f8 1=1\n"},
        {"m.npy,t=v.ini f.npy=1 1", "m%2Enpy/t=v%2Eini/f%2Enpy f8 1=1\n"},
        {".npy f=1 1", "%2Enpy/f f8 1=1\n"},
        {".. f=1 1", "%2E./f f8 1=1\n"},
        {"m.npyx f=1 1", "m.npyx/f f8 1=1\n"},
        /* numbers */
        {"m f=-0 1\nm f=+1. 2\nm f=.5 3\nm f=1e3 4\nm f=1E-3 5\nm f=0.1 6",
         "m/f f8 1=-0 2=1 3=0.5 4=1000 5=0.001 6=0.10000000000000001\n"},
        {"m f=1.7976931348623157e308 1\nm f=5e-324 2\nm f=9007199254740993 3",
         "m/f f8 1=1.7976931348623157e+308 2=4.9406564584124654e-324 3=9007199254740992\n"},
        {"m i=-9223372036854775808i 1\nm i=9223372036854775807i 2",
         "m/i i8 1=-9223372036854775808 2=9223372036854775807\n"},
        {"m u=18446744073709551615u 1\nm u=0u 2", "m/u u8 1=18446744073709551615 2=0\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        parse(rows[i].text);
        if (result.lines_bad != 0)
            fail_msg("\"%s\": %s", rows[i].text, result.first_reason);
        assert_string_equal(blocks_as_text(), rows[i].blocks);
        assert_int_equal(result.first_bad_line, 0);
        assert_int_equal(result.strings_skipped, 0);
    }
}

static void test_strings_are_skipped_and_counted(void **state)
{
    (void)state;
    parse("m a=\"x\",f=1,b=\"y, z=3 \\\" 4\\\\\",c=\"\" 7\nm s=\"two\nlines\",f=2 8\nm s=\"only\"\n"
          "m f=3 9");
    assert_int_equal(result.lines_bad, 0);
    assert_int_equal(result.strings_skipped, 5);
    assert_string_equal(blocks_as_text(), "m/f f8 7=1 8=2 9=3\n");
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "m",
        "m ",
        "m,t=v",
        "m,t=v ",
        "m 1",
        "m f",
        "m f=",
        "m f= 1",
        "m =1",
        "m f=1,",
        "m f=1, g=2",
        "m f=1,,g=2",
        "m ,f=1",
        ",t=v f=1",
        "m, f=1",
        "m,t f=1",
        "m,t= f=1",
        "m,=v f=1",
        "m,t=v=w f=1",
        "m,t=v,, f=1",
        "m,,t=v f=1",
        "m f=1=2",
        "m f=1 2 3",
        "m f=1 1.5",
        "m f=1 x",
        "m f=1 1i",
        "m f=1 9223372036854775808",
        "m f=1 -9223372036854775808",
        "m f=1 -9223372036854775809",
        "m f=1 111111111111111111111111111111",
        "m f=abc",
        "m f=nan",
        "m f=NaN",
        "m f=inf",
        "m f=-Infinity",
        "m f=0x10",
        "m f=1e400",
        "m f=1_000",
        "m f=1,5",
        "m f=tr",
        "m f=TRUe",
        "m f=yes",
        "m f=i",
        "m f=u",
        "m f=-1u",
        "m f=1.5i",
        "m f=1e3i",
        "m f=9223372036854775808i",
        "m f=-9223372036854775809i",
        "m f=18446744073709551616u",
        "m f=1f",
        "m f=\"x\"y",
        "m f=\"x\"1",
        "m f=\"open",
        "m f=\"open\\\"",
        "m f='x'",
        "m\\ f=1",
        "m,a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1 f=1",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[512];
        /* What stands around a bad line is not touched by it. */
        snprintf(text, sizeof text, "good a=1 1\n%s\ngood a=2 2", lines[i]);
        parse(text);
        if (result.lines_bad != 1)
            fail_msg("\"%s\": %zu bad lines", lines[i], result.lines_bad);
        assert_int_equal(result.first_bad_line, 2);
        assert_non_null(result.first_reason);
        assert_string_equal(blocks_as_text(), "good/a f8 1=1 2=2\n");
    }
}

/* Also the fields before the fault, the series that only that line had, and its strings. */
static void test_a_line_falls_as_a_whole(void **state)
{
    (void)state;
    parse("m a=1,b=2 1\nm a=3,s=\"x\",new=4i,b=x 2\nm new=5 3\nm a=6,b=7 4 junk\nm a=8 5");
    assert_int_equal(result.lines_bad, 2);
    assert_int_equal(result.first_bad_line, 2);
    assert_int_equal(result.strings_skipped, 0);
    assert_string_equal(blocks_as_text(), "m/a f8 1=1 5=8\nm/b f8 1=2\nm/new f8 3=5\n");
}

static void test_second_type_of_a_field_is_refused(void **state)
{
    (void)state;
    parse("m f=1 1\nm g=t,f=2i 2\nm f=3 3");
    assert_int_equal(result.lines_bad, 1);
    assert_int_equal(result.first_bad_line, 2);
    assert_string_equal(blocks_as_text(), "m/f f8 1=1 3=3\n");
    /* In the next frame it may have another one. */
    parse("m f=2i 2");
    assert_int_equal(result.lines_bad, 0);
    assert_string_equal(blocks_as_text(), "m/f i8 2=2\n");
}

static void test_limits_of_names(void **state)
{
    (void)state;
    char text[1200];
    char long_word[600];
    memset(long_word, 'x', sizeof long_word);
    /* 253 + "/f" is 255 */
    snprintf(text, sizeof text, "%.253s f=1 1", long_word);
    parse(text);
    assert_int_equal(result.block_count, 1);
    struct wire_block block;
    line_protocol_block(parser, 0, &block);
    assert_int_equal(block.name_bytes, 255);
    static const char *const too_long[] = {"%.254s f=1 1", "m,t=%.251s f=1 1", "m,%.251s=v f=1 1",
                                           "m %.254s=1 1", "m a=1,%.254s=1 1", "m %.254s=\"x\" 1"};
    for (size_t i = 0; i < COUNT(too_long); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, too_long[i], long_word);
#pragma GCC diagnostic pop
        parse(text);
        assert_int_equal(result.lines_bad, 1);
        assert_int_equal(result.block_count, 0);
    }
    /* Three bytes a byte. */
    memset(long_word, '/', sizeof long_word);
    snprintf(text, sizeof text, "%.84s f=1 1", long_word);
    parse(text);
    assert_int_equal(result.lines_bad, 0);
    snprintf(text, sizeof text, "%.85s f=1 1", long_word);
    parse(text);
    assert_int_equal(result.lines_bad, 1);
    /* Sixteen segments. */
    parse("m,a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1 f=1 1");
    assert_int_equal(result.lines_bad, 0);
    assert_string_equal(blocks_as_text(),
                        "m/a=1/b=1/c=1/d=1/e=1/f=1/g=1/h=1/i=1/j=1/k=1/l=1/m=1/n=1/f f8 1=1\n");
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    parse_bytes("m\0n f=1 1", 9);
    assert_string_equal(blocks_as_text(), "m%00n/f f8 1=1\n");
    parse_bytes("m f=1\0 1\nm f=t\0 1\nm f=1 1\0", 27);
    assert_int_equal(result.lines_bad, 3);
    char digits[2000];
    memset(digits, '1', sizeof digits);
    digits[0] = 'm';
    digits[1] = ' ';
    digits[2] = 'f';
    digits[3] = '=';
    parse_bytes(digits, 4 + 300);
    assert_int_equal(result.lines_bad, 0);
    parse_bytes(digits, 4 + 800);
    assert_int_equal(result.lines_bad, 1);
    parse_bytes(digits, sizeof digits);
    assert_int_equal(result.lines_bad, 1);
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;
        parse_bytes(&one, 1);
        assert_int_equal(result.block_count, 0);
    }
}

/* Each prefix of a text is some text. */
static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] = "m,a\\ b=c,d=e f=1.5,g=2i,s=\"a\\\"\nb\",h=t 17\r\n# x\nm f=2u 18\n";
    for (size_t length = 0; length < sizeof text; length++) {
        parse_bytes(text, length);
        /* A string that is cut in its second line leaves two bad ones. */
        assert_true(result.lines_bad <= 2);
    }
}

static void test_many_series(void **state)
{
    (void)state;
    const int series_count = WIRE_BLOCKS_MAX + 1;
    char *text = malloc((size_t)series_count * 20);
    assert_non_null(text);
    size_t used = 0;
    size_t last_line = 0;
    for (int i = 0; i < series_count; i++) {
        last_line = used;
        used += (size_t)sprintf(text + used, "m%d f=%d 1\n", i, i);
    }
    int64_t began_ns = clock_monotonic_ns();
    parse_bytes(text, last_line);
    /* Some 20 ms; quadratic behaviour would take minutes. */
    assert_true(clock_monotonic_ns() - began_ns < 10 * NS_PER_S);
    assert_int_equal(result.block_count, WIRE_BLOCKS_MAX);
    struct wire_block block;
    double value;
    line_protocol_block(parser, 43210, &block);
    memcpy(&value, block.values, sizeof value);
    assert_int_equal(block.name_bytes, 8);
    assert_memory_equal(block.name, "m43210/f", 8);
    assert_true(value == 43210.0);
    /* One more is too many, and nothing is left of it. */
    assert_int_equal(line_protocol_parse(parser, text, used, &result), -E2BIG);
    free(text);
    parse("m f=1 1");
    assert_string_equal(blocks_as_text(), "m/f f8 1=1\n");
}

/* Every second line is bad and had added series: cutting them off again must leave the table whole.
 */
static void test_series_cut_off_again(void **state)
{
    (void)state;
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t used = 0;
    for (int i = 0; i < 3000; i++) {
        used += (size_t)sprintf(text + used, "m a%d=1,b%d=1,c%d=1,d=x 1\n", i, i, i);
        used += (size_t)sprintf(text + used, "m a%d=2 1\n", i % 1000);
    }
    parse_bytes(text, used);
    free(text);
    assert_int_equal(result.lines_bad, 3000);
    assert_int_equal(result.block_count, 1000);
    assert_int_equal(result.sample_count, 3000);
    for (size_t i = 0; i < 1000; i++) {
        struct wire_block block;
        char name[16];
        line_protocol_block(parser, i, &block);
        assert_int_equal(block.count, 3);
        snprintf(name, sizeof name, "m/a%zu", i);
        assert_int_equal(block.name_bytes, strlen(name));
        assert_memory_equal(block.name, name, strlen(name));
    }
}

/* What the hash must have so that nobody can choose names that collide. */
static void test_hash_depends_on_key_and_every_byte(void **state)
{
    (void)state;
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    const uint64_t other_key[2] = {UINT64_C(0x0706050403020101), UINT64_C(0x0f0e0d0c0b0a0908)};
    char text[32] = "0123456789abcdef0123456789abcde";
    for (size_t length = 0; length < sizeof text; length++) {
        uint64_t hash = line_series_hash(key, text, length);
        assert_true(hash != line_series_hash(other_key, text, length));
        assert_true(hash != line_series_hash(key, text, length + 1));
        for (size_t i = 0; i < length; i++) {
            text[i] ^= 1;
            assert_true(hash != line_series_hash(key, text, length));
            text[i] ^= 1;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_strings_are_skipped_and_counted),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_a_line_falls_as_a_whole),
        cmocka_unit_test(test_second_type_of_a_field_is_refused),
        cmocka_unit_test(test_limits_of_names),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_many_series),
        cmocka_unit_test(test_series_cut_off_again),
        cmocka_unit_test(test_hash_depends_on_key_and_every_byte),
    };
    return cmocka_run_group_tests(tests, parser_make, parser_free);
}
