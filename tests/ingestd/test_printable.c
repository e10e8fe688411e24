/* What peers send must not forge a log line or a terminal's state. */
#include "printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t length, const char *wanted)
{
    char buffer[64];
    assert_string_equal(printable_copy(buffer, sizeof buffer, text, length), wanted);
}
#define CHECK(text, wanted) check((text), sizeof(text) - 1, (wanted))

static void good_text_stays(void **state)
{
    (void)state;
    CHECK("pump-7 (east)", "pump-7 (east)");
    CHECK("Käse £ 温度 \xf0\x9f\x8c\xa1", "Käse £ 温度 \xf0\x9f\x8c\xa1");
    CHECK("", "");
}

static void harmful_text_is_masked(void **state)
{
    (void)state;
    CHECK("a\nb\rc\td", "a?b?c?d");
    CHECK("a\0b", "a?b");
    CHECK("\x1b[31m", "?[31m");
    CHECK("say \"x\\\"", "say 'x?'");
    CHECK("\x7f", "?");
    CHECK("\xc2\x9b", "?"); /* the 8-bit form of ESC [ */
}

static void what_is_not_utf8_is_masked(void **state)
{
    (void)state;
    CHECK("\xff\xfe", "??");
    CHECK("\xc3", "?");
    CHECK("\xc0\xaf", "??");           /* overlong */
    CHECK("\xe0\x80\xaf", "???");      /* overlong */
    CHECK("\xed\xa0\x80", "???");      /* a surrogate */
    CHECK("\xf4\x90\x80\x80", "????"); /* above U+10FFFF */
    CHECK("a\xe6\xb8", "a??");         /* cut */
}

static void characters_are_not_cut(void **state)
{
    (void)state;
    char buffer[5];
    assert_string_equal(printable_copy(buffer, sizeof buffer, "abc\xc3\xa4", 5), "abc");
    assert_string_equal(printable_copy(buffer, sizeof buffer, "ab\xc3\xa4", 4), "ab\xc3\xa4");
    assert_string_equal(printable_copy(buffer, sizeof buffer, "abcdefgh", 8), "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text_stays),
        cmocka_unit_test(harmful_text_is_masked),
        cmocka_unit_test(what_is_not_utf8_is_masked),
        cmocka_unit_test(characters_are_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
