#include "svg_plot.h"

#include "plot_axis.h"
#include "plot_text.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pixels. A character's width is a guess on the wide side: the viewer picks the font. */
#define MARGIN            16.0
#define MARGIN_RIGHT      24.0
#define LABELS_WIDTH_MIN  44.0
#define CHARACTER_WIDTH   7.0
#define TITLE_CHARACTER   8.6
#define LINE_HEIGHT       18.0
#define TITLE_HEIGHT      36.0
#define SWATCH_WIDTH      24.0
#define LEGEND_GAP        20.0
#define UNIT_HEIGHT       26.0
#define TIMES_HEIGHT      50.0
#define TICK_EVERY_HEIGHT 44.0
#define FIELD_HEIGHT_MIN  60.0

static const char *const line_colours[PLOT_LINES_MAX] = {
    "#2f7de1", "#e5730b", "#1a9c5b", "#d6406f", "#8a5cd8", "#0f98a9", "#a58a00", "#7a8794",
};

struct picture {
    const struct plot_figure *figure;
    FILE *file;
    unsigned width;
    unsigned height;
    double left; /* of the field where the lines are */
    double right;
    double top;
    double bottom;
    double low; /* values at bottom and top */
    double high;
    struct axis values;
    struct axis times;
    bool bands; /* some column holds more than one value */
};

size_t svg_plot_columns(unsigned width)
{
    double field = width - MARGIN - LABELS_WIDTH_MIN - MARGIN_RIGHT;
    return field < 3 ? 2 : (size_t)(field * 2 / 3);
}

/* Tenths of a pixel, written without printf so that no locale and no rounding mode can change a
 * byte. */
static void number_write(double value, FILE *file)
{
    long tenths = lround(value * 10);
    if (tenths < 0)
        putc('-', file);
    tenths = labs(tenths);
    fprintf(file, "%ld", tenths / 10);
    if (tenths % 10 != 0)
        fprintf(file, ".%ld", tenths % 10);
}

static void point_write(char command, double x, double y, FILE *file)
{
    putc(command, file);
    number_write(x, file);
    putc(' ', file);
    number_write(y, file);
}

/* Opens a <text> at a place; `attributes` begins with a blank or is empty. */
static void text_open(const struct picture *picture, double x, double y, const char *attributes)
{
    fputs("<text x=\"", picture->file);
    number_write(x, picture->file);
    fputs("\" y=\"", picture->file);
    number_write(y, picture->file);
    fprintf(picture->file, "\"%s>", attributes);
}

static void text_write(const struct picture *picture, double x, double y, const char *attributes,
                       const char *text, double room)
{
    text_open(picture, x, y, attributes);
    plot_text_write_xml(text, (size_t)(room / CHARACTER_WIDTH), picture->file);
    fputs("</text>\n", picture->file);
}

/* ---- legend ---- */

/* Writes the legend, or only measures it when `write` is false. Returns its lines. */
static unsigned legend_write(const struct picture *picture, bool write)
{
    const struct plot_figure *figure = picture->figure;
    if (figure->lines_count < 2)
        return 0;
    double x = MARGIN;
    unsigned lines = 1;
    double room = picture->width - MARGIN - MARGIN_RIGHT - SWATCH_WIDTH;
    for (size_t i = 0; i < figure->lines_count; i++) {
        double text_width = (double)plot_text_width(figure->lines[i].name, false) * CHARACTER_WIDTH;
        text_width = fmin(text_width, room);
        if (x > MARGIN && x + SWATCH_WIDTH + text_width > picture->width - MARGIN_RIGHT) {
            x = MARGIN;
            lines++;
        }
        if (write) {
            double y = TITLE_HEIGHT + lines * LINE_HEIGHT - 4;
            fputs("<path class=\"swatch\" d=\"", picture->file);
            point_write('M', x, y - 4, picture->file);
            fprintf(picture->file, "h16\" stroke=\"%s\"/>\n", line_colours[i]);
            text_write(picture, x + SWATCH_WIDTH, y, "", figure->lines[i].name, room);
        }
        x += SWATCH_WIDTH + text_width + LEGEND_GAP;
    }
    return lines;
}

/* ---- places ---- */

