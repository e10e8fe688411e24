#include "terminal_plot.h"

#include "braille_canvas.h"
#include "plot_axis.h"
#include "plot_text.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUTTER_MIN 5 /* room for the zone's name */

/* Where everything stands, in characters. */
struct layout {
    const struct plot_figure *figure;
    const struct terminal_plot_style *style;
    FILE *file;
    double low; /* values of the lowest and the highest dot */
    double high;
    struct axis values;
    struct axis times;
    size_t gutter;  /* before the axis: the values' labels and a blank */
    size_t columns; /* of the canvas */
    size_t rows;
    size_t
        marks; /* columns right of the canvas where the lines' numbers stand; 0 for a single line */
};

size_t terminal_plot_columns(const struct terminal_plot_style *style)
{
    return 4 * (size_t)style->width * braille_dots_across(style->ascii);
}

/* Writes "1 name   2 name", as many a line as fit, or only counts the lines when `file` is NULL. */
static size_t legend_write(const struct layout *layout, FILE *file)
{
    const struct plot_figure *figure = layout->figure;
    const struct terminal_plot_style *style = layout->style;
    size_t lines = 0;
    size_t used = 0;
    for (size_t i = 0; i < figure->lines_count; i++) {
        size_t width = 2 + plot_text_width(figure->lines[i].name, style->ascii);
        bool wrap = i == 0 || used + 3 + width > style->width;
        lines += wrap;
        if (file != NULL) {
            if (i > 0)
                fputs(wrap ? "\n" : "   ", file);
            if (style->colour)
                fputs(braille_pen_colour((unsigned)i), file);
            fprintf(file, "%zu ", i + 1);
            plot_text_write(figure->lines[i].name, style->width - 2, style->ascii, file);
            if (style->colour)
                fputs(BRAILLE_COLOUR_END, file);
        }
        used = wrap ? width : used + 3 + width;
    }
    if (file != NULL)
        putc('\n', file);
    return lines;
}

static void title_write(const struct layout *layout)
{
    const struct plot_figure *figure = layout->figure;
    const struct terminal_plot_style *style = layout->style;
    const char *const parts[] = {
        figure->title,
        figure->unit[0] != '\0' ? " [" : "",
        figure->unit,
        figure->unit[0] != '\0' ? "]" : "",
        figure->subtitle[0] != '\0' ? ", " : "",
        figure->subtitle,
    };
    size_t left = style->width;
    if (style->colour)
        fputs("\033[1m", layout->file);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        left -= plot_text_write(parts[i], left, style->ascii, layout->file);
    if (style->colour)
        fputs(BRAILLE_COLOUR_END, layout->file);
    putc('\n', layout->file);
}

static void layout_make(struct layout *layout)
{
    const struct terminal_plot_style *style = layout->style;
    size_t legend = 0;
    if (layout->figure->lines_count > 1) {
        legend = legend_write(layout, NULL);
        layout->marks = 2;
    }
    /* The title above; the axis, its labels and their dates below. */
    size_t around = 4 + legend;
    layout->rows = style->height > around + 2 ? style->height - around : 2;

    plot_figure_range(layout->figure, &layout->low, &layout->high);
    axis_pad_range(&layout->low, &layout->high);
    axis_values(layout->low, layout->high, (unsigned)(layout->rows / 3 + 1), &layout->values);
    layout->gutter = GUTTER_MIN;
    for (size_t i = 0; i < layout->values.count; i++) {
        size_t width = strlen(layout->values.ticks[i].label);
        layout->gutter = width > layout->gutter ? width : layout->gutter;
    }
    layout->gutter++;
    size_t taken = layout->gutter + 1 + layout->marks;
    layout->columns = style->width > taken + 4 ? style->width - taken : 4;
    plot_figure_times(layout->figure, (unsigned)layout->columns, &layout->times);
}

/* The row of dots of a value. */
static long dot_row(const struct layout *layout, double value)
{
    double height = (double)(layout->rows * braille_dots_down(layout->style->ascii) - 1);
    double share = (layout->high / 2 - value / 2) / (layout->high / 2 - layout->low / 2);
    return lround(fmin(fmax(share, 0), 1) * height);
}

static void line_draw(const struct layout *layout, const struct plot_envelope *envelope,
                      unsigned pen, struct braille_canvas *canvas)
{
    long before = -1;
    for (size_t i = 0; i < envelope->columns_count; i++) {
        const struct envelope_column *column = &envelope->columns[i];
        if (column->count == 0)
            continue;
        long x = (long)i;
        if (column->joined)
            braille_canvas_line(canvas, before, dot_row(layout, envelope->columns[before].last), x,
                                dot_row(layout, column->first), pen);
        braille_canvas_line(canvas, x, dot_row(layout, column->min), x,
                            dot_row(layout, column->max), pen);
        before = x;
    }
}

/* Puts the line's number beside the row where it ends, or the nearest row that is free. */
static void mark_place(const struct layout *layout, const struct plot_envelope *envelope,
                       unsigned char number, unsigned char *marks)
{
    size_t last = envelope->columns_count;
    while (last > 0 && envelope->columns[last - 1].count == 0)
        last--;
    if (last == 0)
        return;
    long down = (long)braille_dots_down(layout->style->ascii);
    long row = dot_row(layout, envelope->columns[last - 1].last) / down;
    for (long distance = 0; distance < (long)layout->rows; distance++) {
        for (long side = -1; side <= 1; side += 2) {
            long place = row + side * distance;
            if (place >= 0 && place < (long)layout->rows && marks[place] == 0) {
                marks[place] = number;
                return;
            }
        }
    }
}

