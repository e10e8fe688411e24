/* What a parser of INI files does not see, or sees wrongly: long lines, long sections,
 * continuations, duplicates, strange bytes. Each is reported on its own line, and together all of
 * them are. */
#include "config_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Loads and compares all reports, each by its beginning. */
static void expect(const char *text, size_t text_bytes, const char *const *expected)
{
    struct reports reports;
    struct config *config;
    int result = load_bytes(text, text_bytes, &reports, &config);
    size_t count = 0;
    bool good = true;
    for (; expected[count] != NULL; count++)
        good = good && count < reports.count &&
               strncmp(reports.lines[count], expected[count], strlen(expected[count])) == 0;
    if (!good || count != reports.count || result != (count > 0 ? -EINVAL : 0)) {
        print_error("%s\n  result %d\n", text, result);
        for (size_t i = 0; i < reports.count; i++)
            print_error("  is:     %s\n", reports.lines[i]);
        for (size_t i = 0; i < count; i++)
            print_error("  wanted: %s\n", expected[i]);
        fail();
    }
    reports_free(&reports);
    config_free(config);
}

#define EXPECT(text, ...) expect(text, strlen(text), (const char *const[]){__VA_ARGS__})
#define LINE_LONG         "the line is longer than the 199 characters"

/* "[section]\nkey = aaa...", the second line of `length` characters. */
static void with_line(char *text, size_t text_bytes, size_t length, const char *end)
{
    char fill[512];
    memset(fill, 'a', sizeof fill);
    int used = snprintf(text, text_bytes, "[series.x]\nmatch = a\ndescription = %.*s%s",
                        (int)(length - strlen("description = ")), fill, end);
    assert_in_range(used, 1, text_bytes - 1);
}

static void test_long_lines(void **state)
{
    (void)state;
    char text[1024];
    with_line(text, sizeof text, 199, "\n[log]\nlevel = info\n");
    EXPECT(text, NULL);
    with_line(text, sizeof text, 199, "\r\n[log]\r\nlevel = bad\r\n");
    EXPECT(text, "5: [log] level: \"bad\"", NULL);
    with_line(text, sizeof text, 199, "");
    EXPECT(text, NULL);
    with_line(text, sizeof text, 200, "\n[log]\nlevel = bad\n");
    EXPECT(text, "3: [series.x] description: " LINE_LONG, "5: [log] level: \"bad\"", NULL);
    with_line(text, sizeof text, 500, "");
    EXPECT(text, "3: [series.x] description: " LINE_LONG, NULL);

    /* Also a comment: inih would take its end for a setting. */
    memset(text, '#', 260);
    snprintf(text + 260, sizeof text - 260, "level = bad\n[log]\nlevel = info\n");
    EXPECT(text, "1: " LINE_LONG, NULL);

    /* A rule whose `match` was not read is not said to have none. */
    with_line(text, sizeof text, 200, "\n");
    memmove(text + 11, text + 21, strlen(text + 21) + 1);
    EXPECT(text, "2: [series.x] description: " LINE_LONG, NULL);
}

static void test_last_line_keeps_the_whole_value(void **state)
{
    (void)state;
    char text[1024];
    struct reports reports;
    struct config *config;
    with_line(text, sizeof text, 199, "\n");
    assert_int_equal(load_text(text, &reports, &config), 0);
    assert_int_equal(strlen(config->rules[0].description), 199 - strlen("description = "));
    config_free(config);
}

