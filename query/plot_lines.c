#include "plot_lines.h"

#include "plot_names.h"
#include "pooled_stats.h"
#include "progress.h"
#include "range_summary.h"
#include "series_rows.h"
#include "statistics_cells.h"
#include "stats_record.h"
#include "window_stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Times of a figure that has only one: half a second to each side. */
#define LONELY_NS INT64_C(500000000)

/* How often the beginning of a ring may be overwritten under us before we take its time as it is.
 */
#define FIRST_TIME_TRIALS 16

struct plot_lines {
    const struct query_options *options;
    struct series_selection selection;
    struct series_rows *rows[PLOT_LINES_MAX]; /* a series each, while it is read */
    struct plot_envelope *envelopes[PLOT_LINES_MAX];
    struct plot_names names;
    struct plot_figure figure;
    uint64_t rows_total;
    uint64_t rows_done;
    double buffer[SERIES_ROWS_CHUNK_MAX];
};

const struct plot_figure *plot_lines_figure(const struct plot_lines *lines)
{
    return &lines->figure;
}

uint64_t plot_lines_rows(const struct plot_lines *lines)
{
    return lines->rows_total;
}

int plot_lines_code(const struct plot_lines *lines)
{
    return lines->selection.code;
}

void plot_lines_free(struct plot_lines *lines)
{
    if (lines == NULL)
        return;
    for (size_t i = 0; i < PLOT_LINES_MAX; i++) {
        series_rows_close(lines->rows[i]);
        plot_envelope_free(lines->envelopes[i]);
    }
    plot_names_free(&lines->names);
    series_selection_free(&lines->selection);
    free(lines);
}

static size_t statistics_count(const struct plot_lines *lines)
{
    return plot_has_statistics(lines->options) ? lines->options->statistics_count : 1;
}

static int too_many_lines(const struct plot_lines *lines, const char *name, size_t elements)
{
    if (elements > 1)
        return query_error(EX_USAGE,
                           "a plot has at most %d lines, and a sample of %s has %zu elements; "
                           "choose some by --element",
                           PLOT_LINES_MAX, name, elements);
    return query_error(EX_USAGE,
                       "a plot has at most %d lines, one for each statistic of each of %zu series; "
                       "choose fewer",
                       PLOT_LINES_MAX, lines->selection.count);
}

/* Opens the series and counts the lines before anything is read. */
static int open_series(struct plot_lines *lines)
{
    int code = series_select(lines->options, &lines->selection);
    if (code != 0)
        return code;
    struct series_selection *selection = &lines->selection;
    if (selection->count > PLOT_LINES_MAX)
        return query_error(EX_USAGE, "a plot has at most %d lines, and these are %zu series",
                           PLOT_LINES_MAX, selection->count);
    size_t count = 0;
    for (size_t i = 0; i < selection->count; i++) {
        code = series_rows_open(lines->options, selection->names[i], &lines->rows[i]);
        if (code != 0) {
            code = series_selection_failed(selection, code);
            if (code != 0)
                return code;
            series_selection_drop(selection, i--);
            continue;
        }
        size_t elements = plot_elements(lines->options, lines->rows[i]);
        /* A sample may have millions of elements: compare before adding. */
        if (elements > PLOT_LINES_MAX ||
            count + elements * statistics_count(lines) > PLOT_LINES_MAX)
            return too_many_lines(lines, selection->names[i], elements);
        count += elements * statistics_count(lines);
        lines->rows_total += series_rows_to(lines->rows[i]) - series_rows_from(lines->rows[i]);
    }
    lines->figure.lines_count = count;
    return count == 0 ? selection->code : 0;
}

/* The time of the oldest row of the range that is still there. */
static int first_time(struct series_rows *rows, int64_t *ret_time_ns)
{
    struct reader *reader = series_rows_reader(rows);
    uint64_t index = series_rows_from(rows);
    int error = series_rows_time_ns(rows, index, ret_time_ns);
    for (int trial = 0; error == -ERANGE && trial < FIRST_TIME_TRIALS; trial++) {
        uint64_t valid = reader_first_valid(reader);
        index = valid > index ? valid : index + 1;
        if (index >= series_rows_to(rows))
            return -ERANGE;
        error = reader_time_ns(reader, index, ret_time_ns);
    }
    return error;
}