static int canvas_fill(const struct layout *layout, struct braille_canvas *canvas,
                       unsigned char *marks)
{
    size_t dots = layout->columns * braille_dots_across(layout->style->ascii);
    for (size_t i = 0; i < layout->figure->lines_count; i++) {
        struct plot_envelope *envelope;
        int error = plot_envelope_narrow(layout->figure->lines[i].envelope, dots, &envelope);
        if (error < 0)
            return error;
        line_draw(layout, envelope, (unsigned)i, canvas);
        if (layout->marks > 0)
            mark_place(layout, envelope, (unsigned char)(i + 1), marks);
        plot_envelope_free(envelope);
    }
    return 0;
}

static void blanks_write(size_t count, FILE *file)
{
    for (; count > 0; count--)
        putc(' ', file);
}

static void rows_write(const struct layout *layout, const struct braille_canvas *canvas,
                       const unsigned char *marks)
{
    const struct terminal_plot_style *style = layout->style;
    long down = (long)braille_dots_down(style->ascii);
    for (size_t row = 0; row < layout->rows; row++) {
        const char *label = NULL;
        for (size_t i = 0; i < layout->values.count && label == NULL; i++) {
            double value = layout->values.ticks[i].position;
            long dots = (long)layout->rows * down - 1;
            if (lround((1 - value) * (double)dots) / down == (long)row)
                label = layout->values.ticks[i].label;
        }
        size_t width = label != NULL ? strlen(label) : 0;
        blanks_write(layout->gutter - 1 - width, layout->file);
        if (label != NULL)
            fprintf(layout->file, "%s %s", label, style->ascii ? "+" : "┤");
        else
            fputs(style->ascii ? " |" : " │", layout->file);
        size_t written =
            braille_canvas_write_row(canvas, row, style->colour, marks[row] == 0, layout->file);
        if (marks[row] > 0) {
            blanks_write(layout->columns - written + 1, layout->file);
            if (style->colour)
                fputs(braille_pen_colour(marks[row] - 1U), layout->file);
            fprintf(layout->file, "%d", marks[row]);
            if (style->colour)
                fputs(BRAILLE_COLOUR_END, layout->file);
        }
        putc('\n', layout->file);
    }
}

static size_t tick_column(const struct layout *layout, const struct axis_tick *tick)
{
    size_t column = (size_t)(tick->position * (double)layout->columns);
    return column < layout->columns ? column : layout->columns - 1;
}

static void axis_line_write(const struct layout *layout)
{
    bool ascii = layout->style->ascii;
    blanks_write(layout->gutter, layout->file);
    fputs(ascii ? "+" : "└", layout->file);
    size_t tick = 0;
    for (size_t column = 0; column < layout->columns; column++) {
        bool here = false;
        for (; tick < layout->times.count &&
               tick_column(layout, &layout->times.ticks[tick]) <= column;
             tick++)
            here = true;
        fputs(here ? (ascii ? "+" : "┬") : (ascii ? "-" : "─"), layout->file);
    }
    putc('\n', layout->file);
}

/* Where a tick's label begins, so that its middle stands under the tick and it stays within the
 * picture. */
static size_t label_begin(const struct layout *layout, const struct axis_tick *tick)
{
    size_t width = plot_text_width(tick->label, layout->style->ascii);
    size_t middle = layout->gutter + 1 + tick_column(layout, tick);
    size_t begin = middle > width / 2 ? middle - width / 2 : 0;
    size_t end = layout->gutter + 1 + layout->columns + layout->marks;
    return begin + width > end && end > width ? end - width : begin;
}

/* Writes the labels, or the dates below them; one that would touch its neighbour is left out. */
static void axis_labels_write(const struct layout *layout, bool contexts)
{
    bool ascii = layout->style->ascii;
    size_t end = layout->gutter + 1 + layout->columns + layout->marks;
    size_t used = 0;
    if (!contexts) {
        char zone[16];
        plot_figure_zone(layout->figure, zone, sizeof zone);
        used = plot_text_write(zone, GUTTER_MIN, ascii, layout->file);
    }
    for (size_t i = 0; i < layout->times.count; i++) {
        const struct axis_tick *tick = &layout->times.ticks[i];
        const char *text = contexts ? tick->context : tick->label;
        size_t begin = label_begin(layout, tick);
        size_t width = plot_text_width(text, ascii);
        if (width == 0)
            continue;
        if (contexts && begin + width > end)
            begin = end > width ? end - width : 0;
        if (used > 0 && begin < used + 1)
            continue;
        blanks_write(begin - used, layout->file);
        used = begin + plot_text_write(text, SIZE_MAX, ascii, layout->file);
    }
    putc('\n', layout->file);
}

int terminal_plot_write(const struct plot_figure *figure, const struct terminal_plot_style *style,
                        FILE *file)
{
    assert(figure->lines_count >= 1 && figure->lines_count <= PLOT_LINES_MAX);
    struct layout layout = {.figure = figure, .style = style, .file = file};
    layout_make(&layout);

    struct braille_canvas *canvas = NULL;
    int error = -ENOMEM;
    unsigned char *marks = calloc(layout.rows, 1);
    if (marks == NULL)
        goto out;
    error = braille_canvas_create(layout.columns, layout.rows, style->ascii, &canvas);
    if (error < 0)
        goto out;
    error = canvas_fill(&layout, canvas, marks);
    if (error < 0)
        goto out;

    title_write(&layout);
    if (figure->lines_count > 1)
        legend_write(&layout, file);
    rows_write(&layout, canvas, marks);
    axis_line_write(&layout);
    axis_labels_write(&layout, false);
    axis_labels_write(&layout, true);
out:
    braille_canvas_free(canvas);
    free(marks);
    return error;
}