static void test_sections(void **state)
{
    (void)state;
    /* 49 characters are read, the fiftieth inih would cut. */
    EXPECT("[series.abcdefghijklmnopqrstuvwxyz0123456789abcdef]\nmatch = a\n", NULL);
    EXPECT("[series.abcdefghijklmnopqrstuvwxyz0123456789abcdefg]\nmatch = a\n[log]\nlevel = x\n",
           "1: the line has a section name above 49 characters", "4: [log] level", NULL);
    EXPECT("[log\nlevel = x\n", "1: the line begins a section and does not end it", NULL);
    EXPECT("[log] level = x\n", "1: the line has text after the section's name", NULL);
    EXPECT("[log];c\n", "1: the line has text after the section's name", NULL);
    EXPECT("[log] ; words\nlevel = x\n", "2: [log] level", NULL);
    EXPECT("[log]\t# words\nlevel = x\n", "2: [log] level", NULL);
    EXPECT("[]\nlevel = x\n", "1: the line names no section", NULL);
    EXPECT("[ log ]\n", "1: [ log ] unknown section; ", NULL);
    EXPECT("[Store]\npath = /x\n", "1: [Store] unknown section; did you mean [store]?", NULL);
    EXPECT("[nonsense]\ninterval = 5min\n",
           "1: [nonsense] unknown section; the sections are [store] [listen] [flush] [checkpoint] "
           "[security] "
           "[clock] [log] [series.LABEL]",
           NULL);
    EXPECT("[series]\nmatch = a\n", "1: [series] unknown section; did you mean [series.LABEL]?",
           NULL);
    EXPECT("[series.]\nmatch = a\n", "1: [series.] has no label", NULL);
    EXPECT("[series.a b]\nmatch = a\n", "1: [series.a b] has a label with other characters", NULL);
    EXPECT("level = info\n", "1: level: stands before the first section", NULL);
    EXPECT("nonsense\n", "1: the line is not of the form key = value", NULL);
}

static void test_keys(void **state)
{
    (void)state;
    EXPECT("[store]\npaht = /x\n", "2: [store] paht: unknown key; did you mean path?", NULL);
    EXPECT("[store]\nPath = /x\n", "2: [store] Path: unknown key; did you mean path?", NULL);
    EXPECT("[store]\ninterval = 1s\n", "2: [store] interval: unknown key; it is a key of [flush]",
           NULL);
    EXPECT("[log]\nmatch = a\n", "2: [log] match: unknown key; it is a key of [series.LABEL]",
           NULL);
    EXPECT("[flush]\nbytes = 256KiB\n",
           "2: [flush] bytes: unknown key; its keys are interval direct_bytes", NULL);
    EXPECT(
        "[series.a]\nmatch = a\nretention = 1d\n",
        "3: [series.a] retention: unknown key; its keys are match mode capacity preallocate late "
        "jitter unit description elements",
        NULL);
    EXPECT("[store]\npath /x\n", "2: [store] the line is not of the form key = value", NULL);
    EXPECT("[store]\npath: /x\n", "2: [store] the line is not of the form key = value", NULL);
    EXPECT("[store]\n= /x\n", "2: [store] the line has no key before '='", NULL);
    EXPECT("[store]\npath ; = /x\n", "2: [store] the line is not of the form key = value", NULL);
    EXPECT("[store]\npath\t=\t/x\t; comment = 3\n", NULL);
}

static void test_duplicates(void **state)
{
    (void)state;
    EXPECT("[log]\nlevel = info\n\nlevel = debug\nlevel = bad\n",
           "4: [log] level: given twice, first on line 2",
           "5: [log] level: given twice, first on line 2", NULL);
    EXPECT("[log]\n[flush]\n[log]\nlevel = info\n", "3: [log] appears twice, first on line 1",
           NULL);
    EXPECT("[log]\nlevel = info\n[log]\nlevel = info\n", "3: [log] appears twice",
           "4: [log] level: given twice, first on line 2", NULL);
    EXPECT("[series.a]\nmatch = a\n[series.b]\nmatch = a\n[series.a]\nmatch = b\n",
           "5: [series.a] appears twice, first on line 1", NULL);
    EXPECT("[series.a]\nmatch = a\nmatch = b\n", "3: [series.a] match: given twice", NULL);
}