/* The times from the first to the last row of all series. */
static int find_times(struct plot_lines *lines)
{
    bool found = false;
    int64_t low_ns = 0;
    int64_t high_ns = 0;
    for (size_t i = 0; i < lines->selection.count; i++) {
        struct series_rows *rows = lines->rows[i];
        const char *name = lines->selection.names[i];
        if (series_rows_from(rows) == series_rows_to(rows)) {
            query_error(0, "%s: no samples in this range", name);
            continue;
        }
        int64_t from_ns = 0;
        int64_t to_ns = 0;
        int error = first_time(rows, &from_ns);
        if (error == 0)
            error = series_rows_time_ns(rows, series_rows_to(rows) - 1, &to_ns);
        if (error == -ERANGE) {
            query_error(0, "%s: the samples were overwritten before they could be read", name);
            continue;
        }
        if (error < 0)
            return query_error(query_exit_code(error), "%s: cannot read the times: %s", name,
                               strerror(-error));
        low_ns = !found || from_ns < low_ns ? from_ns : low_ns;
        high_ns = !found || to_ns > high_ns ? to_ns : high_ns;
        found = true;
    }
    int64_t side_ns = lines->figure.indexed ? 1 : LONELY_NS;
    if (low_ns == high_ns && low_ns > INT64_MIN + side_ns && high_ns < INT64_MAX - side_ns) {
        low_ns -= side_ns;
        high_ns += side_ns;
    }
    lines->figure.low_ns = low_ns;
    lines->figure.high_ns = high_ns;
    return 0;
}

/* Columns of all elements from a summary of their rows; false where it does not say enough: what is
 * not finite leaves a gap where it stands. */
static bool add_summary(struct series_rows *rows, const struct rows_summary *summary,
                        struct plot_envelope **envelopes)
{
    struct envelope_column columns[PLOT_LINES_MAX];
    double first[PLOT_LINES_MAX], last[PLOT_LINES_MAX];
    size_t elements = series_rows_elements(rows);
    if (!series_rows_row_f8(rows, summary->first, first) ||
        !series_rows_row_f8(rows, summary->first + summary->count - 1, last))
        return false;
    for (size_t e = 0; e < elements; e++) {
        const double *record = summary->records + e * STATS_RECORD_DOUBLES;
        double low;
        if (record[STATS_RECORD_COUNT] != (double)summary->count ||
            !isfinite(record[STATS_RECORD_HI]))
            return false;
        columns[e] = (struct envelope_column){
            .count = summary->count,
            .min = record[STATS_RECORD_MIN],
            .max = record[STATS_RECORD_MAX],
            .first = first[e],
            .last = last[e],
            .sum = stats_record_sum(record, &low),
            .first_ns = summary->first_ns,
            .last_ns = summary->last_ns,
        };
    }
    for (size_t e = 0; e < elements; e++)
        plot_envelope_add_column(envelopes[e], &columns[e]);
    return true;
}

/* The rest of the next row's column from block summaries, where it is long. 1: done; 0: rows below
 * *read_until are to be read; negative: failed. */
static int take_summaries(struct series_rows *rows, struct plot_envelope **envelopes,
                          uint64_t *read_until)
{
    struct reader *reader = series_rows_reader(rows);
    uint64_t at = series_rows_at(rows), to = series_rows_to(rows), end;
    int64_t time_ns;
    if (reader == NULL || at < *read_until || at >= to || to - at < RANGE_SUMMARY_ROWS_MIN)
        return 0;
    *read_until = to;
    if (reader_time_ns(reader, at, &time_ns) < 0 || time_ns < envelopes[0]->low_ns ||
        time_ns > envelopes[0]->high_ns)
        return 0;
    int64_t end_ns = plot_envelope_column_end_ns(envelopes[0], time_ns);
    if (reader_find_time(reader, end_ns, &end) < 0)
        return 0;
    end = end < to ? end : to;
    *read_until = end;
    struct rows_summary summary;
    int taken = series_rows_summary(rows, end, false, &summary);
    if (taken > 0 && !add_summary(rows, &summary, envelopes))
        taken = 0;
    if (taken > 0)
        series_rows_skip_to(rows, end);
    return taken;
}

static int read_values(struct plot_lines *lines, struct series_rows *rows,
                       struct plot_envelope **envelopes)
{
    struct rows_chunk chunk;
    uint64_t read_until = 0;
    int more;
    while ((more = take_summaries(rows, envelopes, &read_until)) >= 0) {
        if (more > 0) {
            progress_update(lines->rows_done + series_rows_done(rows));
            continue;
        }
        more = series_rows_next(rows, &chunk);
        if (more <= 0)
            break;
        for (size_t e = 0; e < series_rows_elements(rows); e++) {
            series_rows_column_f8(rows, &chunk, e, lines->buffer);
            plot_envelope_add(envelopes[e], chunk.times_ns, lines->buffer, 1, chunk.count);
        }
        progress_update(lines->rows_done + series_rows_done(rows));
    }
    return more < 0 ? series_rows_exit_code(rows) : 0;
}

