#include "series_name.h"

#include "clock_ns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *glob, const char *name)
{
    return series_glob_match(glob, name, strlen(name));
}

static bool is_good(const char *name)
{
    return series_name_fault(name, strlen(name)) == NULL;
}

static void good_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a",
        "plant1/boiler/temp",
        "A-z_0~9:=@+%.",
        "a.npy.b",
        "x/npy",
        "host=web01/cpu.load",
        "0",
        "_",
        "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
        "temp%20water",
        "b.ini2",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!is_good(names[i]))
            fail_msg("refused: %s", names[i]);
    char longest[255];
    memset(longest, 'a', sizeof longest);
    assert_null(series_name_fault(longest, 255));
}

static void bad_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",         "/",        "/a",      "a/",
        "a//b",     ".a",       "a/.b",    "-a",
        "a/-b",     "~a",       "a/~b",    "..",
        "a/../b",   "a.npy",    "a.npy/b", "x/values.npy",
        "meta.ini", "a.ini/b",  "a b",     "a\tb",
        "a\nb",     "a\\b",     "a*b",     "a?b",
        "a,b",      "\xc3\xa4", "a\x7f",   "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
        ".npy",     "a\"b",     "a;b",     "a#b",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_good(names[i]))
            fail_msg("accepted: %s", names[i]);
    char longer[256];
    memset(longer, 'a', sizeof longer);
    assert_non_null(series_name_fault(longer, 256));
    assert_non_null(series_name_fault("a\0b", 3));
}

static void wildcards_match(void **state)
{
    (void)state;
    assert_true(matches("a/b", "a/b"));
    assert_true(matches("*", "temp"));
    assert_true(matches("plant1/*/temp", "plant1/boiler/temp"));
    assert_true(matches("p*1/b?iler/t*", "plant1/boiler/temp"));
    assert_true(matches("**", "plant1/boiler/temp"));
    assert_true(matches("plant1/**", "plant1/boiler/temp"));
    assert_true(matches("**/temp", "plant1/boiler/temp"));
    assert_true(matches("**/temp", "temp"));
    assert_true(matches("plant1/**/temp", "plant1/a/b/c/temp"));
    assert_true(matches("plant1/**/temp", "plant1/temp"));
    assert_true(matches("p**p", "plant1/boiler/temp"));
    assert_true(matches("p***p", "plant1/boiler/temp"));
    assert_true(matches("a*", "a"));
    assert_true(matches("*a*b*c*", "xxaxxbxxcxx"));
    assert_true(matches("**/b/**/d", "a/b/c/d"));
}

static void wildcards_do_not_match(void **state)
{
    (void)state;
    assert_false(matches("*", "plant1/boiler"));
    assert_false(matches("plant1/*", "plant1/boiler/temp"));
    assert_false(matches("plant1?boiler", "plant1/boiler"));
    assert_false(matches("a?", "a"));
    assert_false(matches("**/temp", "plant1/mytemp"));
    assert_false(matches("plant1/**", "plant1"));
    assert_false(matches("plant1/**/temp", "plant1temp"));
    assert_false(matches("", "a"));
    assert_false(matches("[a]", "a"));
    assert_false(matches("A", "a"));
    assert_false(matches("a", "ab"));
    assert_false(matches("ab", "a"));
}

/* A pattern of stars is exponential for a matcher that goes back for each of them. */
static void hostile_patterns_end_soon(void **state)
{
    (void)state;
    char glob[2049];
    char name[256];
    for (size_t i = 0; i + 1 < sizeof glob; i += 2)
        memcpy(glob + i, "*a", 2);
    glob[2046] = 'b';
    glob[2047] = '\0';
    memset(name, 'a', 255);
    name[255] = '\0';
    int64_t begin_ns = clock_monotonic_ns();
    for (size_t i = 0; i < 100; i++)
        assert_false(series_glob_match(glob, name, 255));
    assert_true(clock_monotonic_ns() - begin_ns < 5 * NS_PER_S);
}

static void faults_of_patterns(void **state)
{
    (void)state;
    static const char *const good[] = {"*",    "**",     "a",   "a/*/b", "a/**",
                                       "**/b", "a/**/b", "*.x", "?",     "*x"};
    static const char *const bad[] = {
        "",      "/a",  "a/",    "a//b",
        ".a*",   "-*",  "~*",    "a/.*",
        "[ab]",  "a b", "*.npy", "**/x.ini",
        "{a,b}", "\\*", "**/",   "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (series_glob_fault(good[i]) != NULL)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (series_glob_fault(bad[i]) == NULL)
            fail_msg("accepted: %s", bad[i]);
    char longer[300];
    memset(longer, '?', sizeof longer);
    longer[299] = '\0';
    assert_non_null(series_glob_fault(longer));
    assert_true(series_glob_is_pattern("a*"));
    assert_true(series_glob_is_pattern("?"));
    assert_false(series_glob_is_pattern("a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(wildcards_match),
        cmocka_unit_test(wildcards_do_not_match),
        cmocka_unit_test(hostile_patterns_end_soon),
        cmocka_unit_test(faults_of_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