static void test_continuations(void **state)
{
    (void)state;
    EXPECT("[listen]\nrouter = tcp://lo:1\n  tcp://b:2\n",
           "3: [listen] the line begins with a blank", NULL);
    EXPECT("[log]\nlevel = info\n\tlevel = debug\n", "3: [log] level: the line begins with a blank",
           NULL);
    EXPECT("[log]\n level = info\n", "2: [log] level: the line begins with a blank", NULL);
    EXPECT("[log]\nlevel = info\n [flush]\ninterval = x\n", "3: the line begins with a blank",
           NULL);
    EXPECT("[log]\n  # comment\n\t; comment\n   \nlevel = info\n", NULL);
}

static void test_bytes(void **state)
{
    (void)state;
    EXPECT("\xEF\xBB\xBF[log]\r\nlevel = info\r\n", NULL);
    EXPECT("\xEF\xBB\xBF# mark\n[log]\nlevel = bad\n", "3: [log] level", NULL);
    EXPECT("[series.a]\nmatch = a\nunit = \xB0"
           "C\n",
           "3: [series.a] unit: the line is not UTF-8", NULL);
    EXPECT("[series.a]\nmatch = a\nunit = \xC0\xAF\n", "3: [series.a] unit: the line is not UTF-8",
           NULL);
    EXPECT("[series.a]\nmatch = a\nunit = \xED\xA0\x80\n", "3: [series.a] unit: the line is not",
           NULL);
    EXPECT("[series.a]\nmatch = a\nunit = \xE2\x82\n", "3: [series.a] unit: the line is not", NULL);
    EXPECT("[series.a]\nmatch = a\nunit = a\033[31m\n",
           "3: [series.a] unit: the line holds a control character", NULL);
    static const char nul[] = "[log]\nlevel = info\0 = bad\n";
    expect(nul, sizeof nul - 1,
           (const char *const[]){"2: [log] level: the line holds a NUL byte", NULL});
    EXPECT("", NULL);
    EXPECT("\n\n", NULL);
}

static void test_all_mistakes_at_once(void **state)
{
    (void)state;
    EXPECT("[stor]\npath = /x\n[store]\nmax_bytes = lots\nmax_series = none\nquota = 3\n[flush]\n"
           "interval = 1\n  2\n[series.a]\nmode = x\n[series.b\nmatch = y\n[log]\nlevel = 9\n",
           "1: [stor] unknown section", "4: [store] max_bytes", "5: [store] max_series",
           "6: [store] quota: unknown key", "8: [flush] interval: \"1\"",
           "9: [flush] the line begins", "11: [series.a] mode", "10: [series.a] match: missing",
           "12: the line begins a section", "15: [log] level", NULL);
}

static void test_limits(void **state)
{
    (void)state;
    struct reports reports;
    struct config *config;

    size_t huge_bytes = (4u << 20) + 1;
    char *huge = malloc(huge_bytes);
    assert_non_null(huge);
    memset(huge, '\n', huge_bytes);
    assert_int_equal(load_bytes(huge, huge_bytes - 1, &reports, &config), 0);
    config_free(config);
    assert_int_equal(load_bytes(huge, huge_bytes, &reports, &config), -EFBIG);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.lines[0], " cannot be read: File too large");
    reports_free(&reports);

    size_t used = 0;
    for (int i = 0; i < 4097; i++)
        used += (size_t)snprintf(huge + used, huge_bytes - used, "[series.r%d]\nmatch = a\n", i);
    assert_int_equal(load_bytes(huge, used, &reports, &config), -EINVAL);
    assert_int_equal(reports.count, 1);
    assert_string_equal(
        reports.lines[0],
        "8193: [series.r4096] is above the 4096 rules that there may be; join some");
    reports_free(&reports);
    free(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_last_line_keeps_the_whole_value),
        cmocka_unit_test(test_sections),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_continuations),
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_all_mistakes_at_once),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