static int read_windows(struct plot_lines *lines, struct series_rows *rows,
                        struct plot_envelope **envelopes)
{
    struct window_stats *windows = NULL;
    struct window_chunk chunk;
    int code = window_stats_open(lines->options, rows, &windows);
    if (code != 0)
        return code;
    int more;
    size_t columns = window_stats_columns(windows);
    while ((more = window_stats_next(windows, &chunk)) > 0) {
        for (size_t column = 0; column < columns; column++)
            plot_envelope_add(envelopes[column], chunk.times_ns, chunk.values + column, columns,
                              chunk.count);
        progress_update(lines->rows_done + series_rows_done(rows));
    }
    if (more < 0)
        code = window_stats_exit_code(windows);
    window_stats_close(windows);
    return code;
}

/* Statistics of the elements of each row. */
static int read_sets(struct plot_lines *lines, struct series_rows *rows,
                     struct plot_envelope **envelopes)
{
    const struct query_options *options = lines->options;
    struct pooled_stats *pooled = NULL;
    struct pooled_set set;
    int code = pooled_stats_open(options, rows, &pooled);
    if (code != 0)
        return code;
    int more;
    while ((more = pooled_stats_next(pooled, &set)) > 0) {
        double values[STATISTICS_MAX];
        statistics_values(options, set.state, set.quantiles, values);
        for (size_t k = 0; k < options->statistics_count; k++)
            plot_envelope_add(envelopes[k], &set.time_ns, &values[k], 1, 1);
        progress_update(lines->rows_done + series_rows_done(rows));
    }
    if (more < 0)
        code = pooled_stats_exit_code(pooled);
    pooled_stats_close(pooled);
    return code;
}

static int read_lines(struct plot_lines *lines, struct series_rows *rows,
                      struct plot_envelope **envelopes)
{
    if (lines->options->over != OVER_TIME)
        return read_sets(lines, rows, envelopes);
    return lines->options->window.given ? read_windows(lines, rows, envelopes)
                                        : read_values(lines, rows, envelopes);
}

static int read_series(struct plot_lines *lines, size_t columns)
{
    size_t line = 0;
    int code = 0;
    progress_begin("reading", lines->rows_total);
    for (size_t i = 0; i < lines->selection.count && code == 0; i++) {
        struct series_rows *rows = lines->rows[i];
        size_t count = plot_elements(lines->options, rows) * statistics_count(lines);
        for (size_t k = line; k < line + count && code == 0; k++) {
            int error = plot_envelope_create(lines->figure.low_ns, lines->figure.high_ns, columns,
                                             &lines->envelopes[k]);
            if (error < 0)
                code = query_error(QUERY_FAILED, "%s", strerror(-error));
        }
        if (code == 0)
            code = series_selection_failed(&lines->selection,
                                           read_lines(lines, rows, &lines->envelopes[line]));
        lines->rows_done += series_rows_to(rows) - series_rows_from(rows);
        line += count;
    }
    progress_end();
    return code;
}

static int finish_figure(struct plot_lines *lines)
{
    struct plot_figure *figure = &lines->figure;
    figure->zone = lines->options->zone;
    for (size_t i = 0; i < figure->lines_count; i++) {
        int error = plot_envelope_finish(lines->envelopes[i]);
        if (error < 0)
            return query_error(QUERY_FAILED, "%s", strerror(-error));
        figure->lines[i].envelope = lines->envelopes[i];
    }
    return plot_names_make(lines->options, &lines->selection, lines->rows, &lines->names, figure);
}

int plot_lines_read(const struct query_options *options, size_t columns,
                    struct plot_lines **ret_lines)
{
    struct plot_lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    lines->options = options;
    lines->figure.indexed = series_rows_are_indexed(options);
    int code = open_series(lines);
    if (code == 0)
        code = find_times(lines);
    if (code == 0)
        code = read_series(lines, columns);
    if (code == 0)
        code = finish_figure(lines);
    /* What was overwritten while it was read is told here. */
    for (size_t i = 0; i < PLOT_LINES_MAX; i++) {
        series_rows_close(lines->rows[i]);
        lines->rows[i] = NULL;
    }
    if (code != 0) {
        plot_lines_free(lines);
        return code;
    }
    *ret_lines = lines;
    return 0;
}