static double place_y(const struct picture *picture, double value)
{
    double share = (value / 2 - picture->low / 2) / (picture->high / 2 - picture->low / 2);
    return picture->bottom - fmin(fmax(share, 0), 1) * (picture->bottom - picture->top);
}

static double place_x(const struct picture *picture, const struct envelope_column *column)
{
    const struct plot_figure *figure = picture->figure;
    uint64_t half_ns = ((uint64_t)column->last_ns - (uint64_t)column->first_ns) / 2;
    uint64_t distance_ns = (uint64_t)column->first_ns - (uint64_t)figure->low_ns + half_ns;
    uint64_t span_ns = (uint64_t)figure->high_ns - (uint64_t)figure->low_ns;
    double share = span_ns == 0 ? 0.5 : (double)distance_ns / (double)span_ns;
    return picture->left + share * (picture->right - picture->left);
}

static void picture_lay_out(struct picture *picture)
{
    const struct plot_figure *figure = picture->figure;
    picture->top = TITLE_HEIGHT + legend_write(picture, false) * LINE_HEIGHT + UNIT_HEIGHT;
    picture->bottom = picture->height - TIMES_HEIGHT;
    if (picture->bottom < picture->top + FIELD_HEIGHT_MIN) {
        picture->bottom = picture->top + FIELD_HEIGHT_MIN;
        picture->height = (unsigned)(picture->bottom + TIMES_HEIGHT);
    }

    plot_figure_range(figure, &picture->low, &picture->high);
    axis_pad_range(&picture->low, &picture->high);
    double wanted = (picture->bottom - picture->top) / TICK_EVERY_HEIGHT;
    axis_values(picture->low, picture->high, wanted < 2 ? 2 : (unsigned)wanted, &picture->values);
    double labels_width = LABELS_WIDTH_MIN;
    for (size_t i = 0; i < picture->values.count; i++)
        labels_width = fmax(labels_width,
                            (double)strlen(picture->values.ticks[i].label) * CHARACTER_WIDTH + 8);
    picture->left = MARGIN + labels_width;
    picture->right = picture->width - MARGIN_RIGHT;
    plot_figure_times(figure, (unsigned)((picture->right - picture->left) / CHARACTER_WIDTH),
                      &picture->times);
    for (size_t i = 0; i < figure->lines_count; i++) {
        const struct plot_envelope *envelope = figure->lines[i].envelope;
        for (size_t k = 0; k < envelope->columns_count; k++)
            if (envelope->columns[k].count > 1)
                picture->bands = true;
    }
}

/* ---- frame ---- */

static void head_write(const struct picture *picture)
{
    const struct plot_figure *figure = picture->figure;
    FILE *file = picture->file;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" "
            "height=\"%u\" role=\"img\">\n<title>",
            picture->width, picture->height, picture->width, picture->height);
    plot_text_write_xml(figure->title, SIZE_MAX, file);
    fputs("</title>\n<style>\n"
          "text{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif;"
          "fill:#3d444d;font-variant-numeric:tabular-nums}\n"
          ".title{font-size:15px;font-weight:600;fill:#1f2328}\n"
          ".quiet{fill:#6a737d}\n"
          ".ground{fill:#ffffff}\n"
          ".grid{stroke:#e4e8ec;fill:none}\n"
          ".axis{stroke:#9aa4ae;fill:none}\n"
          ".band{fill-opacity:.22;stroke-opacity:.7;stroke-width:1;stroke-linejoin:round}\n"
          ".line{fill:none;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}\n"
          ".dots{fill:none;stroke-width:5;stroke-linecap:round}\n"
          ".swatch{fill:none;stroke-width:3;stroke-linecap:round}\n"
          "@media (prefers-color-scheme:dark){\n"
          "text{fill:#c4ccd4}\n.title{fill:#f0f3f6}\n.quiet{fill:#939ca6}\n"
          ".ground{fill:#14181d}\n.grid{stroke:#282e35}\n.axis{stroke:#5d6873}\n}\n"
          "</style>\n",
          file);
    fprintf(file, "<rect class=\"ground\" width=\"%u\" height=\"%u\"/>\n", picture->width,
            picture->height);
}

