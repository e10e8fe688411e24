#include "plot_names.h"

#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool plot_has_statistics(const struct query_options *options)
{
    return options->window.given || options->over != OVER_TIME;
}

size_t plot_elements(const struct query_options *options, const struct series_rows *rows)
{
    return options->over != OVER_TIME ? 1 : series_rows_elements(rows);
}

void plot_names_free(struct plot_names *names)
{
    free(names->title);
    free(names->subtitle);
    free(names->unit);
    for (size_t i = 0; i < PLOT_LINES_MAX; i++)
        free(names->lines[i]);
}

bool plot_word(const char *text, size_t number, char *buffer, size_t buffer_bytes)
{
    static const char blanks[] = " \t";
    for (;; number--) {
        text += strspn(text, blanks);
        size_t bytes = strcspn(text, blanks);
        if (bytes == 0)
            return false;
        if (number == 0) {
            snprintf(buffer, buffer_bytes, "%.*s", (int)bytes, text);
            return true;
        }
        text += bytes;
    }
}

const char *plot_unit_text(enum stats_name name, const char *unit, char buffer[PLOT_UNIT_BYTES])
{
    bool counts = name == STATS_COUNT || name == STATS_MISSING;
    if (counts || unit[0] == '\0')
        buffer[0] = '\0';
    else if (name != STATS_VAR)
        snprintf(buffer, PLOT_UNIT_BYTES, "%s", unit);
    else
        snprintf(buffer, PLOT_UNIT_BYTES, strpbrk(unit, " /*^.-") != NULL ? "(%s)²" : "%s²", unit);
    return buffer;
}

/* "x" where meta.ini names the elements, else "[2]"; "" for a scalar. */
static void element_text(const struct query_options *options, struct series_rows *rows, size_t i,
                         char *buffer, size_t buffer_bytes)
{
    uint64_t element = options->elements_count > 0 ? options->elements[i] : i;
    buffer[0] = '\0';
    if (series_rows_info(rows)->type.rank == 0 || options->over != OVER_TIME)
        return;
    const char *elements = series_rows_meta(rows, "elements");
    if (!plot_word(elements, (size_t)element, buffer, buffer_bytes))
        snprintf(buffer, buffer_bytes, "[%" PRIu64 "]", element);
}

/* Parts with blanks between, the empty ones left out; brackets need no blank before them. */
static char *join(const char *const *parts, size_t count, const char *between)
{
    char *text = strdup("");
    for (size_t i = 0; i < count && text != NULL; i++) {
        if (parts[i][0] == '\0')
            continue;
        char *longer = NULL;
        const char *gap = text[0] != '\0' && parts[i][0] != '[' ? between : "";
        if (asprintf(&longer, "%s%s%s", text, gap, parts[i]) < 0)
            longer = NULL;
        free(text);
        text = longer;
    }
    return text;
}

static enum stats_name line_statistic(const struct query_options *options, size_t i)
{
    /* The values themselves have the unit of their mean. */
    return plot_has_statistics(options) ? options->statistics[i].name : STATS_MEAN;
}

static size_t statistics_count(const struct query_options *options)
{
    return plot_has_statistics(options) ? options->statistics_count : 1;
}

/* The unit that all lines share, or NULL when they differ; `buffer` holds it. */
static const char *common_unit(const struct query_options *options,
                               const struct series_selection *selection,
                               struct series_rows *const *rows, char buffer[PLOT_UNIT_BYTES])
{
    bool first = true;
    for (size_t i = 0; i < selection->count; i++) {
        const char *unit = series_rows_meta(rows[i], "unit");
        for (size_t k = 0; k < statistics_count(options); k++) {
            char text[PLOT_UNIT_BYTES];
            plot_unit_text(line_statistic(options, k), unit, first ? buffer : text);
            if (!first && strcmp(buffer, text) != 0)
                return NULL;
            first = false;
        }
    }
    return buffer;
}

static char *line_name(const struct query_options *options,
                       const struct series_selection *selection, size_t i, struct series_rows *rows,
                       size_t statistic, size_t element, bool with_unit)
{
    char element_name[64];
    char unit[PLOT_UNIT_BYTES];
    char brackets[PLOT_UNIT_BYTES + 4] = "";
    element_text(options, rows, element, element_name, sizeof element_name);
    plot_unit_text(line_statistic(options, statistic), series_rows_meta(rows, "unit"), unit);
    if (with_unit && unit[0] != '\0')
        snprintf(brackets, sizeof brackets, " [%s]", unit);
    const char *const parts[] = {
        selection->several ? selection->names[i] : "",
        element_name,
        statistics_count(options) > 1 ? options->statistics[statistic].text : "",
    };
    char *name = join(parts, sizeof parts / sizeof parts[0], " ");
    char *whole = NULL;
    if (name == NULL || asprintf(&whole, "%s%s", name, brackets) < 0)
        whole = NULL;
    free(name);
    return whole;
}

static char *subtitle_text(const struct query_options *options, struct series_rows *rows,
                           size_t lines_count)
{
    char element[64] = "";
    if (lines_count == 1)
        element_text(options, rows, 0, element, sizeof element);
    if (!plot_has_statistics(options))
        return strdup(element);
    const char *statistics[STATISTICS_MAX];
    for (size_t i = 0; i < options->statistics_count; i++)
        statistics[i] = options->statistics[i].text;
    char *list = join(statistics, options->statistics_count, ", ");
    char *text = NULL;
    char length[40] = "";
    if (options->window.rows > 0)
        snprintf(length, sizeof length, "%" PRIu64 " samples", options->window.rows);
    else if (options->window.given)
        units_format_duration(options->window.span_ns, length, sizeof length);
    bool elements = options->over != OVER_TIME;
    if (list == NULL || asprintf(&text, "%s%s%s over %s%s%s", element,
                                 element[0] != '\0' ? ", " : "", list, elements ? "elements" : "",
                                 elements && options->window.given ? " of " : "", length) < 0)
        text = NULL;
    free(list);
    return text;
}

static int name_lines(const struct query_options *options, const struct series_selection *selection,
                      struct series_rows *const *rows, struct plot_names *names,
                      struct plot_figure *figure)
{
    size_t line = 0;
    for (size_t i = 0; i < selection->count; i++) {
        for (size_t k = 0; k < statistics_count(options); k++) {
            for (size_t e = 0; e < plot_elements(options, rows[i]); e++, line++) {
                names->lines[line] =
                    line_name(options, selection, i, rows[i], k, e, names->unit == NULL);
                if (names->lines[line] == NULL)
                    return query_error(QUERY_FAILED, "out of memory");
                figure->lines[line].name = names->lines[line];
            }
        }
    }
    return 0;
}

int plot_names_make(const struct query_options *options, const struct series_selection *selection,
                    struct series_rows *const *rows, struct plot_names *names,
                    struct plot_figure *figure)
{
    char unit[PLOT_UNIT_BYTES] = "";
    const char *common = common_unit(options, selection, rows, unit);
    if (common != NULL && (names->unit = strdup(common)) == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    names->title = selection->count == 1
                       ? strdup(selection->names[0])
                       : join((const char *const *)options->names, options->names_count, "  ");
    names->subtitle = subtitle_text(options, rows[0], figure->lines_count);
    if (names->title == NULL || names->subtitle == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    figure->title = names->title;
    figure->subtitle = names->subtitle;
    figure->unit = names->unit != NULL ? names->unit : "";
    return name_lines(options, selection, rows, names, figure);
}
