/* Dots come out as the characters that Unicode numbers for them. */
#include "cmocka_tests.h"

#include "braille_canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct braille_canvas *make(size_t columns, size_t rows, bool ascii)
{
    struct braille_canvas *canvas = NULL;
    assert_int_equal(braille_canvas_create(columns, rows, ascii, &canvas), 0);
    return canvas;
}

static void expect_row(const struct braille_canvas *canvas, size_t row, bool colour, bool trim,
                       const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    braille_canvas_write_row(canvas, row, colour, trim, file);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void each_dot_has_its_bit(void **state)
{
    (void)state;
    static const char *const cells[4][2] = {{"⠁", "⠈"}, {"⠂", "⠐"}, {"⠄", "⠠"}, {"⡀", "⢀"}};
    for (long y = 0; y < 4; y++) {
        for (long x = 0; x < 2; x++) {
            struct braille_canvas *canvas = make(1, 1, false);
            braille_canvas_dot(canvas, x, y, 0);
            expect_row(canvas, 0, false, true, cells[y][x]);
            braille_canvas_free(canvas);
        }
    }
}

static void lines_reach_both_ends(void **state)
{
    (void)state;
    struct braille_canvas *canvas = make(4, 2, false);
    braille_canvas_line(canvas, 0, 7, 7, 0, 0);
    expect_row(canvas, 0, false, true, "  ⡠⠊");
    expect_row(canvas, 1, false, false, "⡠⠊  ");
    braille_canvas_free(canvas);
}

static void a_span_has_no_holes(void **state)
{
    (void)state;
    struct braille_canvas *canvas = make(1, 2, false);
    braille_canvas_line(canvas, 0, 7, 0, 0, 0);
    expect_row(canvas, 0, false, true, "⡇");
    expect_row(canvas, 1, false, true, "⡇");
    braille_canvas_free(canvas);
}

static void what_lies_outside_is_left_out(void **state)
{
    (void)state;
    struct braille_canvas *canvas = make(2, 1, false);
    braille_canvas_line(canvas, -5, 1, 20, 1, 0);
    braille_canvas_dot(canvas, 0, -1, 0);
    braille_canvas_dot(canvas, 0, 4, 0);
    expect_row(canvas, 0, false, true, "⠒⠒");
    braille_canvas_free(canvas);
    assert_int_equal(braille_canvas_create(0, 1, false, &canvas), -EINVAL);
    braille_canvas_free(NULL);
}

static void ascii_has_two_dots_a_cell(void **state)
{
    (void)state;
    struct braille_canvas *canvas = make(4, 1, true);
    braille_canvas_dot(canvas, 0, 0, 0);
    braille_canvas_dot(canvas, 1, 1, 0);
    braille_canvas_line(canvas, 2, 0, 2, 1, 0);
    expect_row(canvas, 0, false, true, "'.:");
    expect_row(canvas, 0, false, false, "'.: ");
    braille_canvas_free(canvas);
}

static void colours_change_only_where_pens_do(void **state)
{
    (void)state;
    struct braille_canvas *canvas = make(4, 1, true);
    braille_canvas_line(canvas, 0, 0, 1, 0, 0);
    braille_canvas_dot(canvas, 3, 0, 1);
    expect_row(canvas, 0, true, true, "\033[38;5;33m'' \033[38;5;208m'\033[0m");
    braille_canvas_free(canvas);
    canvas = make(4, 1, true);
    expect_row(canvas, 0, true, true, "");
    braille_canvas_free(canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_dot_has_its_bit),
        cmocka_unit_test(lines_reach_both_ends),
        cmocka_unit_test(a_span_has_no_holes),
        cmocka_unit_test(what_lies_outside_is_left_out),
        cmocka_unit_test(ascii_has_two_dots_a_cell),
        cmocka_unit_test(colours_change_only_where_pens_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
