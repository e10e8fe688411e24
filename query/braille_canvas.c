#include "braille_canvas.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct cell {
    uint8_t dots; /* a bit each */
    uint8_t pen;
};

struct braille_canvas {
    size_t columns;
    size_t rows;
    bool ascii;
    struct cell cells[];
};

size_t braille_dots_across(bool ascii)
{
    return ascii ? 1 : 2;
}

size_t braille_dots_down(bool ascii)
{
    return ascii ? 2 : 4;
}

int braille_canvas_create(size_t columns, size_t rows, bool ascii,
                          struct braille_canvas **ret_canvas)
{
    if (columns == 0 || rows == 0 || columns > 100000 || rows > 100000)
        return -EINVAL;
    struct braille_canvas *canvas =
        calloc(1, sizeof *canvas + columns * rows * sizeof canvas->cells[0]);
    if (canvas == NULL)
        return -ENOMEM;
    canvas->columns = columns;
    canvas->rows = rows;
    canvas->ascii = ascii;
    *ret_canvas = canvas;
    return 0;
}

void braille_canvas_free(struct braille_canvas *canvas)
{
    free(canvas);
}

void braille_canvas_dot(struct braille_canvas *canvas, long x, long y, unsigned pen)
{
    /* Unicode numbers the dots by column, but for the bottom row, which was added later. */
    static const uint8_t braille_bits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

    long across = (long)braille_dots_across(canvas->ascii);
    long down = (long)braille_dots_down(canvas->ascii);
    if (x < 0 || y < 0 || x >= (long)canvas->columns * across || y >= (long)canvas->rows * down)
        return;
    struct cell *cell = &canvas->cells[(size_t)(y / down) * canvas->columns + (size_t)(x / across)];
    static const uint8_t ascii_bits[2] = {1, 2};
    uint8_t bit = canvas->ascii ? ascii_bits[y % down] : braille_bits[y % down][x % across];
    cell->dots = cell->dots | bit;
    cell->pen = (uint8_t)pen;
}

void braille_canvas_line(struct braille_canvas *canvas, long x0, long y0, long x1, long y1,
                         unsigned pen)
{
    /* Bresenham: whole numbers only, so that the picture is the same everywhere. */
    long dx = labs(x1 - x0);
    long dy = -labs(y1 - y0);
    long step_x = x0 < x1 ? 1 : -1;
    long step_y = y0 < y1 ? 1 : -1;
    long error = dx + dy;
    for (;;) {
        braille_canvas_dot(canvas, x0, y0, pen);
        if (x0 == x1 && y0 == y1)
            return;
        long twice = 2 * error;
        if (twice >= dy) {
            error += dy;
            x0 += step_x;
        }
        if (twice <= dx) {
            error += dx;
            y0 += step_y;
        }
    }
}

const char *braille_pen_colour(unsigned pen)
{
    /* Of the 256-colour palette: told apart on dark and on light grounds. */
    static const char *const colours[CANVAS_PENS] = {
        "\033[38;5;33m",  "\033[38;5;208m", "\033[38;5;35m",  "\033[38;5;161m",
        "\033[38;5;134m", "\033[38;5;37m",  "\033[38;5;142m", "\033[38;5;244m",
    };
    return colours[pen % CANVAS_PENS];
}

static void cell_write(uint8_t dots, bool ascii, FILE *file)
{
    if (dots == 0)
        putc(' ', file);
    else if (ascii)
        putc(" '.:"[dots & 3], file);
    else
        fprintf(file, "\xE2%c%c", (char)(0xA0 | dots >> 6), (char)(0x80 | (dots & 0x3F)));
}

size_t braille_canvas_write_row(const struct braille_canvas *canvas, size_t row, bool colour,
                                bool trim, FILE *file)
{
    const struct cell *cells = &canvas->cells[row * canvas->columns];
    size_t length = canvas->columns;
    while (trim && length > 0 && cells[length - 1].dots == 0)
        length--;
    int pen_now = -1;
    for (size_t i = 0; i < length; i++) {
        if (colour && cells[i].dots != 0 && cells[i].pen != pen_now) {
            pen_now = cells[i].pen;
            fputs(braille_pen_colour(cells[i].pen), file);
        }
        cell_write(cells[i].dots, canvas->ascii, file);
    }
    if (pen_now >= 0)
        fputs(BRAILLE_COLOUR_END, file);
    return length;
}
