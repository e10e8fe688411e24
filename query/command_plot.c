#include "plot_lines.h"
#include "sink.h"
#include "svg_plot.h"
#include "terminal_plot.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define LINES_DEFAULT   20
#define LINES_COMMON    24 /* more is seldom better to look at */
#define LINES_SPARED    2  /* for the prompts before and after */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length > end_length && strcasecmp(text + length - end_length, end) == 0;
}

static unsigned clamp(unsigned value, unsigned min, unsigned max)
{
    return value < min ? min : value > max ? max : value;
}

/* 0 stands for the default and is left as it is. */
static int check_size(const char *option, unsigned size, unsigned min, unsigned max,
                      const char *what)
{
    if (size == 0 || (size >= min && size <= max))
        return 0;
    return query_error(EX_USAGE, "--%s %u: not from %u to %u %s", option, size, min, max, what);
}

static unsigned environment_columns(void)
{
    const char *text = getenv("COLUMNS");
    char *end = NULL;
    unsigned long columns = text != NULL ? strtoul(text, &end, 10) : 0;
    bool good = end != NULL && *end == '\0' && columns > 0 && columns < 10000;
    return good ? (unsigned)columns : COLUMNS_DEFAULT;
}

/* The size of the terminal, unless the options say otherwise. What is written to a file or a pipe
 * is read by something else, which is taken to know UTF-8. */
static void choose_style(const struct query_options *options, struct terminal_plot_style *ret_style)
{
    struct winsize size = {0};
    bool terminal = isatty(STDOUT_FILENO) == 1;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){0};
    unsigned columns = size.ws_col > 0 ? size.ws_col : environment_columns();
    unsigned lines = size.ws_row > LINES_SPARED ? size.ws_row - LINES_SPARED : LINES_DEFAULT;
    lines = clamp(lines, TERMINAL_PLOT_HEIGHT_MIN, LINES_COMMON);
    setlocale(LC_CTYPE, "");
    *ret_style = (struct terminal_plot_style){
        .width = options->width > 0
                     ? options->width
                     : clamp(columns, TERMINAL_PLOT_WIDTH_MIN, TERMINAL_PLOT_WIDTH_MAX),
        .height = options->height > 0 ? options->height : lines,
        .ascii = options->ascii || (terminal && strcmp(nl_langinfo(CODESET), "UTF-8") != 0),
        .colour = query_may_colour(STDOUT_FILENO),
    };
}

/* The picture as bytes, which the caller frees. */
static int draw(const struct plot_figure *figure, const struct query_options *options,
                const struct terminal_plot_style *style, char **ret_bytes, size_t *ret_count)
{
    char *bytes = NULL;
    size_t count = 0;
    int error = 0;
    FILE *file = open_memstream(&bytes, &count);
    if (file == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    if (options->output_path == NULL)
        error = terminal_plot_write(figure, style, file);
    else
        svg_plot_write(figure, options->width > 0 ? options->width : SVG_PLOT_WIDTH_DEFAULT,
                       options->height > 0 ? options->height : SVG_PLOT_HEIGHT_DEFAULT, file);
    if (error == 0 && ferror(file))
        error = -ENOMEM;
    if (fclose(file) != 0 && error == 0)
        error = -ENOMEM;
    if (error < 0) {
        free(bytes);
        return query_error(QUERY_FAILED, "cannot draw: %s", strerror(-error));
    }
    *ret_bytes = bytes;
    *ret_count = count;
    return 0;
}

static int write_picture(const struct plot_lines *lines, const struct query_options *options,
                         const struct terminal_plot_style *style)
{
    char *bytes = NULL;
    size_t count = 0;
    struct sink *sink = NULL;
    int code = draw(plot_lines_figure(lines), options, style, &bytes, &count);
    if (code != 0)
        return code;
    code = sink_open(options->output_path, false, &sink);
    if (code == 0) {
        sink_write(sink, bytes, count);
        code = sink_close(sink, true);
    }
    free(bytes);
    return code;
}

static int check_options(const struct query_options *options)
{
    bool svg = options->output_path != NULL;
    if (svg && !ends_with(options->output_path, ".svg"))
        return query_error(
            EX_USAGE,
            "-o %s: plot writes SVG, to a file whose name ends with .svg; without -o it "
            "draws with characters",
            options->output_path);
    if (svg && options->ascii)
        return query_error(EX_USAGE, "--ascii does not go with -o");
    int code =
        svg ? check_size("width", options->width, SVG_PLOT_WIDTH_MIN, SVG_PLOT_WIDTH_MAX, "pixels")
            : check_size("width", options->width, TERMINAL_PLOT_WIDTH_MIN, TERMINAL_PLOT_WIDTH_MAX,
                         "characters");
    if (code == 0)
        code = svg ? check_size("height", options->height, SVG_PLOT_HEIGHT_MIN, SVG_PLOT_HEIGHT_MAX,
                                "pixels")
                   : check_size("height", options->height, TERMINAL_PLOT_HEIGHT_MIN,
                                TERMINAL_PLOT_HEIGHT_MAX, "lines");
    return code;
}

int command_plot(const struct query_options *options)
{
    struct plot_lines *lines = NULL;
    struct terminal_plot_style style = {0};
    int code = check_options(options);
    if (code != 0)
        return code;
    size_t columns;
    if (options->output_path != NULL) {
        columns = svg_plot_columns(options->width > 0 ? options->width : SVG_PLOT_WIDTH_DEFAULT);
    } else {
        choose_style(options, &style);
        columns = terminal_plot_columns(&style);
    }
    code = plot_lines_read(options, columns, &lines);
    if (code != 0)
        return code;
    double min;
    double max;
    if (plot_figure_range(plot_lines_figure(lines), &min, &max))
        code = write_picture(lines, options, &style);
    else if (plot_lines_rows(lines) > 0)
        query_error(0, "nothing to plot: %s",
                    options->window.given ? "no full window with a finite result in this range"
                                          : "no finite value in this range");
    code = code != 0 ? code : plot_lines_code(lines);
    plot_lines_free(lines);
    return code;
}
