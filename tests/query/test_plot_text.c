/* What anybody may have written into meta.ini cannot break a terminal or an XML file. */
#include "cmocka_tests.h"

#include "plot_text.h"

#include <stdlib.h>

static void expect_text(const char *text, size_t width, bool ascii, const char *expected)
{
    char *bytes = NULL;
    size_t count = 0;
    FILE *file = open_memstream(&bytes, &count);
    assert_non_null(file);
    size_t written = plot_text_write(text, width, ascii, file);
    fclose(file);
    assert_string_equal(bytes, expected);
    if (width == SIZE_MAX)
        assert_int_equal(plot_text_width(text, ascii), written);
    free(bytes);
}

static void expect_xml(const char *text, size_t width, const char *expected)
{
    char *bytes = NULL;
    size_t count = 0;
    FILE *file = open_memstream(&bytes, &count);
    assert_non_null(file);
    plot_text_write_xml(text, width, file);
    fclose(file);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static void sound_text_passes(void **state)
{
    (void)state;
    expect_text("°C µs m³ 温度 𝄞", SIZE_MAX, false, "°C µs m³ 温度 𝄞");
    expect_text("温度", 1, false, "温");
    assert_int_equal(plot_text_width("温度", false), 2);
}

static void ascii_is_ascii(void **state)
{
    (void)state;
    expect_text("°C µs m³ 温", SIZE_MAX, true, "C us m3 ?");
}

static void control_characters_and_broken_bytes_are_replaced(void **state)
{
    (void)state;
    expect_text("a\033[31mb\n", SIZE_MAX, false, "a\uFFFD[31mb\uFFFD");
    expect_text("\xC2\x9B"
                "31m",
                SIZE_MAX, false, "\uFFFD31m");
    expect_text("\xFF\xC0\xAF\xED\xA0\x80\xE2\x82", SIZE_MAX, false,
                "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
    expect_text("\xF4\x90\x80\x80", SIZE_MAX, false, "\uFFFD\uFFFD\uFFFD\uFFFD");
}

static void xml_is_escaped_and_cut(void **state)
{
    (void)state;
    expect_xml("<a & \"b\">", 100, "&lt;a &amp; &quot;b&quot;&gt;");
    expect_xml("x\x01\uFFFEy", 100, "x\uFFFD\uFFFDy");
    expect_xml("a<b<c<d", 4, "a&lt;b\u2026");
    expect_xml("abcd", 4, "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_text_passes),
        cmocka_unit_test(ascii_is_ascii),
        cmocka_unit_test(control_characters_and_broken_bytes_are_replaced),
        cmocka_unit_test(xml_is_escaped_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