static void titles_write(const struct picture *picture)
{
    const struct plot_figure *figure = picture->figure;
    double room = picture->width - MARGIN - MARGIN_RIGHT;
    size_t title_room = (size_t)(room / TITLE_CHARACTER);
    size_t title_width = plot_text_width(figure->title, false);
    text_open(picture, MARGIN, 27, " class=\"title\"");
    plot_text_write_xml(figure->title, title_room, picture->file);
    fputs("</text>\n", picture->file);
    double left = room - (double)title_width * TITLE_CHARACTER - 12;
    if (figure->subtitle[0] != '\0' && left > 12 * CHARACTER_WIDTH)
        text_write(picture, picture->width - MARGIN_RIGHT, 27,
                   " class=\"quiet\" text-anchor=\"end\"", figure->subtitle, left);

    double y = picture->top - 11;
    static const char note[] = "band: minimum to maximum, line: mean";
    double note_width = picture->bands ? sizeof note * CHARACTER_WIDTH : 0;
    if (figure->unit[0] != '\0')
        text_write(picture, MARGIN, y, "", figure->unit, fmax(room - note_width, 80));
    if (picture->bands && note_width + 80 < room)
        text_write(picture, picture->right, y, " class=\"quiet\" text-anchor=\"end\"", note, room);
}

static void values_axis_write(const struct picture *picture)
{
    fputs("<path class=\"grid\" d=\"", picture->file);
    for (size_t i = 0; i < picture->values.count; i++) {
        double y =
            picture->bottom - picture->values.ticks[i].position * (picture->bottom - picture->top);
        /* In the middle of a pixel, so that a line is one pixel wide and not two half ones. */
        point_write('M', picture->left, floor(y) + 0.5, picture->file);
        putc('H', picture->file);
        number_write(picture->right, picture->file);
    }
    fputs("\"/>\n", picture->file);
    for (size_t i = 0; i < picture->values.count; i++) {
        double y =
            picture->bottom - picture->values.ticks[i].position * (picture->bottom - picture->top);
        text_write(picture, picture->left - 8, floor(y) + 4.5, " text-anchor=\"end\"",
                   picture->values.ticks[i].label, picture->width);
    }
}

static double tick_x(const struct picture *picture, const struct axis_tick *tick)
{
    return picture->left + tick->position * (picture->right - picture->left);
}

/* Writes the labels of one of the two lines below the axis; one that would touch its neighbour is
 * left out. */
static void times_line_write(const struct picture *picture, bool contexts, double y, double used)
{
    for (size_t i = 0; i < picture->times.count; i++) {
        const struct axis_tick *tick = &picture->times.ticks[i];
        const char *text = contexts ? tick->context : tick->label;
        double width = (double)plot_text_width(text, false) * CHARACTER_WIDTH;
        double middle = fmin(tick_x(picture, tick), picture->width - 4 - width / 2);
        /* A date may move to the right of its tick, up to where it begins there. */
        if (contexts && middle - width / 2 < used)
            middle = fmin(used + width / 2, middle + width / 2);
        if (width <= 0 || middle - width / 2 < used)
            continue;
        text_write(picture, middle, y,
                   contexts ? " class=\"quiet\" text-anchor=\"middle\"" : " text-anchor=\"middle\"",
                   text, picture->width);
        used = middle + width / 2 + CHARACTER_WIDTH;
    }
}

static void times_axis_write(const struct picture *picture)
{
    double base = floor(picture->bottom) + 0.5;
    fputs("<path class=\"grid\" d=\"", picture->file);
    for (size_t i = 0; i < picture->times.count; i++) {
        point_write('M', floor(tick_x(picture, &picture->times.ticks[i])) + 0.5, picture->top,
                    picture->file);
        putc('V', picture->file);
        number_write(base, picture->file);
    }
    fputs("\"/>\n<path class=\"axis\" d=\"", picture->file);
    point_write('M', picture->left, base, picture->file);
    putc('H', picture->file);
    number_write(picture->right, picture->file);
    for (size_t i = 0; i < picture->times.count; i++) {
        point_write('M', floor(tick_x(picture, &picture->times.ticks[i])) + 0.5, base,
                    picture->file);
        fputs("v4", picture->file);
    }
    fputs("\"/>\n", picture->file);

    char zone[16];
    plot_figure_zone(picture->figure, zone, sizeof zone);
    text_write(picture, MARGIN, base + 36, " class=\"quiet\"", zone, picture->width);
    times_line_write(picture, false, base + 19, 0);
    double zone_end = MARGIN + (double)(strlen(zone) + 1) * CHARACTER_WIDTH;
    times_line_write(picture, true, base + 36, zone_end);
}

