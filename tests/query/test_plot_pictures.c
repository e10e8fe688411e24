/* Whole pictures, byte for byte, as they were looked at and found good (golden/). */
#include "cmocka_tests.h"

#include "svg_plot.h"
#include "terminal_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_NS INT64_C(60000000000)

/* A wave of straight lines, so that no mathematics library can change a bit; with a spike, a gap
 * and a hole. */
static double sample(int64_t i, int64_t rows, int64_t line)
{
    if (i == rows / 3 && line == 0)
        return 45;
    if (i > rows * 8 / 10 && i < rows * 85 / 100)
        return (double)NAN;
    int64_t period = rows / 3;
    int64_t phase = (i + line * period / 5) % period;
    int64_t height = phase < period / 2 ? phase : period - phase;
    int64_t noise = i * 7919 % 97;
    return 10 + 40.0 * (double)height / (double)period + (line == 0 ? (double)noise / 64 : 0);
}

static void fill(struct plot_figure *figure, int64_t rows, size_t columns)
{
    figure->low_ns = INT64_C(1714557607000000000); /* 2024-05-01 10:00:07 UTC */
    figure->high_ns = figure->low_ns + 1200 * MINUTE_NS;
    int64_t step_ns = (figure->high_ns - figure->low_ns) / (rows - 1);
    for (size_t line = 0; line < figure->lines_count; line++) {
        struct plot_envelope *envelope = NULL;
        assert_int_equal(plot_envelope_create(figure->low_ns, figure->high_ns, columns, &envelope),
                         0);
        for (int64_t i = 0; i < rows; i++) {
            int64_t time_ns = figure->low_ns + i * step_ns;
            double value = sample(i, rows, (int64_t)line);
            if (i <= rows * 60 / 100 || i >= rows * 66 / 100)
                plot_envelope_add(envelope, &time_ns, &value, 1, 1);
        }
        assert_int_equal(plot_envelope_finish(envelope), 0);
        figure->lines[line].envelope = envelope;
    }
}

static void empty(struct plot_figure *figure)
{
    for (size_t line = 0; line < figure->lines_count; line++) {
        union {
            const struct plot_envelope *constant;
            struct plot_envelope *own;
        } envelope = {.constant = figure->lines[line].envelope};
        plot_envelope_free(envelope.own);
    }
}

static void expect_golden(const char *name, const char *bytes, size_t count)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", GOLDEN_FOLDER, name);
    if (getenv("INGEST_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, count, file), count);
        assert_int_equal(fclose(file), 0);
        return;
    }
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("no golden file %s", path);
    char *golden = calloc(count + 2, 1);
    assert_non_null(golden);
    size_t length = fread(golden, 1, count + 1, file);
    fclose(file);
    if (length != count || memcmp(golden, bytes, count) != 0)
        fail_msg("the picture differs from %s:\n%s", path, count < 20000 ? bytes : "");
    free(golden);
}

static void draw_terminal(struct plot_figure *figure, const struct terminal_plot_style *style,
                          int64_t rows, const char *golden)
{
    char *bytes = NULL;
    size_t count = 0;
    fill(figure, rows, terminal_plot_columns(style));
    FILE *file = open_memstream(&bytes, &count);
    assert_non_null(file);
    assert_int_equal(terminal_plot_write(figure, style, file), 0);
    fclose(file);
    expect_golden(golden, bytes, count);
    free(bytes);
    empty(figure);
}

static void draw_svg(struct plot_figure *figure, unsigned width, unsigned height, int64_t rows,
                     const char *golden)
{
    char *bytes = NULL;
    size_t count = 0;
    fill(figure, rows, svg_plot_columns(width));
    FILE *file = open_memstream(&bytes, &count);
    assert_non_null(file);
    svg_plot_write(figure, width, height, file);
    fclose(file);
    expect_golden(golden, bytes, count);
    free(bytes);
    empty(figure);
}

static struct plot_figure one_line(void)
{
    return (struct plot_figure){
        .title = "plant1/boiler/temp",
        .subtitle = "",
        .unit = "°C",
        .zone = TIME_ZONE_UTC,
        .lines_count = 1,
        .lines = {{.name = ""}},
    };
}

static struct plot_figure three_lines(void)
{
    return (struct plot_figure){
        .title = "plant1/*/flow",
        .subtitle = "mean over 200 samples",
        .unit = "m³/h",
        .zone = TIME_ZONE_UTC,
        .lines_count = 3,
        .lines = {{.name = "plant1/intake/flow"},
                  {.name = "plant1/pump<&>/flow"},
                  {.name = "plant1/outlet/flow"}},
    };
}

static void terminal_pictures(void **state)
{
    (void)state;
    struct plot_figure one = one_line();
    struct plot_figure three = three_lines();
    draw_terminal(&one, &(struct terminal_plot_style){.width = 80, .height = 20}, 100000,
                  "one_dense.txt");
    draw_terminal(&one, &(struct terminal_plot_style){.width = 60, .height = 14}, 40,
                  "one_sparse.txt");
    draw_terminal(&three, &(struct terminal_plot_style){.width = 70, .height = 20, .colour = true},
                  5000, "three_colour.txt");
    draw_terminal(&three, &(struct terminal_plot_style){.width = 50, .height = 16, .ascii = true},
                  5000, "three_ascii.txt");
    draw_terminal(&one,
                  &(struct terminal_plot_style){.width = TERMINAL_PLOT_WIDTH_MIN,
                                                .height = TERMINAL_PLOT_HEIGHT_MIN},
                  5000, "one_smallest.txt");
}

static void svg_pictures(void **state)
{
    (void)state;
    struct plot_figure one = one_line();
    struct plot_figure three = three_lines();
    draw_svg(&one, SVG_PLOT_WIDTH_DEFAULT, SVG_PLOT_HEIGHT_DEFAULT, 100000, "one_dense.svg");
    draw_svg(&one, 600, 300, 40, "one_sparse.svg");
    draw_svg(&three, 480, 320, 5000, "three.svg");
    draw_svg(&three, SVG_PLOT_WIDTH_MIN, SVG_PLOT_HEIGHT_MIN, 500, "three_smallest.svg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminal_pictures),
        cmocka_unit_test(svg_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
