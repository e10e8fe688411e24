/* braille_canvas.h - a picture of dots made of text: each braille character is a cell of 2 x 4
 * dots, each ASCII character one of 1 x 2. Dot (0, 0) is at the top left. */
#ifndef INGEST_BRAILLE_CANVAS_H
#define INGEST_BRAILLE_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Pens have colours 0 to 7 on a terminal. */
#define CANVAS_PENS 8

struct braille_canvas;

/* -EINVAL for no cells, -ENOMEM. */
int braille_canvas_create(size_t columns, size_t rows, bool ascii,
                          struct braille_canvas **ret_canvas);
void braille_canvas_free(struct braille_canvas *canvas); /* NULL is allowed */

/* Dots a cell has in each direction; also of use before there is a canvas. */
size_t braille_dots_across(bool ascii);
size_t braille_dots_down(bool ascii);

/* Sets one dot; outside the canvas nothing happens. A cell shows the colour of the pen that touched
 * it last. */
void braille_canvas_dot(struct braille_canvas *canvas, long x, long y, unsigned pen);

/* Every dot from (x0, y0) to (x1, y1), both included. */
void braille_canvas_line(struct braille_canvas *canvas, long x0, long y0, long x1, long y1,
                         unsigned pen);

/* Writes one row of cells, without blanks at its end when `trim` is set. Returns how many cells
 * were written. */
size_t braille_canvas_write_row(const struct braille_canvas *canvas, size_t row, bool colour,
                                bool trim, FILE *file);

/* The escape sequence that begins a pen's colour, and the one that ends every colour. */
const char *braille_pen_colour(unsigned pen);
#define BRAILLE_COLOUR_END "\033[0m"

#endif