/* ---- lines ---- */

/* The column with values after column i, or the number of columns. */
static size_t column_next(const struct plot_envelope *envelope, size_t i)
{
    for (i++; i < envelope->columns_count && envelope->columns[i].count == 0; i++)
        ;
    return i;
}

static size_t column_first(const struct plot_envelope *envelope)
{
    return envelope->columns_count > 0 && envelope->columns[0].count > 0 ? 0
                                                                         : column_next(envelope, 0);
}

/* The filled shapes between the smallest and the largest values: there along the maxima and back
 * along the minima, one shape for each stretch of joined columns that has a column with two
 * different values. */
static void bands_write(const struct picture *picture, const struct plot_envelope *envelope)
{
    size_t count = envelope->columns_count;
    size_t begin = column_first(envelope);
    while (begin < count) {
        bool wide = false;
        size_t last = begin;
        for (size_t i = begin; i < count && (i == begin || envelope->columns[i].joined);
             i = column_next(envelope, i)) {
            const struct envelope_column *column = &envelope->columns[i];
            wide = wide || column->min < column->max;
            last = i;
        }
        for (size_t i = begin; wide && i <= last; i = column_next(envelope, i))
            point_write(i == begin ? 'M' : 'L', place_x(picture, &envelope->columns[i]),
                        place_y(picture, envelope->columns[i].max), picture->file);
        for (size_t i = last + 1; wide && i > begin; i--)
            if (envelope->columns[i - 1].count > 0)
                point_write('L', place_x(picture, &envelope->columns[i - 1]),
                            place_y(picture, envelope->columns[i - 1].min), picture->file);
        if (wide)
            putc('Z', picture->file);
        begin = column_next(envelope, last);
    }
}

/* The line through the means; a column that is joined to no other is a dot. */
static void means_write(const struct picture *picture, const struct plot_envelope *envelope,
                        bool dots)
{
    for (size_t i = column_first(envelope); i < envelope->columns_count;
         i = column_next(envelope, i)) {
        const struct envelope_column *column = &envelope->columns[i];
        size_t next = column_next(envelope, i);
        bool joins = next < envelope->columns_count && envelope->columns[next].joined;
        point_write(column->joined && !dots ? 'L' : 'M', place_x(picture, column),
                    place_y(picture, envelope_column_mean(column)), picture->file);
        /* A round cap makes a dot of a line without length. */
        if (dots || (!column->joined && !joins))
            fputs("h0", picture->file);
    }
}

static void line_write(const struct picture *picture, size_t number)
{
    const struct plot_envelope *envelope = picture->figure->lines[number].envelope;
    const char *colour = line_colours[number];
    if (picture->bands) {
        fputs("<path class=\"band\" d=\"", picture->file);
        bands_write(picture, envelope);
        fprintf(picture->file, "\" fill=\"%s\" stroke=\"%s\"/>\n", colour, colour);
    }
    fputs("<path class=\"line\" d=\"", picture->file);
    means_write(picture, envelope, false);
    fprintf(picture->file, "\" stroke=\"%s\"/>\n", colour);
    /* Few samples: show where they are. */
    if (envelope->finite <= envelope->columns_count / 8) {
        fputs("<path class=\"dots\" d=\"", picture->file);
        means_write(picture, envelope, true);
        fprintf(picture->file, "\" stroke=\"%s\"/>\n", colour);
    }
}

void svg_plot_write(const struct plot_figure *figure, unsigned width, unsigned height, FILE *file)
{
    assert(figure->lines_count >= 1 && figure->lines_count <= PLOT_LINES_MAX);
    struct picture picture = {.figure = figure, .file = file, .width = width, .height = height};
    picture_lay_out(&picture);
    head_write(&picture);
    titles_write(&picture);
    legend_write(&picture, true);
    values_axis_write(&picture);
    times_axis_write(&picture);
    for (size_t i = 0; i < figure->lines_count; i++)
        line_write(&picture, i);
    fputs("</svg>\n", file);
}
