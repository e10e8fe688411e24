#include "csv_reader.h"

#include "cmocka_tests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All records of a text, as "field|field/field|field/": an empty line is an empty record. */
static int read_text(const char *text, size_t piece, char *out, struct error_text *error)
{
    struct csv_reader reader = {0};
    size_t length = strlen(text), begin = 0, seen = 0;
    char *buffer = strdup(text), *end = out;
    int result = 0;
    assert_non_null(buffer);
    *out = '\0';
    while (begin < length) {
        size_t used;
        result =
            csv_reader_next(&reader, buffer + begin, seen - begin, seen == length, &used, error);
        if (result < 0)
            break;
        if (result == 0) {
            assert_true(seen < length);
            /* A record that is not whole is left as it was. */
            assert_memory_equal(buffer + begin, text + begin, seen - begin);
            seen = seen + piece < length ? seen + piece : length;
            continue;
        }
        begin += used;
        for (size_t i = 0; i < reader.field_count; i++) {
            assert_int_equal(strlen(reader.fields[i].text), reader.fields[i].length);
            end += sprintf(end, "%s%s", i > 0 ? "|" : "", reader.fields[i].text);
        }
        end += sprintf(end, "/");
        if (seen < length && seen < begin)
            seen = begin;
    }
    csv_reader_free(&reader);
    free(buffer);
    return result < 0 ? result : 0;
}

static void test_records_and_fields(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a,b\n1,2\n", "a|b/1|2/"},
        {"a,b\r\n1,2", "a|b/1|2/"},
        {"\xEF\xBB\xBF"
         "a,b\n",
         "a|b/"},
        {"\"a,b\",c\n", "a,b|c/"},
        {"\"say \"\"hi\"\"\",2\n", "say \"hi\"|2/"},
        {"\"two\nlines\",x\n3,4\n", "two\nlines|x/3|4/"},
        {"\"two\r\nlines\"\r\n", "two\r\nlines/"},
        {",\n,,\n", "|/||/"},
        {"1,\n", "1|/"},
        {" 1 ,\t2\n", "1|2/"},
        {"\" 1 \" , \"2\"\n", " 1 |2/"},
        {"a\n\nb\n", "a//b/"},
        {"x\"y,z\n", "x\"y|z/"},
        {"\"\",\"\"\n", "|/"},
        {"x\"\"y\nz\n", "x\"\"y/z/"},
        {"\"a\"\"\n\"\"b\"\nc\n", "a\"\n\"b/c/"},
        {"\xEF\xBB\xBF\"a\nb\"\nc\n", "a\nb/c/"},
        {"a", "a/"},
        {"\"a\"", "a/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece < 8; piece++) {
            char out[200];
            struct error_text error = {""};
            assert_int_equal(read_text(cases[i].text, piece, out, &error), 0);
            assert_string_equal(out, cases[i].expected);
        }
    }
}

static void test_quotes_that_are_wrong(void **state)
{
    (void)state;
    char out[200];
    struct error_text error = {""};
    assert_int_equal(read_text("a,b\n1,\"2\n", 100, out, &error), -EBADMSG);
    assert_string_equal(error.text, "2:3: a quote that is not closed");
    assert_int_equal(read_text("\"1\"x,2\n", 100, out, &error), -EBADMSG);
    assert_string_equal(error.text, "1:1: a quote that is not followed by a comma");
}

static void test_lines_and_columns_are_counted(void **state)
{
    (void)state;
    char text[] = "a\n\"1\n2\n3\",x\nlast,22,y";
    struct csv_reader reader = {0};
    struct error_text error;
    size_t used = 0, begin = 0;
    const uint64_t lines[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            csv_reader_next(&reader, text + begin, sizeof text - 1 - begin, true, &used, &error),
            1);
        begin += used;
        assert_int_equal(reader.line, lines[i]);
    }
    assert_int_equal(reader.field_count, 3);
    assert_int_equal(reader.fields[0].column, 1);
    assert_int_equal(reader.fields[1].column, 6);
    assert_int_equal(reader.fields[2].column, 9);
    csv_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_and_fields),
        cmocka_unit_test(test_quotes_that_are_wrong),
        cmocka_unit_test(test_lines_and_columns_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
